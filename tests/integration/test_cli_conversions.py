"""`leadrelay conversions`: files of events, how they stand, tokens, and dead letters."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec import structs
from rich.console import Console

from infra.cli.conversions import rows, shown
from infra.cli.conversions.accounts import APP
from infra.cli.dead import dead_letters
from leads.adapters.conversion_ledger import ConversionLedger
from leads.adapters.match_ledger import MatchLedger
from leads.core.conversion import Event, event_id_of
from leads.core.conversion_message import change_message, event_message, parse
from leads.core.event_claim import EventClaim
from leads.core.match import CrmChange, Match
from tests.integration.cli_world import Instead
from tests.integration.doctor_world import ACCOUNT, CONVERSION_TOKEN, PINTEREST_TOKEN, ROUTES, World, fill, world

# What is asked in vain here is not what the app asks.
pytestmark = pytest.mark.unrecorded
LEAD = f"pinterest#{ACCOUNT}#7000001"
TELLING = """
[routes.conversions]
delivered = "lead"
"stage:qualified" = "qualified_lead"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("stack")) as stack:
        # Moto would call the function with every message, and there is none behind it.
        functions = stack.client("lambda")
        for mapping in functions.list_event_source_mappings(FunctionName="Conversions")["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        yield stack


@pytest.fixture
def stack(made: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack with a conversion token, and nothing in its queues and its ledger."""
    monkeypatch.setattr(dead_letters, "LONG_POLL", 0)
    fill(made)
    made.put(APP, conversion_tokens={ACCOUNT: CONVERSION_TOKEN})
    made.pinterest.add_token(token=CONVERSION_TOKEN, scopes=["conversions"])
    made.routes.write_text(ROUTES + TELLING)
    for name in ("Conversions", "ConversionsDeadLetter"):
        received(made, name)
    table = made.place.outputs["LedgerTableName"]
    for item in made.client("dynamodb").scan(TableName=table)["Items"]:
        made.client("dynamodb").delete_item(TableName=table, Key={"pk": item["pk"]})
    return made


def received(stack: World, queue: str = "Conversions") -> list[dict[str, Any]]:
    """The messages of a queue, which are taken."""
    url, found = stack.place.outputs[f"{queue}QueueUrl"], []
    while batch := stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            found.append(json.loads(message["Body"]))
            stack.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def written(folder: Path, text: str, name: str = "sales.csv") -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps({"event_name": "checkout", "event_time": now(), **row}) + "\n" for row in rows)


def now() -> int:
    return int(time.time()) - 60


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def event(number: int = 1, *, lead: str = "", outcome: str = "") -> Event:
    return Event(
        account=ACCOUNT,
        name="lead",
        event_id=f"event-{number}",
        at=now(),
        action_source="offline",
        user_data={"em": [sha(f"person{number}@example.com")]},
        lead_key=lead,
        outcome=outcome,
    )


def ledger(stack: World) -> ConversionLedger:
    return ConversionLedger(stack.client("dynamodb"), stack.place.outputs["LedgerTableName"], now=time.time)


def told(stack: World, it: Event, **how: Any) -> None:
    """An event that Pinterest has taken."""
    claim = ledger(stack).claim(it, until=time.time() + 60, message_id="m1")
    assert isinstance(claim, EventClaim)
    ledger(stack).sent(claim, **how)


def dead(stack: World, body: str) -> str:
    url = stack.place.outputs["ConversionsDeadLetterQueueUrl"]
    return str(stack.client("sqs").send_message(QueueUrl=url, MessageBody=body)["MessageId"])


class TestSend:
    def test_a_person_is_hashed_before_anything_leaves_this_machine(self, stack: World, tmp_path: Path) -> None:
        """The queue's message holds digests, and what the row says besides."""
        file = written(
            tmp_path,
            "Event Time,E-mail,email,phone,value,currency,content_ids\n".replace("E-mail,", "")
            + f'{now()}, Ada@Example.com ,+1 (212) 867-5309,120.50,usd,"a1,b2"\n',
        )
        report = stack.json("conversions", "send", file, "--event", "checkout", "--action-source", "offline")
        [body] = received(stack)
        assert report["sent"] == 1
        assert (body["event_name"], body["action_source"], body["ad_account_id"]) == ("checkout", "offline", ACCOUNT)
        assert (body["hashed_email"], body["hashed_phone"]) == ([sha("ada@example.com")], [sha("12128675309")])
        assert (body["value"], body["currency"], body["content_ids"]) == ("120.50", "USD", ["a1", "b2"])
        assert "example.com" not in json.dumps(body)

    def test_a_file_sent_twice_has_the_same_event_ids(self, stack: World, tmp_path: Path) -> None:
        """Each row without one gets an id made of its content, whatever its format."""
        moment = now()
        csv = f"event_name;event_time;email\ncheckout;{moment};ada@example.com\n"
        row = {"event_name": "checkout", "event_time": moment, "email": "ADA@example.com ", "value": None}
        stack.run("conversions", "send", written(tmp_path, csv))
        stack.run("conversions", "send", "-", "--format", "jsonl", given=json.dumps(row) + "\n\n")
        first, second = received(stack)
        assert first["event_id"] == second["event_id"]

    def test_many_rows_go_in_calls_of_ten(self, stack: World, tmp_path: Path) -> None:
        """And the sum says how many."""
        file = written(tmp_path, lines(*({"email": f"p{number}@example.com"} for number in range(25))), "many.jsonl")
        calls = []

        def send_message_batch(**call: Any) -> Any:
            calls.append(len(call["Entries"]))
            return sqs.send_message_batch(**call)

        sqs = stack.client("sqs")
        stack.place._clients["sqs"] = Instead(sqs, send_message_batch=send_message_batch)
        try:
            said = stack.run("conversions", "send", file).stdout
        finally:
            stack.place._clients["sqs"] = sqs
        assert calls == [10, 10, 5]
        assert "25 of 25 rows sent" in said
        assert len(received(stack)) == 25

    def test_a_bad_row_stops_everything_and_is_named_by_row_and_member(self, stack: World, tmp_path: Path) -> None:
        """Never by what is in it."""
        file = written(
            tmp_path,
            "event_name,event_time,email,value\n"
            f"checkout,{now()},ada@example.com,12\n"
            f"checkout,yesterday,grace@example.com,12\n"
            f"checkout,{now()},joan@example.com,a dozen\n",
        )
        result = stack.run("conversions", "send", file, code=1)
        assert "Nothing was sent, as 2 rows cannot be" in result.stderr
        assert "`event_time` must be" in result.stderr
        assert not [secret for secret in ("yesterday", "dozen", "@example") if secret in result.output]
        report = stack.json("conversions", "send", file, code=1)
        assert [(fault["row"], fault["reason"]) for fault in report["faults"]] == [(3, "bad_time"), (4, "bad_value")]
        assert received(stack) == []

    def test_the_good_rows_of_a_bad_file_can_be_sent(self, stack: World, tmp_path: Path) -> None:
        """The command still ends with 1, as not everything was."""
        file = written(tmp_path, lines({"email": "ada@example.com"}, {"emial": "x"}) + "[]\n{\n", "sales.jsonl")
        report = stack.json("conversions", "send", file, "--skip-bad", code=1)
        assert (report["sent"], [fault["row"] for fault in report["faults"]]) == (1, [2, 3, 4])
        assert "did you mean `email`?" in report["faults"][0]["detail"]
        assert len(received(stack)) == 1

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "event_name,emial\nlead,a\n",
                "in column 2 `emial` is no member of a conversion message; did you mean `email`?",
            ),
            ("email,email\na,b\n", "the column email twice"),
            ('event_name,email\nlead,"ada@example.com\n', "a quotation mark does not end"),
            ('event_name,content_name\nlead,"5"" pipe" x\n', "something follows a closing quotation mark"),
            ("email,ada@example.com,12\n", "what column 2 begins with is no member of"),
            ("Quillfeather;Ada\n", "what column 1 begins with is no member of"),
            ("event_name,email\n", "no row to send"),
        ],
    )
    def test_a_csv_that_cannot_be_read_is_refused_whole(
        self, stack: World, tmp_path: Path, text: str, said: str
    ) -> None:
        """Of a file without a header nothing is quoted, as its first row is a person's."""
        result = stack.run("conversions", "send", written(tmp_path, text), code=2)
        assert said in str(result.exception)
        assert not [word for word in ("ada@", "quillfeather") if word in str(result.exception).lower()]

    def test_digits_that_a_table_has_made_a_number_of_are_what_they_were(self, stack: World, tmp_path: Path) -> None:
        """Nothing else tells a hash of 12128675309.0 from a right one."""
        columns = "event_name,event_time,phone,zip,external_id,date_of_birth,order_id,event_id,ad_account_id,value"
        row = f"checkout,{now()}.0,12128675309.0,94107.0,1042.0,19901210.0,1001.0,7.0,{ACCOUNT}.0,12.0"
        stack.run("conversions", "send", written(tmp_path, f"{columns}\n{row}\n"))
        [body] = received(stack)
        hashes = {name: body[f"hashed_{name}"] for name in ("phone", "zip", "external_id", "date_of_birth")}
        plain = {"phone": "12128675309", "zip": "94107", "external_id": "1042", "date_of_birth": "19901210"}
        assert hashes == {name: [sha(text)] for name, text in plain.items()}
        assert (body["order_id"], body["event_id"], body["ad_account_id"]) == ("1001", "7", ACCOUNT)

    def test_digits_that_a_spreadsheet_has_rounded_are_a_bad_row(self, stack: World, tmp_path: Path) -> None:
        """They cannot be had back."""
        file = written(tmp_path, f"event_name,event_time,phone\ncheckout,{now()},1.21287E+10\n")
        [fault] = stack.json("conversions", "send", file, code=1)["faults"]
        assert (fault["row"], fault["reason"]) == (2, "unreadable_row")
        assert fault["detail"].startswith("phone was rounded by a spreadsheet")

    def test_a_row_that_no_queue_takes_is_a_bad_row(self, stack: World, tmp_path: Path) -> None:
        """It is known before anything is sent, and does not stop the others."""
        assert len(rows.read(written(tmp_path, f"event_name,search_string\nlead,{'x' * 300_000}\n"), "")) == 1
        large = {"email": "ada@example.com", "search_string": "x" * 300_000}
        file = written(tmp_path, lines({"email": "a@example.com"}, large, {"email": "b@example.com"}), "big.jsonl")
        report = stack.json("conversions", "send", file, code=1)
        assert [(fault["row"], fault["reason"]) for fault in report["faults"]] == [(2, "too_large")]
        assert received(stack) == []
        report = stack.json("conversions", "send", file, "--skip-bad", code=1)
        assert (report["sent"], report["next_row"]) == (2, None)
        assert len(received(stack)) == 2

    def test_what_the_function_will_not_send_is_told_beforehand(self, stack: World, tmp_path: Path) -> None:
        """Old rows, rows of nobody, rows that are one event, and accounts without a token."""
        old = {"email": "ada@example.com", "event_time": now() - 8 * 86_400}
        nobody = {"city": "New York", "ad_account_id": "222"}
        file = written(tmp_path, lines(old, old, nobody), "sales.jsonl")
        said = stack.run("conversions", "send", file).stderr
        assert "2 rows older than 7 days" in said
        assert "1 row without any identifier" in said
        assert "1 row with the event of another row" in said
        assert "leadrelay conversions token --account 222" in said

    def test_rows_that_sqs_does_not_take_are_named_and_can_be_sent_on(self, stack: World, tmp_path: Path) -> None:
        """The command goes on from the first row that is not in the queue."""
        file = written(tmp_path, lines(*({"email": f"p{number}@example.com"} for number in range(25))), "many.jsonl")
        sqs, calls = stack.client("sqs"), []

        def send_message_batch(**call: Any) -> Any:
            calls.append(call)
            if len(calls) > 1:
                code = {"Code": "InternalError", "SenderFault": False}
                return {"Failed": [{"Id": entry["Id"], **code} for entry in call["Entries"]]}
            return sqs.send_message_batch(**call)

        stack.place._clients["sqs"] = Instead(sqs, send_message_batch=send_message_batch)
        try:
            report = stack.json("conversions", "send", file, code=1)
        finally:
            stack.place._clients["sqs"] = sqs
        assert (report["sent"], len(report["refused"]), report["next_row"]) == (10, 15, 11)
        assert report["refused"][0] == {"row": 11, "reason": "InternalError", "detail": ""}
        again = stack.json("conversions", "send", file, "--from-row", "11")
        assert (again["rows"], again["sent"], again["next_row"]) == (15, 15, None)
        assert len({body["event_id"] for body in received(stack)}) == 25

    def test_where_sqs_refuses_a_call_the_rest_is_not_tried(self, stack: World, tmp_path: Path) -> None:
        """The sentence says why, and where to go on."""
        file = written(tmp_path, lines(*({"email": f"p{number}@example.com"} for number in range(12))), "many.jsonl")
        sqs, calls = stack.client("sqs"), []

        def send_message_batch(**call: Any) -> Any:
            calls.append(call)
            if len(calls) > 1:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")
            return sqs.send_message_batch(**call)

        stack.place._clients["sqs"] = Instead(sqs, send_message_batch=send_message_batch)
        try:
            said = stack.run("conversions", "send", file, code=1).stdout
        finally:
            stack.place._clients["sqs"] = sqs
        assert "10 of 12 rows sent" in said
        assert "may not call SendMessageBatch" in said
        assert "--from-row 11" in said
        assert len(received(stack)) == 10

    def test_ctrl_c_ends_it_with_130_and_tells_where_to_go_on(self, stack: World, tmp_path: Path) -> None:
        """It is heard once the call is over that runs."""
        file = written(tmp_path, lines(*({"email": f"p{number}@example.com"} for number in range(12))), "many.jsonl")
        sqs = stack.client("sqs")

        def send_message_batch(**call: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return sqs.send_message_batch(**call)

        stack.place._clients["sqs"] = Instead(sqs, send_message_batch=send_message_batch)
        try:
            report = stack.json("conversions", "send", file, code=130)
        finally:
            stack.place._clients["sqs"] = sqs
        assert (report["sent"], report["stopped"], report["next_row"]) == (10, "it was interrupted", 11)

    def test_a_row_to_begin_with_that_is_not_there_is_told(self, stack: World, tmp_path: Path) -> None:
        """The file has rows, and none so far down."""
        file = written(tmp_path, f"event_name,event_time,email\ncheckout,{now()},ada@example.com\n")
        said = str(stack.run("conversions", "send", file, "--from-row", "99", code=2).exception)
        assert said.startswith("--from-row 99 is behind the last row of ")
        assert said.endswith(", which is row 2.")

    def test_a_wrong_account_is_refused_before_anything_is_read(self, stack: World) -> None:
        """Ids are digits."""
        assert "1 to 18 digits" in str(
            stack.run("conversions", "send", "none.csv", "--account", "abc", code=2).exception
        )


class TestDryRun:
    def test_pinterest_gives_its_verdict_on_each_row(self, stack: World, tmp_path: Path) -> None:
        """By its row number and the names of fields; nothing is put on the queue, nothing recorded."""
        events = [{"email": "ada@example.com", "event_id": "good"}, {"email": "b@example.com", "event_id": "bad"}]
        file = written(tmp_path, lines(*events, {"city": "Rome"}, {"value": "x"}), "sales.jsonl")
        stack.pinterest.add_event_fault(event_id="bad", error_message="event_time: b@example.com is wrong", times=1)
        report = stack.json("conversions", "send", file, "--dry-run", code=1)
        assert [(it["row"], it["taken"]) for it in report["verdicts"]] == [
            (1, True),
            (2, False),
            (3, False),
            (4, False),
        ]
        assert report["verdicts"][1]["reason"] == "event_refused"
        assert report["verdicts"][1]["detail"] == "event_time"
        assert "identifier" not in report["verdicts"][0]["detail"]
        assert "b@example.com" not in json.dumps(report)
        assert (received(stack), stack.pinterest.events()) == ([], [])
        assert len(stack.pinterest.events(test=True)) == 1

    def test_an_id_that_is_an_address_is_not_shown(self, stack: World, tmp_path: Path) -> None:
        """Other systems use one for an event's id."""
        file = written(tmp_path, lines({"email": "ada@example.com", "event_id": "ada@example.com"}), "sales.jsonl")
        [verdict] = stack.json("conversions", "send", file, "--dry-run")["verdicts"]
        assert verdict["event_id"].startswith("hashed-")

    def test_one_event_that_spoils_the_call_costs_only_itself(self, stack: World, tmp_path: Path) -> None:
        """A call that is refused as a whole is halved until it is found."""
        events = ({"email": f"p{number}@example.com", "event_id": f"e{number}"} for number in range(9))
        file = written(tmp_path, lines(*events), "sales.jsonl")
        stack.pinterest.add_event_refusal(event_id="e5", details="none", times=100)
        said = stack.run("conversions", "send", file, "--dry-run", code=1).stdout
        stack.pinterest.clear_event_faults()
        assert "Pinterest would take 8 of 9 rows. Nothing was sent." in said

    def test_a_token_that_is_refused_is_told_with_the_remedy(self, stack: World, tmp_path: Path) -> None:
        """It is the verdict on the rows of its ad account."""
        stack.put(APP, conversion_tokens={ACCOUNT: "pinc_wrong"})
        file = written(tmp_path, lines({"email": "ada@example.com"}), "sales.jsonl")
        said = " ".join(stack.run("conversions", "send", file, "--dry-run", code=1).stdout.split())
        assert "Pinterest would take 0 of 1 row" in said
        assert f"leadrelay conversions token --account {ACCOUNT}" in said
        assert "pinc_wrong" not in said

    def test_an_account_that_pinterest_refuses_costs_no_other_rows_their_verdict(
        self, stack: World, tmp_path: Path
    ) -> None:
        """Its own rows have the reason of the account, in one line."""
        stack.put(APP, conversion_tokens={ACCOUNT: CONVERSION_TOKEN, "222": "pinc_of_222"})
        stack.pinterest.add_token(token="pinc_of_222", scopes=["conversions"], role="FINANCE_VIEW")
        rows = [{"email": f"p{number}@example.com", "ad_account_id": "222"} for number in range(7)]
        file = written(tmp_path, lines(*rows, {"email": "ada@example.com", "ad_account_id": ACCOUNT}), "sales.jsonl")
        report = stack.json("conversions", "send", file, "--dry-run", code=1)
        assert [(it["verdict"], it["reason"]) for it in report["verdicts"]] == [
            *[("refused", "conversion_not_permitted")] * 7,
            ("taken", ""),
        ]
        said = stack.run("conversions", "send", file, "--dry-run", code=1).stdout
        assert "Pinterest would refuse 7 rows" in said
        assert "1, 2, 3, 4, 5 and 2 more" in said

    def test_what_pinterest_does_not_hear_of_is_not_its_refusal(self, stack: World, tmp_path: Path) -> None:
        """Bad rows, rows of nobody and old ones are told apart, and Pinterest is not asked about them."""
        old = {"email": "ada@example.com", "event_time": now() - 8 * 86_400}
        nobody = {"city": "Rome"}
        file = written(tmp_path, lines(old, nobody, {"emial": "x"}, {"email": "b@example.com"}), "sales.jsonl")
        report = stack.json("conversions", "send", file, "--dry-run", code=1)
        assert [(it["verdict"], it["reason"], it["taken"]) for it in report["verdicts"]] == [
            ("not_told", "too_old", False),
            ("not_told", "no_identifier", False),
            ("bad", "unknown_field", False),
            ("taken", "", True),
        ]
        assert len(stack.pinterest.events(test=True)) == 1
        said = stack.run("conversions", "send", file, "--dry-run", code=1).stdout
        assert "1 row cannot be sent" in said
        assert "would not be told of 2 rows" in said
        assert "would refuse" not in said
        assert "would take 1 of 4 rows" in said
        alone = written(tmp_path, lines(old), "old.jsonl")
        assert "would take 0 of 1 row" in stack.run("conversions", "send", alone, "--dry-run", code=1).stdout


class TestStatus:
    def test_it_counts_events_by_what_became_of_them(self, stack: World) -> None:
        """And tells what waits, the tokens, and the routes that tell."""
        told(stack, event(1, lead=LEAD, outcome="delivered"), warnings=("external_id: unhashed",))
        told(stack, event(2))
        ledger(stack).ignore(event(3), reason="too_old")
        claim = ledger(stack).claim(event(4), until=time.time() + 60, message_id="m4")
        assert isinstance(claim, EventClaim)
        ledger(stack).put_back(claim, reason="conversion_token_refused")
        dead(stack, event_message(event(5)))
        report = stack.json("conversions", "status")
        counted = {(it["event"], it["state"], it["reason"]): it["count"] for it in report["events"]}
        assert counted == {
            ("lead", "sent", ""): 2,
            ("lead", "ignored", "too_old"): 1,
            ("lead", "held", "conversion_token_refused"): 1,
        }
        assert report["queues"] == {"waiting": 0, "held": 0, "dead": 1}
        assert report["tokens"] == {ACCOUNT: True}
        assert report["warnings"] == {"external_id: unhashed": 1}
        assert report["last_sent_at"]
        assert report["oldest_held_at"]
        assert report["routes"][0]["outcomes"] == {"delivered": "lead", "stage:qualified": "qualified_lead"}
        said = stack.run("conversions", "status").stdout
        assert "conversion_token_refused: Pinterest does not know" in said
        assert "stage:qualified → qualified_lead" in said
        assert stack.json("conversions", "status", "--account", "222")["events"] == []

    def test_an_account_without_token_is_told_how_to_get_one(self, stack: World) -> None:
        """Where a route tells Pinterest of its leads."""
        stack.put(APP, conversion_tokens={})
        said = stack.run("conversions", "status").stdout
        assert f"leadrelay conversions token --account {ACCOUNT}" in said

    def test_a_token_in_the_place_of_an_id_is_not_shown(self, stack: World) -> None:
        """Somebody has swapped the two; the entry is called by its position."""
        stack.put(APP, conversion_tokens={ACCOUNT: CONVERSION_TOKEN, "pinc_swapped": "222"})
        report = stack.json("conversions", "status")
        assert (report["tokens"], report["misplaced_tokens"]) == ({ACCOUNT: True}, [2])
        result = stack.run("conversions", "status")
        assert "token 2" in result.stdout
        assert "pinc_swapped" not in json.dumps(report) + result.output

    def test_what_others_have_named_gives_the_terminal_no_orders(self, stack: World) -> None:
        """Event names, warnings and details are in the ledger as they came."""
        orders = "\x1b[2J\x1b]0;owned\x07"
        told(stack, structs.replace(event(1, lead=LEAD), name=f"lead{orders}"), warnings=(f"value: {orders}",))
        dead(stack, event_message(structs.replace(event(2), name=f"lead{orders}")))
        ledger(stack).fail(event(3), claim=None, message_id="m1", reason=f"no{orders}", detail=orders)
        for command in (("status",), ("show", "7000001"), ("show", "event-3"), ("redrive", "--dry-run")):
            assert not {"\x1b", "\x07"} & set(stack.run("conversions", *command).output)

    def test_an_event_whose_id_is_hashed_is_found_by_the_id(self, stack: World) -> None:
        """As the system that sent it calls it; what is shown is the hash."""
        told(stack, structs.replace(event(1), event_id="ada@example.com"))
        [found] = stack.json("conversions", "show", "ada@example.com")
        assert found["event_id"].startswith("hashed-")

    def test_a_held_event_is_shown_with_what_pinterest_said(self, stack: World) -> None:
        """The detail names what to put right."""
        claim = ledger(stack).claim(event(1), until=time.time() + 60, message_id="m1")
        assert isinstance(claim, EventClaim)
        detail = "the Pinterest API answered 403: the token's user has no role"
        ledger(stack).put_back(claim, reason="conversion_not_permitted", detail=detail)
        [item] = stack.json("conversions", "show", "event-1")
        assert (item["state"], item["detail"]) == ("held", detail)
        assert detail in stack.run("conversions", "show", "event-1").stdout

    def test_an_event_is_shown_by_its_id_and_by_its_lead(self, stack: World) -> None:
        """By the lead's id and its key."""
        told(stack, event(1, lead=LEAD, outcome="delivered"))
        told(stack, event(2, lead=LEAD, outcome="stage:qualified"))
        told(stack, event(11))
        assert [it["event_id"] for it in stack.json("conversions", "show", "event-1")] == ["event-1"]
        for name in ("7000001", LEAD):
            found = stack.json("conversions", "show", name)
            assert {it["outcome"] for it in found} == {"delivered", "stage:qualified"}
        assert "knows no event of event-9" in str(stack.run("conversions", "show", "event-9", code=1).exception)
        assert "ad account" in stack.run("conversions", "show", "event-1").stdout


class TestToken:
    def test_a_token_is_made_proved_and_stored_and_never_shown(self, stack: World) -> None:
        """Other accounts' tokens stay."""
        stack.put(APP, conversion_tokens={"222": "pinc_other"})
        result = stack.run("conversions", "token", "--account", ACCOUNT)
        tokens = stack.place.secret(APP)["conversion_tokens"]
        assert tokens["222"] == "pinc_other"
        assert tokens[ACCOUNT].startswith("pinc_")
        assert tokens[ACCOUNT] not in result.output
        assert stack.pinterest.events() == []
        assert stack.place.secret(APP)["access_token"] == PINTEREST_TOKEN

    @pytest.mark.parametrize("arguments", [("--from-stdin",), ("--token", CONVERSION_TOKEN)])
    def test_a_token_of_ads_manager_is_proved_likewise(self, stack: World, arguments: tuple[str, ...]) -> None:
        """It may be given where nobody sees it."""
        stack.put(APP, conversion_tokens={ACCOUNT: "pinc_former"})
        report = stack.json("conversions", "token", "--account", ACCOUNT, *arguments, given=f"{CONVERSION_TOKEN}\n")
        assert report == {"account": ACCOUNT, "stored": True, "replaced": True, "made": False}
        assert stack.place.secret(APP)["conversion_tokens"] == {ACCOUNT: CONVERSION_TOKEN}

    def test_a_token_that_pinterest_does_not_take_is_not_stored(self, stack: World) -> None:
        """The former one stays."""
        result = stack.run("conversions", "token", "--account", ACCOUNT, "--from-stdin", code=1, given="pinc_wrong\n")
        assert "Nothing was stored" in str(result.exception)
        assert "pinc_wrong" not in str(result.exception)
        assert stack.place.secret(APP)["conversion_tokens"] == {ACCOUNT: CONVERSION_TOKEN}

    def test_an_id_that_is_not_numeric_is_refused(self, stack: World) -> None:
        """Nobody is asked."""
        result = stack.run("conversions", "token", "--account", "Spring", code=2)
        assert "1 to 18 digits" in str(result.exception)

    def test_an_app_without_the_scope_is_told_so(self, stack: World) -> None:
        """Making one takes ads:write."""
        stack.pinterest.add_token(token=PINTEREST_TOKEN, scopes=["ads:read"])
        said = str(stack.run("conversions", "token", "--account", ACCOUNT, code=1).exception)
        assert "make a conversion token" in said
        assert "ads:write" in said


class TestRedrive:
    def test_letters_are_listed_with_the_reasons_that_the_ledger_knows(self, stack: World) -> None:
        """Changes in the CRM and what nobody can read as well; nothing is sent."""
        ledger(stack).fail(event(1, lead=LEAD), claim=None, message_id="m1", reason="event_refused", detail="em")
        dead(stack, event_message(event(1, lead=LEAD)))
        dead(stack, change_message(CrmChange(location_id="l1", contact_id="nobody")))
        message = dead(stack, change_message(CrmChange(location_id="l1", contact_id="c1")))
        matches = MatchLedger(stack.client("dynamodb"), stack.place.outputs["LedgerTableName"], now=time.time)
        matches.remember(
            Match(
                location_id="l1", contact_id="c1", lead_key=LEAD, account=ACCOUNT, route="All", left_at=1, user_data={}
            )
        )
        won = structs.replace(event(2, lead=LEAD, outcome="won"), event_id=event_id_of(ACCOUNT, LEAD, "won"))
        ledger(stack).fail(won, claim=None, message_id=message, reason="sent_in_doubt")
        dead(stack, '{"v": 1, "emial": "ada@example.com"}')
        report = stack.json("conversions", "redrive", "--dry-run")
        assert {(it["kind"], it["reason"]) for it in report["letters"]} == {
            ("event", "event_refused"),
            ("crm_change", "sent_in_doubt"),
            ("crm_change", "unknown"),
            ("unreadable", "unknown_field"),
        }
        assert "example.com" not in json.dumps(report)
        assert len(stack.json("conversions", "redrive", "--dry-run", "--reason", "event_*")["letters"]) == 1
        assert received(stack) == []

    def test_what_names_a_letter_is_whole_on_a_narrow_terminal(self, stack: World) -> None:
        """Its ids and its reason are what the next command takes."""
        ledger(stack).fail(event(1, lead=LEAD), claim=None, message_id="m1", reason="conversion_not_permitted")
        message = dead(stack, event_message(event(1, lead=LEAD)))
        [letter] = stack.json("conversions", "redrive", "--dry-run")["letters"]
        assert letter["event_id"] == "event-1"
        for width in (80, 220):
            out = io.StringIO()
            shown.letters(Console(file=out, width=width, force_terminal=True, color_system=None), "here", [letter], 0)
            assert all(name in out.getvalue() for name in ("event-1", LEAD, "conversion_not_permitted", message))

    def test_chosen_letters_go_back_with_a_line_each_and_the_others_stay(self, stack: World) -> None:
        """What is sent is what died."""
        ledger(stack).fail(event(1), claim=None, message_id="m1", reason="event_refused")
        bodies = [event_message(event(number)) for number in (1, 2)]
        ids = [dead(stack, body) for body in bodies]
        report = stack.json("conversions", "redrive", "--reason", "event_refused", "--yes")
        [line] = report["redriven"]
        assert (line["message_id"], line["key"], line["outcome"]) == (ids[0], event(1).key, "sent")
        [body] = received(stack)
        found = parse(json.dumps(body), accounts=(), phone_region="US", now=time.time())
        assert isinstance(found, Event)
        assert found.key == event(1).key
        assert received(stack, "ConversionsDeadLetter") == [json.loads(bodies[1])]

    def test_many_letters_go_back_and_the_audit_is_a_file(self, stack: World, tmp_path: Path) -> None:
        """One that was named and is not there ends it with 1."""
        for number in range(12):
            dead(stack, event_message(event(number)))
        file = tmp_path / "audit.jsonl"
        said = stack.run("conversions", "redrive", "--yes", "--audit", str(file)).stdout
        assert "12 of 12 sent back" in said
        assert len(file.read_text().splitlines()) == 12
        assert (len(received(stack)), received(stack, "ConversionsDeadLetter")) == (12, [])
        assert "No dead letter goes by" in stack.run("conversions", "redrive", "event-1", code=1).stderr

    def test_letters_that_somebody_else_looks_at_are_told(self, stack: World) -> None:
        """They cannot be seen meanwhile."""
        dead(stack, event_message(event(1)))
        url = stack.place.outputs["ConversionsDeadLetterQueueUrl"]
        [taken] = stack.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=60)["Messages"]
        assert "About 1 more cannot be seen" in stack.run("conversions", "redrive", "--dry-run", code=1).stdout
        stack.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=taken["ReceiptHandle"])


class TestDoctor:
    def found(self, stack: World, code: int = 0) -> dict[str, dict[str, Any]]:
        report = stack.json("doctor", "--only", "pinterest", code=code)
        return {it["name"]: it for it in report["findings"]}

    def test_a_token_that_works_is_well_and_an_unknown_event_is_a_warning(self, stack: World) -> None:
        """The test event is recorded nowhere."""
        findings = self.found(stack)
        assert findings[f"{ACCOUNT} conversions"]["state"] == "ok"
        assert "`qualified_lead`" in findings[f"{ACCOUNT} own events"]["sentence"]
        assert findings[f"{ACCOUNT} event quality"]["state"] == "skipped"
        assert stack.pinterest.events() == []
        stack.pinterest.define_event(ACCOUNT, "qualified_lead", "LEAD")
        assert self.found(stack)[f"{ACCOUNT} own events"]["state"] == "ok"

    def test_a_missing_or_refused_token_is_a_fault_with_the_command(self, stack: World) -> None:
        """Routes that tell Pinterest of an account's leads need one."""
        for tokens in ({}, {ACCOUNT: "pinc_wrong"}):
            stack.put(APP, conversion_tokens=tokens)
            fault = self.found(stack, code=1)[f"{ACCOUNT} conversions"]
            assert fault["state"] == "fault"
            assert fault["fix"].endswith(f"conversions token --account {ACCOUNT}")

    def test_a_user_without_a_role_is_a_fault_that_names_the_roles(self, stack: World) -> None:
        """Another token alone does not help."""
        stack.pinterest.add_token(token=CONVERSION_TOKEN, scopes=["conversions"], role="FINANCE_VIEW")
        fault = self.found(stack, code=1)[f"{ACCOUNT} conversions"]
        assert "Analyst" in fault["sentence"]
        assert "Business Manager" in fault["fix"]

    def test_an_id_that_is_none_is_a_fault(self, stack: World) -> None:
        """What names its ad account is sent all the same; of a secret without tokens by account nothing is."""
        stack.put(APP, conversion_tokens={"Spring": CONVERSION_TOKEN, ACCOUNT: CONVERSION_TOKEN})
        findings = self.found(stack, code=1)
        assert findings["conversion tokens"]["state"] == "fault"
        assert findings["conversion tokens"]["sentence"].startswith("Events that name no ad account wait")
        assert findings[f"{ACCOUNT} conversions"]["state"] == "ok"
        stack.put(APP, conversion_tokens=[CONVERSION_TOKEN])
        assert self.found(stack, code=1)["conversion tokens"]["sentence"].startswith("No event can be sent")

    def test_tokens_without_routes_are_proved_all_the_same(self, stack: World) -> None:
        """Other systems may send events; without either there is nothing to look at."""
        stack.routes.write_text(ROUTES)
        findings = self.found(stack)
        assert findings[f"{ACCOUNT} conversions"]["state"] == "ok"
        assert findings["conversions"]["state"] == "skipped"
        stack.put(APP, conversion_tokens={})
        assert "No route has" in self.found(stack)["conversions"]["sentence"]

    def test_scores_are_shown_and_a_poor_one_is_a_warning(self, stack: World) -> None:
        """Of the events that came by the API."""
        stack.pinterest.api.conversions.keep(ACCOUNT, json.loads(json.dumps(event(1).member())), is_test=False)
        assert self.found(stack)[f"{ACCOUNT} event quality"]["state"] in ("ok", "warning")
        stack.pinterest.forget_events()

    def test_dead_conversions_are_told_with_the_commands(self, stack: World) -> None:
        """They wait for somebody; and so is a function that takes no events."""
        dead(stack, "{}")
        findings = {it["name"]: it for it in stack.json("doctor", "--only", "aws", code=1)["findings"]}
        assert findings["dead conversions"]["state"] == "warning"
        assert "conversions redrive --dry-run" in findings["dead conversions"]["fix"]
        assert findings["ConversionsQueue"]["state"] == "ok"
        assert "the event source is off" in findings["ConversionsFunction's queue"]["sentence"]
