"""`leadrelay erase` against the vendors' sandboxes: the person is gone everywhere, and nobody else is."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

import retry
import webhook
from infra.bench.container import record_of
from infra.cli import routes_file
from infra.cli.app import app
from infra.cli.dead import dead_letters
from infra.cli.erase import asked, erased_list, erasure
from infra.cli.erase import contacts as erasure_contacts
from infra.cli.erase import traces as erasure_traces
from infra.cli.erase.mentions import Mentions
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.story.ledger import LedgerLead
from infra.local import facebook_sender
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.graph_sandbox import GraphSandbox
from infra.local.sandbox import signing
from infra.local.sandbox.events import event
from leads import wiring
from leads.adapters.conversion_ledger import ConversionLedger
from leads.adapters.environment import Settings
from leads.adapters.erasure_list import ErasureList
from leads.adapters.match_ledger import MatchLedger
from leads.adapters.telemetry import Telemetry
from leads.core.conversion import Event
from leads.core.conversion_message import change_message, event_message
from leads.core.erasure import KEPT_SECONDS, hash_of
from leads.core.errors import TryAgain
from leads.core.match import CrmChange, Match
from leads.core.user_data import hashed
from tests import leads_made
from tests.fakes import LOCATION, Clock
from tests.integration.conftest import REGION, TOKEN, AwsAccount

SECOND, ORIGIN = "secondLocation000001", "srcLocation0000000001"
PAGE, FORM = "104857600000001", "9104857600000001"
GRAPH_TOKEN, APP_SECRET = "graph-token-of-the-page", "app-secret-of-the-test"
TOKENS = {LOCATION: "pit-first", SECOND: "pit-second", ORIGIN: "pit-origin"}
KEY = signing.new_key()
ROUTES = f'[[routes]]\nname = "Everybody"\nlocation = "{LOCATION}"\n'

EMAIL, PHONE = "zebediah.quillfeather@example.com", "+12128675309"
WORDS = ("zebediah", "quillfeather", "8675309")
OTHER = "bob@example.com"

_runs = itertools.count()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class CutOff(Exception):
    """The command has ended in the middle."""


def cut_off(*_: Any, **__: Any) -> None:
    raise CutOff


class Context:
    """What Lambda passes along."""

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


class World:
    """The functions and the command line over one stack: AWS by moto, the vendors by their sandboxes."""

    def __init__(self, aws: AwsAccount, crm: ContactsSandbox, graph: GraphSandbox, routes: Path) -> None:
        self.aws, self.crm, self.graph, self.routes = aws, crm, graph, routes
        self.ahead = 0.0
        outputs = {
            "LedgerTableName": aws.table,
            "FailedLeadsQueueUrl": aws.failed_leads_url,
            "DeadLetterQueueUrl": aws.dead_letters_url,
            "PinterestKeysSecretArn": "pinterest-keys",
            "ContactsSecretArn": "contacts",
            "WebhookTokenSecretArn": "webhook-token",
            "FacebookSecretArn": "facebook",
            "LeadConnectorSecretArn": "leadconnector",
        }
        self.place = Place(
            name="the test's stack",
            region=REGION,
            is_local=True,
            outputs=outputs,
            contacts_api_url=crm.url,
            pinterest_api_url="http://127.0.0.1:9",
            graph_api_url=graph.url,
            session=boto3.Session(),
        )
        self.settings = Settings(
            ledger_table_name=aws.table,
            failed_leads_queue_url=aws.failed_leads_url,
            pinterest_keys_secret="pinterest-keys",
            contacts_secret="contacts",
            facebook_secret="facebook",
            leadconnector_secret="leadconnector",
            webhook_token_secret="webhook-token",
            contacts_api_url=crm.url,
            graph_api_url=graph.url,
            retry_waits=(0, 300),
        )
        self.fresh_functions()

    def fresh_functions(self) -> None:
        """Containers that have read nothing yet."""
        self.parts = wiring.Parts(self.settings, now=lambda: time.time() + self.ahead, routes_file=self.routes)
        _in_turn(self.parts.dynamodb)
        self.parts.sqs().meta.events.register("provide-client-params.sqs.SendMessageBatch", _at_once)
        self.received = self.parts.receive()

    def post(self, source: str, body: bytes, headers: Mapping[str, str] = {}) -> None:
        request = {
            "version": "2.0",
            "headers": {name.lower(): value for name, value in headers.items()},
            "pathParameters": {"source": source, "token": TOKEN},
            "requestContext": {"http": {"method": "POST"}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        assert webhook.handler(request, Context(), self.received)["statusCode"] == 200

    def pinterest(self, email: str = EMAIL, **changes: Any) -> dict[str, Any]:
        """A lead of Pinterest's, not yet sent."""
        left = str(int((time.time() - 60) * 1000))
        answers = {"FULL_NAME": "Zebediah Quillfeather", "EMAIL": email}
        return leads_made.lead(answers=answers, **{"created_at": left} | changes)

    def facebook(self, email: str = EMAIL) -> tuple[bytes, dict[str, str]]:
        fields = {"full_name": "Zebediah Quillfeather", "email": email}
        told = [{"name": name, "values": [text]} for name, text in fields.items()]
        lead = self.graph.add_lead(form=FORM, field_data=told, platform="fb", is_organic=False)
        body = facebook_sender.encoded(facebook_sender.notification([lead], PAGE))
        return body, facebook_sender.signed(body, APP_SECRET)

    def leadconnector(self, email: str) -> tuple[bytes, dict[str, str]]:
        contact = self.crm.staff.create_contact(ORIGIN, firstName="Zebediah", email=email)
        body = json.dumps([event("ContactCreate", ORIGIN, contact)]).encode()
        return body, signing.signed(body, KEY)

    def make_dead(self) -> None:
        """What is parked becomes a dead letter, as SQS makes it one."""
        for message in self.aws.parked():
            names = ("DataType", "StringValue")
            attributes = {
                name: {part: value[part] for part in names} for name, value in message["MessageAttributes"].items()
            }
            self.aws.sqs.send_message(
                QueueUrl=self.aws.dead_letters_url, MessageBody=message["Body"], MessageAttributes=attributes
            )
            self.aws.sqs.delete_message(QueueUrl=self.aws.failed_leads_url, ReceiptHandle=message["ReceiptHandle"])

    def park(self, *deliveries: tuple[str, bytes, Mapping[str, str]]) -> None:
        """Deliveries while the CRM is down."""
        fault = self.crm.add_fault(match={"location": LOCATION}, status=500)
        for source, body, headers in deliveries:
            self.post(source, body, headers)
        assert fault is not None
        self.crm.clear_faults()
        self.ahead += 1000

    def retry(self, message: dict[str, Any]) -> list[Any]:
        records = {"Records": [record_of(message)]}
        failed = retry.handler(records, Context(), self.parts.retry())["batchItemFailures"]
        return list(failed)

    def contacts(self, location: str) -> list[str]:
        """The e-mail addresses of a location's contacts."""
        return sorted(each["email"] for each in self.crm.contacts() if each["locationId"] == location)

    def items(self) -> dict[str, dict[str, Any]]:
        """The whole table by key."""
        return {item["pk"]["S"]: item for item in self.aws.dynamodb.scan(TableName=self.aws.table)["Items"]}

    def status(self, lead: Mapping[str, Any]) -> tuple[str, str]:
        item = self.items()[f"pinterest#{leads_made.ACCOUNT}#{lead['lead_id']}"]
        return item["status"]["S"], item.get("reason", {}).get("S", "")

    def erase(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, what was printed as JSON, and what was said besides."""
        command = ["erase", "--routes", str(self.routes), "--json", *arguments]
        result = CliRunner().invoke(app, command, obj=self.place)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, json.loads(result.stdout), result.stderr


def _in_turn(client: Any) -> None:
    """One call after the other: moto's tables are not made for two at a time."""
    call, turn = client._make_api_call, threading.Lock()

    def next_call(*arguments: Any) -> Any:
        with turn:
            return call(*arguments)

    client._make_api_call = next_call


def _at_once(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What is parked shows up without a delay."""
    return params | {"Entries": [entry | {"DelaySeconds": 0} for entry in params["Entries"]]}


@pytest.fixture
def world(
    aws: AwsAccount, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    run = next(_runs)
    made = functools.cache(lambda service: Telemetry(f"{service}-erase-{run}", "INFO"))
    monkeypatch.setattr(wiring, "telemetry", made)
    # Nobody else is running here who would have to hear of it.
    monkeypatch.setattr(erasure, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(erasure, "COUNTED_SECONDS", 0.0)
    monkeypatch.setattr(dead_letters, "LONG_POLL", 0)
    locations = {location: {"token": token} for location, token in TOKENS.items()}
    aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps({"locations": locations}))
    facebook = {"app_secret": APP_SECRET, "verify_token": "v", "pages": {PAGE: {"token": GRAPH_TOKEN}}}
    leadconnector = {"locations": [ORIGIN], "public_keys": [signing.public_pem(KEY)]}
    for name, value in {"facebook": facebook, "leadconnector": leadconnector}.items():
        aws.secrets.create_secret(Name=name, SecretString=json.dumps(value))
    routes = tmp_path / "routes.toml"
    routes.write_text(ROUTES, "utf-8")
    questions = [
        {"id": "1", "key": "full_name", "label": "Name", "type": "FULL_NAME"},
        {"id": "2", "key": "email", "label": "E-mail", "type": "EMAIL"},
    ]
    with (
        ContactsSandbox({token: location for location, token in TOKENS.items()}, burst=100_000) as crm,
        GraphSandbox(
            {PAGE: GRAPH_TOKEN}, app_secret=APP_SECRET, forms=[{"page": PAGE, "id": FORM, "questions": questions}]
        ) as graph,
    ):
        yield World(aws, crm, graph, routes)


def test_a_person_is_gone_from_everywhere_and_nobody_else_is(world: World) -> None:
    """CRM, ledger and dead letters of every source; the certificate says so in ids and hashes only."""
    first, bobs = world.pinterest(), world.pinterest(OTHER)
    world.post("pinterest", leads_made.body(first, bobs))
    world.crm.api.directory.create(SECOND, {"email": EMAIL.title(), "phone": PHONE})
    dead, others = world.pinterest(), world.pinterest(OTHER)
    world.park(
        ("pinterest", leads_made.body(dead, others), {}),
        ("facebook", *world.facebook()),
        ("facebook", *world.facebook(OTHER)),
        ("leadconnector", *world.leadconnector(EMAIL)),
    )
    world.make_dead()

    code, told, said = world.erase("--email", EMAIL, "--yes")

    assert (code, told["complete"], told["not_erased"]) == (0, True, [])
    assert world.contacts(LOCATION) == [OTHER]
    assert (world.contacts(SECOND), world.contacts(ORIGIN)) == ([], [])
    left = {json.loads(message["Body"])["lead_id"]: message for message in world.aws.dead()}
    assert others["lead_id"] in left
    assert len(left) == 2
    kept = left[others["lead_id"]]
    assert json.loads(kept["Body"])["envelope"] == others
    assert set(kept["MessageAttributes"]) == {"reason", "attempt"}
    keys = {key for key in world.items() if not key.startswith("facebook#")}
    account = f"pinterest#{leads_made.ACCOUNT}#"
    assert {key for key in keys if "#" in key and not key.startswith("seal#")} == {
        account + bobs["lead_id"],
        account + others["lead_id"],
    }
    owners = {item["lead_key"]["S"] for item in world.items().values() if "lead_key" in item}
    assert owners == {account + bobs["lead_id"], account + others["lead_id"]}
    assert {one["location_id"] for one in told["contacts"]} == {LOCATION, SECOND, ORIGIN}
    assert account + first["lead_id"] in told["ledger_items"]
    assert told["dead_letters"]["looked_at"] == 5
    assert len(told["dead_letters"]["theirs"]) == 3
    # The other contact's phone is remembered as well, and the address as Pinterest is told it.
    salt = world.items()["erased"]["salt"]["S"]
    names = (f"email:{EMAIL}", f"phone:{PHONE}", f"em:{sha(EMAIL)}")
    assert set(told["remembered_as"]) == {hash_of(name, salt) for name in names}
    assert set(world.items()["erased"]["people"]["M"]) == {hash_of(name, salt) for name in (names[0], names[2])}
    for words in (json.dumps(told), str(world.items()["erased"])):
        assert not [word for word in WORDS if word in words.lower()]
    # Who runs it as a program keeps what it says.
    assert told["contacts"][0]["contact_id"] in said
    assert not [word for word in WORDS if word in said.lower()]


def test_what_is_kept_for_pinterest_is_gone_as_well(world: World, letters_queue: str) -> None:
    """What a contact is remembered by, the lead's events, and dead letters of events; others' stay."""
    theirs, bobs = world.pinterest(), world.pinterest(OTHER)
    world.post("pinterest", leads_made.body(theirs, bobs))
    delivered = world.items()
    matches = MatchLedger(world.aws.dynamodb, world.aws.table, now=time.time)
    events = ConversionLedger(world.aws.dynamodb, world.aws.table, now=time.time)
    hers, his = (hashed({"email": [email]}, phone_region="US") for email in (EMAIL, OTHER))
    letters = {}
    for whose, lead, user_data in (("hers", theirs, hers), ("his", bobs, his)):
        key = f"pinterest#{leads_made.ACCOUNT}#{lead['lead_id']}"
        contact = delivered[key]["contact_id"]["S"]
        known = {"lead_key": key, "account": leads_made.ACCOUNT, "user_data": user_data}
        matches.remember(
            Match(location_id=LOCATION, contact_id=contact, route="Everybody", left_at=time.time() - 60, **known)
        )
        about = {"event_id": whose, "name": "lead", "at": int(time.time()) - 60, "action_source": "offline"}
        events.ignore(Event(**known, **about, outcome="delivered"), reason="too_old")
        letters[whose] = [
            event_message(Event(**known, **about, outcome="won")),
            event_message(Event(account="1", user_data={"em": [user_data["em"][0].upper()]}, **about)),
            change_message(CrmChange(location_id=LOCATION, contact_id=contact)),
            json.dumps({"v": 1, "emial": "x", "email": EMAIL if whose == "hers" else OTHER}),
        ]
    # The contact was deleted by hand before, and the person is still known by the address.
    matches.remember(
        Match(location_id=SECOND, contact_id="gone", lead_key="a#b#c", account="1", route="", left_at=1, user_data=hers)
    )
    for body in (*letters["hers"], *letters["his"]):
        world.aws.sqs.send_message(QueueUrl=letters_queue, MessageBody=body)

    code, told, _ = world.erase("--email", EMAIL, "--yes")

    assert (code, told["complete"]) == (0, True)
    kept = [key for key in world.items() if key.startswith(("event#", "conversions#"))]
    assert sorted(kept) == [f"conversions#{LOCATION}#{contact}", f"event#{leads_made.ACCOUNT}#his"]
    assert sorted(message["Body"] for message in world.aws._receive(letters_queue)) == sorted(letters["his"])
    conversions = told["conversions"]
    assert len(conversions["matches"]) == 2
    assert conversions["events"] == [f"event#{leads_made.ACCOUNT}#hers"]
    assert (conversions["dead_letters"]["looked_at"], len(conversions["dead_letters"]["theirs"])) == (8, 4)
    assert not [word for word in (*WORDS, hers["em"][0]) if word in json.dumps(told).lower()]


def checkout(**members: Any) -> str:
    """An event of another system's."""
    return json.dumps({"v": 1, "ad_account_id": "111", "event_name": "checkout", "event_time": 1_790_000_000} | members)


@pytest.fixture
def letters_queue(world: World) -> str:
    """The queue of dead letters of conversions."""
    queue: str = world.aws.sqs.create_queue(QueueName="conversions-dead")["QueueUrl"]
    world.place.outputs["ConversionsDeadLetterQueueUrl"] = queue  # type: ignore[index]
    return queue


def put(world: World, queue: str, *bodies: str) -> list[str]:
    """The message ids."""
    return [world.aws.sqs.send_message(QueueUrl=queue, MessageBody=body)["MessageId"] for body in bodies]


def test_other_systems_events_are_theirs_wherever_they_name_them(world: World, letters_queue: str) -> None:
    """Whatever is wrong with the message, and however the address or the number is written; others' stay."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in EMAIL)
    theirs = [
        checkout(emial="x", phone=12128675309),
        checkout(phone=12128675309.0, email="work@example.org"),
        f'{{"v":1,"emial":"{escaped}"}}',
        checkout(emial=[f"Zeb <{EMAIL.upper()}>"]),
        checkout(phone_number="(212) 867-5309"),
        checkout(contents=[{"id": "1", "item_name": {"to": ["+1-212-867-5309"]}}]),
        checkout(external_id=EMAIL),
        checkout(order_id=EMAIL, hashed_maids="a" * 64),
        checkout(event_id=EMAIL, hashed_maids="a" * 64),
        checkout(event_source_url=f"https://shop.example.com/?to={EMAIL.replace('@', '%40')}&x=1", email=OTHER),
        checkout(hashed_mail=sha(EMAIL).upper()),
        json.dumps([{"email": EMAIL}]),
        f"email={EMAIL}&event_name=checkout",
        checkout(emial="x", email=None).replace("null", f'"{EMAIL}", "email": null'),
    ]
    others = [
        checkout(email=f"x.{EMAIL}"),
        checkout(email=f"{EMAIL}.br", phone="912128675309"),
        checkout(emial="x", phone="0171 1234567", country="DE"),
        checkout(event_id="8675309", email=OTHER),
        "{}",
    ]
    ids = put(world, letters_queue, *theirs)
    put(world, letters_queue, *others)

    code, told, _ = world.erase("--email", EMAIL, "--phone", PHONE, "--yes")

    assert (code, told["complete"]) == (0, True)
    assert told["conversions"]["dead_letters"]["theirs"] == sorted(ids)
    assert sorted(message["Body"] for message in world.aws._receive(letters_queue)) == sorted(others)
    assert not [word for word in WORDS if word in json.dumps(told).lower()]


def test_an_event_whose_id_is_their_address_is_gone_and_not_shown(world: World, letters_queue: str) -> None:
    """The ledger has it by a hash, which nobody should keep of who was erased."""
    ledger = ConversionLedger(world.aws.dynamodb, world.aws.table, now=time.time)
    about = {"account": "111", "name": "checkout", "at": 1, "action_source": "web", "user_data": {}}
    for event_id in (EMAIL, EMAIL.upper(), PHONE, PHONE[1:], "+1 212-867-5309", "order-17", OTHER):
        ledger.ignore(Event(event_id=event_id, **about), reason="too_old")
    ledger.ignore(Event(event_id=EMAIL, **about, is_test=True), reason="too_old")

    _, told, _ = world.erase("--email", EMAIL, "--phone", PHONE, "--yes")

    kept = {key for key in world.items() if key.startswith("event#")}
    assert kept == {"event#111#order-17", Event(event_id=OTHER, **about).key}
    assert told["conversions"]["events"] == ["event#111#…"] * 6


def test_dead_letters_of_which_nobody_can_tell_are_named(world: World, letters_queue: str) -> None:
    """What is no JSON, and what has only an address of their contact that was not asked for."""
    world.crm.api.directory.create(SECOND, {"email": EMAIL, "phone": PHONE})
    junk, shared = put(world, letters_queue, "\x1f?", checkout(telephone=PHONE))
    put(
        world,
        letters_queue,
        checkout(email=OTHER, external_id=PHONE),
        change_message(CrmChange(location_id="l", contact_id="c")),
    )

    assert world.erase("--email", EMAIL, "--dry-run")[0] == 1
    code, told, said = world.erase("--email", EMAIL, "--yes")

    assert (code, told["complete"]) == (1, False)
    named = {one["what"]: one["why"] for one in told["not_erased"]}
    assert "is no JSON" in named[f"dead letter of conversions {junk}"]
    assert "repeat the command with it" in named[f"dead letter of conversions {shared}"]
    assert len(named) == 2
    assert "2 of which nobody can tell" in " ".join(said.split())
    assert world.erase("--email", EMAIL, "--phone", PHONE, "--yes")[1]["conversions"]["dead_letters"]["looked_at"] == 4


def test_a_contact_that_was_deleted_by_hand_is_known_by_what_pinterest_was_to_be_told(
    world: World, letters_queue: str
) -> None:
    """Its leads, their events, and what the CRM told of it."""
    lead = world.pinterest()
    world.post("pinterest", leads_made.body(lead))
    key = f"pinterest#{leads_made.ACCOUNT}#{lead['lead_id']}"
    [contact] = [each["id"] for each in world.crm.contacts()]
    world.crm.staff.delete_contact(contact)
    user_data = hashed({"email": [EMAIL]}, phone_region="US")
    known = {"lead_key": key, "account": leads_made.ACCOUNT, "user_data": user_data}
    MatchLedger(world.aws.dynamodb, world.aws.table, now=time.time).remember(
        Match(location_id=LOCATION, contact_id=contact, route="Everybody", left_at=1, **known)
    )
    about = {"event_id": "1", "name": "lead", "at": 1, "action_source": "web"}
    ConversionLedger(world.aws.dynamodb, world.aws.table, now=time.time).ignore(
        Event(**known, **about), reason="erased"
    )
    put(world, letters_queue, change_message(CrmChange(location_id=LOCATION, contact_id=contact)))

    code, told, _ = world.erase("--email", EMAIL, "--yes")

    assert (code, told["complete"], told["ledger_items"]) == (0, True, [key])
    assert [name for name in world.items() if "#" in name] == []
    assert len(world.items()["erased"]["leads"]["M"]) == 1
    assert len(told["conversions"]["dead_letters"]["theirs"]) == 1


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("+442079460958", ("+44 (0)20 7946 0958", "020 7946 0958", "0044 20 79460958", "442079460958", "2079460958")),
        ("+4917612345678", ("0176 / 12345678", "+49 (0) 176 123 456 78", "tel:+49-176-12345678", "0049176.1234.5678")),
        ("+12128675309", ("1-212-867-5309", "01112128675309", "٢١٢٨٦٧٥٣٠٩", "12128675309.0", "(212)867-5309 x4")),
    ],
)
def test_a_phone_number_is_known_however_it_is_written(number: str, written: Sequence[str]) -> None:
    """With its country code, as at home, in any digits; a longer number is another one."""
    mentions = Mentions([], [number])
    assert [text for text in written if not mentions.are_in([text])] == []
    assert not mentions.are_in([number[1:-1], f"{number}1", f"9{number[1:]}"])


def test_what_comes_again_is_ignored_and_what_is_left_later_is_a_new_lead(world: World) -> None:
    """A resend, a lead that was parked all along, and one with the same phone; then the person comes back by will."""
    resent, held = world.pinterest(), world.pinterest()
    world.post("pinterest", leads_made.body(resent))
    world.park(("pinterest", leads_made.body(held), {}))
    [parked] = world.aws.parked()

    code, told, _ = world.erase("--email", EMAIL, "--phone", PHONE, "--yes")
    assert code == 0
    assert told["parked_leads"] == []
    world.fresh_functions()

    by_phone = leads_made.lead(answers={"EMAIL": "z@example.com", "WORK_PHONE_NUMBER": "(212) 867-5309"})
    by_phone["created_at"] = str(int((time.time() - 60) * 1000))
    world.post(
        "pinterest", leads_made.body(resent, by_phone, leads_made.lead(answers={"EMAIL": EMAIL}, created_at=None))
    )
    assert world.status(resent) == ("ignored", "erased")
    assert world.status(by_phone) == ("ignored", "erased")
    assert world.retry(parked) == []
    assert world.status(held) == ("ignored", "erased")
    assert world.contacts(LOCATION) == []

    later = world.pinterest(created_at=str(int((time.time() + 5) * 1000)))
    world.post("pinterest", leads_made.body(later))
    assert world.status(later) == ("delivered", "")
    assert world.contacts(LOCATION) == [EMAIL]


def test_a_running_function_hears_of_it_within_ten_seconds(aws: AwsAccount) -> None:
    """It reads the list at most that often, so that a lead costs no call."""
    asked: list[float] = []
    clock = Clock(time.time())
    events = aws.dynamodb.meta.events
    events.register("before-call.dynamodb.GetItem", lambda **_: asked.append(clock()))
    known = ErasureList(aws.dynamodb, aws.table, now=clock)
    assert [known.current() for _ in range(50)] == [None] * 50
    assert len(asked) == 1
    erased_list.add(aws.dynamodb, aws.table, {"people": [f"email:{EMAIL}"]}, at=clock(), kept_seconds=KEPT_SECONDS)
    clock.time += 9.9
    assert known.current() is None
    clock.time += 0.1
    erased = known.current()
    assert erased is not None
    assert erased.at([f"email:{EMAIL}"])


def test_a_lead_waits_while_nobody_can_say_who_was_erased(aws: AwsAccount) -> None:
    """As for any other call to the ledger; and not every lead asks again at once."""
    clock = Clock(time.time())
    known = ErasureList(aws.dynamodb, "no-such-table", now=clock)
    for _ in range(2):
        with pytest.raises(TryAgain, match="ledger_unavailable"):
            known.current()


def test_what_was_under_way_meanwhile_is_found_in_a_second_look(world: World) -> None:
    """A function that had read the list before writes the contact afterwards; the command waits for it."""
    clock = Clock(time.time())
    assert world.parts.erasures.current() is None

    def elsewhere(seconds: float) -> None:
        if not clock.slept:
            world.post("pinterest", leads_made.body(world.pinterest()))
            world.crm.api.directory.create(SECOND, {"email": EMAIL, "phone": PHONE})
        clock.sleep(seconds)

    person = erasure_contacts.person_of([f" {EMAIL.upper()} "], [], phone_region="US")
    table = routes_file.route_table(world.routes)
    work = erasure.Erasure(world.place, person, table, now=clock, sleep=elsewhere, settle=30.0)
    work.erase(work.find())
    told = work.certificate()
    assert sum(clock.slept) == pytest.approx(30.0)
    assert told is not None
    assert told["complete"]
    assert (len(told["contacts"]), len(told["remembered_as"])) == (2, 3)
    assert world.crm.contacts() == []
    assert not [item for item in world.items().values() if "contact_id" in item]


def test_a_delivery_under_way_is_waited_for_however_long_it_takes(world: World) -> None:
    """The reconcile function may give a slow CRM minutes for one lead; the ledger says that somebody has it."""
    clock = Clock(time.time())
    slow = world.pinterest()
    key = f"pinterest#{leads_made.ACCOUNT}#{slow['lead_id']}"
    until = {"N": str(int((clock() + 280) * 1000))}
    claimed = {"pk": {"S": key}, "status": {"S": "claimed"}, "claimed_until": until}
    world.aws.dynamodb.put_item(TableName=world.aws.table, Item=claimed)

    def elsewhere(seconds: float) -> None:
        clock.sleep(seconds)
        if sum(clock.slept) == 130.0:
            contact = world.crm.api.directory.create(LOCATION, {"email": EMAIL}).id
            done = {"status": {"S": "delivered"}, "contact_id": {"S": contact}, "location_id": {"S": LOCATION}}
            world.aws.dynamodb.put_item(TableName=world.aws.table, Item=claimed | done)

    person = erasure_contacts.person_of([EMAIL], [], phone_region="US")
    table = routes_file.route_table(world.routes)
    work = erasure.Erasure(world.place, person, table, now=clock, sleep=elsewhere, settle=30.0)
    work.erase(work.find())
    told = work.certificate()
    assert told is not None
    assert told["complete"]
    assert sum(clock.slept) == pytest.approx(130.0)
    assert told["ledger_items"] == [key]
    assert world.crm.contacts() == []


def test_a_phone_that_only_a_contact_has_is_nobody_elses_undoing(world: World) -> None:
    """A family shares one: who leaves it with an e-mail of their own is somebody else, also with only that phone."""
    world.crm.api.directory.create(LOCATION, {"email": EMAIL, "phone": PHONE})
    left = {"created_at": str(int((time.time() - 60) * 1000))}
    bobs, held, hers = (
        leads_made.lead(answers={"FULL_NAME": "Bob", "PHONE_NUMBER": PHONE} | more, **left)
        for more in ({"EMAIL": OTHER}, {"EMAIL": OTHER}, {})
    )
    world.park(("pinterest", leads_made.body(bobs, hers), {}))
    world.make_dead()
    world.park(("pinterest", leads_made.body(held), {}))
    [parked] = world.aws.parked()

    code, told, _ = world.erase("--email", EMAIL, "--yes")

    assert (code, told["complete"]) == (0, True)
    account = f"pinterest#{leads_made.ACCOUNT}#"
    assert told["dead_letters"]["theirs"] == [account + hers["lead_id"]]
    [kept] = world.aws.dead()
    assert json.loads(kept["Body"])["lead_id"] == bobs["lead_id"]
    world.fresh_functions()
    assert world.retry(parked) == []
    assert world.status(held) == ("delivered", "")
    assert world.contacts(LOCATION) == [OTHER]


def test_a_lead_is_known_by_its_id_though_staff_has_corrected_the_address(world: World) -> None:
    """The address in it was never asked for, and nobody has it any more."""
    typo = world.pinterest("zeb@example.org")
    world.post("pinterest", leads_made.body(typo))
    [contact] = world.crm.contacts()
    world.crm.api.directory.contacts[contact["id"]].values["email"] = EMAIL

    code, told, _ = world.erase("--email", EMAIL, "--yes")

    assert (code, world.contacts(LOCATION)) == (0, [])
    assert len(told["ledger_items"]) == 1
    assert len(world.items()["erased"]["leads"]["M"]) == 1
    world.fresh_functions()
    world.post("pinterest", leads_made.body(typo))
    assert world.status(typo) == ("ignored", "erased")
    assert world.contacts(LOCATION) == []


def test_dead_letters_that_somebody_else_looks_at_are_not_certified(world: World) -> None:
    """They may be the person's; once they are back, the command finishes its work."""
    world.park(("pinterest", leads_made.body(world.pinterest()), {}))
    world.make_dead()
    [letter] = world.aws.dead()

    code, told, said = world.erase("--email", EMAIL, "--dry-run")
    assert (code, told["dead_letters"]["hidden"]) == (1, 1)
    code, told, said = world.erase("--email", EMAIL, "--yes")
    assert (code, told["complete"]) == (1, False)
    [fault] = told["not_erased"]
    assert fault["what"] == "dead letters"
    assert "repeat the command in a minute" in fault["why"]
    assert "1 that somebody else is looking at" in said

    queue = world.aws.dead_letters_url
    world.aws.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0)
    code, told, _ = world.erase("--email", EMAIL, "--yes")
    assert (code, len(told["dead_letters"]["theirs"]), told["dead_letters"]["hidden"]) == (0, 1, 0)


def test_a_certificate_is_never_written_over(world: World, tmp_path: Path) -> None:
    """A repeated command has one of its own; what the first had removed, nobody can find any more."""
    world.post("pinterest", leads_made.body(world.pinterest()))
    file = tmp_path / "certificate.json"
    assert world.erase("--email", EMAIL, "--dry-run", "--output", str(file))[0] == 0
    assert not file.exists()
    with pytest.raises(CommandFailed, match="--yes"):
        world.erase("--email", EMAIL, "--output", str(file))
    assert not file.exists()
    assert world.erase("--email", EMAIL, "--yes", "--output", str(file))[0] == 0
    before = file.read_text()
    with pytest.raises(CommandFailed, match="new file") as refused:
        world.erase("--email", EMAIL, "--yes", "--output", str(file))
    assert refused.value.exit_code == 2
    assert file.read_text() == before


def test_a_command_that_is_cut_off_leaves_a_certificate_of_what_it_did(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the file and on stdout."""
    world.park(("pinterest", leads_made.body(world.pinterest()), {}))
    world.make_dead()
    file = tmp_path / "certificate.json"
    monkeypatch.setattr(erasure.CrmContacts, "delete", cut_off)
    world.crm.api.directory.create(SECOND, {"email": EMAIL})
    command = ["erase", "--routes", str(world.routes), "--json", "--email", EMAIL, "--yes", "--output", str(file)]
    result = CliRunner().invoke(app, command, obj=world.place)
    assert isinstance(result.exception, CutOff)
    told = json.loads(result.stdout)
    assert told == json.loads(file.read_text())
    assert not told["complete"]
    assert [one["what"] for one in told["not_erased"]] == ["the command"]
    assert len(told["dead_letters"]["theirs"]) == 1


def test_a_list_that_is_full_stops_the_command_or_is_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is removed nothing is done; afterwards the certificate says what is left."""
    file = tmp_path / "certificate.json"
    monkeypatch.setattr(erased_list, "LARGEST", 10)
    with pytest.raises(CommandFailed, match="Nothing was erased"):
        world.erase("--email", EMAIL, "--yes", "--output", str(file))
    assert not file.exists()

    world.crm.api.directory.create(SECOND, {"email": EMAIL, "phone": PHONE})
    find = erasure.Erasure.find
    monkeypatch.setattr(erased_list, "LARGEST", 100)
    # The contact comes after the first look, and its phone finds no room.
    monkeypatch.setattr(erasure.Erasure, "find", lambda work: replace(find(work), contacts=[]))
    code, told, _ = world.erase("--email", EMAIL, "--yes", "--output", str(file))
    assert code == 1
    [fault] = told["not_erased"]
    assert "full" in fault["why"]
    assert world.contacts(SECOND) == [EMAIL]


def test_the_person_may_be_named_out_of_sight(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command line is in process lists and in the shell's history: stdin and a prompt are not."""
    world.crm.api.directory.create(SECOND, {"email": EMAIL, "phone": PHONE})
    command = ["erase", "--routes", str(world.routes), "--json", "--dry-run"]
    piped = CliRunner().invoke(app, [*command, "--email", "-"], obj=world.place, input=f"{EMAIL}\n\n")
    assert [one["location_id"] for one in json.loads(piped.stdout)["contacts"]] == [SECOND]

    answers = iter(["", f" {PHONE}, (212) 867-5310"])
    monkeypatch.setattr(asked.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda: next(answers))
    assert asked.asked([], []) == ([], [PHONE, "(212) 867-5310"])
    assert asked.asked([EMAIL], []) == ([EMAIL], [])


def test_a_contacts_name_gives_the_terminal_no_orders(world: World) -> None:
    """It comes from a form that anybody may fill in."""
    world.crm.api.directory.create(SECOND, {"email": EMAIL, "firstName": "Zeb\x1b[2J\x1b]0;x\x07", "lastName": "Q"})
    command = ["erase", "--routes", str(world.routes), "--email", EMAIL, "--dry-run"]
    result = CliRunner().invoke(app, command, obj=world.place)
    assert "Zeb" in result.stdout
    assert not {"\x1b", "\x07"} & set(result.stdout)


def test_the_operator_sees_whom_and_what_became_of_it(world: World) -> None:
    """For people, not for programs."""
    world.post("pinterest", leads_made.body(world.pinterest()))
    world.park(("pinterest", leads_made.body(leads_made.lead(key=b"?" * 32)), {}))
    world.make_dead()
    command = ["erase", "--routes", str(world.routes), "--email", EMAIL, "--yes"]
    result = CliRunner().invoke(app, command, obj=world.place)
    assert result.exit_code == 1
    assert "Zebediah Quillfeather" in result.stderr
    assert "Not everything could be erased" in result.stdout
    assert "cannot_decrypt" in result.stdout
    assert not [word for word in WORDS if word in result.stdout.lower()]


def test_a_dry_run_shows_what_there_is_and_changes_nothing(world: World) -> None:
    """Also contacts that only share a phone, which are left alone."""
    world.post("pinterest", leads_made.body(world.pinterest()))
    [mine] = [each["id"] for each in world.crm.contacts()]
    world.crm.api.directory.contacts[mine].values["phone"] = PHONE
    family = world.crm.api.directory.create(SECOND, {"email": "aunt@example.com", "phone": PHONE}).id
    world.park(("pinterest", leads_made.body(world.pinterest()), {}))
    world.make_dead()
    before = (world.crm.contacts(), world.items())

    code, told, _ = world.erase("--email", EMAIL, "--dry-run")

    assert code == 0
    assert [one["contact_id"] for one in told["contacts"]] == [mine]
    assert [one["contact_id"] for one in told["related_contacts"]] == [family]
    assert len(told["ledger_items"]) == 2
    assert len(told["dead_letters"]["theirs"]) == 1
    assert (world.crm.contacts(), world.items()) == before
    queue = world.aws.dead_letters_url
    assert len(world.aws.sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0)["Messages"]) == 1

    assert world.erase("--email", EMAIL, "--yes")[0] == 0
    assert world.contacts(SECOND) == ["aunt@example.com"]


def test_nothing_is_erased_without_a_yes(world: World) -> None:
    """Nobody is here to ask."""
    world.post("pinterest", leads_made.body(world.pinterest()))
    with pytest.raises(CommandFailed, match="--yes") as refused:
        world.erase("--email", EMAIL)
    assert refused.value.exit_code == 2
    assert world.contacts(LOCATION) == [EMAIL]
    assert "erased" not in world.items()


def test_what_could_not_be_erased_is_named_and_done_by_running_it_again(world: World, tmp_path: Path) -> None:
    """A location whose token is dead, and a lead that Facebook does not show; both are there to be erased later."""
    world.post("pinterest", leads_made.body(world.pinterest()))
    world.crm.api.directory.create(SECOND, {"email": EMAIL})
    world.park(("facebook", *world.facebook()))
    world.make_dead()
    world.crm.api.tokens.pop(TOKENS[SECOND])
    world.graph.add_fault(page=PAGE, code=100, subcode=33, status=400)
    file = tmp_path / "certificate.json"

    code, told, _ = world.erase("--email", EMAIL, "--yes", "--output", str(file))

    assert code == 1
    assert not told["complete"]
    assert json.loads(file.read_text()) == told
    named = {one["what"].split()[0]: one["why"] for one in told["not_erased"]}
    assert "store it" in named["location"]
    assert "lead_not_visible_check_leads_access_manager" in named["dead"]
    assert (world.contacts(LOCATION), world.contacts(SECOND)) == ([], [EMAIL])
    assert len(world.aws.sqs.receive_message(QueueUrl=world.aws.dead_letters_url, VisibilityTimeout=0)["Messages"]) == 1

    world.crm.api.tokens[TOKENS[SECOND]] = SECOND
    world.graph.clear_faults()
    code, told, _ = world.erase("--email", EMAIL, "--yes")
    assert (code, told["complete"]) == (0, True)
    assert world.contacts(SECOND) == []
    assert len(told["dead_letters"]["theirs"]) == 1


def test_a_command_that_was_cut_off_is_completed_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it had come to: the ledger goes before the contact that leads to it."""
    for place, call in ((erasure.CrmContacts, "delete"), (erasure_traces, "remove")):
        world.post("pinterest", leads_made.body(world.pinterest()))
        with monkeypatch.context() as patched:
            patched.setattr(place, call, cut_off)
            with pytest.raises(CutOff):
                world.erase("--email", EMAIL, "--yes")
        assert world.contacts(LOCATION) == [EMAIL]
        assert world.erase("--email", EMAIL, "--yes")[0] == 0
        assert world.contacts(LOCATION) == []
        assert not [item for item in world.items().values() if "contact_id" in item]
        world.aws.dynamodb.delete_item(TableName=world.aws.table, Key={"pk": {"S": "erased"}})
        world.fresh_functions()


def test_a_location_that_leads_went_to_and_that_has_no_token_any_more_is_named(world: World) -> None:
    """LeadRelay has written there, and cannot look."""
    world.post("pinterest", leads_made.body(world.pinterest(OTHER)))
    rest = {location: {"token": token} for location, token in TOKENS.items() if location != LOCATION}
    world.aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps({"locations": rest}))
    code, told, _ = world.erase("--email", EMAIL, "--yes")
    assert code == 1
    assert [one["what"] for one in told["not_erased"]] == [f"location {LOCATION}"]


def test_a_token_that_was_just_replaced_does_as_well(world: World) -> None:
    """The CRM takes the previous one for a week, and the new one may not be known yet."""
    entry = {"locations": {LOCATION: {"token": "pit-not-known-yet", "previous_token": TOKENS[LOCATION]}}}
    world.post("pinterest", leads_made.body(world.pinterest()))
    world.aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps(entry))
    code, told, _ = world.erase("--email", EMAIL, "--yes")
    assert (code, [one["location_id"] for one in told["contacts"]]) == (0, [LOCATION])


def test_what_makes_no_sense_is_refused(world: World) -> None:
    """Before anything is looked at."""
    for arguments in (
        (),
        ("--email", "not an address"),
        ("--phone", "12"),
        ("--email", EMAIL, "--output", "/no/where.json"),
    ):
        with pytest.raises(CommandFailed) as refused:
            world.erase(*arguments)
        assert refused.value.exit_code == 2
        assert EMAIL not in str(refused.value)
    assert world.crm.requests() == []


def listed(aws: AwsAccount) -> dict[str, Any]:
    """The item that is the list."""
    item: dict[str, Any] = aws.dynamodb.get_item(TableName=aws.table, Key={"pk": {"S": "erased"}})["Item"]
    return item


def test_the_list_forgets_whom_no_platform_can_bring_back(aws: AwsAccount) -> None:
    """The salt stays, and so does whoever was erased later."""
    table = (aws.dynamodb, aws.table)
    erased_list.add(*table, {"people": ["email:a@example.com"]}, at=1_000.0, kept_seconds=KEPT_SECONDS)
    salt = listed(aws)["salt"]
    erased_list.add(*table, {"people": ["email:b@example.com"]}, at=1_000.0 + KEPT_SECONDS, kept_seconds=KEPT_SECONDS)
    assert len(listed(aws)["people"]["M"]) == 2
    erased_list.add(*table, {"people": ["email:c@example.com"]}, at=1_002.0 + KEPT_SECONDS, kept_seconds=KEPT_SECONDS)
    assert len(listed(aws)["people"]["M"]) == 2
    assert listed(aws)["salt"] == salt


def test_a_long_list_is_written_in_parts(aws: AwsAccount) -> None:
    """An expression of DynamoDB's has its limits."""
    table = (aws.dynamodb, aws.table)
    many = [f"email:person{number}@example.com" for number in range(100)]
    told = erased_list.add(*table, {"people": many, "leads": many}, at=1.0, kept_seconds=KEPT_SECONDS)
    assert len(told["people"]) == len(told["leads"]) == 100
    assert len(listed(aws)["people"]["M"]) == len(listed(aws)["leads"]["M"]) == 100
    erased_list.add(*table, {"people": ["email:a@example.com"]}, at=10.0 + KEPT_SECONDS, kept_seconds=KEPT_SECONDS)
    assert len(listed(aws)["people"]["M"]) == 1
    assert listed(aws)["leads"]["M"] == {}


def test_a_full_list_is_said_to_be_full(aws: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item of DynamoDB has its limits; nothing is written then."""
    monkeypatch.setattr(erased_list, "LARGEST", 100)
    table = (aws.dynamodb, aws.table)
    erased_list.add(
        *table, {"people": ["email:a@example.com", "email:b@example.com"]}, at=1.0, kept_seconds=KEPT_SECONDS
    )
    with pytest.raises(CommandFailed, match="full"):
        erased_list.add(*table, {"people": ["email:c@example.com"]}, at=1.0, kept_seconds=KEPT_SECONDS)
    assert len(listed(aws)["people"]["M"]) == 2


@pytest.mark.parametrize(
    ("key", "contact_id", "mine"),
    [
        (f"leadconnector#{ORIGIN}#theirs", "", True),
        (f"leadconnector#{ORIGIN}#theirs@2f6c", "", True),
        (f"leadconnector#{ORIGIN}#theirs>{SECOND}", "another", True),
        (f"leadconnector#{ORIGIN}#theirs-removed", "", True),
        (f"leadconnector#{ORIGIN}#note-1", "theirs", True),
        (f"leadconnector#{ORIGIN}#note-theirs", "", False),
        (f"facebook#{PAGE}#theirs", "", False),
        (f"facebook#{PAGE}#1", "theirs", True),
        (f"facebook#{PAGE}#2", "", True),
        (f"facebook#{PAGE}#3", "", False),
    ],
)
def test_what_the_ledger_knows_of_a_contact(key: str, contact_id: str, mine: bool) -> None:
    """What it became, what it came of, its counterpart elsewhere, and what was copied to it."""
    source, account, lead_id = key.split("#", 2)
    lead = LedgerLead(
        key=key, status="delivered", source=source, account=account, lead_id=lead_id, contact_id=contact_id
    )
    assert erasure_traces.is_about(lead, {"theirs"}, {f"facebook#{PAGE}#2"}) is mine
