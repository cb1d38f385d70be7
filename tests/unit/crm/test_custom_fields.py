"""The list of a location's custom fields: how it is read, and how seldom it is asked for."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from leads.core.custom_field import Definition
from leads.core.errors import TryAgain, Undeliverable
from leads.crm.admission import Admission
from leads.crm.custom_fields import CustomFields
from tests.fakes import Clock
from tests.unit.crm.canned_http import BASE_URL, LOCATION, Canned, CannedAnswer, CannedHttp, client

BUDGET = {"id": "f1", "name": "Budget", "fieldKey": "contact.budget", "dataType": "TEXT", "model": "contact"}
ROOMS = {
    "id": "f2", "name": "Rooms", "fieldKey": "contact.rooms", "dataType": "MULTIPLE_OPTIONS",
    "picklistOptions": ["one", "two"],
}  # fmt: skip
LISTED = Canned(200, {"customFields": [BUDGET, ROOMS]})
DEFINITIONS = (
    Definition(id="f1", name="Budget", field_key="contact.budget", data_type="TEXT", options=()),
    Definition(id="f2", name="Rooms", field_key="contact.rooms", data_type="MULTIPLE_OPTIONS", options=("one", "two")),
)
NO_SCOPE = Canned(401, {"message": "The token is not authorized for this scope."})


class Fields:
    """The resource with a clock that moves when told to."""

    def __init__(self, *answers: Canned | Exception) -> None:
        self.http = CannedHttp(*answers)
        self.clock = Clock()
        self._resource = CustomFields(client(self.http, now=self.clock), now=self.clock)

    def listed(self, location_id: str = LOCATION) -> tuple[Definition, ...]:
        return self._resource.definitions(location_id, deadline=self.clock() + 5)

    @property
    def calls(self) -> int:
        return len(self.http.asked)


def test_are_listed_for_contacts() -> None:
    """Opportunities have their own."""
    fields = Fields(LISTED)
    assert fields.listed() == DEFINITIONS
    (asked,) = fields.http.asked
    assert (asked.method, asked.url) == ("GET", f"{BASE_URL}/locations/{LOCATION}/customFields?model=contact")
    assert asked.headers["Version"] == "2021-07-28"


@pytest.mark.parametrize("item", [{}, {"id": ""}, {"id": 5}, "f3", None, {"id": "f3", "model": "opportunity"}])
def test_what_no_contact_can_have_is_left_out(item: Any) -> None:
    """An entry that cannot be used does not spoil the others."""
    assert Fields(Canned(200, {"customFields": [BUDGET, item, ROOMS]})).listed() == DEFINITIONS


def test_are_asked_for_every_ten_minutes() -> None:
    """And in between not once more."""
    fields = Fields(LISTED, Canned(200, {"customFields": []}))
    for _ in range(50):
        assert fields.listed() == DEFINITIONS
    fields.clock.time += 599
    assert (fields.listed(), fields.calls) == (DEFINITIONS, 1)
    fields.clock.time += 2
    assert (fields.listed(), fields.calls) == ((), 2)


@pytest.mark.parametrize(
    "failure", [Canned(500), Canned(429), Canned(200, b"<html>"), Canned(200, {}), TryAgain("contacts_api_timeout")]
)
def test_a_failure_is_not_remembered(failure: Canned | Exception) -> None:
    """The next lead asks again."""
    fields = Fields(failure, LISTED)
    with pytest.raises(TryAgain):
        fields.listed()
    assert fields.listed() == DEFINITIONS


def test_a_missing_scope_is_remembered_for_a_minute() -> None:
    """Somebody has to grant it; until then every lead would cost a call for nothing."""
    fields = Fields(NO_SCOPE, LISTED)
    for _ in range(20):
        with pytest.raises(TryAgain, match="contacts_api_unauthorized_scope"):
            fields.listed()
    assert fields.calls == 1
    fields.clock.time += 61
    assert fields.listed() == DEFINITIONS


@pytest.mark.parametrize("failure", [Canned(500), Canned(429), Canned(400), NO_SCOPE, TryAgain("contacts_api_timeout")])
def test_an_old_list_is_better_than_none(failure: Canned | Exception) -> None:
    """Fields seldom change; and an API that is down is not asked for each lead."""
    fields = Fields(LISTED, failure, Canned(200, {"customFields": [BUDGET]}))
    fields.listed()
    fields.clock.time += 601
    for _ in range(20):
        assert fields.listed() == DEFINITIONS
    assert fields.calls == 2
    fields.clock.time += 61
    assert fields.listed() == DEFINITIONS[:1]


def test_a_refusal_is_told_and_remembered_for_a_minute() -> None:
    """By its own fate; each lead that meets it has an error of its own."""
    fields = Fields(Canned(400, {"message": "Location not found", "traceId": "t-1"}), LISTED)
    met = set()
    for _ in range(20):
        with pytest.raises(Undeliverable, match="answered 400") as caught:
            fields.listed()
        assert caught.value.trace_id == "t-1"
        met.add(caught.value)
    assert (fields.calls, len(met)) == (1, 20)
    fields.clock.time += 61
    assert fields.listed() == DEFINITIONS


def test_what_is_told_is_the_latest_refusal() -> None:
    """A location that is there by now, with a token that may not list its fields."""
    fields = Fields(Canned(400, {"message": "Location not found"}), NO_SCOPE)
    with pytest.raises(Undeliverable):
        fields.listed()
    fields.clock.time += 61
    for _ in range(2):
        with pytest.raises(TryAgain, match="contacts_api_unauthorized_scope"):
            fields.listed()


def stopped_by(answer: Canned) -> list[str]:
    """Why the location of a lead is left alone after its custom fields were refused like this."""
    clock = Clock()
    admission = Admission(now=clock, sleep=clock.sleep, patience=0.0)
    fields = CustomFields(client(CannedHttp(answer), now=clock, admission=admission), now=clock)
    with pytest.raises(TryAgain, match="unauthorized"):
        fields.definitions(LOCATION, deadline=clock() + 5)
    try:
        admission.check(LOCATION)
    except TryAgain as stopped:
        return [stopped.reason]
    return []


def test_a_missing_scope_does_not_stop_the_location() -> None:
    """Contacts need no such right: only a token that is refused as such does."""
    assert stopped_by(NO_SCOPE) == []
    assert stopped_by(Canned(401, {"message": "Invalid JWT"})) == ["location_paused"]


class SlowHttp(CannedHttp):
    """Answers when it is let go."""

    def __init__(self, *answers: Canned | Exception) -> None:
        super().__init__(*answers)
        self.reached = threading.Event()
        self.released = threading.Event()

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> CannedAnswer:
        self.reached.set()
        assert self.released.wait(5)
        return super().request(method, url, headers=headers, body=body, deadline=deadline)


def test_are_asked_for_once_by_many_at_once() -> None:
    """A batch of leads begins with one call; who cannot wait for it is told so."""
    http, clock = SlowHttp(LISTED), Clock()
    fields = CustomFields(client(http, now=clock), now=clock)
    found: list[Any] = []

    def ask() -> None:
        found.append(fields.definitions(LOCATION, deadline=clock() + 5))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert http.reached.wait(5)
    with pytest.raises(TryAgain) as caught:
        fields.definitions(LOCATION, deadline=clock() + 0.05)
    assert (caught.value.reason, caught.value.counts) == ("out_of_time", False)
    http.released.set()
    for thread in threads:
        thread.join(5)
    assert found == [DEFINITIONS] * 8
    assert len(http.asked) == 1
