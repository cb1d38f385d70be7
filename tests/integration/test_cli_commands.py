"""What every command of `leadrelay` has, and how each of them fails."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer.main
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from infra.cli import ROOT, place
from infra.cli.app import app, main
from infra.cli.aws_refusals import refusal
from infra.cli.faults import CommandFailed
from infra.cli.late_commands import NAMES
from infra.cli.place import Options, find_place, is_ours
from infra.cli.setup.secret_edit import edit_secret
from infra.cli.vendors.web import call
from infra.local.sandbox.web import Answer, Call, LoopbackServer

# Without a stack, what a command has to be given before it looks for one.
NEEDED = {
    "erase": ["--email", "ada@example.com"],
    "leads show": ["1"],
    "leads send": ["README.md"],
    "dead show": ["1"],
    "dead redrive": ["--all"],
    "pinterest unsubscribe": ["1"],
    "conversions send": ["README.md", "--format", "jsonl"],
    "conversions show": ["1"],
    "conversions token": ["--account", "1"],
}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, by its words."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_speaks_json_and_shows_examples_of_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` among its options, and under Examples the command as it is typed."""
    flags = {flag for option in COMMANDS[name].params for flag in option.opts}
    assert "--json" in flags
    assert main([*name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert "Examples" in told
    assert f"leadrelay {name}" in " ".join(told.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_without_a_stack_ends_with_2_and_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a local one nor credentials: no trace, and what to check."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "STACK_NAME", "AWS_REGION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    arguments = ["--state-dir", str(tmp_path), "--region", "eu-west-1", *name.split(), *NEEDED.get(name, [])]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "credentials" in said.err


@pytest.mark.parametrize("words", [["leed"], ["leads"], ["leads", "shwo"], ["dead", "redrive", "--rate", "fast"]])
def test_a_wrong_command_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And says what there is."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert "Usage" in said.out + said.err


def test_the_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Though none is imported before it is asked for."""
    assert main(["--help"]) == 0
    told = capsys.readouterr().out.split()
    assert [name for name in NAMES if name not in told] == []


def test_a_command_imports_no_other_command_and_nothing_that_it_does_not_need() -> None:
    """Also no HTTP, and no progress bar."""
    program = (
        "import sys; from infra.cli.app import main; main(['dead', '--help']); print(*sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    known = set(ran.stderr.split())
    assert {name for name in NAMES if f"infra.cli.commands.{name}" in known} == {"dead"}
    assert not known & {"urllib3", "rich.progress", "botocore.session"}


def test_ctrl_c_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code of programs that were stopped."""
    monkeypatch.setattr(place, "find_place", lambda _: signal.raise_signal(signal.SIGINT))
    assert main(["dead", "list"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


LOCAL = {
    "pids": [os.getpid()],
    "aws_access_key_id": "a",
    "aws_secret_access_key": "b",
    "region": "us-east-1",
    "outputs": {},
    "stack_name": "leadrelay",
    "front_url": "http://127.0.0.1:1",
    "aws_endpoint_url": "http://127.0.0.1:2",
    "contacts_api_url": "",
    "pinterest_api_url": "",
    "graph_api_url": "",
}


def local(folder: Path, **values: Any) -> str:
    """A state folder in which a local stack is described."""
    (folder / "stack.json").write_text(json.dumps({**LOCAL, **values}))
    return str(folder)


@pytest.mark.parametrize("option", ["--region", "--profile"])
def test_what_only_aws_has_is_refused_beside_a_local_stack(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is passed over in silence."""
    assert main(["--state-dir", local(tmp_path), option, "eu-central-1", "dead", "list"]) == 2
    assert "--stack" in capsys.readouterr().err


def test_variables_of_aws_may_be_set_beside_a_local_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in many a shell."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    found: list[str] = []
    monkeypatch.setattr(place, "local_place", lambda file: found.append(str(file)) or sys.exit(0))
    assert main(["--state-dir", local(tmp_path), "dead", "list"]) == 0
    assert found == [str(tmp_path / "stack.json")]


def test_a_local_stack_that_was_killed_is_told(tmp_path: Path) -> None:
    """And how to come to another."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with pytest.raises(CommandFailed, match="is gone: start one with `make run`, or name a stack on AWS"):
        find_place(Options(state_dir=local(tmp_path, pids=[ended.pid])))
    assert find_place(Options(state_dir=local(tmp_path, pids=[ended.pid, os.getpid()]))).is_local


class Session:
    """Of boto3: its CloudFormation refuses, or knows a stack."""

    region_name = "eu-west-1"

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def __call__(self, **_: Any) -> Session:
        return self

    def client(self, *_: str, **__: Any) -> Session:
        return self

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        if self._error:
            raise self._error
        return {"Stacks": [{"Outputs": []}]}


def test_a_stack_on_aws_that_nobody_named_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same line meant the local stack as long as that ran."""
    monkeypatch.setattr(boto3, "Session", Session())
    monkeypatch.delenv("STACK_NAME", raising=False)
    monkeypatch.setenv("SAM_CONFIG_FILE", str(tmp_path / "none"))
    for named, said in (((), True), (("--stack", "leadrelay"), False)):
        assert main(["--state-dir", str(tmp_path), *named, "dead", "list"]) == 2
        assert ("In the stack leadrelay in eu-west-1." in capsys.readouterr().err) is said


def refused(code: str, told: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": told}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (refused("AccessDenied"), "Your AWS credentials may not call DescribeStacks."),
        (refused("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2"), "timedatectl set-ntp true"),
        (refused("InvalidSignatureException", "Signature not yet current: 2 is still later than 1"), "timedatectl"),
        (refused("RequestExpired", "Request has expired."), "timedatectl set-ntp true"),
        (refused("SignatureDoesNotMatch", "Check your key"), "secret key does not belong"),
        (refused("ExpiredTokenException"), "aws sso login"),
        (refused("InvalidClientTokenId"), "AWS does not know these credentials."),
        (refused("ValidationError", "Stack x does not exist"), "(ValidationError). Stack x does not exist."),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:2/"), "http://127.0.0.1:2. See whether `make run`"),
        (EndpointConnectionError(endpoint_url="https://sqs.eu-west-1.amazonaws.com/q"), "amazonaws.com. Check the net"),
        (NoCredentialsError(), "There are no AWS credentials"),
        (BotoCoreError(), "AWS could not be asked (BotoCoreError)."),
    ],
)
def test_a_refusal_of_aws_is_told_with_its_remedy(error: ClientError | BotoCoreError, words: str) -> None:
    """As the operator's own matter, not a function's."""
    assert words in str(refusal(error))


def test_a_refusal_ends_a_command_in_its_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clock that is wrong is not a matter of --region."""
    monkeypatch.setattr(boto3, "Session", Session(refused("RequestExpired")))
    assert main(["--state-dir", str(tmp_path), "--stack", "leadrelay", "dead", "list"]) == 2
    said = capsys.readouterr().err
    assert "clock is wrong" in said
    assert "--region" not in said


def test_whoever_has_our_token_in_its_address_is_ours() -> None:
    """Whatever host stands before it; never another source's address, nor that of an empty token."""
    theirs = "https://leads.example.com/webhooks/facebook/t0ken"
    assert is_ours(theirs, "facebook", ["new", "t0ken"])
    assert is_ours(f"{theirs}?from=meta", "facebook", ["t0ken"])
    assert not is_ours(theirs, "pinterest", ["t0ken"])
    assert not is_ours("http://[/webhooks/facebook/other", "facebook", ["t0ken"])
    assert not is_ours(theirs, "facebook", ["ken", ""])
    assert not is_ours("https://leads.example.com/webhooks/facebook/", "facebook", [""])


@pytest.fixture
def server() -> Iterator[tuple[str, list[Call]]]:
    """An address, and what it was asked."""
    asked: list[Call] = []
    made = LoopbackServer(0, lambda call: asked.append(call) or Answer(200, {"here": True}), "server")
    made.start()
    yield made.url, asked
    made.stop()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the proxy of the environment."""

    def set_to(address: str) -> None:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "plain.invalid")

    return set_to


def test_a_vendor_is_asked_by_the_proxy_of_the_environment(
    server: tuple[str, list[Call]], proxy: Callable[[str], None]
) -> None:
    """As boto3 does it; NO_PROXY is heeded, and a proxy's password is passed on."""
    url, asked = server
    proxy(url.replace("//", "//ada:s%40fe@"))
    assert call("GET", "http://api.vendor.invalid/v1", who="Vendor").body == {"here": True}
    with pytest.raises(CommandFailed, match=r"Vendor cannot be reached at http://plain\.invalid"):
        call("GET", "http://plain.invalid/v1", who="Vendor", timeout=2)
    [told] = asked
    assert told.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"ada:s@fe").decode()


def test_what_is_on_this_machine_is_asked_without_a_proxy(
    server: tuple[str, list[Call]], proxy: Callable[[str], None]
) -> None:
    """The local stack is not the proxy's."""
    proxy("http://127.0.0.1:9")
    assert call("GET", server[0], who="Vendor").body == {"here": True}


@pytest.mark.parametrize("token", ["pina_FIRST\nSECOND", "pina_FIRST…"])
def test_a_header_that_cannot_be_sent_is_not_quoted(token: str) -> None:
    """Neither a line break nor what no header may hold."""
    with pytest.raises(CommandFailed) as failed:
        call("GET", "http://127.0.0.1:9/", who="Vendor", headers={"Authorization": f"Bearer {token}"})
    assert "FIRST" not in str(failed.value)


def test_a_secret_that_may_not_be_changed_is_no_matter_of_a_functions_role() -> None:
    """But of the credentials of whoever typed the command."""

    class Denied(Session):
        def describe_secret(self, **_: str) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeSecret")

    stack = place.Place("a stack", "eu-west-1", False, {"Secret": "arn"}, "", "", "", session=Denied())
    with pytest.raises(CommandFailed, match="Your AWS credentials may not call DescribeSecret") as failed:
        edit_secret(stack, "Secret", lambda value: value)
    assert "function" not in str(failed.value)
