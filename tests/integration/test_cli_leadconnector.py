"""`leadrelay leadconnector setup` against the Contacts sandbox and secrets of moto."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.cli.app import app
from infra.cli.commands import leadconnector as command
from infra.cli.faults import CommandFailed
from infra.cli.leadconnector import outcomes
from infra.cli.leadconnector import setup as verbs
from infra.cli.pinterest.route_proposal import NO_LOCATION
from leads.core.routes import parse_routes
from leads.sources.leadconnector_events import KINDS, WORKFLOW
from leads.sources.leadconnector_signature import WORKFLOW_SECRET
from tests.integration.doctor_world import (
    AWAY,
    AWAY_TOKEN,
    HOME,
    HOME_TOKEN,
    ROUTES,
    TOKEN,
    World,
    fill,
    world,
)

pytestmark = pytest.mark.unrecorded

CONTACTS, SECRET = "ContactsSecretArn", "LeadConnectorSecretArn"
TELLING = f"""
[[routes]]
name = "Pins"
source = "pinterest"
location = "{HOME}"
[routes.conversions]
delivered = "lead"
"stage:qualified" = "qualified_lead"
"won" = {{ event = "checkout", value = "{{monetary_value}}" }}
"""
NO_SCOPE = {"statusCode": 401, "message": "The token is not authorized for this scope.", "error": "Unauthorized"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("stack")) as made:
        yield made


@pytest.fixture
def stack(deployed: World) -> World:
    """A stack that delivers to one location, and knows of no other."""
    fill(deployed)
    deployed.crm.reset()
    deployed.crm.clear_faults()
    deployed.forget(SECRET)
    deployed.routes.write_text(ROUTES)
    deployed.store(CONTACTS, {"locations": {HOME: {"token": HOME_TOKEN}}})
    return deployed


def run(stack: World, *arguments: str, code: int = 0, answers: str = "") -> Result:
    """The command; the address it prints has the webhook's token in it, but no other secret is ever printed."""
    words = ["leadconnector", "setup", *arguments, "--routes", str(stack.routes)]
    result = CliRunner().invoke(app, words, obj=stack.place, input=answers)
    ended = getattr(result.exception, "exit_code", result.exit_code)
    assert ended == code, (result.output, result.exc_info)
    said = result.output + str(result.exception)
    held = stack.place.secret(SECRET).get("workflow_secret") if "--show-secret" not in arguments else None
    assert not [secret for secret in (HOME_TOKEN, AWAY_TOKEN, held) if secret and secret in said], said
    return result


def told(stack: World, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(stack, *arguments, "--json").stdout)
    return found


def fails(stack: World, *arguments: str, code: int = 1) -> str:
    result = run(stack, *arguments, code=code)
    assert isinstance(result.exception, CommandFailed)
    return str(result.exception)


def test_a_location_and_its_token_are_checked_and_stored(stack: World) -> None:
    """The locations that are there stay; a workflow secret is made."""
    found = told(stack, "--location", f"{AWAY}={AWAY_TOKEN}", "--app-id", "app-1")
    assert found["remarks"] == []
    assert found["stored"]["ContactsSecret"] == [f"locations.{AWAY}.token"]
    assert stack.place.secret(CONTACTS)["locations"] == {HOME: {"token": HOME_TOKEN}, AWAY: {"token": AWAY_TOKEN}}
    secret = stack.place.secret(SECRET)
    assert (secret["locations"], secret["app_ids"]) == ([AWAY], ["app-1"])
    assert len(secret["workflow_secret"]) >= 32
    assert stack.crm.contacts() == []


def test_a_token_may_come_from_the_environment(stack: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody else can see it; several are separated by blanks."""
    monkeypatch.setenv("LEADCONNECTOR_LOCATIONS", f"{AWAY}={AWAY_TOKEN} {HOME}")
    told(stack)
    assert stack.place.secret(SECRET)["locations"] == [AWAY, HOME]
    assert stack.place.secret(CONTACTS)["locations"][AWAY] == {"token": AWAY_TOKEN}


def test_the_second_run_drops_and_changes_nothing(stack: World) -> None:
    """Also what others have put there; without options it shows the instructions again."""
    told(stack, "--location", f"{AWAY}={AWAY_TOKEN}")
    stack.put(SECRET, public_keys=["pem"], legacy_signatures=True, locations=[AWAY, "SourceLocation2"])
    before = stack.place.secret(SECRET)
    assert told(stack)["stored"] == {}
    assert stack.place.secret(SECRET) == before
    told(stack, "--location", "SourceLocation3", "--app-id", "app-2")
    after = stack.place.secret(SECRET)
    assert after == {**before, "locations": [AWAY, "SourceLocation2", "SourceLocation3"], "app_ids": ["app-2"]}


def test_a_workflow_secret_that_is_replaced_stays_as_the_previous_one(stack: World) -> None:
    """Workflows send it until somebody has changed them; the same one again is no change."""
    told(stack, "--location", AWAY, "--workflow-secret", "first")
    told(stack, "--workflow-secret", "first")
    assert "previous_workflow_secret" not in stack.place.secret(SECRET)
    told(stack, "--workflow-secret", "second")
    secret = stack.place.secret(SECRET)
    assert (secret["workflow_secret"], secret["previous_workflow_secret"]) == ("second", "first")


def test_a_token_that_is_replaced_stays_as_the_previous_one(stack: World) -> None:
    """HighLevel takes both for seven days."""
    stack.put(CONTACTS, locations={AWAY: {"token": "pit-old"}})
    told(stack, "--location", f"{AWAY}={AWAY_TOKEN}")
    assert stack.place.secret(CONTACTS)["locations"][AWAY] == {"token": AWAY_TOKEN, "previous_token": "pit-old"}


def test_the_instructions_are_complete(stack: World) -> None:
    """The address, every event that is taken, the workflow's address and header, and a valid route."""
    found = told(stack, "--location", f"{AWAY}={AWAY_TOKEN}")
    url = stack.place.webhook_url("leadconnector")
    assert found["webhook_url"] == url
    assert found["workflow_urls"] == [f"{url}?location={AWAY}"]
    assert found["workflow_header"] == {
        "name": "X-LeadRelay-Secret",
        "secret": stack.place.output(SECRET),
        "key": "workflow_secret",
    }
    assert verbs.HEADER.lower() == WORKFLOW_SECRET
    assert {name for names in found["events"].values() for name in names} == set(KINDS) - {WORKFLOW}
    [route] = parse_routes(tomllib.loads(found["routes"])).routes
    assert (route.source, route.account, route.location) == ("leadconnector", AWAY, HOME)


def test_outcomes_take_no_source_location(stack: World) -> None:
    """The routes name their location; the secret lists none, as what stands there would be leads."""
    stack.routes.write_text(TELLING)
    found = told(stack, "--app-id", "app-1")
    secret = stack.place.secret(SECRET)
    assert (secret["locations"], secret["app_ids"], len(secret["workflow_secret"]) >= 32) == ([], ["app-1"], True)
    assert found["stored"] == {"LeadConnectorSecret": ["locations", "app_ids", "workflow_secret"]}
    assert (found["remarks"], found["events"], found["workflow_urls"], found["routes"]) == ([], {}, [], "")
    url = stack.place.webhook_url("leadconnector")
    [place] = found["outcomes"]
    assert (place["location"], place["outcomes"], place["is_source"]) == (HOME, ["stage:qualified", "won"], False)
    assert (place["webhook_url"], place["workflow_url"]) == (url, f"{url}?location={HOME}")
    assert place["events"] == [*outcomes.OF_CONTACTS, *outcomes.OF_OPPORTUNITIES]
    assert place["workflow_header"] == {
        "name": "X-LeadRelay-Secret",
        "secret": stack.place.output(SECRET),
        "key": "workflow_secret",
    }
    assert [*place["custom_data"]] == ["outcome", "monetary_value", "currency", "opportunity_id"]
    assert told(stack)["stored"] == {}


@pytest.mark.parametrize(
    ("outcome", "names"),
    [
        ("tag:vip", outcomes.OF_CONTACTS),
        ("lost", outcomes.OF_OPPORTUNITIES),
        ("opportunity_stage:Offer", outcomes.OF_OPPORTUNITIES),
    ],
)
def test_only_events_that_tell_of_the_outcomes_are_named(stack: World, outcome: str, names: tuple[str, ...]) -> None:
    """Each of them is one that is taken."""
    stack.routes.write_text(f'{TELLING.partition("delivered")[0]}"{outcome}" = "custom"\n')
    [place] = told(stack)["outcomes"]
    assert place["events"] == [*names]
    assert {KINDS[name].name for name in names} in ({"contact"}, {"opportunity"})


def test_what_a_person_sees_of_outcomes(stack: World) -> None:
    """And nothing of sources, where there is none."""
    stack.routes.write_text(TELLING)
    said = run(stack).output
    url = stack.place.webhook_url("leadconnector")
    assert f"Outcomes that routes want of location {HOME}:\n  stage:qualified, won\n" in said
    assert f"\n  {url}\n" in said
    assert f"\n  {url}?location={HOME}\n" in said
    assert "OpportunityStatusUpdate" in said
    assert "Its contacts would be leads" in said
    assert "while it lists none, every app's events count" in said
    assert "X-LeadRelay-Secret: <" in said
    assert "outcome: one of the outcomes above, or several by commas" in said
    assert "source location" not in said
    assert "In routes.toml" not in said
    said = run(stack, "--app-id", "app-1", "--show-secret").output
    assert f"X-LeadRelay-Secret: {stack.place.secret(SECRET)['workflow_secret']}" in said
    assert "it lists app-1" in said


def test_sources_and_outcomes_are_set_up_side_by_side(stack: World) -> None:
    """Each with its own instructions."""
    stack.routes.write_text(TELLING)
    found = told(stack, "--location", f"{AWAY}={AWAY_TOKEN}")
    assert stack.place.secret(SECRET)["locations"] == [AWAY]
    assert found["workflow_urls"] == [f"{found['webhook_url']}?location={AWAY}"]
    assert [place["location"] for place in found["outcomes"]] == [HOME]
    assert found["remarks"] == []
    said = run(stack).output
    assert "A marketplace app in the source location" in said
    assert "A marketplace app in that location" in said


def test_a_location_that_is_made_a_source_for_its_outcomes_is_remarked(stack: World) -> None:
    """As no route takes its contacts; with one that does it is a source and more."""
    stack.routes.write_text(TELLING)
    found = told(stack, "--location", HOME)
    [remark] = [remark for remark in found["remarks"] if "no route takes its contacts" in remark]
    assert "take it out of `locations`" in remark
    assert found["outcomes"][0]["is_source"]
    both = TELLING + f'[[routes]]\nname = "On"\nsource = "leadconnector"\naccount = "{HOME}"\nlocation = "{AWAY}"\n'
    stack.routes.write_text(both)
    found = told(stack)
    assert found["remarks"] == []
    assert not [line for line in found["outcomes"][0]["advice"] if "would be leads" in line]


def test_sources_do_not_wait_for_routes_that_can_be_read(stack: World) -> None:
    """Without any source it is what is wrong."""
    stack.routes.write_text("[[routes]]\n")
    assert "routes.toml" in fails(stack, code=2)
    assert stack.place.secret(SECRET) == {}
    found = told(stack, "--location", f"{AWAY}={AWAY_TOKEN}")
    assert found["outcomes"] == []
    assert [remark for remark in found["remarks"] if remark.startswith("Outcomes were not looked for")]


@pytest.mark.parametrize("others", [{}, {HOME: {"token": "a"}, "AnotherLocation": {"token": "b"}}])
def test_where_a_route_leads_is_left_open_unless_it_is_clear(stack: World, others: dict[str, Any]) -> None:
    """One location beside the source is clear; none or two are not."""
    stack.store(CONTACTS, {"locations": others})
    [route] = parse_routes(tomllib.loads(told(stack, "--location", AWAY)["routes"])).routes
    assert route.location == NO_LOCATION


def test_what_a_person_sees(stack: World) -> None:
    """The workflow secret only when it is asked for."""
    said = run(stack, "--location", f"{AWAY}={AWAY_TOKEN}").output
    assert stack.place.webhook_url("leadconnector") in said
    assert "ContactCreate, ContactUpdate" in said
    assert "X-LeadRelay-Secret: <" in said
    assert f'account = "{AWAY}"' in said
    said = run(stack, "--show-secret").output
    assert f"X-LeadRelay-Secret: {stack.place.secret(SECRET)['workflow_secret']}" in said
    assert "Everything was stored already" in said
    assert told(stack, "--show-secret")["workflow_header"]["value"]


def test_a_location_without_a_token_is_taken_with_a_remark(stack: World) -> None:
    """What then does not work is said."""
    [remark] = told(stack, "--location", AWAY)["remarks"]
    assert "no token" in remark
    assert "reconcile cannot look" in remark
    assert AWAY not in stack.place.secret(CONTACTS)["locations"]


def test_a_stored_token_is_looked_at_again(stack: World) -> None:
    """It may have ended since."""
    stack.put(CONTACTS, locations={AWAY: {"token": "pit-unknown"}})
    assert "does not know the token" in fails(stack, "--location", AWAY)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (f"{AWAY}=pit-nobody", "does not know the token"),
        (f"{AWAY}={HOME_TOKEN}", "another location"),
        (f"{AWAY}=pit-\u2028", "token"),
    ],
)
def test_a_token_that_is_refused_stores_nothing(stack: World, given: str, words: str) -> None:
    """Neither it nor the location."""
    before = stack.place.secret(CONTACTS)
    assert words in fails(stack, "--location", given)
    assert stack.place.secret(SECRET) == {}
    assert stack.place.secret(CONTACTS) == before


def test_a_token_without_the_scope_to_read_is_refused(stack: World) -> None:
    """Nothing works without it."""
    stack.crm.add_fault(match={"path": "/contacts"}, status=401, body=NO_SCOPE)
    sentence = fails(stack, "--location", f"{AWAY}={AWAY_TOKEN}")
    assert "contacts.readonly" in sentence
    assert stack.place.secret(SECRET) == {}


def test_a_scope_that_is_missing_is_a_remark(stack: World) -> None:
    """The rest works."""
    stack.crm.add_fault(match={"path": "/opportunities"}, status=401, body=NO_SCOPE)
    [remark] = told(stack, "--location", f"{AWAY}={AWAY_TOKEN}")["remarks"]
    assert "opportunities.readonly" in remark
    assert "contacts.readonly" not in remark


@pytest.mark.parametrize("given", ["=pit-1", "a b=pit-1", "x", ""])
def test_what_is_no_location_is_refused(stack: World, given: str) -> None:
    """With 2; what was given is not repeated, as it may be a token."""
    sentence = fails(stack, "--location", given, code=2)
    assert "--location takes" in sentence
    assert "pit-1" not in sentence


def test_without_any_location_it_says_what_to_give(stack: World) -> None:
    """Exit code 2 is for whoever called it in the wrong way."""
    said = fails(stack, code=2)
    assert "--location" in said
    assert "[routes.conversions]" in said
    stack.routes.write_text(TELLING.partition('"stage')[0])
    assert "no route wants outcomes" in fails(stack, code=2)


def test_somebody_at_the_terminal_is_asked_until_the_token_works(stack: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locations first, then each one's token, which is not echoed."""
    asked: list[str] = []
    given = iter([AWAY, "", "pit-wrong", AWAY_TOKEN])

    def answer(_: Any, question: str, default: str = "") -> str:
        asked.append(question)
        return next(given)

    monkeypatch.setattr("infra.cli.commands.init.Terminal.text", answer)
    monkeypatch.setattr("infra.cli.commands.init.Terminal.secret", answer)
    wishes = verbs.Wishes()
    assert command._asked(stack.place, wishes) == []
    assert wishes.locations == {AWAY: AWAY_TOKEN}
    assert [question.split(" ")[0] for question in asked] == ["Source", "Source", "Token", "Token"]
    assert TOKEN not in "".join(asked)


def test_somebody_at_the_terminal_may_give_no_source_where_outcomes_are_wanted(
    stack: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question says so."""
    asked: list[str] = []

    def answer(_: Any, question: str, default: str = "") -> str:
        asked.append(question)
        return ""

    monkeypatch.setattr("infra.cli.commands.init.Terminal.text", answer)
    assert command._asked(stack.place, verbs.Wishes(), may_be_none=True) == []
    assert asked == ["Source location id (empty: none, outcomes need none)"]


def test_examples_are_in_the_help(stack: World) -> None:
    """With what to type."""
    assert "leadrelay leadconnector setup" in run(stack, "--help").output
