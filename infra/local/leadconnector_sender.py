"""Makes people in a source location of the sandbox, which then sends its webhook, or posts a workflow's webhook."""

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from infra.local.pinterest_sender import CannotSend, example_answers
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
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        answer = pool.request("POST", url, body=body, headers=dict(headers))
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data.decode("utf-8", "replace")


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
    try:
        stack = _stack(Path(options.state_dir))
        secret = _leadconnector_secret(stack)
        location = options.location or next(iter(secret.get("locations") or ()), "")
        if not location:
            raise CannotSend("The LeadConnector secret names no source location: give one with --location.")
        accepted = [_send_one(number, stack, secret, location, options) for number in range(options.count)]
    except CannotSend as error:
        print(error, file=sys.stderr)
        return 2
    except urllib3.exceptions.HTTPError as error:
        print(f"Nobody answered ({type(error).__name__}): is `make run` still up?", file=sys.stderr)
        return 2
    return 0 if all(accepted) else 1


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
    taken = (time.perf_counter() - began) * 1000
    print(f"{status} {json.dumps(told)}  ({taken:.0f} ms)")
    return 200 <= status < 300


def _stack(state_dir: Path) -> dict[str, Any]:
    try:
        stack = json.loads((state_dir / "stack.json").read_text())
    except (OSError, ValueError):
        stack = {}
    if not stack.get("ready"):
        raise CannotSend(f"No stack is ready in {state_dir}: start one with `make run`.")
    return dict(stack)


def _leadconnector_secret(stack: Mapping[str, Any]) -> dict[str, Any]:
    import boto3  # here, because it takes a second that send and signed need not wait
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "secretsmanager",
        endpoint_url=stack["aws_endpoint_url"],
        region_name=stack["region"],
        aws_access_key_id=stack.get("aws_access_key_id", "test"),
        aws_secret_access_key=stack.get("aws_secret_access_key", "test"),
    )
    try:
        text = client.get_secret_value(SecretId=stack["outputs"]["LeadConnectorSecretArn"]).get("SecretString")
        return dict(json.loads(text or ""))
    except (BotoCoreError, ClientError, KeyError, TypeError, ValueError) as error:
        raise CannotSend(f"The LeadConnector secret cannot be read: {type(error).__name__}. Fill it first.") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.local.leadconnector_sender", description=__doc__)
    parser.add_argument("--state-dir", default=os.environ.get("STATE_DIR", ".local"), help="where stack.json is")
    parser.add_argument("--count", type=int, default=1, help="how many, each another person")
    parser.add_argument("--location", help="the source location (default: the first in the LeadConnector secret)")
    parser.add_argument("--email", help="the e-mail of the first of them")
    parser.add_argument("--field", action="append", type=_pair, default=[], metavar="KEY=VALUE", help="of the contact")
    parser.add_argument("--note", help="also write this note on the contact")
    parser.add_argument("--task", help="also give the contact a task of this title")
    parser.add_argument("--workflow", action="store_true", help="post what a workflow's Custom Webhook would instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
