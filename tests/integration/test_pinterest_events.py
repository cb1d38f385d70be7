"""Telling Pinterest of events over real sockets: what the sandbox takes, refuses and leaves in doubt."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.pinterest_sandbox import EXAMPLE_AD, PinterestSandbox
from leads.adapters.http import HttpClient
from leads.core.conversion import LARGEST_CALL, Event, Verdict
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.sources.pinterest_event_words import FIELDS
from leads.sources.pinterest_events import PinterestEvents
from tests.contract.pinterest_traffic import MISSING, specification
from tests.fakes import FakeSecret

ACCOUNT, OTHER = EXAMPLE_AD["account"], "111764359002"
ACCESS, TOKEN = "pina_test", "pinc_test"
EM = hashlib.sha256(b"ada@example.com").hexdigest()
TAKEN = Verdict(is_taken=True)


@pytest.fixture
def sandbox() -> Iterator[PinterestSandbox]:
    with PinterestSandbox([ACCESS], conversion_tokens=[TOKEN]) as sandbox:
        yield sandbox


def pinterest(sandbox: PinterestSandbox, secret: FakeSecret | None = None, *, longest: float = 10.0) -> PinterestEvents:
    http = HttpClient("pinterest", now=time.time, longest=longest)
    return PinterestEvents(http, secret or FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN}}), sandbox.url)


def event(event_id: str = "e1", **changes: Any) -> Event:
    facts = {
        "account": ACCOUNT, "name": "lead", "at": int(time.time()) - 60, "action_source": "web",
        "user_data": {"em": [EM]},
    } | changes  # fmt: skip
    return Event(event_id=event_id, **facts)


def send(side: PinterestEvents, *events: Event, account: str = ACCOUNT, is_test: bool = False) -> tuple[Verdict, ...]:
    return side.send(account, events, is_test=is_test, deadline=time.time() + 10).verdicts


def refused(side: PinterestEvents, *events: Event, account: str = ACCOUNT) -> LeadError:
    with pytest.raises(LeadError) as caught:
        send(side, *events, account=account)
    return caught.value


class TestTaken:
    def test_events_arrive_as_they_were_sent(self, sandbox: PinterestSandbox) -> None:
        """With everything that an event may have."""
        won = event(
            "e2", name="checkout", action_source="offline", more={"opt_out": False, "language": "en"},
            custom_data={"value": "12.50", "currency": "USD", "content_ids": ["1"]},
            user_data={"em": [EM], "client_ip_address": "192.0.2.1", "client_user_agent": "Mozilla/5.0"},
        )  # fmt: skip
        plain = event()
        assert send(pinterest(sandbox), plain, won) == (TAKEN, TAKEN)
        assert [sent["event"] for sent in sandbox.events()] == [plain.member(), won.member()]
        assert {sent["account"] for sent in sandbox.events()} == {ACCOUNT}

    def test_a_full_call_is_one_request(self, sandbox: PinterestSandbox) -> None:
        """A thousand events, a verdict on each."""
        events = [event(f"e{number}") for number in range(LARGEST_CALL)]
        assert send(pinterest(sandbox), *events) == (TAKEN,) * LARGEST_CALL
        assert [sent["event"]["event_id"] for sent in sandbox.events()] == [one.event_id for one in events]
        assert len(sandbox.requests()) == 1

    def test_a_test_is_answered_and_not_recorded(self, sandbox: PinterestSandbox) -> None:
        """With the same verdicts."""
        odd = event("e2", user_data={"em": [EM], "external_id": ["ada-1815"]})
        verdicts = send(pinterest(sandbox), event(), odd, is_test=True)
        assert verdicts == (TAKEN, Verdict(is_taken=True, warnings=("external_id: unhashed",)))
        assert sandbox.events() == []
        assert len(sandbox.events(test=True)) == 2

    def test_an_access_token_serves_where_there_is_no_other(self, sandbox: PinterestSandbox) -> None:
        """It has ads:write."""
        assert send(pinterest(sandbox, FakeSecret({"access_token": ACCESS})), event()) == (TAKEN,)


class TestRefused:
    def test_one_bad_event_costs_only_itself(self, sandbox: PinterestSandbox) -> None:
        """It is told by its place, and why by the names of fields."""
        late = event("e2", at=int(time.time()) + 86_400)
        nobody = event("e3", user_data={"client_ip_address": "192.0.2.1", "em": []})
        sandbox.add_event_fault(event_id="e4", error_message="'ada@example.com' is a malformed 'order_id'")
        first, second, third, fourth = send(pinterest(sandbox), event(), late, nobody, event("e4"))
        assert first == TAKEN
        assert second == Verdict(is_taken=False, detail="event_time")
        assert not third.is_taken
        assert {"em", "hashed_maids", "client_ip_address"} <= set(third.detail.split(", "))
        assert fourth == Verdict(is_taken=False, detail="order_id: invalid")
        assert [sent["event"]["event_id"] for sent in sandbox.events()] == ["e1"]

    @pytest.mark.unrecorded
    def test_a_body_against_the_schema_is_refused_whole(self, sandbox: PinterestSandbox) -> None:
        """Nothing of it is taken."""
        error = refused(pinterest(sandbox), event(), event("e2", custom_data={"value": 12.5}))
        assert isinstance(error, Undeliverable)
        assert error.reason == "event_refused"
        assert "400, code 4196" in error.detail
        assert "value" in error.detail
        assert sandbox.events() == []

    def test_a_422_with_statuses_is_read(self, sandbox: PinterestSandbox) -> None:
        """Whoever sent the event is told of it at once."""
        sandbox.add_event_refusal(event_id="e2", details="statuses")
        first, second = send(pinterest(sandbox), event(), event("e2"))
        assert (first, second.is_taken) == (TAKEN, False)

    def test_a_422_without_them_leaves_the_caller_to_split(self, sandbox: PinterestSandbox) -> None:
        """Some may have been taken."""
        sandbox.add_event_refusal(event_id="e2", others_taken=True)
        error = refused(pinterest(sandbox), event(), event("e2"))
        assert isinstance(error, Undeliverable)
        assert error.reason == "event_refused_in_part"
        assert [sent["event"]["event_id"] for sent in sandbox.events()] == ["e1"]


class TestTokensAndRoles:
    def test_a_new_token_is_found_in_the_secret(self, sandbox: PinterestSandbox) -> None:
        """The old one is refused first; the event arrives once."""
        secret = FakeSecret({"conversion_tokens": {ACCOUNT: "pinc_old"}}, {"conversion_tokens": {ACCOUNT: TOKEN}})
        assert send(pinterest(sandbox, secret), event()) == (TAKEN,)
        assert len(sandbox.events()) == 1

    def test_a_wrong_token_waits_for_a_person(self, sandbox: PinterestSandbox) -> None:
        """Who reads which it is."""
        error = refused(pinterest(sandbox, FakeSecret({"conversion_tokens": {ACCOUNT: "pinc_old"}})), event())
        assert error.reason == "conversion_token_refused"
        assert "pinc" not in str(error)

    @pytest.mark.parametrize("role", ["ADMIN", "ANALYST", "AUDIENCE_MANAGER", "CAMPAIGN_MANAGER"])
    def test_a_role_is_enough(self, sandbox: PinterestSandbox, role: str) -> None:
        """Any of those that the detail names."""
        sandbox.set_account(id=ACCOUNT, role=role)
        assert send(pinterest(sandbox), event()) == (TAKEN,)

    def test_without_a_role_nothing_is_sent(self, sandbox: PinterestSandbox) -> None:
        """In an account that the user has, or that there is none of."""
        side = pinterest(sandbox, FakeSecret({"conversion_tokens": {ACCOUNT: TOKEN, OTHER: TOKEN}}))
        sandbox.set_account(id=ACCOUNT, role=None)
        for account in (ACCOUNT, OTHER):
            error = refused(side, event(account=account), account=account)
            assert error.reason == "conversion_not_permitted"
            assert account in error.detail


class TestMoments:
    def test_a_limit_is_kept_by_the_header(self, sandbox: PinterestSandbox) -> None:
        """Seconds that are left."""
        sandbox.add_fault(
            match={"path": "/v5/ad_accounts/"}, status=429, body={"code": 8, "message": "slow"},
            headers={"X-RateLimit-Reset": "47"},
        )  # fmt: skip
        error = refused(pinterest(sandbox), event())
        assert isinstance(error, TryAgain)
        assert (error.reason, error.retry_after, error.ambiguous) == ("pinterest_throttled", 47, False)

    @pytest.mark.parametrize(
        ("fault", "reason", "is_taken"),
        [
            ({"status": 500}, "pinterest_5xx", False),
            ({"status": 502, "after": True}, "pinterest_5xx", True),
            ({"status": 200, "body": {}, "after": True}, "pinterest_unexpected", True),
            ({"drop_connection": True, "after": True}, "pinterest_unreachable", True),
            ({"delay_seconds": 1.0, "after": True}, "pinterest_timeout", True),
        ],
    )  # fmt: skip
    def test_what_may_have_been_taken_is_in_doubt(
        self, sandbox: PinterestSandbox, fault: dict[str, Any], reason: str, is_taken: bool
    ) -> None:
        """Whether it was or not; nothing is sent again here."""
        sandbox.add_fault(match={"method": "POST"}, **fault)
        error = refused(pinterest(sandbox, longest=0.3 if "delay_seconds" in fault else 10), event())
        assert isinstance(error, TryAgain)
        assert (error.reason, error.ambiguous) == (reason, True)
        assert len(sandbox.events()) == int(is_taken)


def test_the_fields_that_may_be_named_are_those_of_the_vendor() -> None:
    """None of them is missing, and nothing else may be named."""
    if not specification():
        pytest.skip(MISSING)
    schemas = specification()["components"]["schemas"]
    event_schema = schemas["ConversionEvents"]["properties"]["data"]["items"]
    around = ("ConversionEventsUserDataProperties", "ConversionEventAppInfo", "ConversionEventDeviceInfo")
    declared = {"data", *_names(event_schema)}.union(*(_names(schemas[name]) for name in around))
    assert declared == FIELDS


def _names(schema: dict[str, Any]) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from _names(inner)
        yield from _names(inner.get("items", {}))
