"""The Pinterest sandbox's own side, below /_sandbox: what a test or a person orders over HTTP."""

from infra.local.sandbox.orders import COMMON_ORDERS, Order

_SUBSCRIPTION = '{"account": "…", "webhook_url": "…", "lead_form_id": null, "id": "…", "cryptographic_key": "…"}'
_TOKEN = '{"token": "…", "scopes": ["ads:read"], "role": "ANALYST"}'

ORDERS: tuple[Order, ...] = (
    ("GET", "leads", "", lambda s, b, i: {"leads": s.leads()}),
    ("POST", "leads", '{"ad": "…", "answers": {…}, "deliver": true}', lambda s, b, i: s.add_lead(**b)),
    ("POST", "ads", '{"account": "…", "id": "…", "lead_form_id": "…"}', lambda s, b, i: s.add_ad(**b)),
    ("POST", "accounts", '{"id": "…", "role": "ADMIN", "in_beta": true}', lambda s, b, i: s.set_account(**b)),
    ("POST", "forms", '{"account": "…", "id": "…", "questions": ["EMAIL", …]}', lambda s, b, i: s.add_form(**b)),
    ("POST", "subscriptions", _SUBSCRIPTION, lambda s, b, i: s.add_subscription(**b)),
    ("POST", "tokens", _TOKEN, lambda s, b, i: s.add_token(**b)),
    ("POST", "apps", '{"app_id": "…", "app_secret": "…"}', lambda s, b, i: s.connect_app(**b)),
    ("POST", "exports", '{"polls": 1, "failures": 0}', lambda s, b, i: s.set_exports(**b)),
    (
        *("GET", "deliveries", ""),
        lambda s, b, i: {"deliveries": s.deliveries.shown(), "waiting": s.deliveries.waiting},
    ),
    ("GET", "deliveries/idle", "?seconds=10", lambda s, b, i: {"idle": s.deliveries.idle(float(b.get("seconds", 10)))}),
    *COMMON_ORDERS,
)
