"""The other side of the Pinterest sandbox: `/_sandbox/…`, as its methods."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from infra.local.sandbox.web import Answer, Call

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Sandbox(Protocol):
    """What can be asked and ordered."""

    def add_ad(self, **order: Any) -> dict[str, Any]: ...
    def add_lead(self, **order: Any) -> dict[str, Any]: ...
    def connect_app(self, **order: Any) -> dict[str, Any]: ...
    def add_fault(self, **order: Any) -> dict[str, Any]: ...
    def set_exports(self, **order: Any) -> dict[str, Any]: ...
    def leads(self) -> list[dict[str, Any]]: ...
    def requests(self) -> list[dict[str, Any]]: ...
    def faults(self) -> list[dict[str, Any]]: ...
    def clear_requests(self) -> None: ...
    def clear_faults(self) -> None: ...
    def reset(self) -> None: ...


def administer(sandbox: Sandbox, call: Call) -> Answer:
    """The answer to a call of the other side."""
    # A page from elsewhere, whose name was pointed at loopback, must not read what is in here.
    if call.headers.get("host", "").rpartition(":")[0] not in _LOOPBACK_NAMES:
        return Answer(403, {"error": "The sandbox is administered by its loopback address only."})
    name = "/".join(call.parts[1:])
    shown: Mapping[str, Callable[[], Any]] = {
        "leads": sandbox.leads,
        "requests": sandbox.requests,
        "faults": sandbox.faults,
    }
    ordered: Mapping[str, Callable[..., dict[str, Any]]] = {
        "ads": sandbox.add_ad,
        "leads": sandbox.add_lead,
        "apps": sandbox.connect_app,
        "faults": sandbox.add_fault,
        "exports": sandbox.set_exports,
    }
    done: Mapping[tuple[str, str], Callable[[], None]] = {
        ("DELETE", "requests"): sandbox.clear_requests,
        ("DELETE", "faults"): sandbox.clear_faults,
        ("POST", "reset"): sandbox.reset,
    }
    if call.method == "GET" and name in shown:
        return Answer(200, {name: shown[name]()})
    if call.method == "POST" and name in ordered:
        return _made(call, ordered[name])
    if (call.method, name) in done:
        done[call.method, name]()
        return Answer(200, {"ok": True})
    return Answer(404, {"error": f"The sandbox has no {call.method} {call.path}."})


def _made(call: Call, make: Callable[..., dict[str, Any]]) -> Answer:
    try:
        order = call.json()
        if not isinstance(order, dict):
            raise ValueError("An order is a JSON object.")
        return Answer(201, make(**order))
    except (ValueError, TypeError) as error:
        return Answer(400, {"error": str(error)})
