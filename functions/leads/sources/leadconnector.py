"""LeadConnector (HighLevel) locations: their contacts, notes and tasks, told by webhooks and read again.

Sources: the webhook guide and one page per event in the API's documents; its OpenAPI documents for the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from leads.core import lenient_json
from leads.core.errors import Misconfigured, RejectedRequest, Undeliverable
from leads.core.lead import Envelope, Lead, plain_id
from leads.core.match import CrmChange
from leads.core.request import Reading, Request
from leads.core.secret import StoredSecret
from leads.sources.leadconnector_answers import moment
from leads.sources.leadconnector_events import WORKFLOW, Event, digest_of, event_of, flat, raw_of, workflow_event
from leads.sources.leadconnector_opening import Opening
from leads.sources.leadconnector_outcomes import Outcomes, Wanted, change_of, workflow_changes
from leads.sources.leadconnector_places import names_one_of, not_ours, place_of, texts
from leads.sources.leadconnector_records import Pulled, Records
from leads.sources.leadconnector_signature import sender_of
from leads.sources.own_seal import OwnSeal


class _Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What one payload tells. event: the lead's, None when it is none. fault: a sentence for the operator."""

    event: Event | None = None
    changes: tuple[CrmChange, ...] = ()
    fault: str = ""


class _Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What the payloads of one request have in common. wanted: location → the outcomes that are wanted of it.

    received: epoch seconds.
    """

    query: Mapping[str, str]
    secret: Mapping[str, Any]
    wanted: Mapping[str, Wanted]
    received: float | None


class LeadConnector:
    """Reads deliveries and opens leads. secret: locations and keys; records: the locations' own records.

    outcomes: what routes want to hear of the locations that they deliver to; None when none does.

    One lead is one contact, note or task, whatever the number of events about it: the ledger knows it by the
    record's id, and a state of it that was delivered already by `Lead.revision`. So a repeated webhook is a
    duplicate without anybody remembering `webhookId`, and so is a second event that tells of the same state.
    """

    name = "leadconnector"
    label = "LeadConnector"
    leads_change = True

    def __init__(
        self,
        secret: StoredSecret,
        seal: OwnSeal,
        records: Records,
        *,
        now: Callable[[], float],
        outcomes: Outcomes | None = None,
    ) -> None:
        self._secret = secret
        self._seal = seal
        self._records = records
        self._now = now
        self._outcomes = outcomes

    def read(self, request: Request, *, received_at: str) -> Reading:
        """The leads of one delivery, and the changes that may be outcomes of Pinterest's.

        It is one event, or several in a list; an event's fields come side by side or under `data`.
        Events that are not taken are no leads, and a success. An event of a location or app that the secret does not
        name gives no lead either: whoever has an app on the platform gets it signed with the same keys.
        Raises RejectedRequest (401) without a right signature or secret, (400) for what cannot be an event;
        Misconfigured when there is no lead in it, and nobody knows whether it tells of outcomes.
        """
        sender = sender_of(request, self._secret)
        try:
            body = lenient_json.decode(request.body)
        except ValueError as error:
            raise RejectedRequest(400, "not_json", f"The body is no LeadConnector event: it is {error}.") from None
        items = body if isinstance(body, list) else [body]
        payloads = [flat(item) for item in items if isinstance(item, dict) and item]
        if items and not payloads:
            raise RejectedRequest(400, "not_a_lead", "The body is no LeadConnector event: there is no object in it.")
        wanted, broken = self._wanted()
        delivery = _Delivery(query=request.query, secret=sender.secret, wanted=wanted, received=moment(received_at))
        take = self._of_platform if sender.is_platform else self._of_workflow
        taken = [(payload, take(payload, delivery)) for payload in payloads]
        envelopes = tuple(
            self.envelope(each.event, payload, received_at=received_at) for payload, each in taken if each.event
        )
        if broken and not envelopes:
            raise broken
        faults = dict.fromkeys([each.fault for _, each in taken] + ([str(broken)] if broken else []))
        return Reading(
            envelopes=envelopes,
            size=len(request.body),
            rejected=len(items) - len(payloads),
            faults=tuple(fault for fault in faults if fault),
            changes=tuple(change for _, each in taken for change in each.changes),
        )

    def envelope(
        self, event: Event, payload: Mapping[str, Any], *, received_at: str, content: Pulled | None = None
    ) -> Envelope:
        """The lead of an event, its payload sealed for the queue. content: what is known better than the payload."""
        return Envelope(
            source=self.name,
            account=event.location_id,
            lead_id=event.lead_id,
            raw=raw_of(event, payload, self._seal.close(dict(payload))),
            received_at=received_at,
            content=content or payload,
        )

    def wrap(self, raw: Any, *, received_at: str) -> Envelope:
        """One item of the queue as an envelope. Nothing in it is trusted; it is not opened here."""
        item = raw if isinstance(raw, dict) else {}
        event = event_of(item)
        return Envelope(
            source=self.name,
            account=event.location_id if event else plain_id(item.get("locationId")),
            lead_id=event.lead_id if event else plain_id(item.get("id")) or f"unnamed-{digest_of(raw, 32)}",
            raw=raw,
            received_at=received_at,
        )

    def open(self, envelope: Envelope, *, deadline: float) -> Lead:
        """The lead as its record is now, or as it was sent where the location has no token to read it with.

        Raises Unwanted(deleted_at_source) for what is gone, Unwanted(echo) for a note or task that LeadRelay wrote;
        TryAgain(cannot_decrypt) while nothing opens what waited in the queue, TryAgain or Undeliverable of the
        reading calls; Misconfigured when a task says too little and there is no token to read it with.
        """
        event = event_of(envelope.raw if isinstance(envelope.raw, dict) else {})
        if event is None:
            raise Undeliverable("unknown_event", "the event is none that this version takes")
        content = envelope.content
        pulled = content if isinstance(content, Pulled) else None
        sent = pulled.record if pulled else content
        if sent is None:
            sent = self._seal.open(envelope.raw.get("sealed"))
        if not isinstance(sent, dict):
            raise Undeliverable("unreadable_content", "the event's content is not a JSON object")
        return Opening(self._records, envelope, event, sent, pulled, deadline=deadline, now=self._now()).lead()

    def _wanted(self) -> tuple[Mapping[str, Wanted], Misconfigured | None]:
        """Location → the outcomes that are wanted of it; or what is wrong with the routes, which no lead waits for."""
        try:
            return (self._outcomes.wanted() if self._outcomes else {}), None
        except Misconfigured as fault:
            return {}, fault

    def _of_platform(self, payload: dict[str, Any], delivery: _Delivery) -> _Taken:
        event = event_of(payload)
        if event is None or event.type == WORKFLOW:
            return _Taken()
        app_id = plain_id(payload.get("appId"))
        wanted = delivery.wanted.get(event.location_id)
        secret = delivery.secret
        fault = not_ours(event.location_id, app_id, secret, is_wanted=wanted is not None)
        if fault:
            # It may have been added a moment ago, and after a success the event does not come again.
            secret = self._secret.reread()
            fault = not_ours(event.location_id, app_id, secret, is_wanted=wanted is not None)
        if fault:
            return _Taken(fault=fault)
        is_lead = event.location_id in texts(secret.get("locations"))
        change = change_of(event, payload, wanted, received=delivery.received) if wanted else None
        return _Taken(event=event if is_lead else None, changes=(change,) if change else ())

    def _of_workflow(self, payload: dict[str, Any], delivery: _Delivery) -> _Taken:
        sources = texts(delivery.secret.get("locations"))
        asked = delivery.query.get("location", "")
        if asked and asked not in sources and asked not in delivery.wanted:
            # It may have been added a moment ago.
            sources = texts(self._secret.reread().get("locations"))
        location = place_of(payload, asked, sources, delivery.wanted)
        event = workflow_event(payload, location)
        wanted = delivery.wanted.get(location)
        changes, fault = workflow_changes(event, payload, wanted, received=delivery.received) if wanted else ((), "")
        if not location:
            fault = (
                f"a workflow's webhook came for location {plain_id(asked) or 'unknown'}, which the LeadConnector "
                "secret does not list; end its URL in ?location=<location id>, and list that in the secret if its "
                "contacts are leads"
            )
        # Of a slip in the address nobody may become a lead where there are none, or whose location is no source.
        is_meant = (bool(sources) or not delivery.wanted) and not names_one_of(payload, delivery.wanted)
        is_lead = location in sources or (not location and is_meant)
        return _Taken(event=event if is_lead else None, changes=changes, fault=fault)
