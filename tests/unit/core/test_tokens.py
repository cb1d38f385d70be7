"""OAuth tokens: when they are due, and how they find their way into a secret that users edit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.tokens import (
    Journal,
    Place,
    Tokens,
    due,
    entries,
    expiry,
    fingerprint,
    is_due,
    journal_of,
    merged,
    with_access,
)

NOW = 1_800_000_000.0
HOUR = 3600.0
PLACE = Place("locations", "loc1")


def entry(number: int = 0, hours: float = 24, **changes: Any) -> dict[str, Any]:
    """An OAuth entry with its `number`th pair of tokens."""
    return {
        "client_id": "app",
        "client_secret": "hush",
        "access_token": f"access-{number}",
        "refresh_token": f"refresh-{number}",
        "expires_at": NOW + hours * HOUR,
        **changes,
    }


def secret(**locations: dict[str, Any]) -> dict[str, Any]:
    return {"locations": locations}


def tokens(number: int, *, hours: float = 24, company_id: str = "") -> Tokens:
    return Tokens(
        access_token=f"access-{number}",
        refresh_token=f"refresh-{number}",
        expires_at=NOW + hours * HOUR,
        company_id=company_id,
    )


# ---- when ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        1_800_000_000,
        1_800_000_000.0,
        "1800000000",
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00+00:00",
        "2027-01-15T09:00:00+01:00",
        "2027-01-15T08:00:00",
        " 2027-01-15T08:00:00.000Z ",
    ],
)
def test_the_time_of_expiry_is_read_in_every_usual_form(value: Any) -> None:
    """ISO 8601 or epoch seconds; a time without a zone is UTC."""
    assert expiry({"access_token": "a", "expires_at": value}) == NOW


@pytest.mark.parametrize("value", [None, "", "soon", True, [], {}, "12.5.2027"])
def test_an_unreadable_time_of_expiry_makes_a_token_due(value: Any) -> None:
    """Rather refreshed once too often than not at all."""
    assert is_due({"access_token": "a", "expires_at": value}, NOW)


def test_an_entry_without_an_access_token_is_due() -> None:
    """As one that was stored with its refresh token alone."""
    assert is_due({"refresh_token": "r", "expires_at": NOW + 99 * HOUR}, NOW)


@pytest.mark.parametrize(("hours", "expected"), [(24, False), (12.01, False), (11.99, True), (0, True), (-5, True)])
def test_a_token_is_due_twelve_hours_before_it_expires(hours: float, expected: bool) -> None:
    """Three looks of a rotation that comes every four hours."""
    assert is_due(entry(hours=hours), NOW) is expected


def test_the_most_urgent_come_first() -> None:
    """When time runs out, the others can wait."""
    given_secret = secret(late=entry(1, 9), first=entry(2, 1), fine=entry(3, 20))
    assert [place.key for place in due(given_secret, NOW)] == ["first", "late"]


@pytest.mark.parametrize("value", [{"token": "pit-1"}, {"token": "pit-1", "previous_token": "pit-0"}, {}, "text", None])
def test_private_integration_tokens_are_nobodys_to_refresh(value: Any) -> None:
    """Nor is what is no entry."""
    assert list(entries({"locations": {"loc1": value}, "companies": None})) == []
    assert merged({"locations": {"loc1": value}}, Journal()) == {"locations": {"loc1": value}}


# ---- how they come into the secret ---------------------------------------------------------------------------


def test_a_refreshed_pair_replaces_the_one_it_came_from() -> None:
    """And nothing else in the secret changes."""
    old = {**secret(loc1=entry(0, 3), loc2=entry(7)), "comment": "mine"}
    new = merged(old, Journal().after("refresh-0", tokens(1)))
    assert new["locations"]["loc1"] == entry(1) | {"expires_at": "2027-01-16T08:00:00Z"}
    assert new["locations"]["loc2"] == old["locations"]["loc2"]
    assert new["comment"] == "mine"
    assert old["locations"]["loc1"]["access_token"] == "access-0"


@given(st.integers(0, 29))
def test_an_old_copy_of_the_secret_is_mended(number: int) -> None:
    """A user who stores yesterday's file brings back a refresh token that was used up long ago."""
    journal = Journal()
    for step in range(30):
        journal = journal.after(f"refresh-{step}", tokens(step + 1))
    mended = merged(secret(loc1=entry(number)), journal)["locations"]["loc1"]
    assert (mended["refresh_token"], mended["access_token"]) == ("refresh-30", "access-30")


def test_what_a_user_has_stored_anew_stays() -> None:
    """A token of another line, however soon it expires."""
    edited = secret(loc1=entry(50, hours=1))
    assert merged(edited, Journal().after("refresh-0", tokens(1)), secret(loc1=entry(1))) == edited


def test_what_a_user_has_removed_stays_removed() -> None:
    """Also when the value computed before still has it."""
    journal = Journal().after("refresh-0", tokens(1))
    assert merged(secret(), journal, secret(loc1=entry(1))) == secret()
    turned = secret(loc1={"token": "pit-1"})
    assert merged(turned, journal, secret(loc1=entry(1))) == turned


def test_one_grant_stored_at_two_places_is_refreshed_once_for_both() -> None:
    """The second use of its refresh token would be refused."""
    both = merged(secret(loc1=entry(0), loc2=entry(0)), Journal().after("refresh-0", tokens(1)))
    assert {found["refresh_token"] for found in both["locations"].values()} == {"refresh-1"}


def test_a_companys_token_never_stands_as_a_locations() -> None:
    """Only its refresh token is taken; the location's own access token has to be asked for."""
    journal = Journal().after("refresh-0", tokens(1, company_id="co1"))
    found = merged(secret(loc1=entry(0, 1)), journal)["locations"]["loc1"]
    assert (found["refresh_token"], found["access_token"], found["expires_at"]) == (
        "refresh-1", "access-0", NOW + HOUR,
    )  # fmt: skip
    company = merged({"companies": {"co1": entry(0, 1)}}, journal)["companies"]["co1"]
    assert company["access_token"] == "access-1"


def test_a_minted_token_comes_from_the_value_that_was_computed_before_an_edit() -> None:
    """As long as the location still lives on the same company, and only if it lives longer."""
    pending = with_access(secret(loc1={"company_id": "co1"}), PLACE, tokens(4))
    edited = secret(loc1={"company_id": "co1"}, loc2={"token": "pit-2"})
    assert merged(edited, Journal(), pending)["locations"]["loc1"]["access_token"] == "access-4"
    assert merged(edited, Journal(), pending)["locations"]["loc2"] == {"token": "pit-2"}
    moved = secret(loc1={"company_id": "co2"})
    assert merged(moved, Journal(), pending) == moved
    fresher = with_access(secret(loc1={"company_id": "co1"}), PLACE, tokens(5, hours=48))
    assert merged(fresher, Journal(), pending) == fresher


@given(st.lists(st.sampled_from([0, 1, 2, 3, 9]), min_size=1, max_size=4))
def test_merging_twice_changes_nothing_more(numbers: list[int]) -> None:
    """So a step may be repeated."""
    journal = Journal().after("refresh-0", tokens(1)).after("refresh-1", tokens(2))
    value = secret(**{f"loc{place}": entry(number) for place, number in enumerate(numbers)})
    once = merged(value, journal, value)
    assert merged(once, journal, value) == once


# ---- the journal ---------------------------------------------------------------------------------------------


def test_the_journal_survives_being_stored() -> None:
    """And holds no token that was used up."""
    journal = Journal().after("refresh-0", tokens(1)).after("refresh-1", tokens(2, company_id="co1"))
    stored = msgspec.json.decode(msgspec.json.encode(journal))
    assert journal_of(stored) == journal
    assert "refresh-0" not in str(stored)
    assert fingerprint("refresh-0") in str(stored)


@pytest.mark.parametrize("value", [None, {}, {"grants": 1}, {"locations": {}}, [], "text"])
def test_anything_else_is_an_empty_journal(value: Any) -> None:
    """A version somebody else has labelled."""
    assert journal_of(value) == Journal()


def test_the_journal_forgets_lines_that_nobody_holds_any_more() -> None:
    """A location that was removed, or got other tokens."""
    journal = Journal().after("refresh-0", tokens(1)).after("refresh-50", tokens(51))
    assert journal.about(secret(loc1=entry(0))).grants == journal.grants[:1]


def test_a_token_that_is_not_replaced_stays_in_use() -> None:
    """An answer without a refresh token means that the old one goes on."""
    journal = Journal().after("refresh-0", Tokens(access_token="access-1", expires_at=NOW + 24 * HOUR))
    found = merged(secret(loc1=entry(0, 1)), journal)["locations"]["loc1"]
    assert (found["access_token"], found["refresh_token"]) == ("access-1", "refresh-0")


def test_the_journal_stays_small() -> None:
    """A secret's version takes 64 KiB."""
    journal = Journal()
    for step in range(500):
        journal = journal.after(f"refresh-{step}", tokens(step + 1))
    assert len(msgspec.json.encode(journal)) < 1000


def test_two_journals_become_one_that_knows_everything() -> None:
    """Of a line that both know the further state, whichever of the two knows it."""
    short = Journal().after("refresh-0", tokens(1)).after("refresh-50", tokens(51))
    long = Journal().after("refresh-0", tokens(1)).after("refresh-1", tokens(2)).after("refresh-70", tokens(71))
    for both in (short.united(long), long.united(short)):
        assert {grant.refresh_token for grant in both.grants} == {"refresh-2", "refresh-51", "refresh-71"}
    assert short.united(short) == short.united(Journal()) == Journal().united(short) == short
