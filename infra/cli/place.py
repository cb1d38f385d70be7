"""The stack that commands work on: the local one where one runs, else one on AWS, by its name."""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from infra.cli import ROOT
from infra.cli.faults import CommandFailed
from infra.cli.output import errors

DEFAULT_STACK = "leadrelay"
# Parameters of the template that say where the vendors are, as fields of stack.json.
_ADDRESSES = {
    "ContactsApiUrl": "contacts_api_url",
    "PinterestApiUrl": "pinterest_api_url",
    "GraphApiUrl": "graph_api_url",
}


@dataclass(frozen=True)
class Options:
    """The global options, as given; "" for those that were not. is_aws: one was typed that only a stack on AWS has."""

    stack: str = ""
    region: str = ""
    profile: str = ""
    state_dir: str = ".local"
    is_aws: bool = False


@dataclass(frozen=True)
class Place:
    """A deployed stack; the addresses are those of the vendors' APIs."""

    name: str
    region: str
    is_local: bool
    outputs: Mapping[str, str]
    contacts_api_url: str
    pinterest_api_url: str
    graph_api_url: str
    stack_name: str = DEFAULT_STACK
    front_url: str = ""
    session: Any = None
    endpoint_url: str | None = None
    _clients: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def client(self, service: str) -> Any:
        """A boto3 client of this place."""
        if service not in self._clients:
            self._clients[service] = self.session.client(
                service, region_name=self.region, endpoint_url=self.endpoint_url
            )
        return self._clients[service]

    def output(self, name: str) -> str:
        """The value of one of the stack's outputs. Raises CommandFailed when it has none of this name."""
        if name not in self.outputs:
            raise CommandFailed(f"{self.name} has no output {name}: deploy it anew with `make deploy`.", exit_code=2)
        return self.outputs[name]

    def secret(self, output: str) -> dict[str, Any]:
        """The JSON object in the secret whose ARN is that output; {} while it holds nothing.

        Raises CommandFailed when it holds something else, and when it is about to be deleted.
        """
        client, arn = self.client("secretsmanager"), self.output(output)
        try:
            text = client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT").get("SecretString", "")
        except client.exceptions.ResourceNotFoundException:
            text = ""
        except client.exceptions.InvalidRequestException as error:
            if "delet" not in str(error):
                raise
            command = f"aws secretsmanager restore-secret --secret-id {arn} --region {self.region}"
            raise CommandFailed(f"The secret {arn} is about to be deleted: `{command}` keeps it.") from None
        try:
            value = json.loads(text or "{}")
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CommandFailed(f"The secret {arn} holds no JSON object: store one, see README.md.")
        return value

    def webhook_url(self, source: str) -> str:
        """The whole address to give to a platform, with the token that makes it secret."""
        token = self.secret("WebhookTokenSecretArn").get("token")
        if not token:
            raise CommandFailed('The webhook token secret has no "token": store {"token": "<long random text>"}.')
        base = self.front_url or self.output("WebhookBaseUrl")
        return f"{base.rstrip('/')}/webhooks/{source}/{token}"


def is_ours(address: str, source: str, tokens: Sequence[str]) -> bool:
    """Whether what is sent to an address comes to the stack that has these webhook tokens; "" is none.

    The token alone tells: a host of one's own, or an older address, may stand before the stack's.
    """
    path = address.partition("#")[0].partition("?")[0]
    return any(token and path.endswith(f"/webhooks/{source}/{token}") for token in tokens)


def place_of(ctx: typer.Context) -> Place:
    """The place that the global options name; asked for once per command. Raises CommandFailed when there is none."""
    root = ctx.find_root()
    if not isinstance(root.obj, Place):
        options = root.obj or Options()
        root.obj = find_place(options)
        if not (root.obj.is_local or options.stack):
            errors().print(f"In {root.obj.name}.", style="dim", markup=False)
    return root.obj


def find_place(options: Options) -> Place:
    """The local stack, unless a stack is named or none runs; else the stack on AWS.

    Raises CommandFailed where it may be either: beside a local stack, one on AWS has to be named.
    """
    stack_file = ROOT / options.state_dir / "stack.json"
    if options.stack or not stack_file.exists():
        return aws_place(options)
    if options.is_aws:
        raise CommandFailed(
            "The local stack has neither --region nor --profile: leave them out, "
            "or name the stack on AWS with --stack, too.",
            exit_code=2,
        )
    return local_place(stack_file)


def local_place(stack_file: Path) -> Place:
    """The local stack that a stack.json describes. Raises CommandFailed when it cannot be read."""
    import boto3

    try:
        stack = json.loads(stack_file.read_text("utf-8"))
        if not any(map(_lives, stack.get("pids") or [os.getpid()])):
            raise CommandFailed(
                f"The local stack of {stack_file.parent} is gone: start one with `make run`, "
                "or name a stack on AWS with --stack.",
                exit_code=2,
            )
        session = boto3.Session(
            aws_access_key_id=stack["aws_access_key_id"], aws_secret_access_key=stack["aws_secret_access_key"]
        )
        return Place(
            name="the local stack",
            region=stack["region"],
            is_local=True,
            outputs=stack["outputs"],
            stack_name=stack["stack_name"],
            front_url=stack["front_url"],
            session=session,
            endpoint_url=stack["aws_endpoint_url"],
            **{name: stack[name] for name in _ADDRESSES.values()},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandFailed(
            f"{stack_file.name} in {stack_file.parent} cannot be read ({type(error).__name__}): is `make run` up?",
            exit_code=2,
        ) from None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, and alive
    return True


def aws_place(options: Options) -> Place:
    """A stack deployed to AWS. Name and region not given are those that `make deploy` was answered with."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

    from infra.cli.aws_refusals import refusal

    answered = _deploy_answers()
    name = options.stack or answered.get("stack_name") or DEFAULT_STACK
    try:
        session = boto3.Session(
            region_name=options.region or answered.get("region") or None, profile_name=options.profile or None
        )
        [stack] = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except NoRegionError:
        raise CommandFailed(f"No region is known for the stack {name}: give --region.", exit_code=2) from None
    except (BotoCoreError, ClientError) as error:
        refused = refusal(error)
        hint = " Check --stack, --region and --profile; on this machine, `make run` starts a stack."
        raise CommandFailed(
            f"The stack {name} cannot be read. {refused}{'' if refused.fix else hint}", exit_code=2
        ) from None
    parameters = {it["ParameterKey"]: it.get("ParameterValue", "") for it in stack.get("Parameters", ())}
    return Place(
        name=f"the stack {name} in {session.region_name}",
        region=str(session.region_name),
        is_local=False,
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())},
        stack_name=name,
        session=session,
        **{field: parameters.get(parameter, "") for parameter, field in _ADDRESSES.items()},
    )


def _deploy_answers() -> dict[str, str]:
    """What was answered when `make deploy` asked; {} before the first deployment from this folder."""
    file = Path(os.environ.get("SAM_CONFIG_FILE", ROOT / "samconfig.local.toml"))
    try:
        answers = tomllib.loads(file.read_text("utf-8"))["default"]["deploy"]["parameters"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {name: text for name in ("stack_name", "region") if isinstance(text := answers.get(name), str)}
