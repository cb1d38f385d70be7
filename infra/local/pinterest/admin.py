"""The Pinterest sandbox's own side, below /_sandbox: what a test or a person orders over HTTP."""

from infra.local.sandbox.orders import COMMON_ORDERS, Order

ORDERS: tuple[Order, ...] = (
    ("GET", "leads", "", lambda s, b, i: {"leads": s.leads()}),
    ("POST", "leads", '{"ad": "…", "answers": {…}}', lambda s, b, i: s.add_lead(**b)),
    ("POST", "ads", '{"account": "…", "id": "…", "lead_form_id": "…"}', lambda s, b, i: s.add_ad(**b)),
    ("POST", "apps", '{"app_id": "…", "app_secret": "…"}', lambda s, b, i: s.connect_app(**b)),
    ("POST", "exports", '{"polls": 1, "failures": 0}', lambda s, b, i: s.set_exports(**b)),
    *COMMON_ORDERS,
)
