"""`leadrelay dead` on queues and a ledger of moto, with the real retry function delivering into the CRM's sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from infra.cli.commands import dead
from infra.cli.dead import bring_back, dead_letters, parked_message
from infra.cli.dead.audit import Audit
from infra.cli.dead.dead_letters import Choice, Held
from infra.cli.dead.interruption import Interruption
from infra.cli.dead.redrive import Redrive
from infra.local.sandbox.events import event
from leads.core.iso_time import iso_time
from leads.core.lead import Envelope
from tests import leads_made
from tests.integration.cli_world import Instead, World, world

DAY = 86_400


@pytest.fixture(scope="module")
def deployed() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def stack(deployed: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(dead_letters, "LONG_POLL", 0)
    monkeypatch.setattr(bring_back, "POLL_SECONDS", 0.03)
    deployed.clear()
    return deployed


def no_move_task(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "InvalidAction"}}, "StartMessageMoveTask")


class TestList:
    def test_a_dead_letter_is_told_with_reason_times_and_days_left(self, stack: World) -> None:
        """The reason is the ledger's; Pinterest forgets a lead 30 days after it came, SQS its letter after its own."""
        envelope = stack.dead_letter()
        stack.aws.sqs.set_queue_attributes(
            QueueUrl=stack.aws.dead_letters_url, Attributes={"MessageRetentionPeriod": str(14 * DAY)}
        )
        [told] = stack.json("dead", "list")
        assert (told["key"], told["lead_id"], told["form"]) == (envelope.ledger_key, envelope.lead_id, leads_made.FORM)
        assert (told["reason"], told["parked_for"]) == ("rejected_by_contacts_api", "contacts_api_5xx")
        assert told["queue_days_left"] == pytest.approx(14, abs=0.1)
        assert told["platform_days_left"] == pytest.approx(30, abs=0.1)
        assert told["age_seconds"] < 60
        shown = stack.run("dead", "list").stdout
        assert envelope.lead_id in shown
        assert "the CRM refuses the data" in shown

    def test_looking_takes_nothing_away(self, stack: World) -> None:
        """Every letter is visible again at once, as often as one looks."""
        for _ in range(12):
            stack.dead_letter()
        for _ in range(3):
            assert len(stack.json("dead", "list")) == 12
        assert len(stack.aws.dead()) == 12

    def test_what_fails_while_looking_takes_nothing_away_either(self, stack: World) -> None:
        """What was taken by then is given back."""
        for _ in range(3):
            stack.dead_letter()

        def told(*_: object) -> None:
            raise RuntimeError

        with pytest.raises(RuntimeError):
            dead_letters.peek(stack.aws.sqs, stack.aws.dead_letters_url, told=told)
        assert len(stack.aws.dead()) == 3

    def test_filters_choose(self, stack: World) -> None:
        """By reason (with *), source, account, form and age; what the ledger does not know goes by its attribute."""
        stack.dead_letter(reason="no_route")
        stack.dead_letter(known=False)
        stack.dead_letter(stack.wrapped(leads_made.lead(advertiser_id="999", lead_form_id="5")))
        facebook = _facebook_notice("44")
        stack.dead_letter(facebook, reason="graph_token_refused")

        def ids(*options: str) -> set[str]:
            return {letter["reason"] for letter in stack.json("dead", "list", *options)}

        assert ids("--reason", "no_route") == {"no_route"}
        assert ids("--reason", "contacts_api_*", "--reason", "graph_*") == {"contacts_api_5xx", "graph_token_refused"}
        assert ids("--source", "facebook") == {"graph_token_refused"}
        assert ids("--account", "999", "--form", "5") == {"rejected_by_contacts_api"}
        assert ids("--older-than", "1h") == set()
        assert len(ids("--newer-than", "1h")) == 4

    def test_a_time_that_is_none_is_named(self, stack: World) -> None:
        """With what it takes."""
        assert "--older-than soon is no time" in stack.fails("dead", "list", "--older-than", "soon", code=2)

    def test_no_more_than_the_limit_is_looked_at(self, stack: World) -> None:
        """And that is said."""
        for _ in range(4):
            stack.dead_letter()
        assert len(stack.json("dead", "list", "--limit", "3")) == 3
        assert "Only 3 letters were looked at" in stack.run("dead", "list", "--limit", "3").stdout
        assert len(stack.aws.dead()) == 4

    def test_something_that_is_no_lead_is_listed_too(self, stack: World) -> None:
        """By its message id."""
        sent = stack.aws.sqs.send_message(QueueUrl=stack.aws.dead_letters_url, MessageBody="hello")
        [told] = stack.json("dead", "list")
        assert (told["message_id"], told["key"], told["platform_days_left"]) == (sent["MessageId"], "", None)
        assert sent["MessageId"] in stack.run("dead", "list").stdout

    def test_what_somebody_else_looks_at_is_said(self, stack: World) -> None:
        """A queue whose letters are hidden is not empty."""
        for _ in range(3):
            stack.dead_letter()
        with Held(stack.aws.sqs, stack.aws.dead_letters_url) as other:
            other.take(limit=2)
            result = stack.run("dead", "list", "--json")
            assert len(json.loads(result.stdout)) == 1
            assert "About 2 more cannot be seen" in result.stderr
            other.take()
            assert dead_letters.hidden(stack.aws.sqs, stack.aws.dead_letters_url) == 3
            shown = stack.run("dead", "list")
            assert "No dead letter can be seen" in shown.stdout
            assert "About 3 more" in shown.stderr
            assert "About 3 more" in stack.fails("dead", "show", "1")
            assert "No such dead letter can be seen" in stack.run("dead", "redrive", "--all", "--yes", code=1).stdout
        assert "cannot be seen" not in stack.run("dead", "list").stderr

    def test_an_empty_queue_is_said(self, stack: World) -> None:
        """As good news."""
        assert "No dead letter waits in the test stack" in stack.run("dead", "list").stdout


class TestShow:
    def test_a_letter_is_shown_with_its_body_still_sealed(self, stack: World) -> None:
        """Whatever name it goes by; the answers stay what Pinterest made of them."""
        lead = leads_made.lead("Zebediah Quillfeather")
        envelope = stack.dead_letter(stack.wrapped(lead))
        for name in (envelope.lead_id, envelope.ledger_key):
            [told] = stack.json("dead", "show", name)
            assert told["body"]["envelope"]["answers"] == lead["answers"]
            assert told["ledger"]["status"] == "undeliverable"
            assert told["remedy"].startswith("the log line names the fields")
            assert told["attributes"] == {"reason": "contacts_api_5xx", "attempt": "5"}
        shown = stack.run("dead", "show", envelope.lead_id).stdout
        assert "Zebediah" not in shown
        assert "cipher_msg" in shown

    def test_a_letter_that_is_not_there_is_said(self, stack: World) -> None:
        """With where else to look."""
        assert "leadrelay leads show 123" in stack.fails("dead", "show", "123")


class TestRedrive:
    def test_letters_come_back_and_are_delivered(self, stack: World, tmp_path: Any) -> None:
        """Through the real retry function, into the CRM; each leaves a line in the audit."""
        sent = [stack.dead_letter() for _ in range(14)]
        file = tmp_path / "audit.jsonl"
        with stack.retry_function():
            result = stack.run(
                "dead", "redrive", "--source", "pinterest", "--yes", "--rate", "500", "--audit", str(file)
            )
        assert "14 lead(s) brought back in the test stack: 14 delivered." in result.stdout
        assert stack.aws.dead() == []
        assert len(stack.crm.contacts()) == 14
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert {line["key"] for line in lines} == {envelope.ledger_key for envelope in sent}
        assert {line["outcome"] for line in lines} == {"delivered"}
        assert all(line["message_id"] and line["new_message_id"] and line["who"].startswith("arn:") for line in lines)

    def test_the_canary_stops_it(self, stack: World, tmp_path: Any) -> None:
        """The cause is still there: one lead is tried, and the others wait on."""
        for _ in range(5):
            stack.dead_letter()
        stack.crm.add_fault(match={"path": "/contacts/upsert"}, status=422)
        file = tmp_path / "audit.jsonl"
        with stack.retry_function():
            result = stack.run("dead", "redrive", "--reason", "rejected*", "--yes", "--audit", str(file), code=1)
        assert "Stopped, as the first one failed again. 4 still wait(s)" in result.stdout
        assert len(stack.crm.contacts()) == 0
        [line] = [json.loads(line) for line in file.read_text().splitlines()]
        assert (line["outcome"], line["reason_now"]) == ("undeliverable", "rejected_by_contacts_api")

    def test_a_lead_without_an_outcome_stops_it_as_well(self, stack: World) -> None:
        """Nobody takes it out of the queue: that is no success."""
        for _ in range(3):
            stack.dead_letter()
        told = stack.json("dead", "redrive", "--form", leads_made.FORM, "--yes", "--wait", "0.2", code=1)
        assert (told["stopped"], told["left"]) == ("the first one had no outcome in time", 2)
        assert [line["outcome"] for line in told["redriven"]] == ["waiting"]
        assert (len(stack.aws.dead()), len(stack.aws.parked())) == (2, 1)

    def test_letters_that_somebody_else_took_meanwhile_are_told(
        self, stack: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They were chosen and are not sent: that is not well."""
        for _ in range(3):
            stack.dead_letter()
        other = Held(stack.aws.sqs, stack.aws.dead_letters_url)
        monkeypatch.setattr(dead, "confirm", lambda *_: other.take(limit=2))
        result = stack.run("dead", "redrive", "--source", "pinterest", "--no-canary", "--wait", "0.1", "--json", code=1)
        told = json.loads(result.stdout)
        assert (told["left"], len(told["redriven"]), told["stopped"]) == (2, 1, "")
        other.take()
        other.give_back(other.letters)
        monkeypatch.setattr(dead, "confirm", lambda *_: other.take())
        shown = stack.run("dead", "redrive", "--source", "pinterest", "--no-canary", "--audit", "/dev/null", code=1)
        assert "0 lead(s) brought back in the test stack." in shown.stdout
        assert "2 of those chosen were being looked at by somebody else" in shown.stdout

    def test_names_of_no_letter_are_told(self, stack: World) -> None:
        """The others go; the result has the same parts whatever was found."""
        envelope = stack.dead_letter()
        nothing = stack.run("dead", "redrive", "lost", "--yes", "--json", code=1)
        assert "goes by lost" in nothing.stderr
        some = stack.run(
            "dead", "redrive", "lost", envelope.lead_id, "--yes", "--no-canary", "--wait", "0.1", "--json", code=1
        )
        assert "goes by lost" in some.stderr
        assert json.loads(some.stdout)["not_found"] == json.loads(nothing.stdout)["not_found"] == ["lost"]
        assert json.loads(some.stdout).keys() == json.loads(nothing.stdout).keys()
        assert len(stack.aws.parked()) == 1

    def test_a_lead_that_waits_for_the_crms_limit_has_not_failed(self, stack: World) -> None:
        """It is parked with its claim, and comes by itself; until then the others wait."""
        for _ in range(2):
            stack.dead_letter()
        stack.crm.add_fault(match={"path": "/contacts/upsert"}, status=429)
        with stack.retry_function():
            told = stack.json("dead", "redrive", "--source", "pinterest", "--yes", "--wait", "0.5", code=1)
        assert [(line["outcome"], line["reason_now"]) for line in told["redriven"]] == [("waiting", "rate_limited")]
        assert told["stopped"] == "the first one had no outcome in time"

    def test_an_earlier_delivery_of_a_record_is_no_outcome_of_its_change(self, stack: World) -> None:
        """The CRM is down, and what the ledger says is of yesterday: the redrive stops."""
        changed = event("ContactUpdate", "source-location", {"id": "c1", "email": "ada@example.com"})
        envelope = parked_message.envelope("leadconnector", changed, iso_time(time.time() - 3600))
        yesterday = {"S": iso_time(time.time() - DAY)}
        item = {"pk": {"S": envelope.ledger_key}, "status": {"S": "delivered"}, "updated_at": yesterday}
        stack.aws.dynamodb.put_item(TableName=stack.aws.table, Item=item | {"contact_id": {"S": "x"}})
        for _ in range(2):
            stack.dead_letter(envelope, known=False)
        stack.crm.add_fault(match={}, status=500)
        assert "since delivered" not in stack.run("dead", "list").stdout
        with stack.retry_function():
            told = stack.json("dead", "redrive", "--source", "leadconnector", "--yes", "--wait", "0.3", code=1)
        assert [line["outcome"] for line in told["redriven"]] == ["waiting"]
        assert told["left"] == 1

    def test_a_dry_run_sends_nothing(self, stack: World) -> None:
        """It says what would be sent, why, and where to."""
        envelope = stack.dead_letter()
        stack.dead_letter(reason="no_route")
        told = stack.json("dead", "redrive", "--reason", "rejected_by_contacts_api", "--dry-run")
        assert [letter["key"] for letter in told["letters"]] == [envelope.ledger_key]
        assert told["destination"] == stack.aws.failed_leads_url
        shown = stack.run("dead", "redrive", "--all", "--dry-run").stdout
        assert "2 leads (" in shown
        assert (len(stack.aws.dead()), stack.aws.parked()) == (2, [])

    def test_only_what_was_chosen_goes(self, stack: World) -> None:
        """The others are visible again, untouched."""
        chosen, *others = [stack.dead_letter() for _ in range(3)]
        stack.run("dead", "redrive", chosen.lead_id, "--yes", "--wait", "0.1", "--json")
        assert {_lead_id(message) for message in stack.aws.dead()} == {other.lead_id for other in others}
        [message] = stack.aws.parked()
        assert _lead_id(message) == chosen.lead_id

    def test_a_redriven_message_keeps_body_attributes_and_group(self, stack: World) -> None:
        """And has all its attempts before it."""
        envelope = stack.dead_letter()
        stack.run("dead", "redrive", envelope.lead_id, "--yes", "--wait", "0.1", "--json")
        [message] = stack.aws.parked()
        assert json.loads(message["Body"])["envelope"] == envelope.raw
        assert message["MessageAttributes"]["reason"]["StringValue"] == "contacts_api_5xx"
        assert message["MessageAttributes"]["attempt"]["StringValue"] == "0"
        assert message["Attributes"]["MessageGroupId"] == f"pinterest:{envelope.account}"

    def test_all_are_moved_one_by_one_where_sqs_cannot(
        self, stack: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on the local emulator; each still leaves its line, in a file of the current folder."""
        for _ in range(3):
            stack.dead_letter()
        monkeypatch.chdir(tmp_path)
        stack.place._clients["sqs"] = Instead(stack.aws.sqs, start_message_move_task=no_move_task)
        result = stack.run("dead", "redrive", "--all", "--yes", "--rate", "500")
        assert "3 lead(s) brought back in the test stack: 3 sent." in result.stdout
        assert (stack.aws.dead(), len(stack.aws.parked())) == ([], 3)
        [file] = tmp_path.glob("redrive-*.jsonl")
        assert len(file.read_text().splitlines()) == 3

    def test_all_are_moved_by_sqs_where_it_can(self, stack: World) -> None:
        """To a destination that is named, at the rate that was asked for."""
        stack.dead_letter()
        started: list[dict[str, Any]] = []
        task = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 1}
        stack.place._clients["sqs"] = Instead(
            stack.aws.sqs,
            start_message_move_task=lambda **asked: started.append(asked),
            list_message_move_tasks=lambda **_: {"Results": [task]},
        )
        told = stack.json("dead", "redrive", "--all", "--yes", "--rate", "3")
        assert [line["outcome"] for line in told["redriven"]] == ["moved"]
        [asked] = started
        assert asked["DestinationArn"] == dead_letters.arn_of(stack.aws.sqs, stack.aws.failed_leads_url)
        assert asked["MaxNumberOfMessagesPerSecond"] == 3

    def test_a_move_that_sqs_gives_up_is_told_and_audited(self, stack: World, tmp_path: Any) -> None:
        """Nobody knows which ones it has moved."""
        stack.dead_letter()
        task = {"Status": "FAILED", "FailureReason": "AccessDenied"}
        stack.place._clients["sqs"] = Instead(
            stack.aws.sqs,
            start_message_move_task=lambda **_: None,
            list_message_move_tasks=lambda **_: {"Results": [task]},
        )
        file = tmp_path / "audit.jsonl"
        said = stack.fails("dead", "redrive", "--all", "--yes", "--audit", str(file))
        assert "AccessDenied" in said
        assert json.loads(file.read_text())["outcome"] == "unknown"

    def test_nothing_is_redriven_without_saying_what(self, stack: World) -> None:
        """Neither by accident all, nor all and a filter at once."""
        assert "Say which dead letters" in stack.fails("dead", "redrive", "--yes", code=2)
        assert "Say which dead letters" in stack.fails("dead", "redrive", "--all", "--source", "facebook", code=2)

    def test_it_asks_first(self, stack: World) -> None:
        """Where nobody is there to answer, nothing is sent."""
        stack.dead_letter()
        assert "repeat the command with --yes" in stack.fails("dead", "redrive", "--all", code=2)
        assert stack.aws.parked() == []

    def test_an_audit_that_cannot_be_written_stops_it_before_anything_is_sent(
        self, stack: World, tmp_path: Any
    ) -> None:
        """The file is named."""
        stack.dead_letter()
        file = tmp_path / "no" / "audit.jsonl"
        said = stack.fails("dead", "redrive", "--source", "pinterest", "--yes", "--audit", str(file))
        assert str(file) in said
        assert stack.aws.parked() == []

    def test_no_dead_letter_is_no_fault(self, stack: World) -> None:
        """There is nothing to do, and nothing to audit."""
        assert "No such dead letter" in stack.run("dead", "redrive", "--all", "--yes").stdout


class TestNothingIsLost:
    def _redrive(self, stack: World, sqs: Any, **changes: Any) -> tuple[Redrive, Audit]:
        log = Audit(None)
        facts = {"look": lambda keys: {}, "who": "me", "rate": 1000.0, "patience": 0.0, **changes}
        return Redrive(sqs, stack.aws.failed_leads_url, audit=lambda line: log.write(line.as_json()), **facts), log

    def test_ctrl_c_stops_between_two_letters(self, stack: World) -> None:
        """What was not sent is given back; what was is in the audit."""
        for _ in range(5):
            stack.dead_letter()
        interruption = Interruption()

        def told(sent: int, _: int) -> None:
            interruption.wanted = sent >= 2

        run, log = self._redrive(stack, stack.aws.sqs, interruption=interruption, told=told)
        with Held(stack.aws.sqs, stack.aws.dead_letters_url) as held:
            why = run.run(held, held.take(), canary=False)
        assert why == "it was interrupted"
        assert (len(stack.aws.dead()), len(stack.aws.parked()), len(log.lines)) == (3, 2, 2)

    def test_a_letter_that_was_sent_and_could_not_be_deleted_is_in_both_queues(self, stack: World) -> None:
        """Twice is harmless, as the ledger recognises it; and the audit has it."""
        stack.dead_letter()

        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "InternalError"}}, "DeleteMessage")

        sqs = Instead(stack.aws.sqs, delete_message=refuse)
        run, log = self._redrive(stack, sqs, patience=1.0)
        with pytest.raises(ClientError), Held(sqs, stack.aws.dead_letters_url) as held:
            run.run(held, held.take(), canary=True)
        assert (len(stack.aws.dead()), len(stack.aws.parked())) == (1, 1)
        assert [line["outcome"] for line in log.lines] == ["waiting"]

    def test_a_letter_that_could_not_be_sent_stays(self, stack: World) -> None:
        """Nothing is deleted that is not in the other queue."""
        stack.dead_letter()

        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessage")

        sqs = Instead(stack.aws.sqs, send_message=refuse)
        run, log = self._redrive(stack, sqs)
        with pytest.raises(ClientError), Held(sqs, stack.aws.dead_letters_url) as held:
            run.run(held, held.take(), canary=True)
        assert (len(stack.aws.dead()), stack.aws.parked(), log.lines) == (1, [], [])

    def test_letters_stay_hidden_while_their_turn_comes(self, stack: World) -> None:
        """A long wait for the first ones must not let the others show up, for somebody else to take."""
        stack.dead_letter()
        clock = [1000.0]
        with Held(stack.aws.sqs, stack.aws.dead_letters_url, now=lambda: clock[0]) as held:
            held.take()
            hidden: list[int] = []
            real = stack.aws.sqs.change_message_visibility_batch
            held._sqs = Instead(
                stack.aws.sqs,
                change_message_visibility_batch=lambda **asked: (
                    hidden.append(asked["Entries"][0]["VisibilityTimeout"]) or real(**asked)
                ),
            )
            held.renew()
            clock[0] += 40
            held.renew()
            held.renew()
        assert hidden == [900, 0]


def test_choosing_nothing_chooses_all() -> None:
    """And a name chooses by itself."""
    assert Choice().is_all
    assert not Choice(names=("1",)).is_all


def _facebook_notice(lead_id: str) -> Envelope:
    value = {"leadgen_id": lead_id, "page_id": "7", "form_id": "8"}
    raw = {"id": "7", "changes": [{"field": "leadgen", "value": value}]}
    at = "2026-11-20T09:00:00.000+00:00"
    return Envelope(source="facebook", account="7", lead_id=lead_id, raw=raw, received_at=at)


def _lead_id(message: dict[str, Any]) -> str:
    return str(msgspec.json.decode(message["Body"])["lead_id"])
