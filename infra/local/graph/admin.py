"""The Graph sandbox's own side, below /_sandbox: what a test or a person orders over HTTP."""

from typing import Any

from infra.local.sandbox.orders import COMMON_ORDERS, Order

_LEAD = '{"form": "…", "field_data": […], "deliver": true}, or {"leads": […]}'
_FAULT = '{"lead": "…", "code": 80005, "times": 1}, or {"faults": […]}'


def _leads(sandbox: Any, body: dict[str, Any], _: tuple[str, ...]) -> Any:
    return {"leads": sandbox.add_leads(body["leads"])} if "leads" in body else sandbox.add_lead(**body)


def _faults(sandbox: Any, body: dict[str, Any], _: tuple[str, ...]) -> Any:
    if "faults" in body:
        return {"faults": [sandbox.add_fault(**order).shown() for order in body["faults"]]}
    return sandbox.add_fault(**body).shown()


def _deliveries(sandbox: Any, _: dict[str, Any], __: tuple[str, ...]) -> Any:
    return {"deliveries": sandbox.deliveries.shown(), "waiting": sandbox.deliveries.waiting}


_TOKEN = '{"page": "…", "token": "…", "scopes": ["leads_retrieval"], "expires_at": 0, "data_access_expires_at": 0}'

ORDERS: tuple[Order, ...] = (
    ("GET", "forms", "", lambda s, b, i: {"forms": s.forms()}),
    ("POST", "forms", '{"page": "…", "id": "…", "questions": […]}', lambda s, b, i: s.add_form(**b)),
    ("GET", "leads", "", lambda s, b, i: {"leads": s.leads()}),
    ("POST", "leads", _LEAD, _leads),
    ("POST", "faults", _FAULT, _faults),
    ("POST", "usage", '{"page": "…", "call_count": 100}', lambda s, b, i: s.set_usage(**b)),
    (
        *("POST", "tokens", _TOKEN),
        lambda s, b, i: s.replace_token(str(b.pop("page")), str(b.pop("token")), **b),
    ),
    ("POST", "app_secret", '{"app_secret": "…"}', lambda s, b, i: s.replace_app_secret(str(b["app_secret"]))),
    (
        *("POST", "subscriptions", '{"page": "…", "fields": ["leadgen"]}'),
        lambda s, b, i: s.subscribe(str(b["page"]), [str(field) for field in b["fields"]]),
    ),
    ("GET", "app_subscription", "", lambda s, b, i: {"subscription": s.app_subscription()}),
    (
        *("POST", "app_subscription", '{"callback_url": "http://…", "fields": ["leadgen"], "include_values": true}'),
        lambda s, b, i: s.subscribe_app(**b),
    ),
    ("DELETE", "app_subscription", "", lambda s, b, i: s.unsubscribe_app()),
    ("GET", "deliveries", "", _deliveries),
    ("DELETE", "deliveries", "", lambda s, b, i: s.deliveries.clear()),
    ("GET", "deliveries/idle", "?seconds=10", lambda s, b, i: {"idle": s.deliveries.idle(float(b.get("seconds", 10)))}),
    *COMMON_ORDERS,
)
