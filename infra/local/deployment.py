"""Builds the real template, deploys it into the emulated AWS and fills its secrets."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import yaml

from infra.local.children import Children
from infra.local.settings import ACCESS_KEY, REGION, ROOT, STACK_NAME, LocalError, Settings
from infra.local.vendor_accounts import SOURCE_LOCATION, VendorAccounts

TOOLS = ROOT / ".tools"
SAM = TOOLS / "sam" / "bin" / "sam"
EMULATOR_PYTHON = TOOLS / "ministack" / "bin" / "python"
# What the template's parameter calls this machine's processor.
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
ENTRIES = {
    "webhook": "WebhookFunction",
    "retry": "RetryFunction",
    "rotation": "RotationFunction",
    "reconcile": "ReconcileFunction",
    "conversions": "ConversionsFunction",
}
# What AWS has and the emulated one does not; a template with one of these is refused there as a whole, as is one with
# an alarm on several metrics. Its own RotateSecret calls no function: here, a rotation is whoever calls the rotation
# function with its four steps.
NOT_EMULATED = ("AWS::Logs::QueryDefinition", "AWS::SecretsManager::RotationSchedule")
ALARM = "AWS::CloudWatch::Alarm"


def check_tools() -> None:
    for tool in (SAM, EMULATOR_PYTHON):
        if not tool.exists():
            raise LocalError(f"{tool} is missing: run `make setup`.")


def tool_environment(state_dir: Path) -> dict[str, str]:
    """An environment for our tools in which nothing of the user's own AWS set-up is left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_", "TARGET_"))}
    path = [str(SAM.parent), str(TOOLS / "uv" / "bin"), os.environ.get("PATH", os.defpath)]
    return kept | {
        "PATH": os.pathsep.join(path),
        "HOME": os.environ.get("HOME") or str(state_dir),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def is_built(build_dir: Path) -> bool:
    stamp = build_dir / "sources.sha256"
    return stamp.exists() and stamp.read_text() == _sources_hash()


def build(build_dir: Path, children: Children, state_dir: Path) -> None:
    """`sam build` for this machine's processor and the emulator's Python, then prove that nothing is missing."""
    sources = _sources_hash()
    shutil.rmtree(build_dir, ignore_errors=True)
    command = [str(SAM), "build", "--template", str(ROOT / "template.yaml"), "--build-dir", str(build_dir)]
    environment = tool_environment(state_dir) | {"TARGET_INTERPRETER": str(EMULATOR_PYTHON)}
    children.run("sam-build", command, environment)
    # The emulator's workers also see the emulator's own packages, which would hide that one of ours is missing.
    for entry, folder in ENTRIES.items():
        probe = f"import sys; sys.path.insert(0, {str(build_dir / folder)!r}); import {entry}"
        children.run(f"import-{entry}", [str(EMULATOR_PYTHON), "-ISBc", probe], environment)
    (build_dir / "sources.sha256").write_text(sources)


def put_routes(build_dir: Path, routes: Path) -> None:
    """Give every function the routes file asked for, built anew or not."""
    if not routes.is_file():
        raise LocalError(f"The routes file {routes} does not exist: correct ROUTES.")
    for built in build_dir.glob("*/routes.toml"):
        built.unlink()  # never written through: it may share its content with another file
        shutil.copyfile(routes, built)


def deploy(build_dir: Path, children: Children, settings: Settings, endpoint: str, addresses: dict[str, str]) -> None:
    """`sam deploy` of what was built, with the same parameters a user would give; `addresses` are the vendors'."""
    machine = os.uname().machine
    parameters = {
        "Architecture": ARCHITECTURES.get(machine, machine),
        # Only an order starts it here: a schedule would compare in the middle of a test.
        "ReconcileSchedule": "never",
        **addresses,
        **settings.parameters,
    }
    command = [str(SAM), "deploy", "--template", str(emulated(build_dir / "template.yaml"))]
    command += ["--config-file", str(ROOT / "samconfig.toml"), "--stack-name", STACK_NAME, "--region", REGION]
    command += ["--no-confirm-changeset", "--no-progressbar", "--parameter-overrides"]
    command += [f"{name}={value}" for name, value in parameters.items()]
    # SAM would look only every five seconds whether a deployment, which takes one here, has ended.
    hurry = {"SAM_CLI_POLL_DELAY": "0.2"}
    environment = tool_environment(settings.state_dir) | hurry | {"AWS_ENDPOINT_URL": endpoint}
    children.run("sam-deploy", command, environment)


def emulated(template: Path) -> Path:
    """A copy of the built template beside it, without what the emulator cannot make."""
    document = yaml.safe_load(template.read_text("utf-8"))
    resources = document["Resources"]
    document["Resources"] = {name: it for name, it in resources.items() if it["Type"] not in NOT_EMULATED}
    for it in document["Resources"].values():
        if it["Type"] == ALARM and "Metrics" in it["Properties"]:
            it["Properties"] = _on_one_metric(it["Properties"])
    copy = template.with_name("emulated.yaml")
    copy.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    return copy


def _on_one_metric(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm on several metrics, on the first of them: what names it, as the dashboard does, finds it here, too."""
    first = next(it["MetricStat"] for it in alarm["Metrics"] if "MetricStat" in it)
    rest = {name: value for name, value in alarm.items() if name != "Metrics"}
    return {**rest, **first["Metric"], "Statistic": first["Stat"], "Period": first["Period"]}


@cache
def aws_client(service: str, endpoint: str) -> Any:
    """A boto3 client of the emulated AWS, as its all-powerful account."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=ACCESS_KEY,
    )


def stack_outputs(endpoint: str) -> dict[str, str]:
    [stack] = aws_client("cloudformation", endpoint).describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def fill_secrets(endpoint: str, outputs: dict[str, str], accounts: VendorAccounts) -> None:
    """Store fresh keys and tokens as a user would."""
    client = aws_client("secretsmanager", endpoint)
    for output, value in accounts.secrets().items():
        client.put_secret_value(SecretId=outputs[output], SecretString=json.dumps(value))


def webhook_token(endpoint: str, outputs: dict[str, str]) -> str:
    """What the template made."""
    client = aws_client("secretsmanager", endpoint)
    text = client.get_secret_value(SecretId=outputs["WebhookTokenSecretArn"])["SecretString"]
    return str(json.loads(text)["token"])


def location_tokens(routes: Path, token: str | None) -> dict[str, str]:
    """A CRM token for every location the routes name, and for the one whose contacts are leads."""
    try:
        wanted = tomllib.loads(routes.read_text("utf-8"))
        found = [route["location"] for route in wanted.get("routes", []) if "location" in route]
    except OSError as error:
        raise LocalError(f"The routes file {routes} cannot be read ({error.strerror}): correct ROUTES.") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise LocalError(f"The routes file {routes} cannot be read: {error}") from None
    return {location: token or f"pit-{secrets.token_hex(16)}" for location in dict.fromkeys([*found, SOURCE_LOCATION])}


def _sources_hash() -> str:
    """What the build depends on; the routes are not among it, they are put in afterwards."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    version = subprocess.run([EMULATOR_PYTHON, "-VV"], capture_output=True, check=True).stdout
    digest.update(version)
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield ROOT / "template.yaml"
    for path in sorted((ROOT / "functions").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.name != "routes.toml":
            yield path
