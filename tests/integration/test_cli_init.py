"""`leadrelay init`, the CRM's side of the command line, and secrets that several hands change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.cli.faults import CommandFailed
from infra.cli.setup import answers as setup
from infra.cli.setup.answers import Answers
from infra.cli.setup.interview import interview
from infra.cli.setup.secret_edit import changed, edit_secret, merged
from infra.cli.vendors.contacts_api import DESTINATION, FIELDS, READ, SOURCE, WRITE, ContactsApi, ContactsRefused
from infra.cli.vendors.graph_api import GraphApi
from infra.local.contacts_sandbox import ContactsSandbox
from tests.integration.doctor_world import (
    ACCOUNT,
    APP_ID,
    APP_SECRET,
    AWAY,
    AWAY_TOKEN,
    HOME,
    HOME_TOKEN,
    PAGE,
    PAGE_TOKEN,
    PINTEREST_TOKEN,
    VERIFY_TOKEN,
    World,
    fill,
    world,
)

pytestmark = pytest.mark.unrecorded
NO_SCOPE = {"statusCode": 401, "message": "The token is not authorized for this scope.", "error": "Unauthorized"}
CONTACTS, PINTEREST, FACEBOOK = setup.CONTACTS, setup.PINTEREST, setup.FACEBOOK


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("stack"), is_local=True) as made:
        yield made


@pytest.fixture
def fresh(stack: World) -> World:
    """The stack as `sam deploy` leaves it: nothing but the webhook's token is stored."""
    fill(stack)
    stack.crm.reset()
    stack.graph.reset()
    for output in (PINTEREST, FACEBOOK, "PinterestKeysSecretArn", "LeadConnectorSecretArn"):
        stack.forget(output)
    stack.store(CONTACTS, {"locations": {}})
    return stack


def test_a_token_is_checked_and_stored_under_the_routes_location(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment; what was stored is named and not shown."""
    monkeypatch.setenv("CONTACTS_TOKEN", HOME_TOKEN)
    report = fresh.json("init", "--no-input")
    assert report["stored"] == {"ContactsSecret": [f"locations.{HOME}.token"]}
    assert report["next"] == ["leadrelay leadconnector setup", "leadrelay doctor"]
    assert fresh.place.secret(CONTACTS) == {"locations": {HOME: {"token": HOME_TOKEN}}}
    assert fresh.crm.contacts() == []


def test_what_is_missing_is_listed_with_its_options_and_nothing_is_stored(fresh: World) -> None:
    """Exit code 2 is for whoever called it in the wrong way."""
    arguments = ("--pinterest-app-id", "15", "--facebook-app-secret", "s")
    said = str(fresh.run("init", *arguments, code=2).exception)
    for option in (
        f"--contacts-token {HOME}=<token> (or CONTACTS_TOKEN)",
        "--pinterest-app-secret (or PINTEREST_APP_SECRET)",
        "--pinterest-access-token (or PINTEREST_ACCESS_TOKEN)",
        "--pinterest-expires-at (or PINTEREST_EXPIRES_AT)",
        "--facebook-app-id (or FACEBOOK_APP_ID)",
        "--page <page id>=<page token> (or FACEBOOK_PAGES)",
    ):
        assert option in said
    assert "--pinterest-refresh-token" not in said
    assert fresh.place.secret(CONTACTS) == {"locations": {}}


@pytest.mark.parametrize(
    ("token", "words"),
    [("pit-wrong", "does not know the token"), (AWAY_TOKEN, "belongs to another location"), ("pit wrong\n", "token")],
)
def test_a_token_that_does_not_work_is_not_stored(fresh: World, token: str, words: str) -> None:
    """The sentence says why, and never which token."""
    result = fresh.run("init", "--location", HOME, "--contacts-token", token, code=1)
    assert words in str(result.exception)
    assert token not in str(result.exception)
    assert fresh.place.secret(CONTACTS) == {"locations": {}}


def test_a_token_that_may_not_write_is_not_stored_and_one_without_custom_fields_is(fresh: World) -> None:
    """Leads come without their custom fields; without the right to write they come nowhere."""
    fresh.crm.add_fault(match={"method": "PUT"}, status=401, body=NO_SCOPE)
    assert "lacks contacts.write" in str(fresh.run("init", "--contacts-token", HOME_TOKEN, code=1).exception)
    fresh.crm.clear_faults()
    fresh.crm.add_fault(match={"path": "/locations/"}, status=401, body=NO_SCOPE)
    report = fresh.json("init", "--contacts-token", HOME_TOKEN)
    assert "locations/customFields.readonly" in report["remarks"][0]
    assert report["stored"]


def test_a_replaced_token_stays_beside_the_new_one_and_nothing_is_dropped(fresh: World) -> None:
    """HighLevel takes both for seven days; what else is in the secret is not ours to drop."""
    old = {"token": "pit-old", "note": "of the owner"}
    fresh.store(CONTACTS, {"locations": {HOME: old, AWAY: {"token": AWAY_TOKEN}}, "companies": {"c": {}}})
    report = fresh.json("init", "--contacts-token", HOME_TOKEN)
    assert report["stored"] == {"ContactsSecret": [f"locations.{HOME}.token", f"locations.{HOME}.previous_token"]}
    secret = fresh.place.secret(CONTACTS)
    assert secret["locations"][HOME] == {"token": HOME_TOKEN, "previous_token": "pit-old", "note": "of the owner"}
    assert (secret["locations"][AWAY], secret["companies"]) == ({"token": AWAY_TOKEN}, {"c": {}})
    assert fresh.json("init", "--contacts-token", HOME_TOKEN)["stored"] == {}


def test_tokens_of_several_locations_name_their_location(fresh: World) -> None:
    """A bare one could be anybody's."""
    given = f"{HOME}={HOME_TOKEN}", f"{AWAY}={AWAY_TOKEN}"
    report = fresh.json("init", "--contacts-token", given[0], "--contacts-token", given[1])
    assert report["stored"] == {"ContactsSecret": [f"locations.{HOME}.token", f"locations.{AWAY}.token"]}
    unclear = fresh.run("init", "--contacts-token", HOME_TOKEN, "--contacts-token", AWAY_TOKEN, code=2)
    assert "not clear whose" in str(unclear.exception)


def test_pinterest_is_stored_when_its_token_works(fresh: World) -> None:
    """A new access token makes the old one's end unknown, so that the rotation renews it at once."""
    app = ["--pinterest-app-id", "15", "--pinterest-app-secret", "s", "--pinterest-access-token", PINTEREST_TOKEN]
    app += ["--pinterest-refresh-token", "pinr_1"]
    crm = ["--contacts-token", HOME_TOKEN]
    fresh.put(PINTEREST, conversion_tokens={"7": "kept"}, expires_at="2099-01-01T00:00:00Z")
    report = fresh.json("init", *crm, *app, "--conversion-token", f"{ACCOUNT}=conv")
    assert report["next"][:2] == ["leadrelay pinterest forms", "leadrelay pinterest subscribe"]
    stored = fresh.place.secret(PINTEREST)
    assert stored["conversion_tokens"] == {"7": "kept", ACCOUNT: "conv"}
    assert (stored["app_id"], stored["access_token"], stored["expires_at"]) == ("15", PINTEREST_TOKEN, "")
    wrong_pair = ("--pinterest-access-token", "pina_wrong", "--pinterest-refresh-token", "pinr_2")
    refused = fresh.run("init", *wrong_pair, code=1)
    assert "access token" in str(refused.exception)
    wrong = fresh.run("init", "--pinterest-expires-at", "soon", code=2)
    assert "'soon' is no time" in str(wrong.exception)
    assert fresh.place.secret(PINTEREST) == stored


def test_a_pinterest_token_that_nothing_renews_is_stored_with_its_end(fresh: World) -> None:
    """The alarm that warns of it knows the day from nowhere else; the former token's end is none."""
    fresh.put(PINTEREST, access_token="pina_old", expires_at="2026-01-01T00:00:00Z")
    app = ["--pinterest-app-id", "15", "--pinterest-app-secret", "s", "--pinterest-access-token", PINTEREST_TOKEN]
    arguments = ["init", "--contacts-token", HOME_TOKEN, *app]
    said = str(fresh.run(*arguments, code=2).exception)
    assert "--pinterest-expires-at (or PINTEREST_EXPIRES_AT)" in said
    assert fresh.place.secret(PINTEREST)["access_token"] == "pina_old"
    fresh.json(*arguments, "--pinterest-expires-at", "2099-01-01T00:00:00Z")
    assert fresh.place.secret(PINTEREST)["expires_at"] == "2099-01-01T00:00:00Z"
    # Given once, it holds as long as its token does.
    fresh.json("init", "--contacts-token", HOME_TOKEN, "--pinterest-app-id", "16")
    assert fresh.place.secret(PINTEREST)["expires_at"] == "2099-01-01T00:00:00Z"


def test_another_pinterest_token_leaves_no_refresh_token_behind(fresh: World) -> None:
    """The next rotation would bring the former user's tokens back."""
    old = {"app_id": "15", "app_secret": "s", "access_token": "pina_old", "refresh_token": "pinr_old"}
    fresh.put(PINTEREST, **old, expires_at="2026-01-01T00:00:00Z", refresh_token_expires_at="2026-02-01T00:00:00Z")
    arguments = ["init", "--contacts-token", HOME_TOKEN, "--pinterest-access-token", PINTEREST_TOKEN]
    assert "--pinterest-expires-at" in str(fresh.run(*arguments, code=2).exception)
    report = fresh.json(*arguments, "--pinterest-expires-at", "2099-01-01T00:00:00Z")
    assert [it for it in report["remarks"] if "give its refresh token" in it]
    stored = fresh.place.secret(PINTEREST)
    assert (stored["access_token"], stored["refresh_token"]) == (PINTEREST_TOKEN, "")
    assert "refresh_token_expires_at" not in stored
    again = fresh.json(*arguments, "--pinterest-refresh-token", "pinr_new")
    assert fresh.place.secret(PINTEREST)["refresh_token"] == "pinr_new"
    assert not [it for it in again["remarks"] if "refresh token" in it]


def test_an_app_that_pinterest_does_not_take_is_not_stored(fresh: World) -> None:
    """The first to notice would be the rotation, weeks later."""
    fresh.pinterest.connect_app(app_id="15", app_secret="right")
    given = ["init", "--contacts-token", HOME_TOKEN, "--pinterest-access-token", PINTEREST_TOKEN]
    given += ["--pinterest-refresh-token", "pinr_1"]
    for app_id, app_secret in (("15", "wrong"), ("my name", "right")):
        refused = fresh.run(*given, "--pinterest-app-id", app_id, "--pinterest-app-secret", app_secret, code=1)
        assert "does not take the app id with the app secret" in str(refused.exception)
    assert fresh.place.secret(PINTEREST) == {}
    app = ["--pinterest-app-id", "15", "--pinterest-app-secret", "right"]
    fresh.pinterest.add_token(token=PINTEREST_TOKEN, scopes=["ads:read"])
    assert "lacks ads:write" in fresh.json(*given, *app)["remarks"][0]
    fresh.pinterest.add_fault(match={"path": "/v5/oauth/token"}, status=403, body={"code": 29, "message": "no"})
    assert "does not tell" in fresh.json(*given, *app)["remarks"][0]


@pytest.mark.parametrize("token", ["pina_half\nother half", "pina_shor…"])
def test_a_pinterest_token_that_no_header_takes_is_a_sentence(fresh: World, token: str) -> None:
    """A header's own error quotes it."""
    app = ["--pinterest-app-id", "15", "--pinterest-app-secret", "s", "--pinterest-refresh-token", "pinr_1"]
    failed = fresh.run("init", "--contacts-token", HOME_TOKEN, *app, "--pinterest-access-token", token, code=1)
    assert "no text that Pinterest gives" in str(failed.exception)
    assert token[:9] not in failed.output + str(failed.exception)


def test_facebook_gets_a_verify_token_of_its_own_and_keeps_the_former_app_secret(fresh: World) -> None:
    """Both secrets may sign while one is being replaced; the verify token once made stays."""
    place = fresh.place
    made = setup.with_facebook({}, {"app_id": "7", "app_secret": "one"}, {PAGE: PAGE_TOKEN})
    assert len(made["verify_token"]) >= 32
    assert made["pages"] == {PAGE: {"token": PAGE_TOKEN}}
    again = setup.with_facebook(made, {"app_secret": "two"}, {"9": "EAA9", PAGE: ""})
    assert again["pages"] == {PAGE: {"token": PAGE_TOKEN}, "9": {"token": "EAA9"}}
    assert (again["app_secret"], again["previous_app_secret"]) == ("two", "one")
    assert again["verify_token"] == made["verify_token"]
    assert place.secret(FACEBOOK) == {}


def test_a_page_token_is_checked_by_facebook_before_it_is_stored(fresh: World) -> None:
    """A dead one is refused with everything else that was given."""
    app = ["--facebook-app-id", APP_ID, "--facebook-app-secret", APP_SECRET, "--contacts-token", HOME_TOKEN]
    fresh.run("init", *app, "--page", f"{PAGE}=EAAdead", code=1)
    assert fresh.place.secret(FACEBOOK) == {}
    wrong = fresh.run("init", *app, "--facebook-app-id", "5", "--page", f"{PAGE}={PAGE_TOKEN}", code=1)
    assert "app id" in str(wrong.exception)
    assert fresh.place.secret(FACEBOOK) == {}
    report = fresh.json("init", *app, "--page", f"{PAGE}={PAGE_TOKEN}", "--facebook-verify-token", VERIFY_TOKEN)
    assert report["stored"]["FacebookSecret"] == ["app_id", "app_secret", "verify_token", f"pages.{PAGE}.token"]
    assert "leadrelay facebook subscribe" in report["next"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"app_id": "99"}, "another app's, 99"),
        ({"profile_id": "222"}, "that of page 222"),
        ({"scopes": ["pages_show_list"]}, "lacks leads_retrieval"),
    ],
)
def test_a_live_token_of_another_page_or_app_is_not_stored(
    fresh: World, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], words: str
) -> None:
    """It is valid, and a public page is shown to it."""
    real = GraphApi.debug_token
    monkeypatch.setattr(GraphApi, "debug_token", lambda api, token: {**real(api, token), **facts})
    app = ["--facebook-app-id", APP_ID, "--facebook-app-secret", APP_SECRET, "--contacts-token", HOME_TOKEN]
    refused = fresh.run("init", *app, "--page", f"{PAGE}={PAGE_TOKEN}", code=1)
    assert words in str(refused.exception)
    assert fresh.place.secret(FACEBOOK) == {}


class Person:
    """Answers in order; `said` is what was said to them."""

    def __init__(self, *answers: str | bool) -> None:
        self._answers = list(answers)
        self.said: list[str] = []

    def _next(self, question: str) -> Any:
        self.said.append(question)
        return self._answers.pop(0)

    def text(self, question: str, default: str = "") -> str:
        return self._next(question) or default

    def secret(self, question: str) -> str:
        return str(self._next(question))

    def yes(self, question: str, default: bool) -> bool:
        return bool(self._next(question))

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def test_a_person_is_asked_again_until_a_token_works(fresh: World) -> None:
    """Nothing is stored by asking."""
    end = "2099-01-01T00:00:00Z"
    # Without a refresh token an empty end is asked for again.
    person = Person("", "pit-wrong", HOME_TOKEN, True, "15", "app secret", "pina_wrong", "pinr_1", "")
    person._answers += [PINTEREST_TOKEN, "", "", end, False]
    answers = Answers(locations={HOME: ""})
    interview(fresh.place, answers, person)
    assert answers.locations == {HOME: HOME_TOKEN}
    app = {"app_id": "15", "app_secret": "app secret"}
    assert answers.pinterest == {**app, "access_token": PINTEREST_TOKEN, "expires_at": end}
    assert not answers.wants_facebook
    assert any("does not know the token" in it for it in person.said)
    assert not [it for it in person.said if "pit-wrong" in it or "pina_wrong" in it]
    assert fresh.place.secret(CONTACTS) == {"locations": {}}


def test_a_person_is_asked_for_each_page_of_facebook(fresh: World) -> None:
    """The app first, then page by page until there are no more; what does not work is asked for again."""
    person = Person(HOME_TOKEN, False, True, "5", "wrong", "", APP_ID, APP_SECRET, "", PAGE, "", "EAAdead", PAGE_TOKEN)
    answers = Answers(locations={HOME: ""})
    interview(fresh.place, answers, person)
    assert answers.facebook == {"app_id": APP_ID, "app_secret": APP_SECRET}
    assert answers.pages == {PAGE: PAGE_TOKEN}
    assert not answers.wants_pinterest


def test_an_empty_answer_keeps_a_pages_stored_token(fresh: World) -> None:
    """Which doctor's own fix asks for."""
    pages = {PAGE: {"token": PAGE_TOKEN}}
    fresh.put(FACEBOOK, app_id=APP_ID, app_secret=APP_SECRET, verify_token=VERIFY_TOKEN, pages=pages)
    person = Person(HOME_TOKEN, False, "", "", "", "")
    answers = Answers(locations={HOME: ""}, pages={PAGE: ""})
    interview(fresh.place, answers, person)
    assert answers.pages == {PAGE: ""}
    assert "empty keeps the stored one" in person.said[-1]


def test_an_empty_answer_keeps_what_is_stored(fresh: World) -> None:
    """Each question says so."""
    fresh.put(CONTACTS, locations={HOME: {"token": HOME_TOKEN}})
    fresh.put(PINTEREST, app_id="15", app_secret="s", access_token=PINTEREST_TOKEN, expires_at="2099-01-01T00:00:00Z")
    person = Person("", True, "", "", "", "", "", False)
    answers = Answers(locations={HOME: ""})
    interview(fresh.place, answers, person)
    assert (answers.locations, answers.pinterest) == ({HOME: ""}, {})
    assert "empty keeps the stored one" in person.said[0]


def test_a_secret_that_changes_meanwhile_is_read_again_and_not_overwritten(fresh: World) -> None:
    """As when a rotation stores new tokens between our reading and our writing."""
    tries = []

    def edit(secret: dict[str, Any]) -> dict[str, Any]:
        tries.append(secret)
        if len(tries) == 1:
            fresh.put(CONTACTS, locations={AWAY: {"access_token": "rotated"}})
        return merged(secret, {"locations": {HOME: {"token": HOME_TOKEN}}})

    assert edit_secret(fresh.place, CONTACTS, edit) == [f"locations.{HOME}.token"]
    assert len(tries) == 2
    assert fresh.place.secret(CONTACTS)["locations"] == {AWAY: {"access_token": "rotated"}, HOME: {"token": HOME_TOKEN}}


def test_a_secret_without_a_value_gets_its_first_and_an_equal_one_no_other(fresh: World) -> None:
    """Whoever stores nothing makes no version."""
    client = fresh.client("secretsmanager")
    arn = client.create_secret(Name="empty")["ARN"]
    place = fresh.place
    empty = type(place)(**{**vars(place), "outputs": {"EmptySecretArn": arn}})
    assert edit_secret(empty, "EmptySecretArn", lambda secret: {**secret, "a": 1}) == ["a"]
    versions = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert edit_secret(empty, "EmptySecretArn", lambda secret: {**secret, "a": 1}) == []
    assert client.describe_secret(SecretId=arn)["VersionIdsToStages"] == versions


def test_of_two_first_values_stored_at_once_none_is_lost(fresh: World) -> None:
    """Every stack begins with secrets that hold nothing."""
    arn = fresh.client("secretsmanager").create_secret(Name="first")["ARN"]
    empty = type(fresh.place)(**{**vars(fresh.place), "outputs": {"FirstSecretArn": arn}})
    others: list[list[str]] = []

    def edit(secret: dict[str, Any]) -> dict[str, Any]:
        if not others:
            others.append(edit_secret(empty, "FirstSecretArn", lambda held: {**held, "b": 2}))
        return {**secret, "a": 1}

    assert edit_secret(empty, "FirstSecretArn", edit) == ["a"]
    assert empty.secret("FirstSecretArn") == {"b": 2, "a": 1}


def test_names_of_changes_hold_no_value() -> None:
    """Also of what was nested in nothing before."""
    assert list(changed({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3, "d": {"e": 4}}, "f": 5})) == [
        "b.c",
        "b.d.e",
        "f",
    ]


@pytest.fixture(scope="module")
def crm() -> Iterator[ContactsSandbox]:
    with ContactsSandbox(tokens={"pit-1": HOME}) as sandbox:
        yield sandbox


@pytest.fixture
def api(crm: ContactsSandbox) -> ContactsApi:
    crm.reset()
    return ContactsApi(crm.url, HOME, "pit-1")


def test_what_a_token_may_is_found_without_writing(api: ContactsApi, crm: ContactsSandbox) -> None:
    """One call a scope, and no contact comes of it."""
    assert api.check() == dict.fromkeys(DESTINATION, True)
    assert api.check(*SOURCE) == dict.fromkeys(SOURCE, True)
    assert crm.contacts() == []
    assert "pit-1" not in repr(api)


@pytest.mark.parametrize(
    ("scope", "fault", "allowed"),
    [
        (WRITE, {"status": 401, "body": NO_SCOPE}, False),
        (WRITE, {"status": 403, "body": {"message": "The token does not have access to this location."}}, None),
        (WRITE, {"status": 422, "body": {"message": ["no such contact"]}}, True),
        (READ, {"status": 401, "body": NO_SCOPE}, False),
        (FIELDS, {"status": 404, "body": {"message": "Cannot GET /locations"}}, None),
    ],
)
def test_an_answer_that_tells_nothing_of_a_scope_is_taken_for_nothing(
    api: ContactsApi, crm: ContactsSandbox, scope: str, fault: dict[str, Any], allowed: bool | None
) -> None:
    """Refused for its scope, refused for what was asked, or neither."""
    crm.add_fault(**fault)
    assert api.check(scope) == {scope: allowed}


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ({"status": 401, "body": {"message": "Invalid JWT"}}, "contacts_api_unauthorized", "does not know the token"),
        (
            {"status": 401, "body": {"message": "version header was not found."}},
            "contacts_api_unauthorized_version",
            "Ver",
        ),
        (
            {"status": 401, "body": {"message": "This authClass type is not allowed to access this scope."}},
            "contacts_api_unauthorized_token_class",
            "agency's",
        ),
        ({"status": 429, "headers": {"Retry-After": "60"}}, "rate_limited", "repeat the command"),
        ({"status": 500}, "contacts_api_5xx", "out of order"),
    ],
)
def test_a_refusal_says_what_it_means_and_what_to_do(
    api: ContactsApi, crm: ContactsSandbox, fault: dict[str, Any], reason: str, words: str
) -> None:
    """Never what the API quotes, which may be a person."""
    crm.add_fault(**fault)
    with pytest.raises(ContactsRefused) as refused:
        api.check(READ)
    assert refused.value.reason == reason
    assert words in str(refused.value)


def test_a_call_that_came_too_early_is_repeated_once(api: ContactsApi, crm: ContactsSandbox) -> None:
    """If the wait is short."""
    crm.add_fault(status=429, headers={"Retry-After": "0"}, times=1)
    assert api.check(READ) == {READ: True}


def test_a_person_is_found_by_any_e_mail_or_phone_and_can_be_removed(api: ContactsApi, crm: ContactsSandbox) -> None:
    """With the notes and tasks that go along; a second removal finds nothing to do."""
    with crm.api.lock:
        made, _ = crm.api.records.upsert(
            HOME, {"locationId": HOME, "email": "ada@example.com", "phone": "+12125550100"}
        )
        other, _ = crm.api.records.upsert(HOME, {"locationId": HOME, "email": "grace@example.com"})
    crm.add_emails(made.id, "countess@example.com")
    for wanted in ({"email": "ada@example.com"}, {"email": "countess@example.com"}, {"phone": "+12125550100"}):
        assert [contact["id"] for contact in api.find(**wanted)] == [made.id]
    both = api.find(email="grace@example.com", phone="+12125550100")
    assert {contact["id"] for contact in both} == {made.id, other.id}
    assert api.find(email="nobody@example.com") == []
    found = api.contact(made.id)
    assert found is not None
    assert found["email"] == "ada@example.com"
    assert (api.notes(made.id), api.tasks(made.id)) == ([], [])
    assert (api.delete(made.id), api.delete(made.id), api.contact(made.id)) == (True, False, None)
    assert api.notes(made.id) == []


@pytest.mark.parametrize("contact_id", ["", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused(api: ContactsApi, contact_id: str) -> None:
    """DELETE /contacts/ is another operation."""
    with pytest.raises(CommandFailed):
        api.delete(contact_id)
