"""Makes leads in the Graph sandbox and tells a webhook of them, as Meta does."""

import argparse
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import urllib3

from infra.local.graph.directory import moment
from infra.local.graph.examples import PAGE, example_form, example_lead, form_of
from infra.local.running_stack import (
    CannotSend,
    exit_code,
    key_value,
    post,
    print_answer,
    running_stack,
    sender_parser,
    stored_secret,
)

__all__ = ["CannotSend", "add_leads", "encoded", "example_lead", "notification", "send", "signed"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def notification(leads: Sequence[Mapping[str, Any] | str | int], page: str = PAGE) -> dict[str, Any]:
    """The webhook's body for leads: one entry a page, one change a lead, ids only.

    A lead is an id, or what the sandbox said of it (`id`, and `page_id` where it is another page than `page`,
    `form_id`, `ad_id`, `created_time`, each only if known). Meta's `adgroup_id` is the ad's id.
    Source: Meta's guide "Retrieving leads" (webhooks)
    """
    now = int(time.time())
    entries: dict[str, list[dict[str, Any]]] = {}
    for lead in leads:
        known = lead if isinstance(lead, Mapping) else {"id": lead}
        owner = str(known.get("page_id", page))
        value: dict[str, Any] = {
            "adgroup_id": known.get("ad_id"),
            "ad_id": known.get("ad_id"),
            "created_time": moment(known.get("created_time", now)),
            "leadgen_id": str(known["id"]),
            "page_id": owner,
            "form_id": known.get("form_id"),
        }
        change = {"field": "leadgen", "value": {name: it for name, it in value.items() if it is not None}}
        entries.setdefault(owner, []).append(change)
    return {
        "object": "page",
        "entry": [{"id": owner, "time": now, "changes": changes} for owner, changes in entries.items()],
    }


def encoded(body: Any) -> bytes:
    r"""JSON as Meta writes it: no spaces, ASCII only (`é` as `\u00e9`), `/` as `\/`."""
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def signed(body: bytes, app_secret: str) -> dict[str, str]:
    """The headers of a POST with that body: lower-case hex HMAC-SHA256 of its bytes, keyed with the app secret.

    Source: developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    digest = hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}


def send(url: str, body: Any, app_secret: str, *, timeout: float = 60) -> tuple[int, Any]:
    """POST `body` (bytes as they are, anything else as Meta writes it), signed: the status, and the answer.

    The answer is parsed if it is JSON, else its text. Raises urllib3.exceptions.HTTPError when nobody answers
    within `timeout` seconds.
    """
    raw = body if isinstance(body, bytes) else encoded(body)
    return post(url, raw, signed(raw, app_secret), timeout)


def add_leads(graph_url: str, leads: Sequence[Mapping[str, Any]], page: str = PAGE) -> list[dict[str, Any]]:
    """Put leads on the page's example form in the Graph sandbox at `graph_url` (with or without its version).

    Returns them as the sandbox keeps them, ready for `notification`. CannotSend when no sandbox is there.
    """
    address = urlsplit(graph_url)
    if address.hostname not in _LOOPBACK:
        raise CannotSend(f"{graph_url} is no sandbox on this machine: invented leads go nowhere else.")
    form = form_of(page)
    # Left as it is where it exists: whoever changed it did so on purpose.
    if all(known["id"] != form for known in _order(address.netloc, "GET", "forms")["forms"]):
        _order(address.netloc, "POST", "forms", example_form(page))
    made = _order(address.netloc, "POST", "leads", {"leads": [{"form": form, **lead} for lead in leads]})
    return list(made["leads"])


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every lead was accepted, 1 when the webhook refused, 2 when there is nothing to send to."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _send_all(options))


def _send_all(options: argparse.Namespace) -> bool:
    stack = running_stack(options.state_dir)
    secret = _facebook_secret(stack)
    page = options.page or next(iter(secret["pages"]), PAGE)
    leads = [_lead(number, options) for number in range(options.first, options.first + options.count)]
    made = add_leads(stack["graph_api_url"], leads, page)
    body = encoded(notification(made, page))
    if options.print:
        print(body.decode())
    if options.print or options.unannounced:
        return True
    began = time.perf_counter()
    status, answer = send(stack["webhooks"]["facebook"], body, secret["app_secret"])
    print_answer(status, answer, began, len(made))
    return status == 200


def _lead(number: int, options: argparse.Namespace) -> dict[str, Any]:
    lead = example_lead(number)
    answers = {answer["name"]: answer["values"] for answer in lead["field_data"]}
    if options.test:
        # As Meta's testing tool fills a form in; its leads belong to no ad.
        answers = {name: [f"<test lead: dummy data for {name}>"] for name in answers}
        lead = {"is_organic": True, "custom_disclaimer_responses": lead["custom_disclaimer_responses"]}
    for name, value in options.answer:
        answers[name] = [value]
    if options.email:
        answers["email"] = [options.email]
    return {**lead, "field_data": [{"name": name, "values": values} for name, values in answers.items()]}


def _order(host: str, method: str, what: str, order: Any = None) -> dict[str, Any]:
    url = f"http://{host}/_sandbox/{what}"
    try:
        if method == "GET":
            answer = urllib3.request("GET", url, retries=False, timeout=10)
            status, told = answer.status, answer.json()
        else:
            status, told = post(url, json.dumps(order).encode(), {"Content-Type": "application/json"}, 30)
    except (urllib3.exceptions.HTTPError, ValueError):
        status, told = 0, None
    if status not in (200, 201) or not isinstance(told, dict):
        why = told.get("error") if isinstance(told, dict) else None
        raise CannotSend(f"There is no Graph sandbox at {host} that takes leads: {why or 'no answer'}.")
    return told


def _facebook_secret(stack: Mapping[str, Any]) -> dict[str, Any]:
    secret = stored_secret(stack, "FacebookSecretArn", "Facebook")
    if not (secret.get("app_secret") and isinstance(secret.get("pages"), dict)):
        raise CannotSend("The Facebook secret has no app_secret or no pages: store them in it.")
    return secret


def _parser() -> argparse.ArgumentParser:
    parser = sender_parser("facebook_sender", __doc__)
    parser.add_argument("--count", type=int, default=1, help="leads in one POST, each another person")
    parser.add_argument("--first", type=int, default=0, help="number of the first person")
    parser.add_argument("--test", action="store_true", help="test leads, as Meta's testing tool makes them")
    parser.add_argument("--answer", action="append", type=key_value, default=[], metavar="KEY=VALUE")
    parser.add_argument("--email", help="the e-mail of every lead")
    parser.add_argument("--page", help="page id (default: the first of the secret)")
    parser.add_argument("--unannounced", action="store_true", help="make the leads, but tell the webhook nothing")
    parser.add_argument("--print", action="store_true", help="print the POST's body instead of sending it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
