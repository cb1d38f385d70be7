"""The sandbox's own side, below /_sandbox: what a test or a person orders over HTTP."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from infra.local.sandbox.web import Answer, Call

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


class Sandbox(Protocol):
    """What can be ordered; each method is described at GraphSandbox."""

    def forms(self) -> list[dict[str, Any]]: ...
    def leads(self) -> list[dict[str, Any]]: ...
    def requests(self) -> list[dict[str, Any]]: ...
    def faults(self) -> list[dict[str, Any]]: ...
    def add_form(self, **order: Any) -> dict[str, Any]: ...
    def add_lead(self, **order: Any) -> dict[str, Any]: ...
    def add_leads(self, orders: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]: ...
    def add_fault(self, **order: Any) -> dict[str, Any]: ...
    def set_usage(self, **order: Any) -> None: ...
    def replace_token(self, page: str, token: str) -> None: ...
    def replace_app_secret(self, app_secret: str) -> None: ...
    def subscribe(self, page: str, fields: Sequence[str]) -> None: ...
    def clear_requests(self) -> None: ...
    def clear_faults(self) -> None: ...
    def reset(self) -> None: ...


def administer(sandbox: Sandbox, call: Call) -> Answer:
    """Do what is ordered: 200 or 201 with what there is to tell, 400 with a sentence, 404 for another order."""
    # A page from elsewhere, whose name was pointed at loopback, must not read what is in here.
    if call.headers.get("host", "").rpartition(":")[0] not in _LOOPBACK_NAMES:
        return Answer(403, {"error": "The sandbox is administered by its loopback address only."})
    order = _ORDERS.get((call.method, "/".join(call.parts[1:])))
    if order is None:
        return Answer(404, {"error": f"The sandbox has no {call.method} {call.path}."})
    try:
        told = order(sandbox, call)
    except KeyError as error:
        return Answer(400, {"error": f"{error.args[0]} is missing or not known here."})
    except (ValueError, TypeError) as error:
        return Answer(400, {"error": str(error)})
    created = call.method == "POST" and told is not None
    return Answer(201 if created else 200, {"ok": True} if told is None else told)


def _body(call: Call) -> dict[str, Any]:
    body = call.json()
    if not isinstance(body, dict):
        raise ValueError("Send a JSON object.")
    return body


def _leads(sandbox: Sandbox, call: Call) -> dict[str, Any]:
    """One lead, or {"leads": […]}."""
    body = _body(call)
    if "leads" in body:
        return {"leads": sandbox.add_leads(body["leads"])}
    return sandbox.add_lead(**body)


def _faults(sandbox: Sandbox, call: Call) -> dict[str, Any]:
    """One fault, or {"faults": […]}."""
    body = _body(call)
    if "faults" in body:
        return {"faults": [sandbox.add_fault(**order) for order in body["faults"]]}
    return sandbox.add_fault(**body)


def _tokens(sandbox: Sandbox, call: Call) -> None:
    body = _body(call)
    sandbox.replace_token(str(body["page"]), str(body["token"]))


def _subscriptions(sandbox: Sandbox, call: Call) -> None:
    body = _body(call)
    sandbox.subscribe(str(body["page"]), [str(field) for field in body["fields"]])


_ORDERS: Mapping[tuple[str, str], Callable[[Sandbox, Call], dict[str, Any] | None]] = {
    ("GET", "forms"): lambda sandbox, _: {"forms": sandbox.forms()},
    ("POST", "forms"): lambda sandbox, call: sandbox.add_form(**_body(call)),
    ("GET", "leads"): lambda sandbox, _: {"leads": sandbox.leads()},
    ("POST", "leads"): _leads,
    ("GET", "requests"): lambda sandbox, _: {"requests": sandbox.requests()},
    ("DELETE", "requests"): lambda sandbox, _: sandbox.clear_requests(),
    ("GET", "faults"): lambda sandbox, _: {"faults": sandbox.faults()},
    ("POST", "faults"): _faults,
    ("DELETE", "faults"): lambda sandbox, _: sandbox.clear_faults(),
    ("POST", "usage"): lambda sandbox, call: sandbox.set_usage(**_body(call)),
    ("POST", "tokens"): _tokens,
    ("POST", "app_secret"): lambda sandbox, call: sandbox.replace_app_secret(str(_body(call)["app_secret"])),
    ("POST", "subscriptions"): _subscriptions,
    ("POST", "reset"): lambda sandbox, _: sandbox.reset(),
}
