"""`leadrelay facebook` against the Graph sandbox, which asks and calls the real webhook, and secrets of moto."""

from __future__ import annotations

import dataclasses
import io
import json
import time
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from infra.cli.facebook.subscribing import Line
from infra.cli.faults import CommandFailed
from infra.cli.pinterest.route_proposal import NO_LOCATION
from infra.cli.story import follow
from infra.cli.story.ledger import LedgerLead
from infra.cli.vendors.graph_api import GraphApi, GraphRefused
from infra.local.graph.examples import example_form, form_of
from infra.local.graph.grants import SCOPES
from infra.local.graph_sandbox import APP_ID
from infra.local.pinterest.server import PinterestServer
from infra.local.sandbox.web import Answer, Call
from leads.core.routes import parse_routes
from tests.integration.doctor_world import (
    APP_SECRET,
    AWAY,
    HOME,
    PAGE,
    PAGE_TOKEN,
    TOKEN,
    UNSPEAKABLE,
    VERIFY_TOKEN,
    World,
    fill,
    world,
)

pytestmark = pytest.mark.unrecorded

OTHER, OTHER_TOKEN = "102290129340399", "EAAother"
FORM, OTHER_FORM = form_of(PAGE), form_of(OTHER)
SECRET = "FacebookSecretArn"
THEIRS = "https://crm.example.com/hooks/their-secret"
PAGES = {PAGE: {"token": PAGE_TOKEN}, OTHER: {"token": OTHER_TOKEN}}
STORED = {"app_id": APP_ID, "app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN, "pages": PAGES}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("stack"), is_local=True) as made:
        made.store(SECRET, STORED)

        def answer(call: Call) -> Answer:
            told = made.answer(call)
            return Answer(told.status, told.body.encode()) if isinstance(told.body, str) else told

        door = PinterestServer(0, answer, "front door")
        door.start()
        made.place = dataclasses.replace(made.place, front_url=door.url)
        yield made
        door.stop()


@pytest.fixture
def stack(deployed: World) -> World:
    """Both pages with a form each, and nothing subscribed to."""
    fill(deployed)
    deployed.store(SECRET, STORED)
    deployed.crm.reset()
    deployed.graph.reset()
    deployed.graph.replace_token(OTHER, OTHER_TOKEN)
    for page in PAGES:
        deployed.graph.add_form(**example_form(page))
        deployed.graph.subscribe(page, [])
    return deployed


def fails(stack: World, *arguments: str, code: int = 1) -> str:
    result = stack.run("facebook", *arguments, code=code)
    assert isinstance(result.exception, CommandFailed), result.output
    return str(result.exception)


def lines(stack: World, *arguments: str, code: int = 0) -> dict[str, Line]:
    """App or page → how it stands, or what was done."""
    rows = stack.json("facebook", *arguments, code=code)["subscriptions"]
    return {row["id"]: Line(**row) for row in rows}


def states(stack: World, *arguments: str, code: int = 0) -> dict[str, str]:
    return {number: line.state for number, line in lines(stack, *arguments, code=code).items()}


class TestSubscribe:
    def test_both_levels_are_subscribed_and_the_second_time_nothing_changes(self, stack: World) -> None:
        """Nothing is stored."""
        before = stack.place.secret(SECRET)
        assert states(stack, "subscriptions") == {APP_ID: "missing", PAGE: "missing", OTHER: "missing"}
        assert states(stack, "subscribe") == {APP_ID: "subscribed", PAGE: "subscribed", OTHER: "subscribed"}
        made = stack.graph.app_subscription()
        assert made is not None
        assert made["callback_url"] == stack.place.webhook_url("facebook")
        assert (made["fields"], made["include_values"]) == (["leadgen"], True)
        assert states(stack, "subscribe") == {APP_ID: "unchanged", PAGE: "unchanged", OTHER: "unchanged"}
        assert states(stack, "subscriptions") == {APP_ID: "ours", PAGE: "ours", OTHER: "ours"}
        assert stack.place.secret(SECRET) == before

    def test_include_values_is_switched_on_where_it_was_off(self, stack: World) -> None:
        """Graph does not tell whether it is, so the app's subscription is made anew each time."""
        stack.graph.subscribe_app(stack.place.webhook_url("facebook"), include_values=False)
        assert states(stack, "subscribe")[APP_ID] == "unchanged"
        made = stack.graph.app_subscription()
        assert made
        assert made["include_values"]

    def test_one_page_alone_can_be_named(self, stack: World) -> None:
        """A page that the secret does not have cannot."""
        assert states(stack, "subscribe", "--page", OTHER) == {APP_ID: "subscribed", OTHER: "subscribed"}
        assert states(stack, "subscriptions")[PAGE] == "missing"
        sentence = fails(stack, "subscribe", "--page", "77", code=2)
        assert "no page 77" in sentence
        assert "leadrelay init --page 77" in sentence

    def test_what_else_is_subscribed_to_stays(self, stack: World) -> None:
        """At our own address, and at the pages."""
        stack.graph.subscribe_app(stack.place.webhook_url("facebook"), fields=["messages"])
        stack.graph.subscribe(PAGE, ["feed"])
        found = lines(stack, "subscribe")
        assert found[APP_ID].fields == ["messages", "leadgen"]
        assert found[PAGE].fields == ["feed", "leadgen"]
        made = stack.graph.app_subscription()
        assert made
        assert made["fields"] == ["messages", "leadgen"]

    def test_an_app_that_somebody_else_uses_is_taken_only_when_told_so(self, stack: World) -> None:
        """An app has one address for all pages: theirs would get nothing any more. Its secret part is not shown."""
        stack.graph.subscribe_app(THEIRS, fields=["messages"])
        found = lines(stack, "subscribe", code=1)
        assert (found[APP_ID].state, found[PAGE].state) == ("elsewhere", "subscribed")
        assert "crm.example.com" in found[APP_ID].note
        assert "their-secret" not in found[APP_ID].note
        assert "subscribe --replace" in found[APP_ID].note
        assert stack.graph.app_subscription()["callback_url"] == THEIRS  # type: ignore[index]
        assert states(stack, "subscribe", "--replace")[APP_ID] == "subscribed"
        assert states(stack, "subscriptions")[APP_ID] == "ours"

    def test_an_address_of_our_own_with_the_former_token_is_replaced_at_once(self, stack: World) -> None:
        """As after a change of the webhook token."""
        stack.put("WebhookTokenSecretArn", previous="former")
        stack.graph.subscribe_app(f"{stack.place.front_url}/webhooks/facebook/former")
        assert states(stack, "subscribe")[APP_ID] == "unchanged"
        assert stack.graph.app_subscription()["callback_url"].endswith(TOKEN)  # type: ignore[index]

    def test_a_host_of_ones_own_is_ours_and_stays(self, stack: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The token in the path tells whose it is, not the host."""
        own = f"https://leads.example.com/webhooks/facebook/{TOKEN}"
        stack.graph.subscribe_app(own)
        assert states(stack, "subscriptions")[APP_ID] == "ours"
        asked: list[str] = []
        monkeypatch.setattr(GraphApi, "subscribe_app", lambda _, callback, *rest: asked.append(callback))
        assert states(stack, "subscribe")[APP_ID] == "unchanged"
        assert asked == [own]

    def test_an_inactive_subscription_is_seen_and_mended(self, stack: World) -> None:
        """It would tell nothing."""
        stack.graph.subscribe_app(stack.place.webhook_url("facebook"), active=False)
        assert states(stack, "subscriptions")[APP_ID] == "not active"
        assert states(stack, "subscribe")[APP_ID] == "subscribed"
        assert states(stack, "subscriptions")[APP_ID] == "ours"

    def test_a_page_that_is_refused_keeps_no_other_from_it(self, stack: World) -> None:
        """The sentence has the remedy, and the command ends with 1."""
        stack.graph.replace_token(PAGE, "EAAnew")
        found = lines(stack, "subscribe", code=1)
        assert (found[PAGE].state, found[OTHER].state) == ("refused", "subscribed")
        assert "changed the password" in found[PAGE].note
        assert "leadrelay init --page" in found[PAGE].note
        assert "subcode 460" in found[PAGE].note

    @pytest.mark.parametrize("lacking", ["pages_manage_metadata"])
    def test_a_missing_permission_is_said_plainly(self, stack: World, lacking: str) -> None:
        """In Facebook's words, too, which name it."""
        scopes = [scope for scope in SCOPES if scope != lacking]
        stack.graph.replace_token(PAGE, PAGE_TOKEN, scopes=scopes)
        found = lines(stack, "subscribe", code=1)
        assert "lacks a permission" in found[PAGE].note
        assert f"Requires {lacking}" in found[PAGE].note
        assert found[OTHER].is_good

    def test_a_page_without_a_token_is_said_plainly(self, stack: World) -> None:
        """It can only be stored."""
        stack.put(SECRET, pages={PAGE: {}, OTHER: {"token": OTHER_TOKEN}})
        found = lines(stack, "subscribe", code=1)
        assert f"leadrelay init --page {PAGE}" in found[PAGE].note
        assert found[OTHER].is_good

    def test_a_webhook_that_refuses_the_verify_token_is_said_plainly(
        self, stack: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As for minutes after a change of it. The pages are subscribed all the same."""
        with monkeypatch.context() as patch:
            patch.setattr(stack, "answer", lambda call: Answer(403, {"error": "no"}))
            result = stack.run("facebook", "subscribe", code=1)
        assert "HTTP Status Code = 403" in result.output
        assert "the answer was not the right one" in result.output
        assert states(stack, "subscriptions") == {APP_ID: "missing", PAGE: "ours", OTHER: "ours"}

    def test_an_app_secret_of_another_app_is_said_plainly(self, stack: World) -> None:
        """For the app's call and for the pages' proofs."""
        stack.put(SECRET, app_secret="of-another-app")
        found = lines(stack, "subscribe", code=1)
        assert "does not know this app id with this app secret" in found[APP_ID].note
        assert "app secret is not that of the app" in found[PAGE].note
        assert all("of-another-app" not in line.note for line in found.values())

    def test_what_a_person_sees(self, stack: World) -> None:
        """A line for each level, and a sentence."""
        said = stack.run("facebook", "subscribe").output
        assert f"app {APP_ID}  subscribed" in said
        assert f"page {PAGE}  subscribed" in said
        assert "was content" in said

    @pytest.mark.parametrize(
        ("lacking", "word"), [("app_id", "app_id"), ("verify_token", "verify_token"), ("pages", "no pages")]
    )
    def test_a_secret_that_is_not_complete_names_what_is_missing(self, stack: World, lacking: str, word: str) -> None:
        """And the command that stores it."""
        stack.store(SECRET, {name: value for name, value in STORED.items() if name != lacking})
        sentence = fails(stack, "subscribe")
        assert word in sentence
        assert "leadrelay init" in sentence

    @pytest.mark.parametrize("name", ["app_secret", "pages"])
    def test_a_token_that_is_no_text_is_said_plainly(self, stack: World, name: str) -> None:
        """It could not even be sent."""
        bad: Any = {PAGE: {"token": "EAA\n…"}} if name == "pages" else "secret\u2028"
        stack.put(SECRET, **{name: bad})
        found = lines(stack, "subscribe", code=1)
        assert any("is no text that Facebook gives" in line.note for line in found.values())

    def test_when_nobody_answers_it_ends_with_2(self, stack: World) -> None:
        """And says where it asked."""
        stack.graph.add_fault(drop_connection=True)
        assert "Facebook cannot be reached at http://127.0.0.1" in fails(stack, "subscribe", code=2)


class TestForms:
    def test_forms_are_listed_with_their_questions_and_a_route_each(self, stack: World) -> None:
        """The proposal is valid, goes nowhere until a location is chosen, and leaves out what is not active."""
        stack.forget("LeadConnectorSecretArn")
        stack.graph.add_form(page=PAGE, id="77", name="Old", status="ARCHIVED")
        found = stack.json("facebook", "forms")
        assert {(form["page"], form["id"], form["status"]) for form in found["forms"]} == {
            (PAGE, FORM, "ACTIVE"),
            (OTHER, OTHER_FORM, "ACTIVE"),
            (PAGE, "77", "ARCHIVED"),
        }
        routes = parse_routes(tomllib.loads(found["routes"])).routes
        assert {(route.source, route.account, route.form) for route in routes} == {
            ("facebook", PAGE, FORM),
            ("facebook", OTHER, OTHER_FORM),
        }
        assert {route.location for route in routes} == {NO_LOCATION}
        assert routes[0].tags == ["facebook", "campaign: {campaign_name}"]
        assert '# "contact.what_is_your_budget" = "What is your budget?"' in found["routes"]

    def test_a_person_sees_questions_with_their_options(self, stack: World) -> None:
        """And the only location that is no source is proposed."""
        said = stack.run("facebook", "forms", "--page", PAGE).output
        assert f"{FORM}  ACTIVE  Kitchen advice  (page {PAGE})" in said
        assert "CUSTOM: What is your budget? (Under $10,000 / $10,000 to $25,000 / Over $25,000)" in said
        assert f'location = "{HOME}"' in said

    def test_a_name_that_looks_like_a_line_of_the_proposal_changes_nothing(self, stack: World) -> None:
        """Advertisers call their forms what they like."""
        stack.graph.add_form(page=PAGE, id="77", name='source = "pinterest"\nsource = "pinterest"')
        routes = parse_routes(tomllib.loads(stack.json("facebook", "forms", "--page", PAGE)["routes"])).routes
        assert 'source = "pinterest" source = "pinterest"' in {route.name for route in routes}

    def test_more_forms_than_one_answer_holds_are_all_listed(self, stack: World) -> None:
        """By cursors; the address of the next page has a token in it and is not followed."""
        for number in range(130):
            stack.graph.add_form(page=PAGE, id=str(10_000 + number))
        assert len(stack.json("facebook", "forms", "--page", PAGE)["forms"]) == 131

    def test_a_page_that_is_refused_keeps_no_other_from_being_listed(self, stack: World) -> None:
        """It ends with 1 and says why."""
        stack.graph.replace_token(PAGE, PAGE_TOKEN, scopes=["leads_retrieval"])
        found = stack.json("facebook", "forms", code=1)
        assert [form["page"] for form in found["forms"]] == [OTHER]
        assert "pages_manage_ads" in found["refused"][0]

    def test_without_any_form_it_says_so(self, stack: World) -> None:
        """As on a new page."""
        stack.graph.reset()
        said = stack.run("facebook", "forms", "--page", PAGE).output
        assert "no lead form" in said


class TestTestLead:
    @pytest.fixture(autouse=True)
    def subscribed(self, stack: World) -> None:
        states(stack, "subscribe")

    def test_it_is_followed_to_the_contact(self, stack: World) -> None:
        """Through the real webhook and the CRM; on a terminal and in --json alike."""
        found = stack.json("facebook", "test-lead", "--form", FORM, "--timeout", "20")
        assert (found["page"], found["form"]) == (PAGE, FORM)
        [lead] = stack.graph.leads()
        assert found["lead"]["key"] == f"facebook#{PAGE}#{lead['id']}"
        assert found["lead"]["status"] == "delivered"
        assert set(found["lead"]["steps"]) >= {"contact"}
        [contact] = stack.crm.contacts()
        assert found["lead"]["contact_id"] == contact["id"]
        assert found["contact"]["email"] == contact["email"]
        assert "test lead" in contact["tags"]
        assert found["contact_address"].endswith(f"/contacts/{contact['id']}")

    def test_an_older_test_lead_is_deleted_first(self, stack: World) -> None:
        """A form has one at a time."""
        first = stack.json("facebook", "test-lead", "--form", FORM, "--timeout", "20")["lead"]["lead_id"]
        said = stack.run("facebook", "test-lead", "--form", FORM, "--timeout", "20").output
        [lead] = stack.graph.leads()
        assert lead["id"] != first
        assert f"test lead {lead['id']} of form {FORM}" in said
        assert "sent" in said
        assert "delivered" in said
        assert "is contact" in said
        assert "email: test@example.com" in said

    def test_the_only_active_form_is_taken_of_several_one_is_chosen(self, stack: World) -> None:
        """By its id, or by its page."""
        sentence = fails(stack, "test-lead", code=2)
        assert FORM in sentence
        assert OTHER_FORM in sentence
        assert stack.json("facebook", "test-lead", "--page", OTHER, "--timeout", "20")["form"] == OTHER_FORM
        assert "no form 55" in fails(stack, "test-lead", "--form", "55")

    def test_without_a_subscription_none_is_made(self, stack: World) -> None:
        """At either level; the remedy is named."""
        stack.graph.subscribe(PAGE, [])
        assert f"leadrelay facebook subscribe --page {PAGE}" in fails(stack, "test-lead", "--form", FORM)
        stack.graph.subscribe(PAGE, ["leadgen"])
        stack.graph.unsubscribe_app()
        assert "leadrelay facebook subscribe" in fails(stack, "test-lead", "--form", FORM)
        assert stack.graph.leads() == []

    def test_a_lead_that_the_webhook_never_gets_is_told_after_the_time(self, stack: World) -> None:
        """With what to do next."""
        stack.graph.subscribe_app(stack.place.webhook_url("facebook"), include_values=False)
        sentence = fails(stack, "test-lead", "--form", FORM, "--timeout", "1")
        assert "knows nothing of the lead after 1 s" in sentence
        assert "leadrelay doctor" in sentence

    def test_a_refusal_ends_it(self, stack: World) -> None:
        """With the remedy; throttled, with the time to wait."""
        stack.graph.add_fault(operation="test_leads", code=80005, regain_minutes=17)
        assert "in 17 minutes" in fails(stack, "test-lead", "--form", FORM)


class TestGraphApi:
    @pytest.fixture
    def api(self, stack: World) -> GraphApi:
        return GraphApi(stack.graph.url, APP_ID, APP_SECRET)

    def test_a_token_is_described(self, stack: World, api: GraphApi) -> None:
        """Dead or alive."""
        found = api.debug_token(PAGE_TOKEN)
        assert found["is_valid"]
        assert set(found["scopes"]) == set(SCOPES)
        stack.graph.replace_token(PAGE, "EAAnew", expires_at=int(time.time()) + 60)
        assert api.debug_token(PAGE_TOKEN)["is_valid"] is False
        assert api.debug_token("EAAnew")["expires_at"] > time.time()

    def test_a_page_is_shown(self, api: GraphApi) -> None:
        """With whether it has accepted the terms."""
        assert api.page(PAGE, PAGE_TOKEN)["leadgen_tos_accepted"] is True

    @pytest.mark.parametrize(
        ("order", "words"),
        [
            ({"code": 190}, "leadrelay init --page"),
            ({"code": 190, "subcode": 458}, "removed the app"),
            ({"code": 190, "subcode": 459}, "log in to Facebook"),
            ({"code": 190, "subcode": 460}, "changed the password"),
            ({"code": 190, "subcode": 463}, "time is over"),
            ({"code": 190, "subcode": 467}, "token is dead"),
            ({"code": 102}, "token is dead"),
            ({"code": 3}, "lacks a permission"),
            ({"code": 10}, "lacks a permission"),
            ({"code": 200}, "lacks a permission"),
            ({"code": 299}, "lacks a permission"),
            ({"code": 100, "subcode": 33}, "Leads Access Manager"),
            ({"code": 100}, "Invalid parameter"),
            ({"code": 2200}, "asked the webhook"),
            ({"code": 4}, "too many calls"),
            ({"code": 17}, "too many calls"),
            ({"code": 32}, "too many calls"),
            ({"code": 613}, "too many calls"),
            ({"code": 80005, "regain_minutes": 5}, "in 5 minutes"),
            ({"code": 2}, "out of order"),
            ({"status": 502, "body": "<html>"}, "out of order"),
            ({"status": 418, "body": {"error": "x"}}, "does not take"),
            ({"status": 400, "body": []}, "does not take"),
        ],
    )
    def test_a_refusal_says_what_to_do(self, stack: World, api: GraphApi, order: dict[str, Any], words: str) -> None:
        """With the codes, and the id that Facebook's support asks for."""
        stack.graph.add_fault(**order)
        with pytest.raises(GraphRefused) as raised:
            api.page(PAGE, PAGE_TOKEN)
        assert words in str(raised.value)
        if code := order.get("code"):
            assert raised.value.code == code
            assert f"code {code}" in str(raised.value)
            assert raised.value.trace_id
            assert f"trace {raised.value.trace_id}" in str(raised.value)
        assert PAGE_TOKEN not in str(raised.value)

    def test_its_own_words_hold_no_secret_and_no_address(self, stack: World, api: GraphApi) -> None:
        """Even where Graph quotes them."""
        message = f"{PAGE_TOKEN} of {APP_SECRET} at https://example.com/{TOKEN}\n is wrong"
        stack.graph.add_fault(status=400, body={"error": {"code": 1234, "message": message}})
        with pytest.raises(GraphRefused, match="is wrong") as raised:
            api.page(PAGE, PAGE_TOKEN)
        assert not [secret for secret in UNSPEAKABLE if secret in str(raised.value)]

    @pytest.mark.parametrize("body", ["<html>", [], {"data": "x"}, {}])
    def test_nonsense_is_no_success(self, stack: World, api: GraphApi, body: Any) -> None:
        """200 or not."""
        stack.graph.add_fault(status=200, body=body)
        for ask in (
            lambda: api.debug_token(PAGE_TOKEN),
            lambda: api.forms(PAGE, PAGE_TOKEN),
            lambda: api.app_subscriptions(),
            lambda: api.test_lead(FORM, PAGE_TOKEN),
        ):
            with pytest.raises(CommandFailed, match="something else"):
                ask()

    def test_no_token_is_in_an_address_but_the_one_that_is_looked_at(self, stack: World, api: GraphApi) -> None:
        """The reference of debug_token knows no other way."""
        stack.graph.clear_requests()
        api.page(PAGE, PAGE_TOKEN)
        api.app_subscriptions()
        api.subscribe_page(PAGE, PAGE_TOKEN)
        api.debug_token(PAGE_TOKEN)
        queries = [set(one["query"]) - {"appsecret_proof", "fields"} for one in stack.graph.requests()]
        assert queries == [set(), set(), set(), {"input_token"}]


def lead(status: str, **more: Any) -> LedgerLead:
    return LedgerLead(key="facebook#1#2", status=status, lead_id="2", **more)


class TestFollow:
    def test_steps_are_shown_once_each_as_they_are_seen(self, stack: World) -> None:
        """In lines where there is no terminal."""
        seen = iter(
            [
                None,
                lead("claimed"),
                lead("claimed", steps={"contact": "c1"}),
                lead("parked", reason="rate_limited", steps={"contact": "c1"}),
                lead("parked", reason="rate_limited", steps={"contact": "c1"}),
                lead("delivered", steps={"contact": "c1", "tags": "done"}, contact_id="c1", location_id="L"),
            ]
        )
        out = io.StringIO()
        found = follow.follow(stack.place, Console(file=out), lambda: next(seen), timeout=5, poll=0)
        assert found.status == "delivered"
        assert [line.split(" s  ")[1] for line in out.getvalue().strip().split("\n")] == [
            "sent",
            "received",
            "contact c1",
            "parked rate_limited",
            "tags",
            "delivered",
        ]

    @pytest.mark.parametrize("status", ["ignored", "undeliverable"])
    def test_what_has_ended_is_followed_no_longer(self, stack: World, status: str) -> None:
        """On a terminal it is one table."""
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, width=80)
        ended = lead(status, reason="test_lead")
        assert follow.follow(stack.place, console, lambda: ended, timeout=5) is ended
        assert status in out.getvalue()
        assert status in follow.outcome(ended) or "cannot be delivered" in follow.outcome(ended)

    def test_a_lead_that_still_waits_is_returned_as_it_is(self, stack: World) -> None:
        """The caller says so."""
        parked = lead("parked", reason="contacts_api_5xx")
        found = follow.follow(stack.place, Console(file=io.StringIO()), lambda: parked, timeout=0.05, poll=0.01)
        assert "waits for its next attempt (contacts_api_5xx)" in follow.outcome(found)
        assert "leads show 2" in follow.outcome(lead("claimed"))

    def test_a_contacts_address_is_the_crms(self, stack: World) -> None:
        """Its own page on AWS, the sandbox's API here."""
        done = lead("delivered", contact_id="c1", location_id=AWAY)
        assert follow.contact_address(stack.place, done) == f"{stack.crm.url}/contacts/c1"
        away = dataclasses.replace(stack.place, is_local=False)
        assert follow.contact_address(away, done).endswith(f"/location/{AWAY}/contacts/detail/c1")
        assert follow.contact_address(away, lead("parked")) == ""


def test_examples_are_in_the_help(stack: World) -> None:
    """Of each command."""
    for command in ("subscribe", "subscriptions", "forms", "test-lead"):
        assert f"leadrelay facebook {command}" in stack.run("facebook", command, "--help").output


def test_json_is_one_document(stack: World) -> None:
    """Nothing else stands on stdout."""
    assert json.loads(stack.run("facebook", "subscriptions", "--json").stdout)["subscriptions"]
