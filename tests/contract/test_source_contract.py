"""What holds for every registered source, whichever platform it speaks with."""

from __future__ import annotations

import base64
import copy
import functools
import importlib
import inspect
import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import webhook
from leads import wiring
from leads.adapters.telemetry import Telemetry
from leads.core.errors import LeadError, Misconfigured, RejectedRequest, TryAgain, Undeliverable, Unwanted
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Status
from leads.core.outcome import Outcome
from leads.core.parked_lead import body_of, parse
from leads.core.request import Reading, Request
from leads.flow.receive import Receive
from leads.sources import PULLERS, REGISTRY
from tests.contract.source_cases import (
    CASES,
    DEADLINE,
    NOW,
    OLD,
    OURS,
    RECEIVED_AT,
    STRANGERS,
    Case,
    Person,
    pulled,
)
from tests.unit.core.strategies import json_values

FATES = (TryAgain, Undeliverable, Unwanted, Misconfigured)

every_source = pytest.mark.parametrize("name", REGISTRY)
every_case = pytest.mark.parametrize("make", CASES.values(), ids=CASES)
PULLED = {label: make for label, make in CASES.items() if make.is_pulled}
any_case = st.sampled_from(list(CASES.values()))
EXAMPLES = 12 * len(CASES)
every_pulled_case = pytest.mark.parametrize("make", PULLED.values(), ids=PULLED)


def read(case: Case, request: Request) -> Reading:
    reading: Reading = case.source.read(request, received_at=RECEIVED_AT)
    return reading


def open_(case: Case, envelope: Envelope) -> Lead:
    lead: Lead = case.source.open(envelope, deadline=DEADLINE)
    return lead


def leads(case: Case, request: Request) -> list[Lead]:
    """The leads of a delivery of which every one can be opened."""
    return [open_(case, envelope) for envelope in read(case, request).envelopes]


def tried(case: Case, envelopes: Sequence[Envelope]) -> list[Lead]:
    """The leads among envelopes; each of the others ends in an error of the documented fates that says nothing."""
    found = []
    for envelope in envelopes:
        try:
            found.append(open_(case, envelope))
        except FATES as error:
            says_nothing(error)
    return found


def says_nothing(error: Exception) -> None:
    assert not Person.words.search(str(error))


def after_waiting(case: Case, envelope: Envelope) -> Envelope:
    """The envelope as the retry function makes it of the queue's message."""
    message = parse(body_of(envelope))
    again: Envelope = case.source.wrap(message.envelope, received_at=message.received_at)
    return again


def keys(envelopes: Sequence[Envelope]) -> list[str]:
    return [envelope.ledger_key for envelope in envelopes]


class TestRegistry:
    @every_source
    def test_a_source_has_an_entry_here(self, name: str) -> None:
        """Or nobody knows whether the rest of this file holds for it."""
        assert name in {case.name for case in CASES.values()}, (
            f"the registered source {name!r} has no entry in CASES of tests/contract/source_cases.py: add a Case "
            "that makes its deliveries, really signed or sealed with keys to throw away"
        )

    @every_source
    def test_a_source_has_a_puller(self, name: str) -> None:
        """What never arrived can be found."""
        assert name in PULLERS, (
            f"the registered source {name!r} has no puller: write sources/{name}_pull.py and name it in PULLERS of "
            "leads/sources/__init__.py, so that the reconcile function finds what never arrived"
        )
        puller = loaded(PULLERS[name])
        assert list(inspect.signature(puller.forms).parameters) == ["self", "account", "deadline"]
        assert list(inspect.signature(puller.page).parameters) == ["self", "scope", "cursor", "deadline"]

    def test_nobody_is_pulled_from_who_is_no_source(self) -> None:
        """A puller's leads are opened by the source of the same name."""
        assert PULLERS.keys() <= REGISTRY.keys()

    @every_source
    def test_a_source_says_who_it_is(self, name: str) -> None:
        """By its registered name, by one for people, and whether its leads are records that change."""
        source = loaded(REGISTRY[name])
        assert source.name == name
        assert isinstance(source.label, str)
        assert source.label.strip()
        assert isinstance(source.leads_change, bool)


class TestDeliveries:
    @every_case
    def test_a_genuine_delivery_becomes_its_leads(self, make: Any) -> None:
        """Each with the person's answers, under the key by which the ledger knows its envelope."""
        case = make()
        reading = read(case, case.request(case.item(0), case.item(1)))
        assert (reading.rejected, reading.faults) == (0, ())
        for number, envelope in enumerate(reading.envelopes):
            lead = open_(case, envelope)
            person = Person(number)
            told = json.dumps(list(lead.answers.values()), ensure_ascii=False)
            for said in (person.last, person.email, person.phone, person.dream, person.address, person.national_id):
                assert said in told
            assert (lead.source, lead.lead_id) == (case.name, envelope.lead_id)
            assert lead.account
            assert lead.ledger_key == envelope.ledger_key == f"{case.name}#{lead.account}#{lead.lead_id}"
        assert len(set(keys(reading.envelopes))) == 2

    @every_case
    def test_names_of_headers_come_in_lower_case(self, make: Any) -> None:
        """As API Gateway writes them, whatever the platform does."""
        case = make()
        request = case.request(case.item())
        assert all(name == name.lower() for name in request.headers)
        shouted = {name.upper(): value for name, value in request.headers.items()}
        if shouted:
            with pytest.raises(RejectedRequest):
                read(case, msgspec.structs.replace(request, headers=shouted))

    @every_case
    def test_a_delivery_that_is_late_is_taken(self, make: Any) -> None:
        """Platforms repeat for hours or days what they could not bring; the ledger knows what was there before."""
        case = make()
        first = read(case, case.request(case.item()))
        late = read(case, case.stale())
        assert keys(late.envelopes) == keys(first.envelopes)
        assert tried(case, late.envelopes)

    @every_case
    def test_a_lead_told_of_twice_is_one_lead(self, make: Any) -> None:
        """In one delivery or in two, word for word or not."""
        case = make()
        item = case.item()
        both = read(case, case.request(item, case.again(item)))
        later = read(case, case.request(case.again(item)))
        assert len(both.envelopes) == 2
        assert len(set(keys([*both.envelopes, *later.envelopes]))) == 1

    @every_case
    def test_what_is_no_lead_costs_the_leads_beside_it_nothing(self, make: Any) -> None:
        """Neither when the delivery is taken apart nor when they are opened."""
        case = make()
        first, last = case.item(0), case.item(1)
        alone = [*leads(case, case.request(first)), *leads(case, case.request(last))]
        poison = case.poison()
        reading = read(case, case.request(first, *poison, last))
        assert reading.rejected
        found = {lead.ledger_key: lead for lead in tried(case, reading.envelopes)}
        assert [found[lead.ledger_key] for lead in alone] == alone
        for item in poison:
            tried(case, held(case, case.request(item)))


FORGERIES = [(make, name) for make in CASES.values() for name in make.forgeries]


class TestSignatures:
    @pytest.mark.parametrize(
        ("make", "forgery"), FORGERIES, ids=[f"{label}: {name}" for label in CASES for name in CASES[label].forgeries]
    )
    def test_a_forgery_is_refused(self, make: Any, forgery: str) -> None:
        """401, or where the seal is on each lead no key that opens it; once the newest keys were tried."""
        case = make()
        refused(case, case.forgeries[forgery](case))

    @every_case
    def test_a_key_that_is_not_ours_is_refused(self, make: Any) -> None:
        """Also after a second look at the secret."""
        case = make()
        refused(case, case.request(case.item(key=STRANGERS), key=STRANGERS))
        assert case.secret.rereads

    @every_case
    def test_old_and_new_key_count_while_keys_are_changed(self, make: Any) -> None:
        """Platform and secret do not change theirs in the same moment."""
        case = make(OURS, OLD)
        for key in (OURS, OLD):
            assert leads(case, case.request(case.item(key=key), key=key))

    @every_case
    def test_a_key_that_is_gone_from_the_secret_is_refused(self, make: Any) -> None:
        """It may be gone because somebody else has it."""
        case = make(OURS)
        refused(case, case.request(case.item(key=OLD), key=OLD))

    @every_case
    def test_a_new_key_is_found_without_a_new_start(self, make: Any) -> None:
        """The secret is read once more before a delivery is refused; then both are known."""
        case = make(OLD)
        case.secret.next_value = case.secret_value(OURS, OLD)
        request = case.request(case.item())
        assert leads(case, request)
        assert case.secret.rereads == 1
        assert leads(case, request)
        assert case.secret.rereads == 1

    @every_case
    def test_the_bytes_are_checked_as_they_came(self, make: Any) -> None:
        """A body that was decoded and written again is another one to whoever signs bodies, and else the same."""
        case = make()
        request = case.request(case.item())
        rewritten = msgspec.structs.replace(request, body=json.dumps(json.loads(request.body), indent=1).encode())
        if case.covers_body:
            refused(case, rewritten)
        else:
            assert leads(case, rewritten) == leads(case, request)

    @every_case
    def test_without_its_secret_nothing_is_refused_for_good(self, make: Any) -> None:
        """Nobody can tell then what is genuine: 503, or what came is parked until there is a secret."""
        case = make()
        request = case.request(case.item())
        case.secret.value = None
        with pytest.raises((Misconfigured, TryAgain)):
            leads(case, request)


def refused(case: Case, request: Request) -> None:
    with pytest.raises(LeadError) as caught:
        leads(case, request)
    error = caught.value
    assert (type(error), error.reason) == case.refusal
    assert not isinstance(error, RejectedRequest) or error.status == 401
    assert not Person.words.search(str(error))


JUNK: dict[str, bytes] = {
    "nothing": b"",
    "a blank": b" ",
    "a zero byte": b"\x00",
    "no JSON": b"hello",
    "half of JSON": b'{"entry": [{"id"',
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "UTF-16": '[{"lead_id": "1"}]'.encode("utf-16"),
    "null": b"null",
    "a boolean": b"true",
    "a number": b"17",
    "a number beyond all": b"1e999",
    "a number of many digits": b"[" + b"9" * 10_000 + b"]",
    "no number": b"[NaN, -Infinity]",
    "a text": b'"lead"',
    "an empty text": b'""',
    "an empty list": b"[]",
    "an empty object": b"{}",
    "empty lists": b"[[], [[]]]",
    "texts": b'["", "\\u0000", "\\ud800"]',
    "deep lists": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "open brackets": b"[" * 10_000,
    "a form": b"lead_id=1&answers=2",
}
HEAVY: dict[str, bytes] = {
    "open": b"[" * 5_000_000,
    "closed": b"[" * 2_500_000 + b"]" * 2_500_000,
    "side by side": b"[" + b"[]," * 150_000 + b"[]]" + b" " * 4_500_000,
}


class TestJunk:
    @every_case
    @pytest.mark.parametrize("body", JUNK.values(), ids=JUNK)
    def test_junk_is_refused_or_holds_no_leads(self, make: Any, body: bytes) -> None:
        """400, or 401 when it is not even signed; never another error."""
        case = make()
        signed = case.signed(body)
        for request in (signed, msgspec.structs.replace(signed, headers={}), case.signed(body, STRANGERS)):
            assert held(case, request) == ()

    @every_case
    @pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
    def test_five_megabytes_of_brackets_do_no_harm(self, make: Any, body: bytes) -> None:
        """Refused as quickly as they are read."""
        case = make()
        assert held(case, case.signed(body)) == ()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(make=any_case, data=st.data())
    def test_whatever_is_sent_is_refused_or_read(self, make: Any, data: st.DataObject) -> None:
        """Genuine or not; and whatever is read can be parked, and opens or ends in one of the fates."""
        case = make()
        genuine = case.delivery(case.item(), *case.others())
        value = data.draw(json_values | damaged(genuine) | st.lists(damaged(genuine), max_size=2))
        body = data.draw(st.binary(max_size=80)) if data.draw(st.integers(0, 9)) == 0 else case.encoded(value)
        envelopes = held(case, case.signed(body, data.draw(st.sampled_from((OURS, OURS, STRANGERS)))))
        check_parked(case, envelopes)
        tried(case, envelopes)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(make=any_case, data=st.data())
    def test_whatever_is_in_the_queue_can_be_wrapped(self, make: Any, data: st.DataObject) -> None:
        """Without an error, into what the ledger and the queue take; to open it ends in one of the fates."""
        case = make()
        genuine = [envelope.raw for envelope in read(case, case.request(case.item(), *case.others())).envelopes]
        raw = data.draw(json_values | st.sampled_from(genuine).flatmap(damaged))
        envelope = case.source.wrap(raw, received_at=data.draw(st.sampled_from((RECEIVED_AT, "", "yesterday"))))
        assert isinstance(envelope, Envelope)
        for text in (envelope.account, envelope.lead_id, envelope.seal):
            assert isinstance(text, str)
            assert len(text) <= 160
        assert envelope.lead_id
        assert (envelope.source, envelope.raw, envelope.content) == (case.name, raw, None)
        assert after_waiting(case, envelope).ledger_key == envelope.ledger_key
        tried(case, [envelope])

    @every_source
    def test_whatever_the_platform_has_the_fates_are_the_same(self, name: str) -> None:
        """No platform keeps to its documents: each part of each record is missing once, and odd in every way."""
        parts: dict[Path, None] = {}
        prepared(name).spoil(lambda record: parts.update(dict.fromkeys(parts_of(record))) or record)
        for part in parts:
            for odd in ODD:
                case = prepared(name)
                request = case.request(case.item(), *case.others())
                case.spoil(functools.partial(with_part, part=part, value=odd))
                tried(case, read(case, request).envelopes)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(make=any_case, data=st.data())
    def test_whatever_is_in_the_secret_is_the_operators_fault(self, make: Any, data: st.DataObject) -> None:
        """It is stored by hand: a delivery is refused, kept, or answered with 503, and never ends in another error."""
        case = make()
        request = case.request(case.item())
        case.secret.value = data.draw(damaged(case.secret.value).filter(lambda value: isinstance(value, dict)))
        try:
            envelopes = held(case, request)
        except Misconfigured:
            return
        tried(case, envelopes)


def held(case: Case, request: Request) -> tuple[Envelope, ...]:
    """The envelopes of a delivery; none when it is refused with 400 or 401."""
    try:
        return read(case, request).envelopes
    except RejectedRequest as error:
        says_nothing(error)
        if error.status in (400, 401):
            return ()
        raise


Path = tuple[str | int, ...]
MISSING = object()
ODD = (MISSING, None, 17, "x", ["x"], {"a": 1})


def prepared(name: str) -> Case:
    """A source's first case, with all the records it can have."""
    case = CASES[name]()
    case.item()
    case.others()
    return case


def parts_of(value: Any, within: Path = ()) -> Iterator[Path]:
    """The way to each part of a JSON value."""
    places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in places:
        yield (*within, key)
        yield from parts_of(inner, (*within, key))


def with_part(record: Any, part: Path, value: Any) -> Any:
    """The record with another value in one place, if it has the place."""
    if part not in parts_of(record):
        return record
    record = copy.deepcopy(record)
    *way, last = part
    place = functools.reduce(lambda inner, key: inner[key], way, record)
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return record


@st.composite
def damaged(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value of which some parts are something else or missing."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = value
        for _ in range(draw(st.integers(0, 5))):
            inner = [one for one in _within(place) if isinstance(one, dict | list) and one]
            if not inner:
                break
            place = draw(st.sampled_from(inner))
        if not isinstance(place, dict | list) or not place:
            return draw(json_values)
        key: Any = draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        if draw(st.booleans()):
            place[key] = draw(json_values)
        else:
            del place[key]
    return value


def _within(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


class TestParked:
    @every_case
    def test_what_waits_in_the_queue_says_nothing_of_the_person(self, make: Any) -> None:
        """Nor the ids under which the ledger and the log know it."""
        case = make()
        envelopes = read(case, case.request(case.item(), *case.others())).envelopes
        assert len(envelopes) == 1 + len(case.others())
        check_parked(case, envelopes)

    @every_pulled_case
    def test_what_was_pulled_waits_like_what_was_sent(self, make: Any) -> None:
        """Under the same key, so that it is no second lead."""
        case = make()
        (sent,) = read(case, case.request(case.item())).envelopes
        envelopes = pulled(case)
        assert keys(envelopes) == [sent.ledger_key]
        check_parked(case, envelopes)

    @every_case
    def test_a_lead_is_the_same_after_its_wait(self, make: Any) -> None:
        """In every part of it: what a later attempt writes must be what the first one began."""
        case = make()
        envelopes = read(case, case.request(case.item(), *case.others())).envelopes
        for envelope in [*envelopes, *(pulled(case) if case.is_pulled else ())]:
            again = after_waiting(case, envelope)
            assert again.ledger_key == envelope.ledger_key
            assert outcome(case, again) == outcome(case, envelope)

    @every_pulled_case
    def test_a_pulled_lead_says_what_was_sent(self, make: Any) -> None:
        """Whichever way a lead comes first, the contact is the same."""
        case = make()
        (sent,) = leads(case, case.request(case.item()))
        (found,) = tried(case, pulled(case))
        assert found.ledger_key == sent.ledger_key
        assert found.answers.items() <= sent.answers.items() if case.sends_more else found.answers == sent.answers


def outcome(case: Case, envelope: Envelope) -> Lead | tuple[type[Exception], str]:
    try:
        return open_(case, envelope)
    except FATES as error:
        return type(error), str(error)


def check_parked(case: Case, envelopes: Sequence[Envelope]) -> None:
    for envelope in envelopes:
        body = body_of(envelope)
        assert body.isascii()
        assert not Person.words.search(" ".join([envelope.ledger_key, *_texts(json.loads(body))]))
        assert after_waiting(case, envelope).ledger_key == envelope.ledger_key


def _texts(value: Any) -> list[str]:
    """Every text in a JSON value, and what it is when it is only base64 of something."""
    if isinstance(value, dict | list):
        names = list(value) if isinstance(value, dict) else []
        return [text for inner in (*names, *_within(value)) for text in _texts(inner)]
    text = value if isinstance(value, str) else str(value)
    try:
        return [text, base64.b64decode(text, validate=True).decode("latin-1")]
    except ValueError:
        return [text]


class Tokens:
    def current(self) -> list[str]:
        return ["t"]

    reread = current


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 10_000


@every_case
@pytest.mark.parametrize("is_encoded", [True, False], ids=["base64", "text"])
def test_a_delivery_comes_through_the_handler(
    make: Any, is_encoded: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """API Gateway encodes the body of some content types; what is signed are the bytes before that."""
    case = make()
    telemetry = Telemetry(f"webhook of {case.name} {make.__name__} {is_encoded}", "INFO")
    monkeypatch.setattr(wiring, "telemetry", lambda service: telemetry)
    found: list[Lead] = []

    def accept(envelopes: Sequence[Envelope], *, deadline: float, alive_until: float) -> list[Outcome]:
        found.extend(open_(case, envelope) for envelope in envelopes)
        return [Outcome(source=one.source, account=one.account, lead_id=one.lead_id, status=Status.DELIVERED)
                for one in envelopes]  # fmt: skip

    receive = Receive(
        sources={case.name: case.source},
        tokens=Tokens(),
        accept=accept,
        budget=4.0,
        now=lambda: NOW,
        iso_time=lambda _: RECEIVED_AT,
    )
    request = case.request(case.item())
    event = {
        "version": "2.0",
        "headers": {"content-type": "application/json", **request.headers},
        "pathParameters": {"source": case.name, "token": "t"},
        "requestContext": {"http": {"method": "POST"}},
        "body": base64.b64encode(request.body).decode() if is_encoded else request.body.decode(),
        "isBase64Encoded": is_encoded,
    }
    response = webhook.handler(event, Context(), receive)
    assert (response["statusCode"], json.loads(response["body"])) == (200, {"accepted": 1})
    assert found == leads(case, request)
    assert not Person.words.search("".join(capsys.readouterr()))


@functools.cache
def loaded(path: str) -> Any:
    """The class behind `module:class`."""
    module, _, kind = path.partition(":")
    return getattr(importlib.import_module(module), kind)
