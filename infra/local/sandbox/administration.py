"""The Contacts sandbox's own side, below /_sandbox: what a test or a person orders over HTTP."""

from typing import TYPE_CHECKING, Any

from infra.local.sandbox.orders import COMMON_ORDERS, Order

if TYPE_CHECKING:
    from infra.local.contacts_sandbox import ContactsSandbox


def _add_emails(sandbox: "ContactsSandbox", body: dict[str, Any], _: tuple[str, ...]) -> Any:
    sandbox.add_emails(body["contact_id"], *map(str, body["emails"]))
    return {"ok": True}


def _tags(body: dict[str, Any]) -> list[str]:
    tags = body["tags"]
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise TypeError
    return tags


def _idle(sandbox: "ContactsSandbox", body: dict[str, Any], _: tuple[str, ...]) -> Any:
    return {"idle": sandbox.webhooks.idle(float(body.get("seconds", 10)))}


def _deliveries(sandbox: "ContactsSandbox", _: dict[str, Any], __: tuple[str, ...]) -> Any:
    return {"deliveries": sandbox.webhooks.deliveries(), "waiting": sandbox.webhooks.waiting}


_CONTACT = '{"location": "…", "firstName": "…", and any other field of a contact}'
_TAGS = '{"tags": ["…"]}'
_OPPORTUNITY = '{"contact_id": "…", "name": "…", "status": "open", "pipelineStageId": "…"}'

ORDERS: tuple[Order, ...] = (
    ("GET", "contacts", "", lambda s, b, i: {"contacts": s.contacts()}),
    ("POST", "contacts", _CONTACT, lambda s, b, i: {"contact": s.staff.create_contact(b.pop("location"), **b)}),
    ("PUT", "contacts/{}", _CONTACT, lambda s, b, i: {"contact": s.staff.change_contact(i[0], **b)}),
    ("DELETE", "contacts/{}", "", lambda s, b, i: s.staff.delete_contact(i[0])),
    ("POST", "contacts/{}/tags", _TAGS, lambda s, b, i: {"contact": s.staff.tag_contact(i[0], *_tags(b))}),
    ("DELETE", "contacts/{}/tags", _TAGS, lambda s, b, i: {"contact": s.staff.untag_contact(i[0], *_tags(b))}),
    ("POST", "contacts/{}/notes", '{"body": "…"}', lambda s, b, i: {"note": s.staff.add_note(i[0], **b)}),
    ("PUT", "contacts/{}/notes/{}", '{"body": "…"}', lambda s, b, i: {"note": s.staff.change_note(*i, **b)}),
    ("DELETE", "contacts/{}/notes/{}", "", lambda s, b, i: s.staff.delete_note(*i)),
    ("POST", "contacts/{}/tasks", '{"title": "…"}', lambda s, b, i: {"task": s.staff.add_task(i[0], **b)}),
    ("PUT", "contacts/{}/tasks/{}", '{"completed": true}', lambda s, b, i: {"task": s.staff.change_task(*i, **b)}),
    ("DELETE", "contacts/{}/tasks/{}", "", lambda s, b, i: s.staff.delete_task(*i)),
    (
        *("POST", "opportunities", _OPPORTUNITY),
        lambda s, b, i: {"opportunity": s.staff.add_opportunity(b.pop("contact_id"), **b)},
    ),
    (
        *("PUT", "opportunities/{}", '{"status": "won"}'),
        lambda s, b, i: {"opportunity": s.staff.change_opportunity(i[0], **b)},
    ),
    ("DELETE", "opportunities/{}", "", lambda s, b, i: s.staff.delete_opportunity(i[0])),
    ("POST", "emails", '{"contact_id": "…", "emails": ["…"]}', _add_emails),
    ("POST", "apps", '{"client_id": "…", "client_secret": "…"}', lambda s, b, i: s.install_app(**b)),
    ("GET", "webhooks", "", lambda s, b, i: {"webhooks": s.webhooks.receivers()}),
    ("POST", "webhooks", '{"url": "http://…"}', lambda s, b, i: s.add_webhook(**b).shown()),
    ("DELETE", "webhooks", "", lambda s, b, i: s.webhooks.clear()),
    ("GET", "webhooks/key", "", lambda s, b, i: {"public_key": s.webhooks.public_key}),
    ("GET", "webhooks/deliveries", "", _deliveries),
    ("GET", "webhooks/idle", "?seconds=10", _idle),
    *COMMON_ORDERS,
)
