"""LeadConnector (HighLevel) locations: their contacts, notes and tasks, told by webhooks and read again.

Sources: the webhook guide and one page per event in the API's documents; its OpenAPI documents for the records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leads.core import lenient_json
from leads.core.errors import RejectedRequest, Undeliverable
from leads.core.lead import Envelope, Lead, plain_id
from leads.core.request import Reading, Request
from leads.core.secret import StoredSecret
from leads.sources.leadconnector_events import WORKFLOW, Event, digest_of, event_of, flat, raw_of, workflow_event
from leads.sources.leadconnector_opening import Opening
from leads.sources.leadconnector_records import Pulled, Records
from leads.sources.leadconnector_signature import sender_of
from leads.sources.own_seal import OwnSeal


class LeadConnector:
    """Reads deliveries and opens leads. secret: locations and keys; records: the locations' own records.

    One lead is one contact, note or task, whatever the number of events about it: the ledger knows it by the
    record's id, and a state of it that was delivered already by `Lead.revision`. So a repeated webhook is a
    duplicate without anybody remembering `webhookId`, and so is a second event that tells of the same state.
    """

    name = "leadconnector"
    label = "LeadConnector"
    leads_change = True

    def __init__(self, secret: StoredSecret, seal: OwnSeal, records: Records, *, now: Callable[[], float]) -> None:
        self._secret = secret
        self._seal = seal
        self._records = records
        self._now = now

    def read(self, request: Request, *, received_at: str) -> Reading:
        """The leads of one delivery: an event, or several in a list; its fields side by side or under `data`.

        Events that are not taken are no leads, and a success. An event of a location or app that the secret does not
        name gives no lead either: whoever has an app on the platform gets it signed with the same keys.
        Raises RejectedRequest (401) without a right signature or secret, (400) for what cannot be an event.
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
        read = self._of_platform if sender.is_platform else self._of_workflow
        envelopes: list[Envelope] = []
        faults: dict[str, None] = {}
        for payload in payloads:
            event, fault = read(payload, request, sender.secret)
            if event is not None:
                envelopes.append(self.envelope(event, payload, received_at=received_at))
            if fault:
                faults[fault] = None
        return Reading(
            envelopes=tuple(envelopes),
            size=len(request.body),
            rejected=len(items) - len(payloads),
            faults=tuple(faults),
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

    def _of_platform(self, payload: dict[str, Any], _: Request, secret: Mapping[str, Any]) -> tuple[Event | None, str]:
        event = event_of(payload)
        if event is None or event.type == WORKFLOW:
            return None, ""
        app_id = plain_id(payload.get("appId"))
        fault = _not_ours(event.location_id, app_id, secret)
        if fault:
            # It may have been added a moment ago, and after a success the event does not come again.
            fault = _not_ours(event.location_id, app_id, self._secret.reread())
        return (None, fault) if fault else (event, "")

    def _of_workflow(
        self, payload: dict[str, Any], request: Request, secret: Mapping[str, Any]
    ) -> tuple[Event | None, str]:
        known = _texts(secret.get("locations"))
        wanted = request.query.get("location", "")
        if wanted and wanted not in known:
            # It may have been added a moment ago.
            known = _texts(self._secret.reread().get("locations"))
        place = payload.get("location")
        named = (payload.get("locationId"), place.get("id") if isinstance(place, dict) else None)
        only = known if len(known) == 1 else ()
        # Whoever names one means it: under any other, a person would end up with somebody else's contacts.
        candidates = (wanted,) if wanted else (*only, *named)
        location = next((found for found in candidates if found and found in known), "")
        fault = ""
        if not location:
            fault = (
                f"a workflow's webhook came for location {plain_id(wanted) or 'unknown'}, which the LeadConnector "
                "secret does not list; end its URL in ?location=<source location id>, and list that in the secret"
            )
        return workflow_event(payload, location), fault


def _not_ours(location_id: str, app_id: str, secret: Mapping[str, Any]) -> str:
    """Why an event is not for us, as a sentence for the operator; "" when it is."""
    if location_id not in _texts(secret.get("locations")):
        return (
            f"an event came for location {location_id or 'unknown'}, which the LeadConnector secret does not list; "
            "add it to its locations, and reconcile fetches what was missed"
        )
    apps = _texts(secret.get("app_ids"))
    if app_id and apps and app_id not in apps:
        return (
            f"an event of app {app_id} came for location {location_id}, and the LeadConnector secret does not list "
            "the app; add it to its app_ids, and reconcile fetches what was missed"
        )
    return ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str) and item) if isinstance(value, list) else ()
