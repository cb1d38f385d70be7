"""A person of every source, through every handler and every fault: nothing that stays behind says who it was."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import conversions
import reconcile
import retry
import webhook
from infra.bench.container import record_of
from infra.local import facebook_sender
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.graph_sandbox import GraphSandbox
from infra.local.pinterest_sandbox import PinterestSandbox
from infra.local.sandbox import signing
from infra.local.sandbox.events import event
from leads import wiring
from leads.adapters.environment import Settings
from leads.adapters.telemetry import Telemetry
from leads.sources import PULLERS, REGISTRY
from leads.wiring.conversions import send_conversions
from tests import leads_made
from tests.fakes import LOCATION
from tests.integration.conftest import TOKEN, AwsAccount

SOURCE_LOCATION = "srcLocation0000000001"
PAGE, FORM, AD = "104857600000001", "9104857600000001", "687195905986"
GRAPH_TOKEN, APP_SECRET, VERIFY_TOKEN = "graph-token-of-the-page", "app-secret-of-the-test", "verify-token-of-the-test"
WORKFLOW_SECRET, PINTEREST_TOKEN = "workflow-secret-of-the-test", "pinterest-token-of-the-test"
DESTINATION_TOKEN, SOURCE_TOKEN = "pit-of-the-destination", "pit-of-the-source"
CONVERSION_TOKEN = "conversion-token-of-the-test"
KEY = signing.new_key()

DREAM, CPF, TICKED = "a lighthouse of my own", "529.982.247-25", "Signal me by semaphore"
QUESTION = "What do you dream of?"
# More digits of a phone number than any hash has by chance.
PERSON_WORDS = re.compile(
    r"zebediah|quillfeather|212\D{0,2}867\D?53|marmalade|lighthouse|529\D?982\D?247|semaphore", re.IGNORECASE
)
SECRETS = (
    *(TOKEN, GRAPH_TOKEN, APP_SECRET, VERIFY_TOKEN, WORKFLOW_SECRET, PINTEREST_TOKEN, DESTINATION_TOKEN, SOURCE_TOKEN),
    CONVERSION_TOKEN,
    *(leads_made.KEY.hex(), base64.b64encode(leads_made.KEY).decode()),
)

ROUTES = f"""
[[routes]]
name = "Everybody"
location = "{LOCATION}"
stage = "lead"
tags = ["dreams of {{{QUESTION}}}", "{{full_name}}"]
note = "{{full_name}}, {{email}}: {{answers}}"
[routes.fields]
company_name = "{QUESTION}"
[routes.custom_fields]
"contact.budget" = "{QUESTION}"
"contact.age" = "{QUESTION}"
"contact.home" = "{{email}}"
"contact.no_such_field" = "{{phone}}"
[routes.conversions]
delivered = {{ event = "lead", value = "{{{QUESTION}}}", order_id = "{{lead_id}}" }}
"stage:qualified" = "qualified_lead"
"won" = {{ event = "checkout", value = "{{monetary_value}}", currency = "USD" }}
[[routes.dnd_rules]]
when = {{ answer = "consent:sms", not = "yes" }}
channels = ["SMS"]
[[routes.tag_rules]]
when = {{ answer = "{QUESTION}", matches = "(?i)lighthouse" }}
tags = ["{{phone}}"]
[[routes.tasks]]
title = "Call {{full_name}}"
body = "{{phone}}, {{email}}"
assigned_to = "nobody-by-that-id"
"""
NOBODYS_ROUTES = f'[[routes]]\nname = "Nobody"\nlocation = "{LOCATION}"\ncampaign = "none"\n'

numbers = itertools.count(10)


class Person:
    """One person, with another number each time, so that the CRM takes them for different ones."""

    def __init__(self) -> None:
        self.number = next(numbers)
        self.first, self.last = "Zebediah", f"Quillfeather {self.number}"
        self.name = f"{self.first} {self.last}"
        self.email = f"zebediah.quillfeather{self.number}@example.com"
        self.phone = f"+1212867{5300 + self.number % 100}"
        self.address = f"{self.number} Marmalade Crescent"


def quoting(person: Person, **error: Any) -> dict[str, Any]:
    """An error that repeats what it is about, as some do."""
    words = f"{person.email} of {person.name} ({person.phone}) at {person.address} is odd: {DREAM}"
    told = {"message": words, "error_user_msg": words, "error_data": {"blame": [words]}, **error}
    return {"message": [words], "error": told, "errors": [words], "meta": told, "traceId": "trace-1"}


class Context:
    """What Lambda passes along."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


class World:
    """The handlers over AWS by moto and the vendors' sandboxes, and everything that any of it leaves behind."""

    def __init__(
        self, aws: AwsAccount, crm: ContactsSandbox, graph: GraphSandbox, pinterest: PinterestSandbox, folder: Path
    ) -> None:
        self.aws, self.crm, self.graph, self.pinterest = aws, crm, graph, pinterest
        self.ahead = 0.0
        # Answers and reports; what was sent to a queue.
        self.left_behind: list[str] = []
        self.sent: list[str] = []
        self.reconcile_url = aws.sqs.create_queue(QueueName="reconcile")["QueueUrl"]
        self.conversions_url = aws.sqs.create_queue(QueueName="conversions")["QueueUrl"]
        self.config = Settings(
            ledger_table_name=aws.table,
            failed_leads_queue_url=aws.failed_leads_url,
            reconcile_queue_url=self.reconcile_url,
            conversions_queue_url=self.conversions_url,
            pinterest_keys_secret="pinterest-keys",
            pinterest_app_secret="pinterest-app",
            contacts_secret="contacts",
            facebook_secret="facebook",
            leadconnector_secret="leadconnector",
            webhook_token_secret="webhook-token",
            contacts_api_url=crm.url,
            graph_api_url=graph.url,
            pinterest_api_url=pinterest.url,
            retry_waits=(0, 300, 1800),
        )
        for name, text in {"routes": ROUTES, "nobodys": NOBODYS_ROUTES}.items():
            (folder / f"{name}.toml").write_text(text, "utf-8")
        self._folder = folder
        self.parts = self.built("routes")
        self.sender = send_conversions(self.parts)
        # Messages that the conversions function has kept in the queue.
        self.untold: list[dict[str, Any]] = []

    def built(self, routes: str) -> wiring.Parts:
        """The parts, with these routes. What is sent to a queue is noted, and shows up at once."""
        parts = wiring.Parts(self.config, now=self.now, routes_file=self._folder / f"{routes}.toml")
        events = parts.sqs().meta.events
        events.register("provide-client-params.sqs.SendMessageBatch", self._sends)
        return parts

    def now(self) -> float:
        return time.time() + self.ahead

    def _sends(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.sent.append(json.dumps(params))
        return params | {"Entries": [entry | {"DelaySeconds": 0} for entry in params["Entries"]]}

    def post(
        self,
        source: str,
        body: bytes,
        headers: Mapping[str, str] = {},
        *,
        token: str = TOKEN,
        parts: wiring.Parts | None = None,
        **more: Any,
    ) -> int:
        """A request through the webhook's handler; the answer's status."""
        request = {
            "version": "2.0",
            "headers": {name.lower(): value for name, value in headers.items()},
            "pathParameters": {"source": source, "token": token},
            "requestContext": {"http": {"method": "POST"}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
            **more,
        }
        answer = webhook.handler(request, Context(30), (parts or self.parts).receive())
        self.left_behind.append(str(answer))
        return int(answer["statusCode"])

    def retry(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A batch through the retry function's handler; the messages that are in the queue afterwards."""
        if not messages:
            return []
        records = {"Records": [record_of(message) for message in messages]}
        answer = retry.handler(records, Context(120), self.parts.retry())
        self.left_behind.append(str(answer))
        kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        left = {message["MessageId"]: message for message in messages if message["MessageId"] in kept}
        done = [message for message in messages if message["MessageId"] not in kept]
        self.drop(self.aws.failed_leads_url, done)
        return list((left | {message["MessageId"]: message for message in self.waiting()}).values())

    def tell(self, *, receives: str = "1") -> None:
        """All that waits in the conversions queue through its function's handler; what stays, stays for the next."""
        waiting = [*self.untold, *self.aws._receive(self.conversions_url)]
        messages = list({message["MessageId"]: message for message in waiting}.values())
        for message in messages:
            message["Attributes"]["ApproximateReceiveCount"] = receives
        records = {"Records": [record_of(message) for message in messages]}
        answer = conversions.handler(records, Context(120), self.sender)
        self.left_behind.append(str(answer))
        kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        self.untold = [message for message in messages if message["MessageId"] in kept]
        self.drop(self.conversions_url, [message for message in messages if message["MessageId"] not in kept])

    def tell_redriven(self) -> None:
        """What was left, once a person has put it into the queue again."""
        bodies = [message["Body"] for message in self.untold]
        self.drop(self.conversions_url, self.untold)
        self.untold = []
        for body in bodies:
            self.aws.sqs.send_message(QueueUrl=self.conversions_url, MessageBody=body)
        # A sender of its own, as what a location has asked for is not over yet.
        self.sender = send_conversions(self.parts)
        self.tell()

    def put(self, *messages: Any) -> None:
        """What other systems write into the conversions queue."""
        for message in messages:
            self.aws.sqs.send_message(QueueUrl=self.conversions_url, MessageBody=json.dumps(message))

    def waiting(self) -> list[dict[str, Any]]:
        """The messages that show up in the failed-leads queue now; they stay out of sight from then on."""
        return self.aws.parked()

    def drop(self, url: str, messages: list[dict[str, Any]]) -> None:
        """Takes messages out of a queue."""
        for message in messages:
            self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def order(self, order: Any) -> dict[str, Any]:
        """An order through the reconcile function's handler, which may fail in words that say nothing."""
        try:
            answer = reconcile.handler(order, Context(300), self.parts.reconcile())
        except reconcile.ReconcileFailed as failed:
            answer = {"failed": str(failed)}
        self.left_behind.append(str(answer))
        return answer

    def reconcile(self, source: str) -> dict[str, Any]:
        """A run of one source with all its messages; its report as it stands then."""
        self.drop(self.reconcile_url, self.aws._receive(self.reconcile_url))
        run = self.order({"source": source, "from": int(time.time()) - 86_400, "wait": False})
        bodies = [message["Body"] for message in self.aws._receive(self.reconcile_url)]
        for _ in range(4):
            records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
            self.order({"Records": records})
            report = self.order({"run": run.get("run"), "wait": False})
            if not {"waiting", "running"} & {form["status"] for form in report.get("forms", ())}:
                break
            # For whatever the platform, or a failed attempt, asked to wait.
            self.ahead += 1000
        return report

    def mend(self) -> None:
        self.crm.clear_faults()
        self.graph.clear_faults()
        self.pinterest.clear_faults()
        self.pinterest.clear_event_faults()

    def clear(self) -> None:
        self.mend()
        # Nobody is kept waiting for what went wrong a moment ago.
        self.ahead += 1000

    def lead(self, source: str, person: Person) -> tuple[bytes, dict[str, str]]:
        """The person leaves a lead: a delivery of it, body and headers."""
        return getattr(self, f"_{source}")(person)

    def _pinterest(self, person: Person) -> tuple[bytes, dict[str, str]]:
        answers = {
            "FULL_NAME": person.name,
            "EMAIL": person.email,
            "PHONE_NUMBER": person.phone,
            "ADDRESS": person.address,
            "CPF": CPF,
            QUESTION: DREAM,
        }
        return leads_made.body(leads_made.lead(answers=answers)), {}

    def _facebook(self, person: Person) -> tuple[bytes, dict[str, str]]:
        answers = {
            "full_name": person.name,
            "email": person.email,
            "phone_number": person.phone,
            "street_address": person.address,
            "cpf": CPF,
            "dream": "k1",
        }
        lead = self.graph.add_lead(
            form=FORM,
            field_data=[{"name": name, "values": [text]} for name, text in answers.items()],
            custom_disclaimer_responses=[{"checkbox_key": "sms", "is_checked": "1"}],
            platform="fb",
            is_organic=False,
        )
        notice = facebook_sender.notification([lead], PAGE)
        # Not sent today, and what a later version of it may bring.
        notice["entry"][0]["changes"][0]["value"] |= {"full_name": person.name, "email": person.email}
        body = facebook_sender.encoded(notice)
        return body, facebook_sender.signed(body, APP_SECRET)

    def _leadconnector(self, person: Person) -> tuple[bytes, dict[str, str]]:
        contact = self._contact(person)
        note = self.crm.staff.add_note(contact["id"], f"{person.name} dreams of {DREAM}")
        task = self.crm.staff.add_task(contact["id"], f"Call {person.name}", body=person.phone)
        kinds = {"ContactCreate": contact, "NoteCreate": note, "TaskCreate": task}
        body = json.dumps([event(kind, SOURCE_LOCATION, record) for kind, record in kinds.items()]).encode()
        return body, signing.signed(body, KEY)

    def _workflow(self, person: Person) -> tuple[bytes, dict[str, str]]:
        contact = self._contact(person)
        told = {"contact_id": contact["id"], "full_name": person.name, "email": person.email, QUESTION: DREAM}
        return json.dumps(told | {"phone": person.phone}).encode(), {"X-LeadRelay-Secret": WORKFLOW_SECRET}

    def becomes_a_customer(self, person: Person) -> None:
        """The person's contact is qualified and its opportunity won, as signed webhooks of the CRM tell it."""
        contact_id = next(each["id"] for each in self.crm.contacts() if each.get("email") == person.email)
        contact = self.crm.staff.tag_contact(contact_id, "stage: qualified", person.name)
        won = self.crm.staff.add_opportunity(contact_id, name=f"{person.name}: {DREAM}", status="won")
        told = [event("ContactTagUpdate", LOCATION, contact), event("OpportunityStatusUpdate", LOCATION, won)]
        # Of this one everything has to be read.
        told.append(event("ContactUpdate", LOCATION, contact | {"tags": []}))
        body = json.dumps(told).encode()
        assert self.post("leadconnector", body, signing.signed(body, KEY)) == 200

    def _contact(self, person: Person) -> dict[str, Any]:
        return self.crm.staff.create_contact(
            SOURCE_LOCATION,
            firstName=person.first,
            lastName=person.last,
            email=person.email,
            phone=person.phone,
            address1=person.address,
            customFields=[
                {"id": "sandboxFieldBudget01", "field_value": DREAM},
                {"id": "sandboxFieldStage001", "field_value": CPF},
            ],
        )


_runs = itertools.count()


@pytest.fixture
def world(
    aws: AwsAccount, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    run = next(_runs)
    # A logger keeps the output stream it was made with, and capsys gives each test another.
    made = functools.cache(lambda service: Telemetry(f"{service}-of-nobody-{run}", "DEBUG"))
    monkeypatch.setattr(wiring, "telemetry", made)
    locations = {LOCATION: {"token": DESTINATION_TOKEN}, SOURCE_LOCATION: {"token": SOURCE_TOKEN}}
    aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps({"locations": locations}))
    for name, value in {
        "pinterest-app": {
            "access_token": PINTEREST_TOKEN,
            "conversion_tokens": {leads_made.ACCOUNT: CONVERSION_TOKEN},
        },
        "facebook": {
            "app_id": "1",
            "app_secret": APP_SECRET,
            "verify_token": VERIFY_TOKEN,
            "pages": {PAGE: {"token": GRAPH_TOKEN}},
        },
        "leadconnector": {
            "locations": [SOURCE_LOCATION],
            "public_keys": [signing.public_pem(KEY)],
            "workflow_secret": WORKFLOW_SECRET,
        },
    }.items():
        aws.secrets.create_secret(Name=name, SecretString=json.dumps(value))
    form = {
        "page": PAGE,
        "id": FORM,
        "questions": [
            {"id": "1", "key": "full_name", "label": "Name", "type": "FULL_NAME"},
            {"id": "2", "key": "cpf", "label": "CPF", "type": "ID_CPF"},
            {
                "id": "3",
                "key": "dream",
                "label": QUESTION,
                "type": "CUSTOM",
                "options": [{"key": "k1", "value": DREAM}],
            },
        ],
        "legal_content": {"id": "4", "custom_disclaimer": {"checkboxes": [{"id": "5", "key": "sms", "text": TICKED}]}},
    }
    tokens = {DESTINATION_TOKEN: LOCATION, SOURCE_TOKEN: SOURCE_LOCATION}
    ad = {"account": leads_made.ACCOUNT, "id": AD, "lead_form_id": leads_made.FORM}
    with (
        ContactsSandbox(tokens, burst=100_000, users=("somebody",)) as crm,
        GraphSandbox({PAGE: GRAPH_TOKEN}, app_secret=APP_SECRET, forms=[form]) as graph,
        PinterestSandbox([PINTEREST_TOKEN], ads=[ad], conversion_tokens=[CONVERSION_TOKEN]) as pinterest,
    ):
        yield World(aws, crm, graph, pinterest, tmp_path)


@pytest.fixture
def nobody(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], str]]:
    """Gives what was logged so far; at the end, nothing that was left anywhere holds the person or a secret."""
    logged: list[str] = []

    def read() -> str:
        logged.extend(capsys.readouterr())
        return "".join(logged)

    yield read
    items = world.aws.dynamodb.scan(TableName=world.aws.table)["Items"]
    places = {
        "the log and the metrics": read(),
        "other libraries' logs": caplog.text,
        "the ledger": str(items),
        "answers and reports": "\n".join(world.left_behind),
        "messages": "\n".join(world.sent),
    }
    assert items
    for place, text in places.items():
        found = [*PERSON_WORDS.findall(text), *(secret for secret in SECRETS if secret in text)]
        assert not found, f"{place}: {sorted(set(found))}"


DESTINATION, ORIGIN = {"location": LOCATION}, {"location": SOURCE_LOCATION}


def crm_faults(match: Mapping[str, str], *statuses: int) -> dict[str, Callable[[World, Person], Any]]:
    """A location that answers in every bad way, quoting the person."""
    return {
        **{
            f"answers {status}": lambda world, person, status=status: world.crm.add_fault(
                match=dict(match), status=status, body=quoting(person), headers={"Retry-After": "500"}
            )
            for status in statuses
        },
        "answers something else": lambda world, person: world.crm.add_fault(
            match=dict(match), status=200, body={"contact": quoting(person), "contacts": person.name}
        ),
        "hangs up": lambda world, _: world.crm.add_fault(match=dict(match), drop_connection=True),
        "answers too late": lambda world, _: world.crm.add_fault(match=dict(match), drop_connection=True, after=True),
    }


def graph_fault(code: int, subcode: int | None = None, status: int = 400) -> Callable[[World, Person], Any]:
    def order(world: World, person: Person) -> None:
        body = quoting(person, code=code, error_subcode=subcode, fbtrace_id="A1")
        world.graph.add_fault(page=PAGE, code=code, subcode=subcode, status=status, body=body)

    return order


GRAPH_FAULTS = {
    "a dead token": graph_fault(190, 463),
    "a wrong argument": graph_fault(100),
    "a lead that is not to be seen": graph_fault(100, 33),
    "throttling": graph_fault(80005),
    "no permission": graph_fault(10, status=403),
    "an outage": graph_fault(2, status=500),
    "something else": lambda world, person: world.graph.add_fault(page=PAGE, status=200, body=quoting(person)),
    "a hang-up": lambda world, _: world.graph.add_fault(page=PAGE, drop_connection=True),
}
PINTEREST_FAULTS: dict[str, Callable[[World, Person], Any]] = {
    **{
        f"answers {status}": lambda world, person, status=status: world.pinterest.add_fault(
            status=status, body=quoting(person, code=status), times=3
        )
        for status in (400, 401, 403, 404, 429, 500)
    },
    "an unreadable file": lambda world, person: world.pinterest.add_fault(
        match={"path": "/files/"}, status=200, body=quoting(person), times=3
    ),
    "answers something else": lambda world, person: world.pinterest.add_fault(
        status=200, body=quoting(person), times=3
    ),
    "hangs up": lambda world, _: world.pinterest.add_fault(drop_connection=True, times=3),
}

EVENTS = {"path": f"/v5/ad_accounts/{leads_made.ACCOUNT}/events"}


def events_fault(status: int, **details: Any) -> Callable[[World, Person], Any]:
    """A call with events is refused, in words that repeat what was in it."""

    def order(world: World, person: Person) -> None:
        said = quoting(person)
        words = said["error"]["message"]
        verdicts = [{"status": "failed", "error_message": words, "warning_message": words}]
        body = {**said, "code": status, "message": words, "details": {**said, "events": verdicts, "field": words}}
        world.pinterest.add_fault(match=EVENTS, status=status, body=body | details, headers={"x-ratelimit-reset": "9"})

    return order


def event_fault(which: str) -> Callable[[World, Person], Any]:
    """Each event alone is refused or warned of, in such words."""
    return lambda world, person: world.pinterest.add_event_fault(
        event_name="lead", **{which: f"user_data.em: {person.email} of {person.name} ({person.phone}) is not hashed"}
    )


EVENT_FAULTS: dict[str, Callable[[World, Person], Any]] = {
    **{f"answers {status}": events_fault(status) for status in (400, 401, 403, 422, 429, 500)},
    "answers something else": events_fault(200, events={"status": DREAM}),
    "refuses an event": event_fault("error_message"),
    "warns of an event": event_fault("warning_message"),
    "hangs up": lambda world, _: world.pinterest.add_fault(match=EVENTS, drop_connection=True),
    "answers too late": lambda world, _: world.pinterest.add_fault(match=EVENTS, drop_connection=True, after=True),
}

# How a source is sent leads → its name in the registry, what of its own may go wrong, and reasons that must come up.
WAYS: dict[str, tuple[str, dict[str, Callable[[World, Person], Any]], set[str]]] = {
    "pinterest": ("pinterest", {}, {"cannot_decrypt"}),
    "facebook": (
        "facebook",
        GRAPH_FAULTS,
        {"bad_signature", "graph_token_refused", "graph_throttled", "lead_not_visible_check_leads_access_manager"},
    ),
    "leadconnector": ("leadconnector", crm_faults(ORIGIN, 401, 404, 422, 500), {"bad_signature", "contacts_api_5xx"}),
    "workflow": ("leadconnector", crm_faults(ORIGIN, 401, 404, 422, 500), {"bad_signature", "contacts_api_5xx"}),
}
EVERYWHERE = {"no_route", "rejected_by_contacts_api", "contacts_api_unauthorized", "contacts_api_5xx", "rate_limited"}


def test_every_registered_source_has_its_way_here_and_is_built(world: World) -> None:
    """As the functions build them: by its own name, with a puller where there is one."""
    assert {name for name, *_ in WAYS.values()} == set(REGISTRY), "add the source to WAYS, with what may go wrong there"
    sources = world.parts.road(patience=0).sources
    assert [sources[name].name for name in REGISTRY] == list(REGISTRY)
    pullers = wiring.Pullers(world.parts, sources)
    assert all(callable(pullers[name].page) for name in PULLERS)


@pytest.mark.parametrize("way", WAYS)
def test_a_person_through_webhook_and_retry(way: str, world: World, nobody: Callable[[], str]) -> None:
    """Delivered, twice, not for us, forged; then with every fault, in the first attempt, in the next, and cured."""
    source, own, reasons = WAYS[way]
    person = Person()
    body, headers = world.lead(way, person)
    assert world.post(source, body, headers) == 200
    world.post(source, body, headers)
    assert [contact for contact in world.crm.contacts() if person.email == contact.get("email")]
    assert "lead delivered" in nobody()
    forged = {name: value[:-4] + "AAAA" for name, value in headers.items()}
    world.post(source, body, forged)
    world.post(source, body)
    world.post(source, body, headers, token=person.email)
    unroutable = world.lead(way, Person())
    world.post(source, *unroutable, parts=world.built("nobodys"))
    if way == "pinterest":
        world.post(source, leads_made.body(leads_made.lead(key=b"w" * 32, answers={"EMAIL": person.email})))
    cured = world.waiting()
    for fault in (*crm_faults(DESTINATION, 400, 401, 403, 404, 409, 422, 429, 500).values(), *own.values()):
        person = Person()
        delivery = world.lead(way, person)
        fault(world, person)
        world.post(source, *delivery)
        messages = world.retry(world.waiting())
        for message in messages:
            message["Attributes"]["ApproximateReceiveCount"] = "5"
        cured += world.retry(messages)
        world.clear()
    # Redriven, each is another message.
    for message in cured:
        message["MessageId"] += "-redriven"
        message["Attributes"]["ApproximateReceiveCount"] = "1"
    world.retry(cured)
    logged = nobody()
    assert reasons | EVERYWHERE <= set(re.findall(r'"reason":"(\w+)"', logged))
    statuses = {item["status"]["S"] for key, item in world.aws.ledger().items() if key.startswith(source)}
    assert "delivered" in statuses


@pytest.mark.parametrize("source", PULLERS)
def test_a_person_through_reconcile(source: str, world: World, nobody: Callable[[], str]) -> None:
    """Found and delivered; then with every fault of the platform's, and of the CRM's."""

    def left() -> Person:
        person = Person()
        world.lead(source, person)
        if source == "pinterest":
            answers = {"FULL_NAME": person.name, "EMAIL": person.email, "PHONE_NUMBER": person.phone, QUESTION: DREAM}
            world.pinterest.add_lead(ad=AD, answers=answers, created_at=time.time() - 60)
        return person

    person = left()
    report = world.reconcile(source)
    assert (report["complete"], report["totals"]["missing"]) == (True, 0)
    assert report["totals"]["fetched"]
    assert [contact for contact in world.crm.contacts() if person.email == contact.get("email")]
    faults = {
        "pinterest": PINTEREST_FAULTS,
        "facebook": GRAPH_FAULTS,
        "leadconnector": crm_faults(ORIGIN, 401, 404, 422, 500),
    }[source]
    for fault in (*faults.values(), *crm_faults(DESTINATION, 422).values()):
        fault(world, left())
        world.reconcile(source)
        world.clear()
        world.drop(world.aws.failed_leads_url, world.retry(world.waiting()))
        # A day later they would all be fetched again.
        world.ahead = 0.0
    logged = nobody()
    assert "form complete" in logged
    assert '"status":"failed"' in logged or '"status":"running"' in logged


def test_a_person_who_becomes_a_customer(world: World, nobody: Callable[[], str]) -> None:
    """Delivered, qualified and won, of every source; Pinterest hears of its own leads only, and as hashes."""
    for way, (source, *_) in WAYS.items():
        person = Person()
        assert world.post(source, *world.lead(way, person)) == 200
        world.becomes_a_customer(person)
    for _ in range(2):
        # What comes of a change is a message of its own.
        world.tell()
    assert not world.untold
    told = [row["event"] for row in world.pinterest.events()]
    assert sorted(event["event_name"] for event in told) == ["checkout", "lead", "qualified_lead"]
    assert not PERSON_WORDS.findall(json.dumps(told))
    assert nobody().count('"event sent"') == 3


def test_a_person_through_conversions(world: World, nobody: Callable[[], str]) -> None:
    """Told with every fault of Pinterest's and the CRM's: in the first attempt, in the last one, and cured."""
    of_crm = crm_faults(DESTINATION, 500)
    for fault in (*EVENT_FAULTS.values(), of_crm["answers 500"], of_crm["answers something else"]):
        person = Person()
        assert world.post("pinterest", *world.lead("pinterest", person)) == 200
        if fault in of_crm.values():
            world.becomes_a_customer(person)
        world.put(raw_event(person, event_id=person.email))
        fault(world, person)
        world.tell()
        world.tell(receives="9")
        world.mend()
        world.tell_redriven()
    world.tell()
    assert not world.untold
    logged = nobody()
    reasons = {"event_refused", "conversion_token_refused", "conversion_not_permitted", "pinterest_throttled"}
    reasons |= {"pinterest_5xx", "pinterest_unexpected", "contacts_api_5xx", "contacts_api_unexpected"}
    assert reasons <= set(re.findall(r'"reason":"(\w+)"', logged))
    assert all(f'"event {status}"' in logged for status in ("queued", "sent", "held", "failed"))
    assert '"em: unhashed"' in logged


def raw_event(person: Person, **more: Any) -> dict[str, Any]:
    """An event of another system with everything in the clear."""
    plain = {"v": 1, "ad_account_id": leads_made.ACCOUNT, "event_name": "signup", "event_time": int(time.time()) - 60}
    told = {"email": person.email, "phone": person.phone, "first_name": person.first, "last_name": person.last}
    return {**plain, **told, "external_id": CPF, "content_name": DREAM, "click_id": person.email, **more}


def test_a_person_in_messages_of_other_systems(world: World, nobody: Callable[[], str]) -> None:
    """Raw, misspelt, in the wrong place or in no form at all: what is wrong is said without a word of it."""
    person = Person()
    words = f"{person.name} {person.email} {person.phone} {DREAM}"
    plain = ("email", "phone", "first_name", "last_name", "event_name", "v")
    members = [name for name in raw_event(person) if name not in plain]
    members += ["event_id", "hashed_email", "hashed_maids", "value", "currency", "contents", "app_info", "num_items"]
    values: tuple[Any, ...] = (words, [words], {words: words})
    shapes = [raw_event(person, **{name: value}) for name in members for value in values]
    change = {"location_id": LOCATION, "contact_id": person.email, "record": person.name, "tags": [person.name]}
    world.put(
        raw_event(person), raw_event(person, email=None, phone=None), raw_event(person, event_time=1_600_000_000),
        *shapes, {person.email: 1}, {person.name: person.name}, {"emial": person.email}, words, [words], {},
        *({"crm_change": told} for told in (change, {**change, "at": person.name}, [person.name], person.name)),
        {"v": person.name},
    )  # fmt: skip
    world.tell()
    world.tell(receives="9")
    logged = nobody()
    reasons = {"unknown_field", "unreadable_message", "not_hashed", "bad_account", "bad_time", "bad_value"}
    assert reasons | {"no_identifier", "too_old"} <= set(re.findall(r'"reason":"(\w+)"', logged))


def test_an_error_that_nobody_foresaw(world: World, nobody: Callable[[], str]) -> None:
    """Its own words may be anything, so only its kind and its place are told."""
    person = Person()

    def breaks(**_: Any) -> None:
        raise RuntimeError(f"{person.name} {person.email} {DREAM} {DESTINATION_TOKEN}")

    for way, (source, *_) in WAYS.items():
        assert world.post(source, *world.lead(way, Person())) == 200
    clients = {"dynamodb": world.parts.dynamodb, "sqs": world.parts.sqs()}
    for call in ("dynamodb.TransactWriteItems", "dynamodb", "sqs"):
        clients[call.partition(".")[0]].meta.events.register(f"provide-client-params.{call}", breaks)
        for way, (source, *_) in WAYS.items():
            assert world.post(source, *world.lead(way, Person())) in (200, 503)
        world.retry(world.waiting())
        world.order({"source": "facebook", "wait": False})
        world.put(raw_event(Person()))
        world.tell()
    logged = nobody()
    assert '"reason":"unexpected_error"' in logged
    assert all(
        message in logged
        for message in ("lead parked", "lead held", "event held", "webhook failed", "reconcile failed")
    )
    assert "RuntimeError in breaks" in logged


def test_a_person_in_the_place_of_anything_else(world: World, nobody: Callable[[], str]) -> None:
    """In addresses, names of headers, orders and messages, where only strangers would write one."""
    person = Person()
    told = {
        "email": person.email,
        "name": person.name,
        "lead_id": person.email,
        "id": person.email,
        "type": person.name,
    }
    entry = {"id": person.email, "changes": [{"field": "leadgen", "value": {**told, "leadgen_id": person.phone}}]}
    bodies: list[Any] = [
        told,
        [told],
        {"object": "page", "entry": [entry, {"id": person.name, "changed_fields": ["leadgen"]}]},
    ]
    for source in (*REGISTRY, person.email):
        for value in (*bodies, person.name):
            body = json.dumps(value).encode()
            secret = {"X-LeadRelay-Secret": WORKFLOW_SECRET}
            signatures = (
                facebook_sender.signed(body, APP_SECRET),
                signing.signed(body, KEY),
                secret,
                {person.name: "x"},
            )
            for headers in signatures:
                world.post(source, body, headers, queryStringParameters={"location": person.email})
    for query in (
        {"hub.verify_token": person.email, "hub.mode": "subscribe", "hub.challenge": "1"},
        {"name": person.name},
    ):
        get = {"requestContext": {"http": {"method": "GET"}}, "queryStringParameters": query}
        assert world.post("facebook", b"", **get) == 403
    for source in REGISTRY:
        world.aws.sqs.send_message(
            QueueUrl=world.aws.failed_leads_url,
            MessageBody=json.dumps(
                {"v": 1, "source": source, "lead_id": person.email, "received_at": person.name, "envelope": told}
            ),
        )
    world.retry(world.waiting())
    for body in (person.name, json.dumps(told), json.dumps({"v": 1, "run": "r", "scope": told})):
        world.order({"Records": [{"messageId": "1", "body": body}]})
    logged = nobody()
    assert "wrong_address" in logged
    assert "unreadable_message" in logged
    # Whoever may write into the queue may write a person into it; and a delivery of Pinterest's waits as it came.
    world.sent.clear()
