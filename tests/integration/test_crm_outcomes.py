"""What people do in the CRM, as its webhooks tell it, up to the events about the lead: real HTTP and signatures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox
from leads.adapters.http import HttpClient
from leads.core.conversion import Event
from leads.core.conversion_message import change_message, parse
from leads.core.iso_time import iso_time
from leads.core.match import CrmChange, Match
from leads.core.request import Reading, Request
from leads.core.routes import Conversion, Defaults, Route, RouteTable
from leads.crm.client import Client
from leads.crm.custom_fields import CustomFields
from leads.crm.pipelines import Pipelines
from leads.crm.records import Records
from leads.flow.match_outcomes import Found, MatchOutcomes
from leads.sources.leadconnector import LeadConnector
from leads.sources.leadconnector_outcomes import Outcomes
from leads.sources.own_seal import OwnSeal
from tests.fakes import FakeSecret
from tests.fakes_conversions import FakeMatchLedger

ADA = {"firstName": "Ada", "email": "ada@example.com", "tags": ["newsletter"]}
LEAD = "pinterest#111764359001#2680000000001"
CONVERSIONS: dict[str, str | Conversion] = {
    "stage:qualified": "qualified_lead",
    "opportunity_stage:Booked": "page_visit",
    "won": Conversion(event="checkout", value="{monetary_value}", currency="USD"),
}


class Tokens:
    def current(self) -> tuple[str, ...]:
        return ("token-of-the-test",)

    reread = current


class World:
    """A location that a lead was delivered to; `deliveries` are the webhooks that came of it, as they came."""

    def __init__(self, crm: ContactsSandbox, deliveries: list[Request]) -> None:
        self.crm = crm
        self.deliveries = deliveries
        self.defaults = Defaults()
        self.matches = FakeMatchLedger()
        client = Client(
            HttpClient("contacts_api", now=time.time),
            FakeSecret({"locations": {DEFAULT_LOCATION: {"token": "pit-test"}}}),
            crm.url,
            now=time.time,
        )
        records = Records(client, CustomFields(client, now=time.time))
        secret = FakeSecret({"locations": [], "public_keys": [crm.webhooks.public_key]})
        self.source = LeadConnector(
            secret, OwnSeal(Tokens()), records, now=time.time, outcomes=Outcomes(lambda: self.routes)
        )
        self.outcomes = MatchOutcomes(
            matches=self.matches,
            records=records,
            pipelines=Pipelines(client, now=time.time),
            routes=lambda: self.routes,
            erasures=None,
            now=time.time,
        )
        self.contact_id: str = crm.staff.create_contact(DEFAULT_LOCATION, **ADA)["id"]

    @property
    def routes(self) -> RouteTable:
        return RouteTable([Route(name="spring", location=DEFAULT_LOCATION, conversions=CONVERSIONS)], self.defaults)

    def deliver(self) -> None:
        """The contact comes of a lead."""
        self.matches.remember(
            Match(
                location_id=DEFAULT_LOCATION, contact_id=self.contact_id, lead_key=LEAD, account="111764359001",
                route="spring", left_at=time.time() - 1, user_data={"em": ["0" * 64]},
            )
        )  # fmt: skip

    def changes(self) -> list[CrmChange]:
        """What the webhooks of this moment tell, out of the queue."""
        assert self.crm.webhooks.idle(5)
        readings: list[Reading] = [
            self.source.read(request, received_at=iso_time(time.time())) for request in self.deliveries
        ]
        self.deliveries.clear()
        assert not [it for reading in readings for it in (*reading.envelopes, *reading.faults)]
        bodies = [change_message(change) for reading in readings for change in reading.changes]
        assert not [body for body in bodies if "example" in body or "newsletter" in body]
        parsed = [parse(body, accounts=(), phone_region="US", now=time.time()) for body in bodies]
        return [each for each in parsed if isinstance(each, CrmChange)]

    def told(self) -> list[Event]:
        """The events that have come of what was done since, each once."""
        changes = self.changes()
        events: dict[str, Event] = {}
        for change, found in zip(changes, self.outcomes.find(changes, deadline=time.time() + 5), strict=True):
            assert isinstance(found, Found), found
            self.outcomes.settle(change, found)
            events |= {event.key: event for event in found.events}
        return sorted(events.values(), key=lambda event: event.outcome)

    def calls(self) -> list[str]:
        return [call["path"] for call in self.crm.requests()]


@pytest.fixture
def world() -> Iterator[World]:
    deliveries: list[Request] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            deliveries.append(Request(source="leadconnector", token="t", body=body, headers=headers))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with ContactsSandbox(tokens={"pit-test": DEFAULT_LOCATION}, webhook_retry_delay=0.01) as crm:
            crm.add_webhook(url=f"http://127.0.0.1:{server.server_port}/")
            yield World(crm, deliveries)
    finally:
        server.shutdown()
        server.server_close()


def test_a_tag_is_told_once(world: World) -> None:
    """However often the contact is touched; no record is read for it, nor for anybody who was no lead."""
    world.crm.staff.tag_contact(world.contact_id, "stage: qualified")
    assert world.told() == []
    world.crm.staff.untag_contact(world.contact_id, "stage: qualified")
    world.changes()
    world.deliver()
    world.crm.staff.tag_contact(world.contact_id, "Stage: Qualified")
    world.crm.staff.change_contact(world.contact_id, city="Rome")
    [event] = world.told()
    assert (event.name, event.outcome, event.lead_key) == ("qualified_lead", "stage:qualified", LEAD)
    assert abs(event.at - time.time()) < 5
    world.crm.staff.change_contact(world.contact_id, city="Milan")
    assert world.told() == []
    assert world.calls() == []


def test_tags_that_a_webhook_leaves_out_are_read(world: World) -> None:
    """The platform shows no empty fields, so that nobody knows whether there are none."""
    world.crm.staff.untag_contact(world.contact_id, "newsletter")
    world.changes()
    world.deliver()
    world.crm.staff.change_contact(world.contact_id, city="Rome")
    assert world.told() == []
    assert world.calls() == [f"/contacts/{world.contact_id}"]


def test_an_opportunity_is_told_as_it_moves(world: World) -> None:
    """Its stage by the name that the pipeline has for it, and what it was won for."""
    world.deliver()
    staff = world.crm.staff
    deal = staff.add_opportunity(world.contact_id, name="Kitchen", monetaryValue=500)
    assert world.told() == []
    staff.change_opportunity(deal["id"], pipelineStageId="sandboxStageBooked01")
    [booked] = world.told()
    staff.change_opportunity(deal["id"], status="won", monetaryValue=650.5)
    [won] = world.told()
    assert (booked.name, booked.outcome) == ("page_visit", "opportunity_stage:Booked")
    assert won.custom_data == {"value": "650.5", "currency": "USD", "order_id": deal["id"]}
    staff.change_opportunity(deal["id"], status="lost")
    staff.change_opportunity(deal["id"], status="won")
    assert [event.event_id for event in world.told()] == [won.event_id]
    # Its record says since when it is so: read once each time that something was new.
    reads = [path for path in world.calls() if path != "/opportunities/pipelines"]
    assert (reads, len(world.calls())) == ([f"/opportunities/{deal['id']}"] * 3, 4)


@pytest.mark.parametrize("may_read", [True, False], ids=["readable", "no opportunities.readonly"])
def test_an_opportunity_of_an_older_customer_was_not_won_by_the_lead(world: World, may_read: bool) -> None:
    """Somebody changes its name one day; whether its record says since when it is won, or nobody does."""
    deal = world.crm.staff.add_opportunity(world.contact_id, name="Kitchen", status="won")
    world.changes()
    time.sleep(0.01)
    world.deliver()
    key = next(iter(world.matches.items))
    match = world.matches.items[key]
    world.matches.items[key] = Match(
        **{name: getattr(match, name) for name in match.__struct_fields__} | {"left_at": time.time()}
    )
    # Webhooks tell whole milliseconds.
    time.sleep(0.01)
    if not may_read:
        world.crm.add_fault(match={"path": f"/opportunities/{deal['id']}"}, status=403, times=9)
    world.crm.staff.change_opportunity(deal["id"], name="Kitchen and bath")
    assert world.told() == []
    assert world.calls().count(f"/opportunities/{deal['id']}") == 1
    world.crm.staff.change_opportunity(deal["id"], status="open")
    world.crm.staff.change_opportunity(deal["id"], status="won")
    assert [event.outcome for event in world.told()] == ["won"]


def test_a_stage_in_a_custom_field_is_read(world: World) -> None:
    """By the field's key, which the location knows."""
    world.defaults = Defaults(stage_as="custom_field:stage")
    world.deliver()
    fields = [{"id": "sandboxFieldStage001", "field_value": "Qualified"}]
    world.crm.staff.change_contact(world.contact_id, customFields=fields)
    assert [event.outcome for event in world.told()] == ["stage:qualified"]
