"""A local server that behaves like the documented Contacts API, and misbehaves on order."""

import argparse
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local.sandbox import signing
from infra.local.sandbox.administration import ORDERS
from infra.local.sandbox.api import ContactsApi
from infra.local.sandbox.directory import Directory
from infra.local.sandbox.faults import Fault, fault_from
from infra.local.sandbox.limits import RateLimit
from infra.local.sandbox.oauth import masked
from infra.local.sandbox.recording import CONTACTS, Recorder
from infra.local.sandbox.service import SandboxService, headers_shown, serve
from infra.local.sandbox.staff import Staff
from infra.local.sandbox.web import Answer, Call
from infra.local.sandbox.webhooks import Receiver, Webhooks

DEFAULT_LOCATION = "ve9EPM428h8vShlRW1KT"
DEFAULT_CUSTOM_FIELDS = (
    {"id": "sandboxFieldBudget01", "name": "Budget", "fieldKey": "contact.budget", "dataType": "TEXT"},
    {"id": "sandboxFieldAdName01", "name": "Ad name", "fieldKey": "contact.ad_name", "dataType": "TEXT"},
    {
        "id": "sandboxFieldRooms001",
        "name": "Rooms",
        "fieldKey": "contact.rooms",
        "dataType": "MULTIPLE_OPTIONS",
        "picklistOptions": ["Kitchen", "Bath", "Bedroom"],
    },
    {
        "id": "sandboxFieldHome0001",
        "name": "Home",
        "fieldKey": "contact.home",
        "dataType": "SINGLE_OPTIONS",
        "picklistOptions": ["House", "Flat"],
    },
    {"id": "sandboxFieldMoveIn01", "name": "Move-in date", "fieldKey": "contact.move_in_date", "dataType": "DATE"},
    {"id": "sandboxFieldAge00001", "name": "Age", "fieldKey": "contact.age", "dataType": "NUMERICAL"},
    {"id": "sandboxFieldStage001", "name": "Stage", "fieldKey": "contact.stage", "dataType": "TEXT"},
)


class ContactsSandbox(SandboxService[ContactsApi, Fault]):
    """The sandbox as an object: `with ContactsSandbox(tokens={"pit-1": "location"}) as crm: … crm.url`.

    `tokens` gives the location of each token (several tokens may share one, as while one is being replaced);
    `custom_fields` are the definitions every location has: id, name, fieldKey ("contact.…"), dataType, and
    picklistOptions where there are any; `retry_after` is the Retry-After of a 429 in seconds, left out when None;
    `users` are the only ones that a contact or task may be assigned to, anybody when there are none; `seed` makes
    faults that strike at random strike alike. `webhook_key` is an Ed25519 private key in PEM, one is made without;
    `webhook_retry_delay` is the first wait, in seconds, before a webhook that was not taken is sent again.

    `staff` does what a location's people do in the app; `webhooks` tells registered receivers of every change.
    """

    label = "Contacts sandbox"
    orders = ORDERS

    def __init__(
        self,
        tokens: Mapping[str, str],
        *,
        port: int = 0,
        custom_fields: Iterable[Mapping[str, Any]] = DEFAULT_CUSTOM_FIELDS,
        burst: int = 100,
        interval_ms: int = 10_000,
        daily: int = 200_000,
        retry_after: int | None = None,
        users: Collection[str] = (),
        seed: int = 0,
        webhook_key: bytes | None = None,
        webhook_retry_delay: float = 0.2,
    ) -> None:
        key = None if webhook_key is None else signing.private_key(webhook_key)
        self.webhooks: Webhooks = Webhooks(webhook_retry_delay, key)
        directory = Directory({"model": "contact", **definition} for definition in custom_fields)
        limit = RateLimit(burst, interval_ms, daily)
        api = ContactsApi(tokens, directory, limit, self.webhooks.publish, retry_after, users)
        super().__init__(api, port=port, seed=seed)
        self.staff: Staff = Staff(self.api)
        self._recorder = Recorder(CONTACTS)

    def stop(self) -> None:
        self.webhooks.stop()
        super().stop()

    def contacts(self) -> list[dict[str, Any]]:
        """Every contact of every location, with gender, notes and tasks."""
        with self.api.lock:
            return [contact.everything() for contact in self.api.directory.contacts.values()]

    def add_webhook(self, **order: Any) -> Receiver:
        """Tell `url` of every change, or of `events` in `locations` only; ValueError for what makes no sense."""
        return self.webhooks.register(order)

    def add_emails(self, contact_id: str, *emails: str) -> None:
        """Give a contact secondary e-mails, which no operation of the API can; KeyError for an unknown contact."""
        with self.api.lock:
            self.api.directory.add_emails(self.api.directory.contacts[contact_id], emails)

    def install_app(self, **order: Any) -> dict[str, Any]:
        """Install an app (client_id, client_secret, company_id; location_id or locations; expires_in) → its tokens."""
        with self.api.lock:
            return self.api.oauth.install(order)

    def reset(self) -> None:
        """Forget contacts, faults, requests, webhooks on their way and what was used of the rate limits.

        Who receives webhooks stays: that is part of an app's settings, not of a location's data.
        """
        with self.api.lock:
            super().reset()
            self.api.directory.clear()
            self.api.limit.forget()
            self.api.oauth.forget()
            self.webhooks.forget()

    def _fault_from(self, order: Mapping[str, Any]) -> Fault:
        return fault_from(order)

    def _fits(self, fault: Fault, call: Call) -> bool:
        return fault.fits(call, self.api.tokens.get(call.token))

    def _failure(self, fault: Fault, call: Call) -> Answer:
        status = fault.status or 500
        body = {"statusCode": status, "message": "Fault ordered by a test"} if fault.body is None else fault.body
        answer = Answer(status, body, fault.headers, fault.drop_connection)
        return self.api.dressed(answer, self.api.tokens.get(call.token))

    def _answered(self, call: Call, answer: Answer, *, is_fault: bool) -> None:
        self._recorder.keep(call, answer, is_fault=is_fault)

    def _shown(self, call: Call) -> dict[str, Any]:
        try:
            body = call.json() if call.raw else None
        except ValueError:
            body = call.text
        return {
            "method": call.method,
            "path": call.path,
            "query": call.query,
            "headers": headers_shown(call),
            "location": self.api.tokens.get(call.token),
            "body": masked(call) if call.parts[0] == "oauth" else body,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the arguments or the port will not do."""
    options = _parser().parse_args(arguments)
    return serve(lambda: _sandbox(options), ContactsSandbox.label, options.port)


def _sandbox(options: argparse.Namespace) -> ContactsSandbox:
    sandbox = ContactsSandbox(
        _tokens(options.token, options.location),
        port=options.port,
        burst=options.burst,
        interval_ms=options.interval_ms,
        daily=options.daily,
        retry_after=options.retry_after,
        users=options.user,
        seed=options.seed,
        webhook_key=_webhook_key(options.webhook_key) if options.webhook_key else None,
        webhook_retry_delay=options.webhook_retry_delay,
    )
    for url in options.webhook:
        sandbox.add_webhook(url=url)
    return sandbox


def _webhook_key(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ValueError(f"The webhook key {file} cannot be read: {error.strerror}.") from None


def _tokens(given: Sequence[str], location: str | None) -> dict[str, str]:
    """Token to location, from LOCATION=TOKEN, or from bare tokens that all belong to `location`."""
    tokens: dict[str, str] = {}
    for item in given:
        left, _, right = ("", "", item) if location or "=" not in item else item.partition("=")
        if not right:
            raise ValueError("An empty --token was given: write --token TOKEN or --token LOCATION=TOKEN.")
        tokens[right] = left or location or DEFAULT_LOCATION
    return tokens


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.contacts_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--token", action="append", required=True, help="TOKEN or LOCATION=TOKEN; may be repeated")
    parser.add_argument("--location", help=f"location of the bare tokens (default {DEFAULT_LOCATION})")
    parser.add_argument("--burst", type=int, default=100, help="requests per interval and location")
    parser.add_argument("--interval-ms", type=int, default=10_000)
    parser.add_argument("--daily", type=int, default=200_000, help="requests per day and location")
    parser.add_argument("--retry-after", type=int, help="send Retry-After with a 429 (seconds)")
    parser.add_argument(
        "--user", action="append", default=[], help="who may be assigned; may be repeated; none: anybody"
    )
    parser.add_argument("--webhook", action="append", default=[], help="URL told of every change; may be repeated")
    parser.add_argument("--webhook-key", help="PEM file of the Ed25519 key that signs webhooks (default: a fresh one)")
    parser.add_argument("--webhook-retry-delay", type=float, default=0.2, help="seconds, doubling up to 2")
    parser.add_argument("--seed", type=int, default=0, help="of the faults that strike at random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
