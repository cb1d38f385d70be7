"""The queue's message: readable, ASCII, and back again unchanged."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leads.core.errors import Undeliverable
from leads.core.lead import Envelope
from leads.core.parked_lead import VERSION, ParkedLead, Parking, body_of, parse
from tests.unit.core.strategies import json_values

GOOD: dict[str, Any] = {
    "v": VERSION, "source": "pinterest", "lead_id": "222", "received_at": "2026-03-01T00:00:00Z",
    "envelope": {"lead_id": "222"},
}  # fmt: skip


def envelope(raw: Any) -> Envelope:
    return Envelope(
        source="pinterest", account="111", lead_id="222", raw=raw, received_at="2026-03-01T00:00:00Z", seal="5ea1",
        is_test=True,
    )  # fmt: skip


@given(raw=json_values)
@example(raw={"\uffff": "\ud800", "a": "\x00\ufffe"})
def test_there_and_back(raw: Any) -> None:
    """What the platform sent comes out of the queue as it went in, through characters that SQS allows."""
    body = body_of(envelope(raw))
    assert all(" " <= letter <= "\x7f" for letter in body)
    assert parse(body) == ParkedLead(
        v=1, source="pinterest", lead_id="222", received_at="2026-03-01T00:00:00Z", envelope=raw
    )


def test_the_body_has_the_published_shape_and_nothing_else() -> None:
    """Operators read it in the SQS console; the seal and what we made of the lead stay with us."""
    assert json.loads(body_of(envelope({"lead_id": "222"}))) == GOOD


@pytest.mark.parametrize(
    "body",
    [
        "", "ada@example.com", "null", "[]", "{}", '"x"', "[" * 100_000,
        *(json.dumps({key: value for key, value in GOOD.items() if key != missing}) for missing in GOOD),
        *(json.dumps(GOOD | wrong) for wrong in (
            {"v": 0}, {"v": 2}, {"v": "1"}, {"v": None}, {"v": True}, {"v": 1.5}, {"source": 1}, {"source": None},
            {"lead_id": 222}, {"lead_id": ["ada@example.com"]}, {"received_at": 0},
        )),
    ],
    ids=lambda body: body[:60],
)  # fmt: skip
def test_a_foreign_message_is_undeliverable(body: str) -> None:
    """Whoever put it there, trying again changes nothing, and its text is not repeated."""
    with pytest.raises(Undeliverable) as caught:
        parse(body)
    assert caught.value.reason == "unreadable_message"
    assert "example" not in str(caught.value)


def test_another_version_is_named() -> None:
    """After a rollback the operator sees which version wrote the message."""
    with pytest.raises(Undeliverable, match=r"the message has version 2, this app reads 1"):
        parse(json.dumps(GOOD | {"v": 2}))


def test_a_later_addition_is_tolerated() -> None:
    """A key more does not make the message another version's."""
    assert parse(json.dumps(GOOD | {"since": "later"})).lead_id == "222"


@pytest.mark.parametrize("raw", [None, [], "text", 0, {"answers": None}])
def test_the_envelope_may_be_any_value(raw: Any) -> None:
    """Whether it can be opened is the source's to say."""
    assert parse(body_of(envelope(raw))).envelope == raw


@given(group=st.text(max_size=300))
@example(group="")
@example(group=" \u00e9\n" * 100)
def test_a_group_is_what_sqs_accepts(group: str) -> None:
    """Letters, digits and punctuation, up to 128; the account where no location is known."""
    parking = Parking(envelope=envelope({}), reason="no_route", attempt=1, group=group)
    assert 1 <= len(parking.group_id) <= 128
    assert all("!" <= letter <= "~" for letter in parking.group_id)
    if not group:
        assert parking.group_id == "pinterest:111"
