"""The sandbox's own side, below /_sandbox: what tests and the demo order and ask of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infra.local.sandbox.web import Answer, Call

if TYPE_CHECKING:
    from infra.local.contacts_sandbox import ContactsSandbox

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
Order = Callable[["ContactsSandbox", dict[str, Any], tuple[str, ...]], Any]


def administer(sandbox: "ContactsSandbox", call: Call) -> Answer:
    """Do what a call below /_sandbox orders; 400 in one sentence for nonsense, 404 for what does not exist."""
    # A page from elsewhere, whose name was pointed at loopback, must not read what is in here.
    if call.headers.get("host", "").rpartition(":")[0] not in _LOOPBACK_NAMES:
        return Answer(403, {"error": "The sandbox is administered by its loopback address only."})
    found = _find(call)
    if found is None:
        return Answer(404, {"error": f"The sandbox has no {call.method} {call.path}."})
    order, usage, ids = found
    try:
        body = call.json() if call.method != "GET" else dict(call.query)
        if not isinstance(body, dict):
            raise TypeError
        done = order(sandbox, body, ids)
    except ValueError as error:
        return Answer(400, {"error": str(error)})
    except (TypeError, AttributeError):
        return Answer(400, {"error": f"That is no such order: {usage}"})
    except KeyError as missing:
        return Answer(400, {"error": f"There is no {missing}: {usage}"})
    return Answer(201 if call.method == "POST" and done is not None else 200, {"ok": True} if done is None else done)


def _find(call: Call) -> tuple[Order, str, tuple[str, ...]] | None:
    given = call.parts[1:]
    for method, path, usage, order in ORDERS:
        wanted = path.split("/")
        if method != call.method or len(wanted) != len(given):
            continue
        pairs = list(zip(wanted, given, strict=True))
        if all(part == want or (want == "{}" and part) for want, part in pairs):
            return order, usage, tuple(part for want, part in pairs if want == "{}")
    return None


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

# Method, path, an example of the body, what it does. None is answered with {"ok": true}.
ORDERS: tuple[tuple[str, str, str, Order], ...] = (
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
    ("GET", "requests", "", lambda s, b, i: {"requests": s.requests()}),
    ("DELETE", "requests", "", lambda s, b, i: s.clear_requests()),
    ("GET", "faults", "", lambda s, b, i: {"faults": s.faults()}),
    ("POST", "faults", '{"match": {"path": "/contacts"}, "status": 500}', lambda s, b, i: s.add_fault(**b).shown()),
    ("DELETE", "faults", "", lambda s, b, i: s.clear_faults()),
    ("POST", "reset", "", lambda s, b, i: s.reset()),
    ("POST", "emails", '{"contact_id": "…", "emails": ["…"]}', _add_emails),
    ("POST", "apps", '{"client_id": "…", "client_secret": "…"}', lambda s, b, i: s.install_app(**b)),
    ("GET", "webhooks", "", lambda s, b, i: {"webhooks": s.webhooks.receivers()}),
    ("POST", "webhooks", '{"url": "http://…"}', lambda s, b, i: s.add_webhook(**b).shown()),
    ("DELETE", "webhooks", "", lambda s, b, i: s.webhooks.clear()),
    ("GET", "webhooks/key", "", lambda s, b, i: {"public_key": s.webhooks.public_key}),
    ("GET", "webhooks/deliveries", "", _deliveries),
    ("GET", "webhooks/idle", "?seconds=10", _idle),
)
