"""The own side of every sandbox, below /_sandbox: what tests, senders and the demo order and ask of it."""

from collections.abc import Callable, Iterable
from typing import Any

from infra.local.sandbox.web import Answer, Call

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

# Method, path with {} for each id, an example of the body, and what it does, given the sandbox, the body and the ids.
# What it returns is the answer; None is answered with {"ok": true}.
Order = tuple[str, str, str, Callable[[Any, dict[str, Any], tuple[str, ...]], Any]]

COMMON_ORDERS: tuple[Order, ...] = (
    ("GET", "requests", "", lambda s, b, i: {"requests": s.requests()}),
    ("DELETE", "requests", "", lambda s, b, i: s.clear_requests()),
    ("GET", "faults", "", lambda s, b, i: {"faults": s.faults()}),
    ("POST", "faults", '{"match": {"path": "/…"}, "status": 500}', lambda s, b, i: s.add_fault(**b).shown()),
    ("DELETE", "faults", "", lambda s, b, i: s.clear_faults()),
    ("POST", "reset", "", lambda s, b, i: s.reset()),
)


def administer(sandbox: Any, orders: Iterable[Order], call: Call) -> Answer:
    """Do what a call below /_sandbox orders: 200 or 201; 400 in one sentence for nonsense, 404 for another order."""
    # A page from elsewhere, whose name was pointed at loopback, must not read what is in here.
    if call.headers.get("host", "").rpartition(":")[0] not in _LOOPBACK_NAMES:
        return Answer(403, {"error": "The sandbox is administered by its loopback address only."})
    found = _find(orders, call)
    if found is None:
        return Answer(404, {"error": f"The sandbox has no {call.method} {call.path}."})
    (_, _, usage, do), ids = found
    try:
        body = call.json() if call.method != "GET" else dict(call.query)
        if not isinstance(body, dict):
            raise TypeError
        done = do(sandbox, body, ids)
    except ValueError as error:
        return Answer(400, {"error": str(error)})
    except (TypeError, AttributeError):
        return Answer(400, {"error": f"That is no such order: {usage}"})
    except KeyError as missing:
        return Answer(400, {"error": f"There is no {missing}: {usage}"})
    return Answer(201 if call.method == "POST" and done is not None else 200, {"ok": True} if done is None else done)


def _find(orders: Iterable[Order], call: Call) -> tuple[Order, tuple[str, ...]] | None:
    given = call.parts[1:]
    for order in orders:
        method, path, *_ = order
        wanted = path.split("/")
        if method != call.method or len(wanted) != len(given):
            continue
        pairs = list(zip(wanted, given, strict=True))
        if all(part == want or (want == "{}" and part) for want, part in pairs):
            return order, tuple(part for want, part in pairs if want == "{}")
    return None
