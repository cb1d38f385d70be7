"""What each source's leads are sent as: sealed or signed as their platform would."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from infra.cli import ROOT
from infra.cli.dead.parked_message import envelope, seconds_of
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from leads.core.lead import plain_id
from leads.core.placeholders import CAMPAIGN_NAMES
from leads.sources.facebook_notice import notice_of, taken_apart
from leads.sources.leadconnector_events import event_of, flat, workflow_event


@dataclass(frozen=True)
class Sent:
    """What the webhook, or the local CRM, answered. keys: of the leads in the ledger."""

    source: str
    to: str
    status: int
    answer: Any
    keys: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "to": self.to,
            "status": self.status,
            "answer": self.answer,
            "leads": list(self.keys),
        }

    def sentence(self) -> str:
        return f"{self.to} answered {self.status} {json.dumps(self.answer)} to {len(self.keys)} {self.source} lead(s)."


@dataclass(frozen=True)
class Delivery:
    """Something to send: `send` does it. Raises urllib3.exceptions.HTTPError when nobody answers."""

    source: str
    send: Callable[[], Sent]


def pinterest(place: Place, items: Sequence[dict[str, Any]], _: str) -> list[Delivery]:
    """One POST, as Pinterest sends several leads at once."""
    leads = [item if _is_sealed(item.get("answers")) else _sealed(place, item) for item in items]
    keys = tuple(envelope("pinterest", lead, "").ledger_key for lead in leads)
    return [_post(place, "pinterest", json.dumps(leads).encode(), {"Content-Type": "application/json"}, keys)]


def _is_sealed(answers: Any) -> bool:
    return isinstance(answers, dict) and "cipher_msg" in answers


def _sealed(place: Place, item: Mapping[str, Any]) -> dict[str, Any]:
    """A lead with plain answers, as Pinterest would send it."""
    from infra.local import pinterest_sender
    from infra.local.running_stack import CannotSend

    if not isinstance(item.get("answers"), dict):
        raise CommandFailed('A Pinterest lead is an object with "answers".', exit_code=2)
    secret = place.secret("PinterestKeysSecretArn")
    # Where the file does not say, it is a lead of a form, or an account, that there is a key for.
    live = [it for it in secret.get("subscriptions", ()) if not it.get("retired_at")]
    known: dict[str, Any] = next((it for it in live if it.get("lead_form_id")), live[0] if live else {})
    account = plain_id(item.get("account") or item.get("advertiser_id") or known.get("ad_account_id"))
    form = plain_id(item.get("form") or item.get("lead_form_id"))
    if not form and account == known.get("ad_account_id"):
        form = plain_id(known.get("lead_form_id"))
    lead_id = plain_id(item.get("lead_id"))
    campaign: dict[str, Any] = {name: None if item.get(name) is None else str(item[name]) for name in CAMPAIGN_NAMES}
    try:
        return pinterest_sender.build_lead(
            item["answers"],
            key=pinterest_sender.live_key(secret, account, form),
            lead_id=lead_id or None,
            account=account,
            form=form,
            created_at_ms=_milliseconds(item.get("created_at")),
            test=lead_id == "TEST_API",
            **campaign,
        )
    except CannotSend as error:
        raise CommandFailed(f"{error} `leadrelay pinterest subscribe` stores one.") from None


def facebook(place: Place, items: Sequence[dict[str, Any]], _: str) -> list[Delivery]:
    """Notifications as they are; leads as Graph shows them are told of, on the local stack after they were made."""
    from infra.local import facebook_sender

    secret = place.secret("FacebookSecretArn").get("app_secret")
    if not secret:
        raise CommandFailed("The Facebook secret has no app_secret to sign with: `leadrelay init` stores one.")
    made = []
    for body in (_notification(place, item) for item in items):
        raw = facebook_sender.encoded(body)
        notices = [notice_of(notice) for notice in taken_apart(body).notices]
        keys = tuple(f"facebook#{notice.page}#{notice.lead_id}" for notice in notices)
        made.append(_post(place, "facebook", raw, facebook_sender.signed(raw, str(secret)), keys))
    return made


def _notification(place: Place, item: dict[str, Any]) -> dict[str, Any]:
    from infra.local import facebook_sender
    from infra.local.running_stack import CannotSend

    if item.get("object") == "page":
        return item
    page = plain_id(item.get("page_id")) or next(iter(place.secret("FacebookSecretArn").get("pages", {})), "")
    if "field_data" in item and place.is_local:
        lead = {name: value for name, value in item.items() if name not in ("form", "page_id", "form_id")}
        try:
            return facebook_sender.notification(facebook_sender.add_leads(place.graph_api_url, [lead], page), page)
        except CannotSend as error:
            raise CommandFailed(str(error)) from None
    if not item.get("id") or not page:
        raise CommandFailed(
            "Facebook's webhooks tell a lead's id and no answers: give a notification, or the lead as Graph shows it, "
            "with its id and page_id. `leadrelay facebook test-lead` makes one at Facebook.",
            exit_code=2,
        )
    return facebook_sender.notification([{**item, "page_id": page}], page)


def leadconnector(place: Place, items: Sequence[dict[str, Any]], state_dir: str) -> list[Delivery]:
    return [_leadconnector_one(place, item, state_dir) for item in items]


def _leadconnector_one(place: Place, item: dict[str, Any], state_dir: str) -> Delivery:
    """An event signed with the local CRM's key; a contact made in the local CRM; all else a workflow's webhook."""
    event = event_of(flat(item))
    key_file = ROOT / state_dir / "leadconnector-key.pem"
    if event and place.is_local and key_file.exists():
        from infra.local.sandbox import signing

        raw = json.dumps(item).encode()
        headers = signing.signed(raw, signing.private_key(key_file.read_bytes()))
        return _post(place, "leadconnector", raw, headers, (f"leadconnector#{event.location_id}#{event.lead_id}",))
    if place.is_local and item.get("locationId"):
        return Delivery("leadconnector", lambda: _make_contact(place, item))
    return _workflow(place, item)


def _make_contact(place: Place, item: Mapping[str, Any]) -> Sent:
    """The local CRM tells of its contacts by itself."""
    from infra.local import leadconnector_sender
    from infra.local.running_stack import CannotSend

    location = str(item["locationId"])
    fields = {name: value for name, value in item.items() if name not in ("id", "locationId", "type", "dateAdded")}
    try:
        status, answer = leadconnector_sender.administer(
            place.contacts_api_url, "/contacts", {"location": location, **fields}
        )
    except CannotSend as error:
        raise CommandFailed(str(error)) from None
    made = answer["contact"]["id"] if status == 201 else ""
    keys = (f"leadconnector#{location}#{made}",) if made else ()
    return Sent("leadconnector", "The local CRM", status, {"contact": made} if made else answer, keys)


def _workflow(place: Place, item: dict[str, Any]) -> Delivery:
    """As a workflow's Custom Webhook, which is the only one that anybody but the platform can send."""
    from infra.local.leadconnector_sender import SECRET_HEADER

    secret = place.secret("LeadConnectorSecretArn")
    shared, locations = secret.get("workflow_secret"), secret.get("locations") or []
    location = plain_id(item.get("locationId")) or (locations[0] if len(locations) == 1 else "")
    if not shared or not location:
        raise CommandFailed(
            "Only HighLevel can sign its events. As a workflow's webhook the lead needs a workflow_secret and its "
            'location in the LeadConnector secret, and "locationId" in the file: `leadrelay leadconnector setup`.'
        )
    headers = {"Content-Type": "application/json", SECRET_HEADER: str(shared)}
    key = f"leadconnector#{location}#{workflow_event(flat(item), location).lead_id}"
    query = f"?{urlencode({'location': location})}"
    return _post(place, "leadconnector", json.dumps(item).encode(), headers, (key,), query)


def _post(
    place: Place, source: str, body: bytes, headers: Mapping[str, str], keys: tuple[str, ...], query: str = ""
) -> Delivery:
    def send() -> Sent:
        from infra.local.running_stack import post

        status, answer = post(place.webhook_url(source) + query, body, headers, 60)
        return Sent(source, "The webhook", status, answer, keys)

    return Delivery(source, send)


def _milliseconds(value: Any) -> int | None:
    """The file's time, milliseconds since the epoch or ISO 8601; None for now."""
    text = "" if value is None else str(value)
    if text.isdecimal():
        return int(text)
    seconds = seconds_of(text)
    return None if seconds is None else int(seconds * 1000)


# Source → what makes deliveries of its leads: a place, the leads, and the local stack's state folder.
SENDERS: Mapping[str, Callable[[Place, Sequence[dict[str, Any]], str], list[Delivery]]] = {
    "pinterest": pinterest,
    "facebook": facebook,
    "leadconnector": leadconnector,
}
