"""A whole LeadRelay on this machine, from the first program started to the last one stopped."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import urlsplit

from infra.local import deployment, emulator_gaps
from infra.local.children import Children, claim_port, first_line, wait_for_port
from infra.local.console.web import Console
from infra.local.front_door import FrontDoor
from infra.local.settings import ACCESS_KEY, REGION, ROOT, STACK_NAME, LocalError, Settings
from infra.local.vendor_accounts import SOURCE_LOCATION, VendorAccounts

Step = Callable[[str], AbstractContextManager[Any]]
SOURCES = ("pinterest", "facebook", "leadconnector")


class LocalStack:
    """Starts on entering and stops on leaving, also when the start itself fails.

    `step` is called with a line for people before each long piece of work and wraps it. Raises LocalError.
    """

    def __init__(self, settings: Settings, step: Step = lambda _: nullcontext()) -> None:
        self.settings = settings
        self.outputs: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.accounts = VendorAccounts({})
        self.aws_endpoint_url = ""
        self.contacts_api_url = ""
        self.pinterest_api_url = ""
        self.graph_api_url = ""
        self.front_url = ""
        self.webhook_token = ""
        self._step = step
        self._leave = ExitStack()
        self._children = Children(settings.state_dir / "logs")

    def __enter__(self) -> "LocalStack":
        try:
            self._start()
        except BaseException:
            self._leave.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave.close()

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated AWS that may do everything."""
        return deployment.aws_client(service, self.aws_endpoint_url)

    def webhook_url(self, source: str = "pinterest") -> str:
        return f"{self.front_url}/webhooks/{source}/{self.webhook_token}"

    def secret(self, output: str) -> Any:
        """The JSON of a secret, named by the output that holds its ARN."""
        answer = self.client("secretsmanager").get_secret_value(SecretId=self.outputs[output])
        return json.loads(answer["SecretString"])

    def put_secret(self, output: str, value: Any) -> None:
        client = self.client("secretsmanager")
        client.put_secret_value(SecretId=self.outputs[output], SecretString=json.dumps(value))

    def function_logs(self, output: str = "WebhookFunctionName") -> list[str]:
        """Every line a function has logged, named by the output that holds its name."""
        name = self.outputs[output]
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        group = configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    @property
    def built_in_crm(self) -> bool:
        """Whether the CRM is the Contacts sandbox that this stack has started."""
        return self.settings.contacts_api_url is None

    @property
    def pids(self) -> list[int]:
        return self._children.pids

    def _start(self) -> None:
        settings, build_dir = self.settings, self.settings.state_dir / "build"
        deployment.check_tools()
        self._leave.enter_context(_sole_use(settings.state_dir))
        # A port of choice is looked at now, as the door is opened last; any free one is taken then.
        port = claim_port(settings.port, "PORT") if settings.port else 0
        self.tokens = deployment.location_tokens(settings.routes_file, settings.contacts_token)
        self.accounts = VendorAccounts(self.tokens)
        self._leave.callback(self._children.stop)
        with self._step("Starting the emulated AWS"):
            self._start_emulator(claim_port(settings.aws_port, "AWS_PORT"))
        self._start_sandboxes()
        if not deployment.is_built(build_dir):
            with self._step("Building the functions (sam build)"):
                deployment.build(build_dir, self._children, settings.state_dir)
        deployment.put_routes(build_dir, settings.routes_file)
        with self._step("Deploying the template (sam deploy)"):
            addresses = {
                "ContactsApiUrl": self.contacts_api_url,
                "PinterestApiUrl": self.pinterest_api_url,
                "GraphApiUrl": self.graph_api_url,
            }
            deployment.deploy(build_dir, self._children, settings, self.aws_endpoint_url, addresses)
            self.outputs = deployment.stack_outputs(self.aws_endpoint_url)
            emulator_gaps.mend(self.aws_endpoint_url)
        with self._step("Opening the front door" if settings.bare else "Filling the secrets, opening the front door"):
            self.webhook_token = deployment.webhook_token(self.aws_endpoint_url, self.outputs)
            self._open_front_door(port)
            if settings.bare:
                self.accounts.write_environment(settings.state_dir)
            else:
                deployment.fill_secrets(self.aws_endpoint_url, self.outputs, self.accounts)
                self._subscribe()
        with self._step("Waking the webhook function"):
            self._wake()
        self._write_stack_file()

    def _start_emulator(self, port: int) -> None:
        state = self.settings.state_dir
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(state),
            "TMPDIR": str(_emptied(state / "tmp")),
            "STATE_DIR": str(_emptied(state / "aws")),
            "S3_DATA_DIR": str(state / "aws" / "s3"),
            "PERSIST_STATE": "0",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "AUTH": "true",
        }
        emulator = deployment.EMULATOR_PYTHON.parent / "ministack"
        child = self._children.start("ministack", [str(emulator)], environment)
        if not wait_for_port(port, child, 60):
            raise LocalError(f"The emulated AWS did not start on port {port}: {self._children.tail('ministack')}")
        self.aws_endpoint_url = f"http://127.0.0.1:{port}"

    def _start_sandboxes(self) -> None:
        """A server for each vendor whose address was not given."""
        settings, accounts = self.settings, self.accounts
        key = accounts.write_webhook_key(settings.state_dir)
        locations = [f"--token={location}={token}" for location, token in self.tokens.items()]
        self.contacts_api_url = settings.contacts_api_url or self._start_sandbox(
            "contacts_sandbox", f"--webhook-key={key}", *locations, *settings.sandbox_options
        )
        self.graph_api_url = settings.graph_api_url or self._start_sandbox(
            "graph_sandbox",
            f"--app-secret={accounts.app_secret}",
            *(f"--page={page}={token}" for page, token in accounts.pages.items()),
        )
        self.pinterest_api_url = settings.pinterest_api_url or self._start_sandbox(
            "pinterest_sandbox",
            f"--token={accounts.pinterest_token}",
            f"--conversion-token={accounts.conversion_token}",
        )

    def _start_sandbox(self, module: str, *options: str) -> str:
        command = [sys.executable, "-m", f"infra.local.{module}", "--port", "0", *options]
        name = module.replace("_", "-")
        child = self._children.start(name, command, os.environ, pipe=True)
        line = first_line(child, 30)
        if not line.startswith("listening on "):
            raise LocalError(f"The {name} did not start: {self._children.tail(name)}")
        return line.removeprefix("listening on ").rstrip("/")

    def _open_front_door(self, port: int) -> None:
        api_host = self.outputs["WebhookBaseUrl"].removeprefix("http://").rstrip("/")
        door = FrontDoor(port, self.aws_endpoint_url, api_host, Console(self))
        door.start()
        self._leave.callback(door.stop)
        self.front_url = door.url

    def _subscribe(self) -> None:
        """Have the built-in vendors tell the webhook what happens, as they would once it is set up there."""
        if not self.settings.contacts_api_url:
            order = {"url": self.webhook_url("leadconnector"), "locations": [SOURCE_LOCATION]}
            _order(self.contacts_api_url, "webhooks", order)
        if not self.settings.pinterest_api_url:
            for subscription in self.accounts.subscriptions:
                order = {
                    "account": subscription["ad_account_id"],
                    "id": subscription["subscription_id"],
                    "lead_form_id": subscription["lead_form_id"],
                    "cryptographic_key": subscription["cryptographic_key"],
                    "webhook_url": self.webhook_url("pinterest"),
                }
                _order(self.pinterest_api_url, "subscriptions", order)
        if not self.settings.graph_api_url:
            address = {"callback_url": self.webhook_url("facebook"), "fields": ["leadgen"], "include_values": True}
            _order(self.graph_api_url, "app_subscription", address)

    def _wake(self) -> None:
        """Post a delivery of no leads: the emulator unpacks a function's code, for seconds, when it is first called."""
        request = urllib.request.Request(self.webhook_url(), b"[]", {"Content-Type": "application/json"})
        # Whatever it answers, it is awake; what is wrong with it, the first lead will tell.
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30):
            pass

    def _write_stack_file(self) -> None:
        stack_file = self.settings.state_dir / "stack.json"
        content = {
            "ready": True,
            "front_url": self.front_url,
            "console_url": f"{self.front_url}/",
            "webhooks": {source: self.webhook_url(source) for source in SOURCES},
            "aws_endpoint_url": self.aws_endpoint_url,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": ACCESS_KEY,
            "region": REGION,
            "stack_name": STACK_NAME,
            "contacts_api_url": self.contacts_api_url,
            "pinterest_api_url": self.pinterest_api_url,
            "graph_api_url": self.graph_api_url,
            "outputs": self.outputs,
            "pids": [os.getpid(), *self.pids],
        }
        draft = stack_file.with_suffix(".draft")
        draft.write_text(json.dumps(content, indent=2) + "\n")
        draft.replace(stack_file)
        self._leave.callback(stack_file.unlink, missing_ok=True)


@contextmanager
def _sole_use(state_dir: Path) -> Iterator[TextIO]:
    """Keep a second stack out of the folder; the lock ends with this program, however it ends."""
    (state_dir / "logs").mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalError(
                f"A stack already runs in {_shown(state_dir)}: stop it, or start this one with another STATE_DIR, "
                "PORT and AWS_PORT."
            ) from None
        (state_dir / "stack.json").unlink(missing_ok=True)
        yield lock


def _order(api_url: str, what: str, order: Any) -> None:
    """Order something of a sandbox's own side."""
    body, headers = json.dumps(order).encode(), {"Content-Type": "application/json"}
    address = f"http://{urlsplit(api_url).netloc}/_sandbox/{what}"
    with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=10):
        pass


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _shown(path: Path) -> Path:
    with contextlib.suppress(ValueError):
        return path.relative_to(ROOT)
    return path
