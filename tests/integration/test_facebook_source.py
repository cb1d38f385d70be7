"""The Facebook source over HTTP against the strict Graph sandbox."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local import facebook_sender
from infra.local.graph.examples import PAGE, example_form, example_lead, form_of
from infra.local.graph_sandbox import GraphSandbox
from leads.adapters.http import HttpClient
from leads.core.errors import TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.reconciling import Scope
from leads.core.request import Request
from leads.sources.facebook import Facebook
from leads.sources.facebook_pull import FacebookPull
from tests.unit.sources.facebook_made import FacebookSecret

OTHER_PAGE = "104857600000002"
APP_SECRET = "sandbox app secret"
TOKENS = {PAGE: "token-1", OTHER_PAGE: "token-2"}


def secret_value(tokens: dict[str, str] = TOKENS) -> dict[str, Any]:
    pages = {page: {"token": token} for page, token in tokens.items()}
    return {"app_id": "1", "app_secret": APP_SECRET, "verify_token": "v", "pages": pages}


@pytest.fixture
def sandbox() -> Iterator[GraphSandbox]:
    forms = [example_form(PAGE), example_form(OTHER_PAGE)]
    with GraphSandbox(TOKENS, app_secret=APP_SECRET, forms=forms) as running:
        yield running


def source(sandbox: GraphSandbox, secret: FacebookSecret | None = None) -> Facebook:
    chosen = secret or FacebookSecret(secret_value())
    return Facebook(chosen, HttpClient("graph", now=time.time), sandbox.url, now=time.time)


def left(sandbox: GraphSandbox, number: int = 0, page: str = PAGE) -> dict[str, Any]:
    """A lead as somebody leaves it; answers with what Graph then has."""
    return sandbox.add_lead(form=form_of(page), **example_lead(number))


def received(facebook: Facebook, leads: list[dict[str, Any]], page: str = PAGE) -> tuple[Envelope, ...]:
    body = facebook_sender.encoded(facebook_sender.notification(leads, page))
    headers = {name.lower(): value for name, value in facebook_sender.signed(body, APP_SECRET).items()}
    request = Request(source="facebook", token="t", body=body, headers=headers)
    return facebook.read(request, received_at="2026-11-21T08:00:00.000+00:00").envelopes


def opened(facebook: Facebook, envelope: Envelope) -> Lead:
    return facebook.open(envelope, deadline=time.time() + 5)


def test_a_lead_from_its_notice_to_its_answers(sandbox: GraphSandbox) -> None:
    """The sender's signature passes, Graph takes the call, and the form's words are used."""
    facebook = source(sandbox)
    (envelope,) = received(facebook, [left(sandbox)])
    lead = opened(facebook, envelope)
    assert {"EMAIL", "FULL_NAME", "PHONE_NUMBER", "CITY"} <= lead.answers.keys()
    assert lead.answers["What is your budget?"] in ("Under $10,000", "$10,000 to $25,000", "Over $25,000")
    assert lead.campaign["form_name"] == "Kitchen advice"
    assert lead.campaign["ad_group_name"] == "Homeowners"
    assert any(consent.text == "Send me the monthly newsletter." for consent in lead.consents)
    assert lead.created_at == pytest.approx(time.time(), abs=86_400)


def test_a_throttled_page_waits_and_then_goes_on(sandbox: GraphSandbox) -> None:
    """Others do not wait for it."""
    facebook = source(sandbox)
    mine, theirs = left(sandbox, 1), left(sandbox, 2, OTHER_PAGE)
    sandbox.add_fault(lead=mine["id"], code=80005, times=1, regain_minutes=0.005)
    (envelope,) = received(facebook, [mine])
    with pytest.raises(TryAgain) as caught:
        opened(facebook, envelope)
    assert (caught.value.reason, caught.value.counts) == ("graph_throttled", False)
    assert opened(facebook, received(facebook, [theirs], OTHER_PAGE)[0]).account == OTHER_PAGE
    time.sleep(caught.value.retry_after or 0)
    assert opened(facebook, envelope).lead_id == mine["id"]


def test_a_page_drains_when_its_token_is_replaced(sandbox: GraphSandbox) -> None:
    """Without a new start, and without a call with the dead one."""
    secret = FacebookSecret(secret_value())
    facebook = source(sandbox, secret)
    (envelope,) = received(facebook, [left(sandbox)])
    sandbox.replace_token(PAGE, "token-3")
    for _ in range(2):
        with pytest.raises(TryAgain, match="graph_token_refused"):
            opened(facebook, envelope)
    assert len(sandbox.requests()) == 1
    secret.later = secret_value(TOKENS | {PAGE: "token-3"})
    assert opened(facebook, envelope).answers


def test_a_wrong_app_secret_is_not_the_leads_fault(sandbox: GraphSandbox) -> None:
    """The sandbox words it as Graph does."""
    facebook = source(sandbox, FacebookSecret(secret_value() | {"app_secret": "wrong"}))
    envelope = source(sandbox).wrap(
        {"id": PAGE, "changes": [{"field": "leadgen", "value": {"leadgen_id": left(sandbox)["id"]}}]},
        received_at="2026-11-21T08:00:00.000+00:00",
    )
    with pytest.raises(TryAgain, match="graph_proof_refused"):
        opened(facebook, envelope)


def test_a_lead_that_nobody_may_see(sandbox: GraphSandbox) -> None:
    """The reason says where to look."""
    facebook = source(sandbox)
    lead = left(sandbox)
    sandbox.add_fault(lead=lead["id"], code=100, subcode=33)
    with pytest.raises(TryAgain, match="check_leads_access_manager"):
        opened(facebook, received(facebook, [lead])[0])


def test_everything_that_was_left_is_found(sandbox: GraphSandbox) -> None:
    """Over several pages of the list, each lead once, within the time asked for, and open without another call."""
    now = time.time()
    times = [
        dt.datetime.fromtimestamp(now - 60 * number, dt.UTC).isoformat(timespec="seconds") for number in range(250)
    ]
    orders = [
        {"form": form_of(PAGE), **example_lead(number), "created_time": at.replace("+00:00", "+0000")}
        for number, at in enumerate(times)
    ]
    sandbox.add_leads(orders)
    facebook = source(sandbox)
    pull = FacebookPull(facebook, now=time.time)
    assert sorted(pull.forms("", deadline=now + 5)) == [(PAGE, form_of(PAGE)), (OTHER_PAGE, form_of(OTHER_PAGE))]
    scope = Scope(source="facebook", account=PAGE, form=form_of(PAGE), since=now - 60 * 219 - 30, until=now + 5)
    found: list[Envelope] = []
    cursor = ""
    for _ in range(5):
        page = pull.page(scope, cursor, deadline=time.time() + 5)
        found += page.envelopes
        cursor = page.cursor
        if not cursor:
            break
    assert len(found) == len({envelope.lead_id for envelope in found}) == 220
    sandbox.clear_requests()
    assert all("EMAIL" in opened(facebook, envelope).answers for envelope in found)
    assert len(sandbox.requests()) == 1


def test_no_token_ever_shows(sandbox: GraphSandbox) -> None:
    """In no address; the sandbox refuses one that does."""
    facebook = source(sandbox)
    opened(facebook, received(facebook, [left(sandbox)])[0])
    assert all("token-1" not in str(request) for request in sandbox.requests())
