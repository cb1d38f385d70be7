"""Faults to order of Graph: those of every sandbox, and Graph's own by lead, form, page and error code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.graph.refusals import THROTTLED, Refused
from infra.local.sandbox.faults import Fault, fault_from
from infra.local.sandbox.web import Answer, Call

OPERATIONS = (
    *("lead", "form", "page", "leads", "leadgen_forms", "test_leads", "subscribed_apps"),
    *("app", "subscriptions", "debug_token"),
)
_OWN_KEYS = ("lead", "form", "page", "operation", "code", "subcode", "regain_minutes")
DEFAULT_REGAIN_MINUTES = 1


@dataclass
class GraphFault(Fault):
    """A fault that strikes calls about `lead`, or about `form` and what hangs on it, or with the token of `page`.

    `code` (and `subcode`) answers with Graph's error of that number; `regain_minutes` is told beside a throttling one:
    whole minutes as Graph has them, or a part of one, for tests that cannot wait.
    """

    lead: str | None = None
    form: str | None = None
    page: str | None = None
    operation: str | None = None
    code: int | None = None
    subcode: int | None = None
    regain_minutes: float | None = None

    def concerns(self, call: Call, page: str | None, operation: str) -> bool:
        """Whether the call is meant; `page` is the one its token belongs to."""
        node = call.parts[1] if len(call.parts) > 1 else ""
        return (
            self.lead in (None, node)
            and self.form in (None, node)
            and self.page in (None, page)
            and self.operation in (None, operation)
            and self.fits(call, page)
        )

    @property
    def delays_only(self) -> bool:
        return self.code is None and super().delays_only

    def answer(self) -> Answer:
        """What a struck call gets instead of the real answer."""
        refused = Refused(self.code or 2, subcode=self.subcode, status=self.status)
        body = refused.body() if self.body is None else self.body
        return Answer(refused.status, body, self.headers, self.drop_connection)

    def regain(self) -> float | None:
        """Minutes until access is regained, when the fault tells of a limit that is reached."""
        if self.code not in THROTTLED:
            return None
        return DEFAULT_REGAIN_MINUTES if self.regain_minutes is None else self.regain_minutes

    def shown(self) -> dict[str, Any]:
        return {name: value for name, value in super().shown().items() if name not in _OWN_KEYS or value is not None}


def graph_fault_from(order: Mapping[str, Any]) -> GraphFault:
    """The fault an order describes; ValueError, in one sentence, for an order that makes no sense.

    An order such as {"lead": "…", "code": 80005, "times": 1}; keys beside Graph's own are those of every sandbox's
    faults, where `match` may say `location` for the page.
    """
    if not isinstance(order, Mapping):
        raise ValueError("A fault is an object such as {'lead': '444', 'code': 80005, 'times': 1}.")
    own: dict[str, Any] = {name: order[name] for name in _OWN_KEYS if order.get(name) is not None}
    fault = fault_from({name: value for name, value in order.items() if name not in _OWN_KEYS})
    if own.get("operation", OPERATIONS[0]) not in OPERATIONS:
        raise ValueError(f"A fault's 'operation' is one of {', '.join(OPERATIONS)}.")
    for name, kinds in {"code": int, "subcode": int, "regain_minutes": int | float}.items():
        if not isinstance(own.get(name, 0), kinds) or isinstance(own.get(name), bool):
            raise ValueError(f"A fault's {name!r} must be a number.")
    if "subcode" in own and "code" not in own:
        raise ValueError("A fault with a 'subcode' needs a 'code'.")
    own |= {name: str(own[name]) for name in ("lead", "form", "page") if name in own}
    return GraphFault(**vars(fault), **own)
