"""What ends soon and is renewed by nobody."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from leads.core import endings
from leads.core.graph_versions import NOTICE_DAYS, usable_until, version_of
from leads.core.iso_time import epoch_of, zulu_time

DAY = 86_400.0
NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC).timestamp()
IN_SIX_DAYS, IN_EIGHT_DAYS, YESTERDAY = (zulu_time(NOW + days * DAY) for days in (6, 8, -1))


@pytest.mark.parametrize(
    "entry",
    [
        {"access_token": "a", "expires_at": IN_SIX_DAYS},
        {"client_id": "c", "access_token": "a", "expires_at": NOW + 6 * DAY},
        {"token": "pit-1", "expires_at": IN_SIX_DAYS},
        {"access_token": "a", "expires_at": YESTERDAY},
    ],
)
@pytest.mark.parametrize(("shelf", "about"), [("locations", "location x"), ("companies", "company x")])
def test_a_token_that_nothing_renews_is_told_a_week_ahead(shelf: str, about: str, entry: dict[str, Any]) -> None:
    """By where it stands, and with the day; never the token."""
    [ending] = endings.in_contacts({shelf: {"x": entry}}, NOW)
    assert (ending.about, ending.reason) == (about, "token_ends_soon")
    assert "2026-11-2" in ending.detail
    assert "pit-1" not in repr(ending)


@pytest.mark.parametrize(
    "entry",
    [
        {"token": "pit-1"},
        {"token": "pit-1", "expires_at": IN_EIGHT_DAYS},
        {"access_token": "a", "refresh_token": "r", "expires_at": IN_SIX_DAYS},
        {"company_id": "co1", "access_token": "a", "expires_at": IN_SIX_DAYS},
        {"access_token": "a", "expires_at": "one of these days"},
        {"access_token": "a", "expires_at": None},
        {},
        None,
        "pit-1",
    ],
)
def test_what_is_renewed_or_lasts_is_not_told(entry: Any) -> None:
    """Nor what nobody can know."""
    assert list(endings.in_contacts({"locations": {"x": entry}}, NOW)) == []


def test_a_secret_of_another_shape_says_nothing() -> None:
    """Whoever uses it says so."""
    assert list(endings.in_contacts({"locations": ["x"], "companies": None}, NOW)) == []


@pytest.mark.parametrize(
    ("secret", "reasons"),
    [
        ({"access_token": "a", "expires_at": IN_SIX_DAYS}, ["token_ends_soon"]),
        ({"access_token": "a", "expires_at": IN_EIGHT_DAYS}, []),
        ({"access_token": "a"}, []),
        ({"access_token": "a", "expires_at": IN_SIX_DAYS, "refresh_token": "r"}, []),
        (
            {"access_token": "a", "refresh_token": "r", "refresh_token_expires_at": NOW + DAY},
            ["refresh_token_ends_soon"],
        ),
        ({"access_token": "a", "refresh_token": "r", "refresh_token_expires_at": NOW + 60 * DAY}, []),
        ({"conversion_tokens": {}}, []),
    ],
)
def test_of_the_pinterest_app_it_is_the_last_token_of_the_line(secret: dict[str, Any], reasons: list[str]) -> None:
    """An access token is renewed as long as there is a refresh token."""
    assert [ending.reason for ending in endings.in_pinterest_app(secret, NOW)] == reasons


@pytest.mark.parametrize(
    ("url", "reasons"),
    [
        ("https://graph.facebook.com/v20.0", ["graph_version_ends_soon"]),
        ("https://graph.facebook.com/v21.0", ["graph_version_ends_soon"]),
        ("https://graph.facebook.com/v22.0", []),
        ("https://graph.facebook.com/v26.0", []),
        ("https://graph.facebook.com/v27.0", []),
        ("https://graph.facebook.com/v99.0", []),
        ("http://127.0.0.1:4000", []),
        ("", []),
    ],
)
def test_a_version_of_graph_is_told_ninety_days_ahead(url: str, reasons: list[str]) -> None:
    """One whose end is not known says nothing."""
    assert [ending.reason for ending in endings.of_graph(url, NOW)] == reasons


def test_the_notice_begins_on_the_day() -> None:
    """Eighty-nine days before the end, and not ninety."""
    end = usable_until("v25.0")
    assert end
    url = "https://graph.facebook.com/v25.0"
    for days, told in ((NOTICE_DAYS, 0), (NOTICE_DAYS - 1, 1)):
        day = dt.datetime.combine(end - dt.timedelta(days=days), dt.time(), dt.UTC).timestamp()
        assert len(list(endings.of_graph(url, day))) == told


@pytest.mark.parametrize("version", ["v25.0", "25.0", "V25.0", " v25.0 "])
def test_a_version_goes_by_its_name(version: str) -> None:
    """However somebody writes it."""
    assert usable_until(version) == dt.date(2028, 7, 29)


def test_the_newest_version_ends_two_years_after_its_release_at_the_earliest() -> None:
    """As its predecessor does for sure; a deployment that nobody updates would hear of it never."""
    assert usable_until("v26.0") == usable_until("v25.0")
    in_two_years = dt.datetime(2028, 6, 1, tzinfo=dt.UTC).timestamp()
    [ending] = endings.of_graph("https://graph.facebook.com/v26.0", in_two_years)
    assert ending.detail == "it may be refused from 2028-07-29 on"


@pytest.mark.parametrize("version", ["v27.0", "v1.0", "", "latest"])
def test_an_unknown_version_has_no_known_end(version: str) -> None:
    """One that came after the table was written, for one."""
    assert usable_until(version) is None


def test_the_version_is_the_end_of_the_address() -> None:
    """With or without a slash behind it."""
    found = [version_of(f"https://graph.facebook.com/{end}") for end in ("v26.0", "v26.0/", "")]
    assert found == ["v26.0", "v26.0", ""]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-21T00:00:00Z", NOW),
        ("2026-11-21", NOW),
        (" 2026-11-21T01:00:00+01:00 ", NOW),
        (str(int(NOW)), NOW),
        (int(NOW), NOW),
        (True, 0.0),
        (None, 0.0),
        ("soon", 0.0),
    ],
)
def test_a_moment_is_read_however_a_person_wrote_it(written: Any, moment: float) -> None:
    """Zero for what is none."""
    assert epoch_of(written) == moment
