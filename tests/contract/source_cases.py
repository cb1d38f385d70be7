"""One entry for each way in which a registered source is sent leads: the platform's side, with keys to throw away."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.local import facebook_sender
from leads.core.errors import LeadError, RejectedRequest, TryAgain
from leads.core.lead import Envelope
from leads.core.reconciling import Puller, Scope
from leads.core.request import Request
from leads.sources.facebook import Facebook
from leads.sources.facebook_pull import FacebookPull
from leads.sources.leadconnector import LeadConnector
from leads.sources.leadconnector_pull import LeadConnectorPull
from leads.sources.own_seal import OwnSeal
from leads.sources.pinterest import Pinterest
from leads.sources.pinterest_pull import PinterestPull
from tests.fakes import FakeSecret
from tests.unit.crm.canned_http import Canned, CannedHttp
from tests.unit.sources import facebook_made, leadconnector_made, sealing

NOW = leadconnector_made.NOW
DEADLINE = NOW + 10
RECEIVED_AT = leadconnector_made.RECEIVED

# Keys go by these names; a case signs with OURS unless it is told otherwise.
OURS, OLD, STRANGERS = "ours", "old", "a stranger's"


class Person:
    """What a person left; another number is another person."""

    words = re.compile(
        r"zebediah|quillfeather|212.?867.?53|marmalade|lighthouse|529\D?982\D?247", re.IGNORECASE
    )  # fmt: skip

    def __init__(self, number: int = 0) -> None:
        self.first, self.last = "Zebediah", f"Quillfeather{'abcdefghij'[number]}"
        self.name = f"{self.first} {self.last}"
        self.email = f"{self.first}.{self.last}@example.com".lower()
        self.phone = f"+1 212 867 53{number:02}"
        self.address = "77 Marmalade Crescent"
        self.national_id = f"529.982.247-{number:02}"
        self.dream = "a lighthouse / of my öwn"


class Case(ABC):
    """A platform with an account of ours, and the source behind it. keys: those in the secret, the current one first.

    name: the source's in the registry. covers_body: whether the signature is one of the body's bytes.
    is_pulled: whether the puller may ask, too. sends_more: whether a delivery says what no record has.
    refusal: what becomes of a forgery. forgeries: a request each that no platform of ours has made.
    """

    name: ClassVar[str]
    covers_body: ClassVar[bool] = True
    is_pulled: ClassVar[bool] = True
    sends_more: ClassVar[bool] = False
    refusal: ClassVar[tuple[type[LeadError], str]] = (RejectedRequest, "bad_signature")
    forgeries: ClassVar[Mapping[str, Callable[[Any], Request]]] = {}
    source: Any

    def __init__(self, *keys: str) -> None:
        self.secret = FakeSecret(self.secret_value(*(keys or (OURS,))))

    @abstractmethod
    def secret_value(self, *keys: str) -> dict[str, Any]:
        """The source's secret with these keys."""

    @abstractmethod
    def item(self, number: int = 0, key: str = OURS) -> Any:
        """A person leaves a lead: the item of a delivery that tells of it, and the record behind it."""

    def again(self, item: Any) -> Any:
        """The item as the platform may tell of the same lead once more."""
        return item

    def others(self) -> Sequence[Any]:
        """Items of other kinds, all about person 0."""
        return ()

    @abstractmethod
    def poison(self) -> Sequence[Any]:
        """Items that are no lead, or of which none can be made."""

    def delivery(self, *items: Any) -> Any:
        """The JSON value that carries items."""
        return list(items)

    @abstractmethod
    def signed(self, body: bytes, key: str = OURS) -> Request:
        """A request with this body, signed where the platform signs bodies."""

    def request(self, *items: Any, key: str = OURS) -> Request:
        """A genuine delivery."""
        return self.signed(self.encoded(self.delivery(*items)), key)

    @abstractmethod
    def stale(self) -> Request:
        """A genuine delivery of person 0, with all that may be old about it."""

    def encoded(self, value: Any) -> bytes:
        """JSON as the platform writes it."""
        return json.dumps(value).encode()

    @abstractmethod
    def spoil(self, change: Callable[[Any], Any]) -> None:
        """Lets `change` at every record the platform has."""

    @abstractmethod
    def puller(self) -> tuple[Puller, Scope]:
        """The source's puller, and a scope that person 0 is in."""


def without_header(request: Request, *names: str) -> Request:
    left = {name: value for name, value in request.headers.items() if name not in names}
    return msgspec.structs.replace(request, headers=left)


def with_headers(request: Request, **headers: str) -> Request:
    return msgspec.structs.replace(request, headers={name.replace("_", "-"): text for name, text in headers.items()})


def _of_other_bytes(case: Case) -> Request:
    """A delivery under the signature of another one."""
    return msgspec.structs.replace(case.request(case.item(0)), headers=case.request(case.item(1)).headers)


def _longer(case: Case) -> Request:
    request = case.request(case.item())
    return msgspec.structs.replace(request, body=request.body + b" ")


def _bare(case: Case) -> Request:
    return msgspec.structs.replace(case.request(case.item()), headers={})


class PinterestCase(Case):
    """Every item is sealed for itself, with a key that the secret has; nothing is signed."""

    name = "pinterest"
    covers_body = False
    refusal = (TryAgain, "cannot_decrypt")
    forgeries: ClassVar[Mapping[str, Callable[[Any], Request]]] = {
        "no answers": lambda case: case.request(case.without("answers")),
        "no tag": lambda case: case.request(case.without_part("tag")),
        "tag cut short": lambda case: case.request(case.with_part("tag", lambda tag: tag[:8])),
        "tag of another lead": lambda case: case.request(
            case.with_part("tag", lambda _: case.item(1)["answers"]["tag"])
        ),
        "nonce of another lead": lambda case: case.request(
            case.with_part("nonce", lambda _: case.item(1)["answers"]["nonce"])
        ),
        "not base64": lambda case: case.request(case.with_part("cipher_msg", lambda text: "?" + text)),
        "in the clear": lambda case: case.request(case.item() | {"answers": case.answers(0)}),
        "said to be of an export": lambda case: case.request(
            case.item() | {"origin": "leads_export", "answers": case.seal.close(case.answers(0))}
        ),
    }  # fmt: skip

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.seal = OwnSeal(leadconnector_made.Tokens("t" * 48))
        self.source = Pinterest(self.secret, self.seal)

    def secret_value(self, *keys: str) -> dict[str, Any]:
        # Pinterest makes a new subscription with a new key, and the old one is retired.
        retired = [None, *["2026-01-01T00:00:00Z"] * len(keys)]
        pairs = zip(keys, retired, strict=False)
        return {"subscriptions": [sealing.subscription(sealing.key_of(key), retired_at=at) for key, at in pairs]}

    def answers(self, number: int) -> dict[str, str]:
        person = Person(number)
        return {
            "FULL_NAME": person.name, "EMAIL": person.email, "PHONE_NUMBER": person.phone, "ADDRESS": person.address,
            "CPF": person.national_id, "What do you dream of?": person.dream,
        }  # fmt: skip

    def item(self, number: int = 0, key: str = OURS) -> Any:
        lead = {"lead_id": f"70{number}", "campaign_name": "Spring / été"}
        return sealing.lead_item(self.answers(number), sealing.key_of(key), **lead)

    def without(self, name: str) -> Any:
        return {key: value for key, value in self.item().items() if key != name}

    def with_part(self, name: str, change: Callable[[str], str]) -> Any:
        item = self.item()
        return item | {"answers": item["answers"] | {name: change(item["answers"][name])}}

    def without_part(self, name: str) -> Any:
        item = self.item()
        return item | {"answers": {key: value for key, value in item["answers"].items() if key != name}}

    def again(self, item: Any) -> Any:
        return self.item(int(item["lead_id"]) - 700)

    def poison(self) -> Sequence[Any]:
        unreadable = [sealing.lead_item(text, sealing.key_of(OURS), lead_id="x") for text in (b"\xff", b"[]", 17)]
        odd = [{"lead_id": "y"}, {"lead_id": {"a": 1}, "answers": 17}, {"answers": None}]
        return [self.item(2, key=STRANGERS), *unreadable, *odd, {"email": 1}, 17, None, "x", [], {}]

    def signed(self, body: bytes, key: str = OURS) -> Request:
        return sealing.request(body)

    def stale(self) -> Request:
        self.secret.value = self.secret_value(OURS, OLD)
        return self.request(self.item(key=OLD))

    def spoil(self, change: Callable[[Any], Any]) -> None:
        """A delivery is all there is of a lead."""

    def puller(self) -> tuple[Puller, Scope]:
        row = {"lead_id": "700", "created_at": "2027-01-15T07:00:00Z", **self.answers(0)}
        file = "\n".join(",".join(f'"{text}"' for text in line) for line in (row, row.values())).encode()
        done = {"export_status": "FINISHED", "download_url": "https://files.example/1"}
        about = {"id": "5", "lead_form_id": sealing.FORM, "name": "Ad"}
        told = ({"leads_export_id": "1"}, done, file, about, done, file)
        http = CannedHttp(*(Canned(body=body) for body in told))
        app = FakeSecret({"access_token": "pina-test"})
        pull = PinterestPull(self.secret, app, http, "https://pinterest.example/v5", self.seal, now=lambda: NOW)
        return pull, scope_of(self, sealing.ACCOUNT, "5")


class FacebookCase(Case):
    """Deliveries are signed with the app's secret and hold ids; Graph has the rest."""

    name = "facebook"
    forgeries: ClassVar[Mapping[str, Callable[[Any], Request]]] = {
        "not signed": _bare,
        "empty signature": lambda case: with_headers(case.request(case.item()), x_hub_signature_256=""),
        "signature without a digest": lambda case: with_headers(
            case.request(case.item()), x_hub_signature_256="sha256="
        ),
        "no signature's text": lambda case: with_headers(case.request(case.item()), x_hub_signature_256="ö\udce9"),
        "signature without its algorithm": lambda case: with_headers(
            case.request(case.item()), x_hub_signature_256=case.digest(case.item(), hashlib.sha256)
        ),
        "the older signature only": lambda case: with_headers(
            case.request(case.item()), x_hub_signature="sha1=" + case.digest(case.item(), hashlib.sha1)
        ),
        "signature of other bytes": _of_other_bytes,
        "a byte more": _longer,
    }

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.graph = facebook_made.CannedGraph({facebook_made.FORM: facebook_made.Canned(told=self.form)})
        self.source = Facebook(self.secret, self.graph, facebook_made.GRAPH_URL, now=lambda: NOW)

    form: ClassVar[Mapping[str, Any]] = {
        "id": facebook_made.FORM,
        "name": "Kitchen advice",
        "questions": [
            {"key": "email", "type": "EMAIL", "label": "E-mail"},
            {"key": "full_name", "type": "FULL_NAME", "label": "Name"},
            {"key": "phone_number", "type": "PHONE", "label": "Phone"},
            {"key": "cpf", "type": "ID_CPF", "label": "CPF"},
            {
                "key": "dream",
                "type": "CUSTOM",
                "label": "What do you dream of?",
                "options": [{"key": "k1", "value": Person().dream}],
            },
        ],
        "legal_content": {"custom_disclaimer": {"checkboxes": [{"key": "sms", "text": "Send me texts."}]}},
    }

    def secret_value(self, *keys: str) -> dict[str, Any]:
        return facebook_made.secret_value(**dict(zip(("app_secret", "previous_app_secret"), keys, strict=False)))

    def item(self, number: int = 0, key: str = OURS) -> Any:
        person, lead = Person(number), f"90{number}"
        answers = {
            "full_name": person.name, "email": person.email, "phone_number": person.phone, "cpf": person.national_id,
            "dream": "k1", "where_do_you_live?": person.address,
        }  # fmt: skip
        record = {
            **facebook_made.RECORD,
            "id": lead,
            "field_data": [{"name": name, "values": [text]} for name, text in answers.items()],
            "custom_disclaimer_responses": [{"checkbox_key": "sms", "is_checked": "1"}],
            "ad_id": "5", "ad_name": "Video", "campaign_id": "6", "is_organic": False,
        }  # fmt: skip
        self.graph.answers[lead] = facebook_made.Canned(told=record)
        return facebook_made.change(lead)

    def others(self) -> Sequence[Any]:
        # A field that Facebook does not send today, and that could be the person's.
        item = self.item()
        return [item | {"value": item["value"] | {"full_name": Person().name, "ad_id": Person().email}}]

    def poison(self) -> Sequence[Any]:
        self.graph.answers["8"] = facebook_made.Canned(told={"id": "8"})
        values: list[Any] = [{}, 17, None, {"leadgen_id": {"a": 1}}, {"leadgen_id": None, "page_id": []}]
        odd = [{"field": "leadgen", "value": value} for value in values]
        unseen = [facebook_made.change("7"), facebook_made.change("8"), facebook_made.change("..")]
        return [*unseen, facebook_made.change("9", page_id="999"), *odd, {"field": "feed"}, 17, None, "x", [], {}]

    def delivery(self, *items: Any) -> Any:
        return facebook_made.notification(*items)

    def encoded(self, value: Any) -> bytes:
        return facebook_sender.encoded(value)

    def signed(self, body: bytes, key: str = OURS) -> Request:
        return facebook_made.request(body, app_secret=key)

    def digest(self, item: Any, algorithm: Any) -> str:
        return hmac.new(OURS.encode(), self.request(item).body, algorithm).hexdigest()

    def stale(self) -> Request:
        # Facebook repeats what was not taken for 36 hours.
        delivery = self.delivery(self.item())
        delivery["entry"][0]["time"] = NOW - 36 * 3600
        return self.signed(self.encoded(delivery))

    def spoil(self, change: Callable[[Any], Any]) -> None:
        for path, answer in self.graph.answers.items():
            self.graph.answers[path] = facebook_made.Canned(told=change(answer.told))

    def puller(self) -> tuple[Puller, Scope]:
        self.item()
        listed = {"data": [self.graph.answers["900"].told], "paging": {"cursors": {"after": "a"}}}
        self.graph.answers[f"{facebook_made.FORM}/leads"] = facebook_made.Canned(told=listed)
        return FacebookPull(self.source, now=lambda: NOW), scope_of(self, facebook_made.PAGE, facebook_made.FORM)


class LeadConnectorCase(Case):
    """Deliveries are signed with the platform's Ed25519 key; the location's records say the rest."""

    name = "leadconnector"
    has_token: ClassVar[bool] = True
    forgeries: ClassVar[Mapping[str, Callable[[Any], Request]]] = {
        "not signed": _bare,
        "said to be unsigned": lambda case: with_headers(case.request(case.item()), x_ghl_signature="N/A"),
        "empty signature": lambda case: with_headers(case.request(case.item()), x_ghl_signature=""),
        "not base64": lambda case: with_headers(case.request(case.item()), x_ghl_signature="ö?"),
        "signature too short": lambda case: with_headers(case.request(case.item()), x_ghl_signature="AAAA"),
        "signature of other bytes": _of_other_bytes,
        "a byte more": _longer,
        "an older signature that is not switched on": lambda case: case.by_older_signature(),
        "a workflow's secret, wrong": lambda case: with_headers(case.request(case.item()), x_leadrelay_secret="x"),
        "a wrong signature beside a right secret": lambda case: with_headers(
            case.request(case.item()), x_ghl_signature="AAAA", x_leadrelay_secret=leadconnector_made.WORKFLOW_SECRET
        ),
    }  # fmt: skip

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.records = leadconnector_made.FakeRecords(has_token=self.has_token)
        seal = OwnSeal(leadconnector_made.Tokens("t" * 48))
        self.source = LeadConnector(self.secret, seal, self.records, now=lambda: NOW)

    def secret_value(self, *keys: str) -> dict[str, Any]:
        return leadconnector_made.secret(public_keys=[leadconnector_made.pem_of(ed25519_key(key)) for key in keys])

    def by_older_signature(self) -> Request:
        self.secret.value["public_keys"].append(leadconnector_made.pem_of(rsa_key(OURS)))
        return LegacyCase().request(self.item())

    def record(self, number: int = 0) -> dict[str, Any]:
        person = Person(number)
        return {
            "id": f"contact{number}", "locationId": leadconnector_made.PLACE, "firstName": person.first,
            "lastName": person.last, "email": person.email, "phone": person.phone, "address1": person.address,
            "tags": ["vip"], "dateAdded": "2027-01-15T07:59:00.000Z", "dateUpdated": "2027-01-15T07:59:30.000Z",
            "dateOfBirth": "1990-12-10", "dnd": False, "dndSettings": {"SMS": {"status": "active"}},
            "attributionSource": {"campaign": "Spring", "campaignId": "6", "utmSource": "fb"},
            "customFields": [
                {"id": "fieldBudget", "value": person.dream}, {"id": "cpf", "value": person.national_id},
            ],
        }  # fmt: skip

    def item(self, number: int = 0, key: str = OURS) -> Any:
        record = self.record(number)
        self.records.contacts[record["id"]] = record
        return self.event("ContactCreate", record)

    def event(self, type_: str, record: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
        return leadconnector_made.event(type_, record, timestamp="2027-01-15T07:59:31.000Z", **changes)

    def again(self, item: Any) -> Any:
        return item | {"type": "ContactUpdate", "webhookId": "another"}

    def others(self) -> Sequence[Any]:
        person, about = Person(), {"contactId": self.item()["id"], "dateAdded": "2027-01-15T07:59:00.000Z"}
        note = {"id": "note0", "body": f"{person.name} dreams of {person.dream}", **about}
        task = {"id": "task0", "title": f"Call {person.name}", "body": person.phone, **about}
        opportunity = {"id": "opp0", "name": person.name, "status": "won", **about}
        self.records.notes_of["contact0"], self.records.tasks_of["contact0"] = [note], [task]
        self.records.opportunities["opp0"] = opportunity
        return [
            self.event("NoteCreate", note),
            self.event("TaskCreate", task),
            self.event("OpportunityStatusUpdate", opportunity),
            self.event("NoteDelete", note),
            self.event("TaskDelete", task),
            self.event("ContactTagUpdate", self.record()),
            # A contact without an id goes by its content; and an id may turn out to be something else one day.
            self.event("ContactCreate", {name: value for name, value in self.record().items() if name != "id"}),
            self.event("ContactCreate", self.record() | {"id": person.email}),
        ]

    def poison(self) -> Sequence[Any]:
        odd: list[Any] = [{"type": 17}, {"type": "ContactCreate", "locationId": ["x"]}, {"data": 17}, 17, None, "x", []]
        return [
            self.event("NoteCreate", {"id": "n9", "body": "x"}),
            self.event("TaskCreate", {"id": "t9"}),
            self.event("ContactCreate", self.record(2), locationId=leadconnector_made.OTHER_PLACE),
            self.event("ContactDelete", self.record(3)),
            *odd,
        ]

    def signed(self, body: bytes, key: str = OURS) -> Request:
        headers = leadconnector_made.signed(body, ed25519_key(key))
        return Request(source=self.name, token="t", body=body, headers=headers)

    def stale(self) -> Request:
        # The platform's own repetitions keep the time of the first sending.
        return self.request(self.item() | {"timestamp": "2027-01-15T06:59:31.000Z"})

    def spoil(self, change: Callable[[Any], Any]) -> None:
        def changed(record: dict[str, Any]) -> dict[str, Any]:
            value = change(record)
            # What is not an object never comes out of the client.
            return value if isinstance(value, dict) else {}

        records = self.records
        for kept in (records.contacts, records.opportunities):
            kept.update({key: changed(record) for key, record in kept.items()})
        for lists in (records.notes_of, records.tasks_of):
            # They are found by their id.
            lists.update({key: [changed(one) | {"id": one["id"]} for one in some] for key, some in lists.items()})

    def puller(self) -> tuple[Puller, Scope]:
        self.others()
        pull = LeadConnectorPull(self.secret, self.records, self.source, now=lambda: NOW)
        return pull, scope_of(self, leadconnector_made.PLACE, "contacts")


class TokenlessCase(LeadConnectorCase):
    """A location that nobody may read: what is sent is all there is."""

    has_token = False
    is_pulled = False


class LegacyCase(LeadConnectorCase):
    """The platform's older header, RSA, where the secret switches it on."""

    forgeries: ClassVar[Mapping[str, Callable[[Any], Request]]] = {
        "not signed": _bare,
        "not base64": lambda case: with_headers(case.request(case.item()), x_wh_signature="ö?"),
        "signature of other bytes": _of_other_bytes,
        "a byte more": _longer,
        "a wrong signature of today's beside it": lambda case: msgspec.structs.replace(
            (request := case.request(case.item())), headers=request.headers | {"x-ghl-signature": "AAAA"}
        ),
    }

    def secret_value(self, *keys: str) -> dict[str, Any]:
        public = [leadconnector_made.pem_of(rsa_key(key)) for key in keys]
        return leadconnector_made.secret(public_keys=public, legacy_signatures=True)

    def signed(self, body: bytes, key: str = OURS) -> Request:
        headers = leadconnector_made.signed(body, rsa_key(key))
        return Request(source=self.name, token="t", body=body, headers=headers)


class WorkflowCase(LeadConnectorCase):
    """A workflow's Custom Webhook: one contact a time, and a secret of its own in a header."""

    covers_body = False
    sends_more = True
    forgeries: ClassVar[Mapping[str, Callable[[Any], Request]]] = {
        "no secret": _bare,
        "empty secret": lambda case: with_headers(case.request(case.item()), x_leadrelay_secret=""),
        "another secret": lambda case: with_headers(case.request(case.item()), x_leadrelay_secret="ö\udce9"),
        "a part of the secret": lambda case: with_headers(case.request(case.item()), x_leadrelay_secret=OURS[:-1]),
        "a wrong signature beside the secret": lambda case: msgspec.structs.replace(
            (request := case.request(case.item())), headers=request.headers | {"x-ghl-signature": "AAAA"}
        ),
    }

    def secret_value(self, *keys: str) -> dict[str, Any]:
        own = dict(zip(("workflow_secret", "previous_workflow_secret"), keys, strict=False))
        return leadconnector_made.secret() | {"workflow_secret": None} | own

    def item(self, number: int = 0, key: str = OURS) -> Any:
        person = Person(number)
        self.records.contacts[f"contact{number}"] = self.record(number)
        return {
            "contact_id": f"contact{number}", "full_name": person.name, "email": person.email, "phone": person.phone,
            "address1": person.address, "What do you dream of?": person.dream, "cpf": person.national_id,
            "tags": "vip", "customData": {"nickname": person.first},
        }  # fmt: skip

    def again(self, item: Any) -> Any:
        return dict(reversed(item.items()))

    def others(self) -> Sequence[Any]:
        # Without an id of the contact it goes by its content; and what is in its place depends on the user's choice.
        bare = {name: value for name, value in self.item().items() if name != "contact_id"}
        return [bare, bare | {"contact_id": Person().email}, bare | {"contact_id": Person().phone}]

    def poison(self) -> Sequence[Any]:
        return [17, None, "x", [], {}, {"contact_id": ["x"]}, {"email": {"a": 1}}]

    def signed(self, body: bytes, key: str = OURS) -> Request:
        return Request(source=self.name, token="t", body=body, headers={"x-leadrelay-secret": key})

    def stale(self) -> Request:
        return self.request(self.item())


# What a delivery is signed with, and how: one entry for each way in which a registered source is sent leads.
CASES: Mapping[str, type[Case]] = {
    "pinterest": PinterestCase,
    "facebook": FacebookCase,
    "leadconnector": LeadConnectorCase,
    "leadconnector without a token": TokenlessCase,
    "leadconnector by the older signature": LegacyCase,
    "leadconnector workflow": WorkflowCase,
}


def scope_of(case: Case, account: str, form: str) -> Scope:
    """Everything of the last day."""
    return Scope(source=case.name, account=account, form=form, since=NOW - 86_400, until=NOW)


def pulled(case: Case) -> list[Envelope]:
    """What the puller finds, over all its pages."""
    pull, scope = case.puller()
    found: list[Envelope] = []
    cursor = ""
    for _ in range(9):
        page = pull.page(scope, cursor, deadline=DEADLINE)
        found += page.envelopes
        cursor = page.cursor
        if not cursor:
            return found
    raise AssertionError("the pages never end")


@functools.cache
def ed25519_key(name: str) -> Ed25519PrivateKey:
    """A key, always the same for one name."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key for this run, the same for one name; small, as it guards nothing."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
