"""`leadrelay reconcile`: orders a run of the real function, follows it to its end, and says what came of it."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

import reconcile as function
from infra.cli import reconcile
from infra.cli.app import app
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.graph_sandbox import GraphSandbox
from leads import wiring
from leads.adapters.environment import Settings
from leads.adapters.telemetry import Telemetry
from tests.fakes import LOCATION
from tests.integration.conftest import REGION, AwsAccount

PAGE, FORM, OTHER_FORM = "104857600000001", "9104857600000001", "9104857600000002"
GRAPH_TOKEN, APP_SECRET = "graph-token-of-the-page", "app-secret-of-the-test"

_runs = itertools.count()


class Context:
    """What Lambda passes along."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


class World:
    """The function as Lambda runs it: whoever asks for a report finds that its messages were worked on meanwhile."""

    def __init__(self, aws: AwsAccount, crm: ContactsSandbox, graph: GraphSandbox, routes: Path) -> None:
        self.aws, self.crm, self.graph = aws, crm, graph
        self.queue = aws.sqs.create_queue(QueueName="reconcile")["QueueUrl"]
        self.orders: list[dict[str, Any]] = []
        self.works, self.leaves = True, False
        config = Settings(
            ledger_table_name=aws.table,
            failed_leads_queue_url=aws.failed_leads_url,
            reconcile_queue_url=self.queue,
            pinterest_keys_secret="pinterest-keys",
            contacts_secret="contacts",
            facebook_secret="facebook",
            webhook_token_secret="webhook-token",
            contacts_api_url=crm.url,
            graph_api_url=graph.url,
        )
        self.parts = wiring.Parts(config, routes_file=routes)
        self.place = Place(
            name="the test's stack",
            region=REGION,
            is_local=True,
            outputs={"ReconcileFunctionName": "reconcile"},
            contacts_api_url=crm.url,
            pinterest_api_url="",
            graph_api_url=graph.url,
            session=SimpleNamespace(client=lambda *_, **__: self),
        )

    def invoke(self, **parameters: Any) -> dict[str, Any]:
        """As Lambda's client does it."""
        assert parameters.keys() == {"FunctionName", "Qualifier", "Payload"}
        # A roll-back moves the alias, so whatever calls the function calls that.
        assert (parameters["FunctionName"], parameters["Qualifier"]) == ("reconcile", "live")
        order = json.loads(parameters["Payload"])
        self.orders.append(order)
        if "run" in order and self.leaves:
            raise KeyboardInterrupt
        # What a function logs is nothing that the command prints.
        with contextlib.redirect_stdout(io.StringIO()):
            if "run" in order and self.works:
                self.work()
            try:
                answer = function.handler(order, Context(), self.parts.reconcile())
            except function.ReconcileFailed as failed:
                told = json.dumps({"errorMessage": str(failed)}).encode()
                return {"FunctionError": "Unhandled", "Payload": io.BytesIO(told)}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def work(self) -> None:
        """The messages of the reconcile queue, as SQS hands them to the function."""
        messages = self.aws._receive(self.queue)
        records = [{"messageId": one["MessageId"], "body": one["Body"]} for one in messages]
        function.handler({"Records": records}, Context(), self.parts.reconcile())

    def add_lead(self, email: str, form: str = FORM) -> dict[str, Any]:
        told = [{"name": "email", "values": [email]}]
        return self.graph.add_lead(form=form, field_data=told, created_time=int(time.time()) - 60, platform="fb")

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["reconcile", *arguments], obj=self.place)

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        result = self.run("--json", *arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def world(
    aws: AwsAccount, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    run = next(_runs)
    made = functools.cache(lambda service: Telemetry(f"{service}-reconcile-{run}", "INFO"))
    monkeypatch.setattr(wiring, "telemetry", made)
    monkeypatch.setattr(reconcile, "LOOK_SECONDS", 0.0)
    secret = {"app_secret": APP_SECRET, "verify_token": "v", "pages": {PAGE: {"token": GRAPH_TOKEN}}}
    aws.secrets.create_secret(Name="facebook", SecretString=json.dumps(secret))
    routes = tmp_path / "routes.toml"
    routes.write_text(f'[[routes]]\nname = "Everybody"\nlocation = "{LOCATION}"\n', "utf-8")
    questions = [{"id": "1", "key": "email", "label": "E-mail", "type": "EMAIL"}]
    forms = [{"page": PAGE, "id": form, "questions": questions} for form in (FORM, OTHER_FORM)]
    with (
        ContactsSandbox({"pit-test": LOCATION}, burst=100_000) as crm,
        GraphSandbox({PAGE: GRAPH_TOKEN}, app_secret=APP_SECRET, forms=forms) as graph,
    ):
        yield World(aws, crm, graph, routes)


def test_what_never_arrived_is_fetched_and_reported(world: World) -> None:
    """Of every form, followed until all have ended."""
    world.add_lead("ada@example.com")
    world.add_lead("bob@example.com", OTHER_FORM)
    code, report = world.json("--source", "facebook")
    assert (code, report["complete"]) == (0, True)
    assert report["totals"]["fetched"] == 2
    assert world.orders[0] == {"source": "facebook", "wait": False}
    assert world.orders[1] == {"run": report["run"], "wait": False}
    assert len(world.crm.contacts()) == 2


def test_the_report_is_a_table(world: World) -> None:
    """A line for each form, and what they come to."""
    world.add_lead("ada@example.com")
    result = world.run("--source", "facebook")
    assert result.exit_code == 0
    assert "fetched" in result.stdout
    assert {FORM, OTHER_FORM} <= {word for line in result.stdout.splitlines() for word in line.split()}
    assert result.stdout.splitlines()[-1].split()[0] == "all"


def test_a_run_can_be_left_and_looked_at_later(world: World) -> None:
    """It goes on by itself."""
    world.add_lead("ada@example.com")
    world.works = False
    result = world.run("--source", "facebook", "--account", PAGE, "--form", FORM, "--no-wait")
    assert result.exit_code == 0
    run = result.stdout.split()[-1]
    assert f"leadrelay reconcile --run {run}" in " ".join(result.stdout.split())
    assert world.orders == [{"source": "facebook", "account": PAGE, "form": FORM, "wait": False}]
    world.works = True
    code, report = world.json("--run", run)
    assert (code, report["totals"]["fetched"]) == (0, 1)


def test_what_has_failed_is_named_with_its_reason(world: World) -> None:
    """Exit code 1, for scripts."""
    result = world.run("--source", "pinterest", "--from", "2026-11-20")
    assert result.exit_code == 1
    assert "misconfigured" in result.stdout
    assert world.orders[0]["from"] == "2026-11-20"


def test_what_a_form_waits_for_is_said_and_not_waited_for_for_ever(world: World) -> None:
    """It may be somebody who has to do something."""
    world.works = False
    started = world.json("--source", "facebook", "--account", PAGE, "--form", FORM, "--no-wait")[1]
    world.graph.add_fault(page=PAGE, code=10, status=403)
    world.works = True
    result = world.run("--run", started["run"], "--timeout", "0")
    assert result.exit_code == 1
    assert "graph_permission_missing" in result.stderr
    assert "have not ended" in result.stdout


@pytest.mark.parametrize(
    "arguments", [("--source", "carrier-pigeon"), ("--from", "yesterday"), ("--run", "no-such-run")]
)
def test_an_order_that_cannot_be_followed_is_said_to_be_wrong(world: World, arguments: tuple[str, ...]) -> None:
    """In the function's own words."""
    with pytest.raises(CommandFailed, match="cannot be followed") as refused:
        world.json(*arguments)
    assert refused.value.exit_code == 2


def test_a_function_that_fails_is_not_taken_for_an_answer(world: World) -> None:
    """Its log says why."""
    world.aws.dynamodb.delete_table(TableName=world.aws.table)
    with pytest.raises(CommandFailed, match="its log says why"):
        world.json("--source", "facebook")


def test_whoever_leaves_is_told_how_to_come_back(world: World) -> None:
    """Ctrl-C ends the looking, and not the run."""
    world.add_lead("ada@example.com")
    world.leaves = True
    result = world.run("--source", "facebook")
    assert result.exit_code == 130
    assert "leadrelay reconcile --run" in result.stderr


def test_a_look_that_fails_is_repeated() -> None:
    """One that was throttled says nothing of the run; several in a row are told."""
    throttled = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
    answers: list[Any] = [throttled, {"run": "r1", "forms": [{"status": "complete"}]}]

    def look(_: Any) -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, ClientError):
            raise answer
        return answer

    begun = {"run": "r1", "forms": [{"status": "waiting"}]}
    ended = reconcile.follow(begun, look, timeout=60, sleep=lambda _: None)
    assert ended["forms"][0]["status"] == "complete"
    answers += [throttled] * reconcile.FAILED_LOOKS
    with pytest.raises(ClientError):
        reconcile.follow(begun, look, timeout=60, sleep=lambda _: None)
    assert answers == []


def test_the_runs_id_is_said_before_it_is_followed(world: World) -> None:
    """Whatever happens on the way, one can come back to it."""
    world.add_lead("ada@example.com")
    result = world.run("--source", "facebook", "--json")
    assert f"Run {json.loads(result.stdout)['run']} has begun." in result.stderr


def test_an_earlier_run_takes_no_other_order(world: World) -> None:
    """Its report is of what it was told then."""
    with pytest.raises(CommandFailed, match="--run shows the report") as refused:
        world.json("--run", "20261120T093000Z-8f3c", "--source", "facebook")
    assert refused.value.exit_code == 2
    assert world.orders == []
