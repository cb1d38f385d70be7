"""Makes people in a source location of the sandbox, which then sends its webhook, or posts a workflow's webhook."""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from infra.local.pinterest_sender import example_answers
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
from infra.local.sandbox.events import event
from infra.local.sandbox.signing import signed

__all__ = [
    "EXAMPLE_CONTACT",
    "administer",
    "event",
    "example_contact",
    "send",
    "send_workflow",
    "signed",
    "workflow_fields",
]

SECRET_HEADER = "X-LeadRelay-Secret"
# A contact by the API's own field names.
EXAMPLE_CONTACT: Mapping[str, Any] = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "ada@example.com",
    "phone": "+12125550100",
    "companyName": "Analytical Engines",
    "address1": "12 Engine Street",
    "city": "New York",
    "state": "New York",
    "country": "US",
    "postalCode": "10001",
    "website": "https://www.example.com",
    "dateOfBirth": "1990-12-10",
    "source": "website form",
    "tags": ["website"],
}


def example_contact(number: int = 0) -> dict[str, Any]:
    """The example contact; numbers from 1 on give other people, with an e-mail and a phone of their own."""
    if number == 0:
        return dict(EXAMPLE_CONTACT)
    other = example_answers(number)
    phone = "+1" + "".join(letter for letter in other["PHONE_NUMBER"] if letter.isdigit())
    return {**EXAMPLE_CONTACT, "lastName": other["LAST_NAME"], "email": other["EMAIL"], "phone": phone}


def workflow_fields(contact: Mapping[str, Any]) -> dict[str, Any]:
    """What a workflow's "Custom Webhook" sends of a contact: four fields as they were captured live, and its tags."""
    name = f"{contact['firstName']} {contact['lastName']}"
    shown = {"id": contact.get("id"), "name": name, "email": contact["email"], "phone": contact["phone"]}
    return {**{key: value for key, value in shown.items() if value}, "tags": ",".join(contact.get("tags", ()))}


def send(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float = 30) -> tuple[int, Any]:
    """POST `body` as it is: the status, and the answer, parsed if it is JSON.

    Raises urllib3.exceptions.HTTPError when nobody answers within `timeout` seconds.
    """
    return post(url, body, headers, timeout)


def send_workflow(url: str, fields: Mapping[str, Any], secret: str, location: str = "") -> tuple[int, Any]:
    """POST `fields` as a workflow's "Custom Webhook" does: no signature, the action's own header with our secret.

    `location` is named in the URL, where the workflow's author puts it; "" leaves it out.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "axios/0.21.4", SECRET_HEADER: secret}
    query = f"?{urlencode({'location': location})}" if location else ""
    return send(url + query, json.dumps(fields).encode(), headers)


def administer(contacts_api_url: str, path: str, order: Mapping[str, Any]) -> tuple[int, Any]:
    """POST an order to the sandbox's own side, such as "/contacts" {"location", fields…}: the status and the answer.

    Raises CannotSend when the address is some other CRM's, urllib3.exceptions.HTTPError when nobody answers.
    """
    url = f"{contacts_api_url}/_sandbox{path}"
    status, answer = send(url, json.dumps(order).encode(), {"Content-Type": "application/json"})
    if status >= 400 and not (isinstance(answer, dict) and "error" in answer):
        raise CannotSend(f"{contacts_api_url} is not the built-in sandbox: make the contact there by hand.")
    return status, answer


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything was accepted, 1 when something was refused, 2 when there is nothing to send to."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _send_all(options))


def _send_all(options: argparse.Namespace) -> bool:
    stack = running_stack(options.state_dir)
    secret = _leadconnector_secret(stack)
    location = options.location or next(iter(secret.get("locations") or ()), "")
    if not location:
        raise CannotSend("The LeadConnector secret names no source location: give one with --location.")
    accepted = [_send_one(number, stack, secret, location, options) for number in range(options.count)]
    return all(accepted)


def _send_one(
    number: int, stack: Mapping[str, Any], secret: Mapping[str, Any], location: str, options: argparse.Namespace
) -> bool:
    # Another person each time, for a phone number that is known already leads to the contact that has it.
    email = options.email if options.email and number == 0 else f"ada.{secrets.token_hex(4)}@example.com"
    contact = {**example_contact(1 + secrets.randbelow(1000)), "email": email, **dict(options.field)}
    began = time.perf_counter()
    if options.workflow:
        if not secret.get("workflow_secret"):
            raise CannotSend("The LeadConnector secret has no workflow_secret: store one in it.")
        url = stack["webhooks"]["leadconnector"]
        status, answer = send_workflow(url, workflow_fields(contact), secret["workflow_secret"], location)
        told = answer
    else:
        status, answer = administer(stack["contacts_api_url"], "/contacts", {"location": location, **contact})
        told = {"contact": answer["contact"]["id"]} if status == 201 else answer
        for path, text, key in (("notes", options.note, "body"), ("tasks", options.task, "title")):
            if text and status == 201:
                administer(stack["contacts_api_url"], f"/contacts/{answer['contact']['id']}/{path}", {key: text})
    print_answer(status, told, began)
    return 200 <= status < 300


def _leadconnector_secret(stack: Mapping[str, Any]) -> dict[str, Any]:
    return stored_secret(stack, "LeadConnectorSecretArn", "LeadConnector")


def _parser() -> argparse.ArgumentParser:
    parser = sender_parser("leadconnector_sender", __doc__)
    parser.add_argument("--count", type=int, default=1, help="how many, each another person")
    parser.add_argument("--location", help="the source location (default: the first in the LeadConnector secret)")
    parser.add_argument("--email", help="the e-mail of the first of them")
    parser.add_argument(
        "--field", action="append", type=key_value, default=[], metavar="KEY=VALUE", help="of the contact"
    )
    parser.add_argument("--note", help="also write this note on the contact")
    parser.add_argument("--task", help="also give the contact a task of this title")
    parser.add_argument("--workflow", action="store_true", help="post what a workflow's Custom Webhook would instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
