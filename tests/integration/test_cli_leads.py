"""`leadrelay leads` and `leadrelay local`: moto's ledger, the real webhook, the vendors' sandboxes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from infra.cli.faults import CommandFailed
from infra.cli.story.follow import outcome
from infra.cli.story.ledger import LedgerLead
from infra.local.graph_sandbox import GraphSandbox
from infra.local.sandbox import signing
from leads.adapters.conversion_ledger import ConversionLedger
from leads.core.conversion import Event, event_id_of
from leads.core.event_claim import EventClaim
from leads.core.ledger import Claim
from tests import leads_made
from tests.fakes import LOCATION
from tests.integration.cli_world import Instead, World, world
from tests.integration.conftest import REGION

PERSON = {"FULL_NAME": "Ada Lovelace", "EMAIL": "ada.sent@example.com", "COUNTRY": "US"}


@pytest.fixture(scope="module")
def deployed() -> Iterator[World]:
    with world() as made, made.front_door():
        yield made


@pytest.fixture
def stack(deployed: World) -> World:
    deployed.clear()
    return deployed


@pytest.fixture
def on_aws(stack: World) -> Iterator[World]:
    """The same stack, were it on AWS."""
    object.__setattr__(stack.place, "is_local", False)
    yield stack
    object.__setattr__(stack.place, "is_local", True)


def written(folder: Path, content: Any) -> str:
    file = folder / "lead.json"
    file.write_text(json.dumps(content))
    return str(file)


class TestShow:
    def test_a_delivered_lead_is_told_with_its_contact(self, stack: World, tmp_path: Path) -> None:
        """Steps, attempts, where to look, and how long the platform could still be asked."""
        stack.run("leads", "send", written(tmp_path, leads_made.lead(lead_id="81", answers=PERSON)))
        [contact] = stack.crm.contacts()
        [told] = stack.json("leads", "show", "81")
        assert (told["status"], told["contact_id"], told["attempts"]) == ("delivered", contact["id"], 1)
        assert told["contact_url"] == f"{stack.crm.url}/contacts/{contact['id']}"
        assert told["where"] == f"In the CRM, as contact {contact['id']} of location {LOCATION}."
        assert told["platform_days_left"] == pytest.approx(30, abs=0.1)
        shown = stack.run("leads", "show", told["key"]).stdout
        assert "note: " in shown
        assert "Ada" not in shown

    def test_what_pinterest_was_told_of_a_lead_is_shown(self, stack: World, tmp_path: Path) -> None:
        """Each outcome that the routes name, with its state; found without a search."""
        stack.run("leads", "send", written(tmp_path, leads_made.lead(lead_id="83", answers=PERSON)))
        key = stack.json("leads", "show", "83")[0]["key"]
        ledger = ConversionLedger(stack.aws.dynamodb, stack.aws.table, now=time.time)
        for outcome_, event in (("delivered", "lead"), ("stage:qualified", "qualified_lead")):
            told = Event(
                account=leads_made.ACCOUNT,
                name=event,
                event_id=event_id_of(leads_made.ACCOUNT, key, outcome_),
                at=int(time.time()),
                action_source="offline",
                user_data={},
                lead_key=key,
                outcome=outcome_,
            )
            if outcome_ == "delivered":
                claim = ledger.claim(told, until=time.time() + 60, message_id="m")
                assert isinstance(claim, EventClaim)
                ledger.sent(claim)
            else:
                ledger.ignore(told, reason="no_identifier")
        routes = tmp_path / "routes.toml"
        conversions = '[routes.conversions]\n"stage:qualified" = "qualified_lead"\n'
        routes.write_text(f'[[routes]]\nname = "All"\nlocation = "{LOCATION}"\n{conversions}')
        [shown] = stack.json("leads", "show", "83", "--routes", str(routes))
        assert [(it["outcome"], it["state"]) for it in shown["conversions"]] == [
            ("delivered", "sent"),
            ("stage:qualified", "ignored"),
        ]
        said = stack.run("leads", "show", "83", "--routes", str(routes)).stdout
        assert "stage:qualified → qualified_lead: ignored (no_identifier)" in said

    def test_the_link_on_aws_leads_into_the_app(self, on_aws: World, tmp_path: Path) -> None:
        """By location and contact."""
        on_aws.run("leads", "send", written(tmp_path, leads_made.lead(lead_id="82", answers=PERSON)))
        [told] = on_aws.json("leads", "show", "82")
        end = f"/v2/location/{LOCATION}/contacts/detail/{told['contact_id']}"
        assert told["contact_url"] == f"https://app.gohighlevel.com{end}"

    def test_a_reason_is_explained(self, stack: World) -> None:
        """With what to do, and the commands for it."""
        envelope = stack.dead_letter(reason="no_route")
        shown = stack.run("leads", "show", envelope.lead_id).stdout
        assert "no route takes the lead" in shown
        assert "add one and deploy" in shown
        assert f"leadrelay dead redrive {envelope.lead_id}" in shown

    def test_a_parked_lead_tells_until_when_it_is_held(self, stack: World) -> None:
        """As the functions' log has it, which --logs shows; lines about other leads are left out."""
        envelope = stack.wrapped()
        stack.parts.ledger.park(envelope, reason="contacts_api_5xx", claim=None)
        now = time.time()
        with logging(stack) as write:
            write({"message": "lead parked", "lead_id": envelope.lead_id, "status": "parked"}, now - 60)
            write({"message": "lead held", "lead_id": envelope.lead_id, "status": "held", "wait": 300}, now - 10)
            write({"message": "lead held", "lead_id": f"{envelope.lead_id}9", "wait": 9000}, now - 5)
            [told] = stack.json("leads", "show", envelope.lead_id, "--logs")
            shown = stack.run("leads", "show", envelope.lead_id, "--logs").stdout
        assert told["held_until"] == pytest.approx(now + 290, abs=1)
        assert told["where"].startswith("In the failed-leads queue, held until 2")
        assert [line["message"] for line in told["log"]] == ["lead parked", "lead held"]
        assert "status=held wait=300" in shown

    def test_a_parked_lead_is_shown_without_a_log_too(self, stack: World) -> None:
        """Who may not read the log still learns the rest."""
        envelope = stack.wrapped()
        stack.parts.ledger.park(envelope, reason="contacts_api_5xx", claim=None)
        [told] = stack.json("leads", "show", envelope.ledger_key)
        assert told["where"] == "In the failed-leads queue, until its next attempt."

    def test_a_lead_in_somebodys_hands_tells_until_when(self, stack: World) -> None:
        """And one whose owner has died tells that."""
        for lead_id, until, beginning in (("91", 60, "Being delivered"), ("92", -60, "Whoever delivered it has ended")):
            lead = stack.opened(leads_made.lead(lead_id=lead_id))
            assert isinstance(stack.parts.ledger.claim(lead, until=time.time() + until, message_id=""), Claim)
            [told] = stack.json("leads", "show", lead_id)
            assert told["where"].startswith(beginning)

    def test_test_leads_are_found_by_the_id_they_share(self, stack: World) -> None:
        """The last ones, and what the log says around the time of each."""
        for _ in range(2):
            stack.dead_letter(stack.wrapped(leads_made.lead(lead_id="TEST_API")))
            time.sleep(0.002)
        result = stack.run("leads", "show", "TEST_API", "--json")
        told = json.loads(result.stdout)
        assert len(told) == 2
        assert told[0]["updated_at"] > told[1]["updated_at"]
        assert "the id of all of Pinterest's test leads" in result.stderr
        seal = told[0]["lead_id"]
        assert [letter["lead_id"] for letter in stack.json("dead", "show", seal)] == ["TEST_API"]
        with logging(stack) as write:
            write({"message": "of another", "lead_id": "TEST_API"}, time.time() - 600)
            write({"message": "lead delivered", "lead_id": "TEST_API"}, time.time())
            logged = stack.run("leads", "show", seal, "--logs", "--json")
        assert [line["message"] for line in json.loads(logged.stdout)[0]["log"]] == ["lead delivered"]
        assert "may be another's" in logged.stderr

    def test_a_lead_of_a_known_account_is_found_without_a_search(self, stack: World) -> None:
        """The keys it may have follow from the secrets."""
        envelope = stack.dead_letter()
        stack.place._clients["dynamodb"] = Instead(stack.aws.dynamodb, get_paginator=None)
        [told] = stack.json("leads", "show", envelope.lead_id)
        assert told["key"] == envelope.ledger_key

    def test_a_lead_of_another_account_is_searched_for(self, stack: World) -> None:
        """By its id alone: one that is a part of another's is not taken for it."""
        for lead_id in ("7", "77"):
            stack.dead_letter(stack.wrapped(leads_made.lead(lead_id=lead_id, advertiser_id="999")))
        assert [lead["key"] for lead in stack.json("leads", "show", "7")] == ["pinterest#999#7"]

    def test_a_terminal_is_given_no_orders(self, stack: World) -> None:
        """What the CRM or a form may have put into a text is shown and not done."""
        envelope = stack.wrapped()
        stack.parts.ledger.park(envelope, reason="contacts_api_5xx", claim=None)
        with logging(stack) as write:
            write({"lead_id": envelope.lead_id, "detail": "\x1b[2J\x9b2J"}, time.time() - 10)
            shown = stack.run("leads", "show", envelope.lead_id, "--logs").stdout
        assert "\ufffd[2J\ufffd2J" in shown

    def test_an_unknown_lead_is_said(self, stack: World) -> None:
        """With what fetches it."""
        assert "leadrelay reconcile" in stack.fails("leads", "show", "404")


class TestRecent:
    def test_the_latest_come_first(self, stack: World) -> None:
        """All of them, or those of a source, or with a status."""
        for number in (1, 2, 3):
            stack.dead_letter(stack.wrapped(leads_made.lead(lead_id=str(number))), reason="no_route")
            time.sleep(0.002)
        stack.parts.ledger.park(stack.wrapped(leads_made.lead(lead_id="4")), reason="contacts_api_5xx", claim=None)
        assert [lead["lead_id"] for lead in stack.json("leads", "recent", "--limit", "3")] == ["4", "3", "2"]
        assert [lead["lead_id"] for lead in stack.json("leads", "recent", "--status", "parked")] == ["4"]
        assert stack.json("leads", "recent", "--source", "facebook") == []
        assert "no_route" in stack.run("leads", "recent").stdout

    def test_a_status_that_does_not_exist_is_named(self, stack: World) -> None:
        """With those that do."""
        assert "--status lost is none of claimed, delivered" in stack.fails(
            "leads", "recent", "--status", "lost", code=2
        )


class TestSend:
    def test_plain_answers_are_sealed_with_the_live_key(self, stack: World, tmp_path: Path) -> None:
        """They go through the real webhook, and are followed to the contact."""
        file = written(tmp_path, {"answers": PERSON, "lead_id": "71", "account": leads_made.ACCOUNT, "form": "5"})
        told = stack.json("leads", "send", file, "--follow")
        assert told["sent"][0]["answer"] == {"accepted": 1}
        assert [(lead["lead_id"], lead["status"]) for lead in told["leads"]] == [("71", "delivered")]
        assert [contact["email"] for contact in stack.crm.contacts()] == [PERSON["EMAIL"]]

    def test_an_account_is_taken_from_the_keys_where_the_file_names_none(self, stack: World, tmp_path: Path) -> None:
        """As for the preview, answers are enough."""
        told = stack.json("leads", "send", written(tmp_path, {"answers": PERSON}))
        assert told["sent"][0]["leads"][0].startswith(f"pinterest#{leads_made.ACCOUNT}#")

    def test_a_sealed_delivery_goes_as_it_is(self, stack: World, tmp_path: Path) -> None:
        """Sent twice it is one contact."""
        file = written(tmp_path, [leads_made.lead(lead_id="72", answers=PERSON)])
        for _ in range(2):
            shown = stack.run("leads", "send", file, "--follow").stdout
            assert "The webhook answered 200" in shown
        assert len(stack.crm.contacts()) == 1

    def test_without_a_key_nothing_is_sent(self, stack: World, tmp_path: Path) -> None:
        """And the command that stores one is named."""
        file = written(tmp_path, {"answers": PERSON, "account": "555", "form": "6"})
        assert "leadrelay pinterest subscribe" in stack.fails("leads", "send", file)

    def test_a_facebook_lead_is_made_in_the_sandbox_and_told_of(self, stack: World, tmp_path: Path) -> None:
        """With the app's signature, as the webhook takes nothing else."""
        fields = [{"name": "email", "values": ["ada.face@example.com"]}, {"name": "full_name", "values": ["Ada"]}]
        with GraphSandbox(app_secret="app-secret", pages={"7": "EAAtest"}) as graph, stack.graph(graph.url):
            file = written(tmp_path, {"id": "1", "field_data": fields, "page_id": "7"})
            told = stack.json("leads", "send", file, "--follow")
        assert [lead["status"] for lead in told["leads"]] == ["delivered"]
        assert [contact["email"] for contact in stack.crm.contacts()] == ["ada.face@example.com"]

    def test_a_facebook_lead_is_told_of_by_its_id_on_aws(self, on_aws: World, tmp_path: Path) -> None:
        """There is no other way to bring one; answers of somebody's own are refused."""
        file = written(tmp_path, {"id": "4411", "page_id": "7", "field_data": []})
        told = on_aws.json("leads", "send", file)
        assert (told["sent"][0]["answer"], told["sent"][0]["leads"]) == ({"accepted": 1}, ["facebook#7#4411"])
        own = written(tmp_path, {"source": "facebook", "answers": PERSON})
        assert "tell a lead's id and no answers" in on_aws.fails("leads", "send", own, code=2)

    def test_a_contact_is_made_in_the_local_crm(self, stack: World, tmp_path: Path) -> None:
        """Which tells of it by itself."""
        file = written(tmp_path, {"id": "x", "locationId": LOCATION, "firstName": "Ada", "email": "ada.lc@example.com"})
        [sent] = stack.json("leads", "send", file)["sent"]
        [contact] = stack.crm.contacts()
        assert sent["leads"] == [f"leadconnector#{LOCATION}#{contact['id']}"]

    def test_a_contact_goes_as_a_workflows_webhook_on_aws(self, on_aws: World, tmp_path: Path) -> None:
        """With our own secret, as nobody else can sign for the platform."""
        file = written(tmp_path, {"locationId": "source-location", "contact_id": "c1", "email": "ada@example.com"})
        [sent] = on_aws.json("leads", "send", file)["sent"]
        assert (sent["answer"], sent["leads"]) == ({"accepted": 1}, ["leadconnector#source-location#c1"])

    def test_an_event_is_signed_with_the_local_crms_key(self, stack: World, tmp_path: Path) -> None:
        """The webhook refuses any other, and that is a failure."""
        event = {"type": "ContactCreate", "locationId": "source-location", "id": "c2", "email": "ada@example.com"}
        command = ("--state-dir", str(tmp_path), "leads", "send", written(tmp_path, event))
        key_file = tmp_path / "leadconnector-key.pem"
        key_file.write_bytes(pem(stack.webhook_key))
        [sent] = stack.json(*command)["sent"]
        assert (sent["answer"], sent["leads"]) == ({"accepted": 1}, ["leadconnector#source-location#c2"])
        key_file.write_bytes(pem(signing.new_key()))
        [sent] = stack.json(*command, code=1)["sent"]
        assert sent["status"] == 401

    @pytest.mark.parametrize(
        "content", ["[]", "7", "{", '{"hello": 1}', '{"answers": null}', '{"answers": 5}', "[" * 100_000]
    )
    def test_a_file_without_a_lead_is_refused(self, stack: World, tmp_path: Path, content: str) -> None:
        """In a sentence, whosever it is said to be."""
        (tmp_path / "lead.json").write_text(content)
        for options in ((), ("--source", "pinterest")):
            result = stack.run("leads", "send", str(tmp_path / "lead.json"), *options, code=None)
            assert isinstance(result.exception, CommandFailed)

    def test_a_file_that_is_not_there_is_named(self, stack: World) -> None:
        """With the reason."""
        assert "nowhere.json cannot be read" in stack.fails("leads", "send", "nowhere.json", code=2)


def test_an_ignored_lead_is_told_with_what_its_reason_means() -> None:
    """Not every one is ignored as a route says so."""
    said = outcome(LedgerLead(key="k", status="ignored", reason="erased"))
    assert said.startswith("The lead was ignored (erased): its person was erased")


class TestLocal:
    @pytest.mark.parametrize(
        ("options", "status", "delay"),
        [((), 500, 0), (("--status", "429"), 429, 0), (("--status", "422"), 422, 0), (("--slow",), None, 20)],
    )
    def test_the_crm_breaks_as_told_and_is_mended(
        self, stack: World, options: tuple[str, ...], status: int | None, delay: float
    ) -> None:
        """One fault at a time, shown while it is there."""
        stack.run("local", "break", "--status", "500")
        stack.run("local", "break", *options)
        [fault] = stack.json("local", "show")
        assert (fault["status"], fault["delay_seconds"]) == (status, delay)
        assert "The CRM " in stack.run("local", "show").stdout
        stack.run("local", "mend")
        assert stack.json("local", "show") == []
        assert "The CRM works." in stack.run("local", "show").stdout

    def test_a_broken_crm_parks_and_a_refusing_one_kills(self, stack: World, tmp_path: Path) -> None:
        """As the commands promise; a lead that is not delivered in time is none that went well."""
        stack.run("local", "break")
        told = stack.json(
            "leads", "send", written(tmp_path, leads_made.lead(lead_id="61")), "--follow", "--timeout", "0.1", code=1
        )
        assert told["leads"][0]["status"] == "parked"

    def test_a_real_crm_is_not_broken(self, on_aws: World) -> None:
        """That is said, and nothing is sent."""
        for command in ("break", "mend", "show"):
            assert "is on AWS" in on_aws.fails("local", command, code=2)

    def test_wrong_orders_are_refused(self, stack: World) -> None:
        """In a sentence."""
        assert "is none of 429, 500, 422" in stack.fails("local", "break", "--status", "418", code=2)
        assert "not both" in stack.fails("local", "break", "--status", "500", "--slow", code=2)

    def test_another_crm_takes_no_faults(self, stack: World) -> None:
        """One that CONTACTS_API_URL names, for one."""
        with GraphSandbox(app_secret="s", pages={"7": "t"}) as other:
            url = stack.place.contacts_api_url
            object.__setattr__(stack.place, "contacts_api_url", f"{other.url}/elsewhere")
            try:
                assert "not the built-in sandbox" in stack.fails("local", "break", code=2)
            finally:
                object.__setattr__(stack.place, "contacts_api_url", url)


def pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


class logging:  # noqa: N801  (used like a function)
    """A log group of the retry function; what `write` is given stands in it."""

    def __init__(self, stack: World) -> None:
        self._stack = stack
        self._client = boto3.client("logs", REGION)

    def __enter__(self) -> Any:
        self._client.create_log_group(logGroupName="retry-log")
        self._client.create_log_stream(logGroupName="retry-log", logStreamName="s")
        configuration = {"LoggingConfig": {"LogGroup": "retry-log"}}
        functions = SimpleNamespace(get_function_configuration=lambda **_: configuration)
        self._stack.place._clients.update({"logs": self._client, "lambda": functions})
        self._stack.outputs["RetryFunctionName"] = "retry"
        return self._write

    def __exit__(self, *_: object) -> None:
        self._client.delete_log_group(logGroupName="retry-log")
        del self._stack.outputs["RetryFunctionName"]

    def _write(self, line: dict[str, Any], at: float) -> None:
        event = {"timestamp": int(at * 1000), "message": json.dumps({"level": "INFO", "service": "retry"} | line)}
        self._client.put_log_events(logGroupName="retry-log", logStreamName="s", logEvents=[event])
