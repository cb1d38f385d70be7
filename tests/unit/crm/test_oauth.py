"""The token endpoints: what is asked, how answers are understood, and that no token is ever in an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.tokens import Place, Tokens
from leads.crm.oauth import OAuth
from tests.unit.crm.canned_http import BASE_URL, DEADLINE, NOW, Asked, Canned, CannedHttp

SPEC = Path(__file__).parents[4] / "shared" / "specs" / "contacts-api" / "oauth.json"
LOCATION, COMPANY = Place("locations", "loc1"), Place("companies", "co1")
ENTRY = {"client_id": "app-1", "client_secret": "hush & hush", "refresh_token": "old-refresh"}
PAIR = {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 86399, "userType": "Location"}


def endpoint(*answers: Canned | Exception) -> tuple[OAuth, CannedHttp]:
    http = CannedHttp(*answers)
    return OAuth(http, BASE_URL + "/", now=lambda: NOW), http


def form(asked: Asked) -> dict[str, str]:
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    return dict(parse_qsl((asked.body or b"").decode(), strict_parsing=True))


def ask(oauth: OAuth, name: str) -> Any:
    """Each operation by its name, with arguments that fit."""
    operations = {
        "refresh": lambda: oauth.refresh(LOCATION, ENTRY, deadline=DEADLINE),
        "exchange": lambda: oauth.exchange(LOCATION, ENTRY, "code-1", deadline=DEADLINE),
        "reconnect": lambda: oauth.reconnect(LOCATION, ENTRY, deadline=DEADLINE),
        "location_token": lambda: oauth.location_token("co1", "loc1", "company-access", deadline=DEADLINE),
    }
    return operations[name]()


def test_a_refresh_token_becomes_a_new_pair() -> None:
    """As a form, with the app's own credentials."""
    oauth, http = endpoint(Canned(200, PAIR))
    tokens = oauth.refresh(LOCATION, ENTRY, deadline=DEADLINE)
    assert tokens == Tokens(access_token="new-access", refresh_token="new-refresh", expires_at=NOW + 86399)
    [asked] = http.asked
    assert (asked.method, asked.url, asked.deadline) == ("POST", f"{BASE_URL}/oauth/token", DEADLINE)
    assert form(asked) == {**ENTRY, "grant_type": "refresh_token", "user_type": "Location"}


def test_a_company_asks_for_a_companys_tokens() -> None:
    """And the answer says that they are one's."""
    oauth, http = endpoint(Canned(200, {**PAIR, "userType": "Company", "companyId": "co1"}))
    assert oauth.refresh(COMPANY, ENTRY, deadline=DEADLINE).company_id == "co1"
    assert form(http.asked[0])["user_type"] == "Company"


def test_an_authorization_code_becomes_a_pair() -> None:
    """The second half of reconnecting."""
    oauth, http = endpoint(Canned(200, PAIR))
    assert oauth.exchange(LOCATION, ENTRY, "code-1", deadline=DEADLINE).refresh_token == "new-refresh"
    sent = form(http.asked[0])
    assert (sent["grant_type"], sent["code"]) == ("authorization_code", "code-1")
    assert "refresh_token" not in sent


@pytest.mark.parametrize(("place", "whose"), [(LOCATION, {"locationId": "loc1"}), (COMPANY, {"companyId": "co1"})])
def test_reconnecting_gives_a_code(place: Place, whose: dict[str, str]) -> None:
    """For the location or the company, as JSON."""
    oauth, http = endpoint(Canned(200, {"authorizationCode": "code-1", "expiresAt": 1}))
    assert oauth.reconnect(place, ENTRY, deadline=DEADLINE) == "code-1"
    assert http.asked[0].url == f"{BASE_URL}/oauth/reconnect"
    assert http.asked[0].json == {"clientKey": "app-1", "clientSecret": "hush & hush", **whose}


def test_a_companys_token_becomes_a_locations() -> None:
    """With the company's token as bearer."""
    oauth, http = endpoint(Canned(200, {"access_token": "location-access", "expires_in": 86399, "locationId": "loc1"}))
    tokens = oauth.location_token("co1", "loc1", "company-access", deadline=DEADLINE)
    assert tokens == Tokens(access_token="location-access", expires_at=NOW + 86399)
    [asked] = http.asked
    assert asked.url == f"{BASE_URL}/oauth/locationToken"
    assert (asked.token, asked.headers["Version"]) == ("company-access", "2021-07-28")
    assert form(asked) == {"companyId": "co1", "locationId": "loc1"}


@pytest.mark.parametrize(
    "answer",
    [
        {"accessToken": "new-access", "refreshToken": "new-refresh", "expiresIn": 86399},
        {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": "86399"},
        {"access_token": "new-access", "refresh_token": "new-refresh"},
        {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": None},
        {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": "a day"},
    ],
)
def test_answers_are_understood_in_every_spelling(answer: dict[str, Any]) -> None:
    """The next version writes camelCase; a lifetime that is not given is the documented one."""
    oauth, _ = endpoint(Canned(200, answer))
    tokens = oauth.refresh(LOCATION, ENTRY, deadline=DEADLINE)
    assert (tokens.access_token, tokens.refresh_token) == ("new-access", "new-refresh")
    assert tokens.expires_at == NOW + 86399


@pytest.mark.parametrize("body", [{}, b"<html>", {"access_token": ""}, {"access_token": 7}, {"access_token": "a\nb"}])
def test_an_answer_without_a_token_may_have_cost_the_refresh_token(body: Any) -> None:
    """So it is one to ask again about, and no success."""
    oauth, _ = endpoint(Canned(200, body))
    with pytest.raises(TryAgain) as caught:
        oauth.refresh(LOCATION, ENTRY, deadline=DEADLINE)
    assert caught.value.ambiguous


@pytest.mark.parametrize("name", ["refresh", "exchange", "reconnect", "location_token"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_for_a_person(name: str, status: int) -> None:
    """And its own words are not repeated, as they may quote what was sent."""
    quoting = {"error": "old-refresh", "error_description": "hush & hush", "message": "old-refresh company-access"}
    oauth, _ = endpoint(Canned(status, quoting))
    with pytest.raises(Undeliverable) as caught:
        ask(oauth, name)
    assert caught.value.reason == "token_refused"
    assert str(status) in caught.value.detail
    assert not [word for word in ("old-refresh", "hush", "company-access") if word in str(caught.value)]


def test_a_refusal_names_the_standards_error() -> None:
    """Which tells a dead refresh token from wrong credentials of the app."""
    oauth, _ = endpoint(Canned(400, {"error": "invalid_grant"}))
    with pytest.raises(Undeliverable, match="invalid_grant"):
        oauth.refresh(LOCATION, ENTRY, deadline=DEADLINE)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
@pytest.mark.parametrize("name", ["refresh", "exchange", "reconnect", "location_token"])
def test_a_busy_endpoint_is_asked_again_later(name: str, status: int) -> None:
    """Its Retry-After is handed on."""
    oauth, _ = endpoint(Canned(status, {}, {"retry-after": "7"}))
    with pytest.raises(TryAgain) as caught:
        ask(oauth, name)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        (200, "", ""),
        (401, "Invalid token: access token is invalid", "contacts_api_unauthorized"),
        (401, "The token is not authorized for this scope.", ""),
        (401, "version header was not found.", ""),
        (401, "This authClass type is not allowed to access this scope.", "contacts_api_unauthorized_token_class"),
        (403, "The token does not have access to this location.", "contacts_api_unauthorized_location"),
        (429, "Too Many Requests", ""),
        (500, "", ""),
    ],
)
def test_a_new_token_is_tried_with_a_harmless_read(status: int, message: str, reason: str) -> None:
    """Only a refusal of the token itself counts: a missing scope was missing before."""
    oauth, http = endpoint(Canned(status, {"statusCode": status, "message": message}))
    assert oauth.refusal("loc1", "new-access", deadline=DEADLINE) == reason
    [asked] = http.asked
    assert (asked.method, asked.url) == ("GET", f"{BASE_URL}/locations/loc1/customFields?model=contact")
    assert asked.token == "new-access"


def test_no_answer_says_nothing_against_a_token() -> None:
    """The old one would fare no better."""
    oauth, _ = endpoint(TryAgain("contacts_api_timeout"))
    assert oauth.refusal("loc1", "new-access", deadline=DEADLINE) == ""


def test_no_error_holds_a_secret() -> None:
    """Whatever goes wrong."""
    for answer in (Canned(200, {}), Canned(401, {}), Canned(500, {}), Canned(418, {})):
        oauth, _ = endpoint(answer)
        with pytest.raises(LeadError) as caught:
            oauth.refresh(LOCATION, ENTRY, deadline=DEADLINE)
        assert not [value for value in ENTRY.values() if value in str(caught.value)]


@pytest.mark.skipif(not SPEC.exists(), reason="the vendor's specification is not beside the project")
@pytest.mark.parametrize(
    ("name", "path"),
    [("refresh", "/oauth/token"), ("exchange", "/oauth/token"), ("location_token", "/oauth/locationToken")],
)
def test_what_is_sent_is_what_the_specification_declares(name: str, path: str) -> None:
    """Nothing required is missing, nothing is unknown."""
    document = json.loads(SPEC.read_text("utf-8"))
    [(kind, content)] = document["paths"][path]["post"]["requestBody"]["content"].items()
    schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    oauth, http = endpoint(Canned(200, PAIR))
    ask(oauth, name)
    sent = form(http.asked[0])
    assert http.asked[0].headers["Content-Type"] == kind
    assert set(schema["required"]) <= set(sent) <= set(schema["properties"])
    for field, value in sent.items():
        assert value in schema["properties"][field].get("enum", [value])
