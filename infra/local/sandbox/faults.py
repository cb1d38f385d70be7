"""Faults to order: which requests go wrong, how, and how often."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from infra.local.sandbox.web import Call

_MATCH_KEYS = {"method", "path", "contains", "token", "location"}


@dataclass
class Fault:
    """One ordered fault; `times` None lasts until cleared, `status` None only delays.

    `after` applies the call first, `drop_connection` answers nothing: together they are a reset, or with a delay a
    time-out, of a call that took effect; without `after` the call never arrived. `probability` strikes so many of
    the calls that fit, 1 all of them.
    """

    match: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    times: int | None = None
    after: bool = False
    drop_connection: bool = False
    probability: float = 1.0
    hits: int = 0

    def fits(self, call: Call, location: str | None) -> bool:
        """Whether the call is meant: method equal, path a prefix, `contains` somewhere in the body's text.

        `location` is the one the call's token belongs to.
        """
        wanted = self.match
        return (
            (self.times is None or self.hits < self.times)
            and wanted.get("method", call.method).upper() == call.method
            and call.path.startswith(wanted.get("path", ""))
            and wanted.get("contains", "") in call.text
            and wanted.get("token", call.token) == call.token
            and wanted.get("location", location) == location
        )

    @property
    def delays_only(self) -> bool:
        return self.status is None and not self.drop_connection

    def shown(self) -> dict[str, Any]:
        return asdict(self)


def fault_from(order: Mapping[str, Any]) -> Fault:
    """The fault an order describes; ValueError, in one sentence, for an order that makes no sense."""
    if not isinstance(order, Mapping):
        raise ValueError("A fault is an object such as {'match': {'path': '/contacts/upsert'}, 'status': 500}.")
    allowed = {f for f in Fault.__dataclass_fields__ if f != "hits"}
    if unknown := sorted(set(order) - allowed):
        raise ValueError(f"A fault has no {unknown[0]!r}; it takes {', '.join(sorted(allowed))}.")
    match = order.get("match", {})
    if not isinstance(match, Mapping) or not all(isinstance(value, str) for value in match.values()):
        raise ValueError("A fault's 'match' is an object of texts.")
    if unknown := sorted(set(match) - _MATCH_KEYS):
        raise ValueError(f"A fault's 'match' has no {unknown[0]!r}; it takes {', '.join(sorted(_MATCH_KEYS))}.")
    _expect(order, "status", "a number from 200 to 599", lambda v: v is None or (_whole(v) and 200 <= v <= 599))
    _expect(order, "times", "a whole number, or null until cleared", lambda v: v is None or (_whole(v) and v >= 1))
    _expect(order, "delay_seconds", "a number from 0 on", lambda v: _number(v) and v >= 0)
    _expect(order, "probability", "a number above 0, up to 1", lambda v: _number(v) and 0 < v <= 1)
    _expect(order, "headers", "an object of texts", _texts)
    for flag in ("after", "drop_connection"):
        _expect(order, flag, "true or false", lambda v: isinstance(v, bool))
    return Fault(**{**order, "match": dict(match)})


def _expect(order: Mapping[str, Any], key: str, meaning: str, holds: Any) -> None:
    if key in order and not holds(order[key]):
        raise ValueError(f"A fault's {key!r} must be {meaning}.")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values())
