"""The Pinterest sandbox's own side, below /_sandbox: what a test or a person orders over HTTP."""

from collections.abc import Mapping
from typing import Any

from infra.local.sandbox.orders import COMMON_ORDERS, Order

_SUBSCRIPTION = '{"account": "…", "webhook_url": "…", "lead_form_id": null, "id": "…", "cryptographic_key": "…"}'
_TOKEN = '{"token": "…", "scopes": ["ads:read"], "role": "ANALYST"}'
_DEFINED = '{"account": "…", "name": "…", "mapped_conversion_type": "LEAD"}'
_EVENT_FAULT = '{"event_name" or "event_id": "…", "error_message" or "warning_message": "…", "times": 1}'
_EVENT_REFUSAL = '{"event_name" or "event_id": "…", "details": "statuses", "times": 1}'
_FLAGS = {"true": True, "false": False}


def _flag(query: Mapping[str, Any]) -> bool:
    return _FLAGS[query.get("test", "false")]


ORDERS: tuple[Order, ...] = (
    ("GET", "leads", "", lambda s, b, i: {"leads": s.leads()}),
    ("POST", "leads", '{"ad": "…", "answers": {…}, "deliver": true}', lambda s, b, i: s.add_lead(**b)),
    ("POST", "ads", '{"account": "…", "id": "…", "lead_form_id": "…"}', lambda s, b, i: s.add_ad(**b)),
    ("POST", "accounts", '{"id": "…", "role": "ADMIN", "in_beta": true}', lambda s, b, i: s.set_account(**b)),
    ("POST", "forms", '{"account": "…", "id": "…", "questions": ["EMAIL", …]}', lambda s, b, i: s.add_form(**b)),
    ("POST", "subscriptions", _SUBSCRIPTION, lambda s, b, i: s.add_subscription(**b)),
    ("POST", "tokens", _TOKEN, lambda s, b, i: s.add_token(**b)),
    ("POST", "apps", '{"app_id": "…", "app_secret": "…"}', lambda s, b, i: s.connect_app(**b)),
    ("GET", "events", "?test=true", lambda s, b, i: {"events": s.events(test=_flag(b))}),
    ("DELETE", "events", "", lambda s, b, i: s.forget_events()),
    ("POST", "defined_events", _DEFINED, lambda s, b, i: s.define_event(**b)),
    ("GET", "event_faults", "", lambda s, b, i: s.event_faults()),
    ("POST", "event_faults", _EVENT_FAULT, lambda s, b, i: s.add_event_fault(**b)),
    ("DELETE", "event_faults", "", lambda s, b, i: s.clear_event_faults()),
    ("POST", "event_refusals", _EVENT_REFUSAL, lambda s, b, i: s.add_event_refusal(**b)),
    ("POST", "exports", '{"polls": 1, "failures": 0}', lambda s, b, i: s.set_exports(**b)),
    (
        *("GET", "deliveries", ""),
        lambda s, b, i: {"deliveries": s.deliveries.shown(), "waiting": s.deliveries.waiting},
    ),
    ("GET", "deliveries/idle", "?seconds=10", lambda s, b, i: {"idle": s.deliveries.idle(float(b.get("seconds", 10)))}),
    *COMMON_ORDERS,
)
