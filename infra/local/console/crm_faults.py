"""How the console breaks the CRM: the faults it can order of the Contacts sandbox, by name, and which are on."""

from collections.abc import Mapping
from typing import Any

import urllib3

# Longer than a function waits for an answer, the retry function's 15 seconds included.
SLOW_SECONDS = 20
TIMEOUT = urllib3.Timeout(connect=2, read=10)

# Name → the fault in the words of the sandbox, which strikes until it is taken back.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "429": {
        "status": 429,
        "headers": {"Retry-After": "2"},
        "body": {"statusCode": 429, "message": "Too Many Requests"},
    },
    "500": {"status": 500, "body": {"statusCode": 500, "message": "Internal server error"}},
    "slow": {"delay_seconds": SLOW_SECONDS},
    # Only what is written can be refused for what is in it.
    "422": {
        "match": {"path": "/contacts/upsert"},
        "status": 422,
        "body": {"statusCode": 422, "message": ["email must be an email"], "error": "Unprocessable Entity"},
    },
}
# What a fault looks like that somebody else has ordered.
OTHER = "other"


class NoSandbox(Exception):
    """The Contacts sandbox did not do what it was ordered; the text says so."""


def break_with(contacts_api_url: str, name: str) -> None:
    """Put this fault in the place of all others. Raises NoSandbox."""
    mend(contacts_api_url)
    order(contacts_api_url, "POST", "faults", FAULTS[name])


def mend(contacts_api_url: str) -> None:
    """Take all faults back. Raises NoSandbox."""
    order(contacts_api_url, "DELETE", "faults")


def faults_on(contacts_api_url: str) -> list[dict[str, Any]]:
    """The faults that are on: `name`, one of FAULTS or OTHER, and `hits`, how often it has struck. Raises NoSandbox."""
    return [
        {"name": _name(fault), "hits": fault["hits"]} for fault in order(contacts_api_url, "GET", "faults")["faults"]
    ]


def order(contacts_api_url: str, method: str, what: str, body: Any = None) -> dict[str, Any]:
    """What the sandbox's own side answers. Raises NoSandbox when it does not."""
    try:
        answer = urllib3.request(
            method, f"{contacts_api_url}/_sandbox/{what}", json=body, retries=False, timeout=TIMEOUT
        )
        told = answer.json() if answer.status < 300 else None
    except (urllib3.exceptions.HTTPError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise NoSandbox("The Contacts sandbox does not answer: see logs/contacts-sandbox.log in the state folder.")
    return told


def _name(fault: Mapping[str, Any]) -> str:
    if fault["status"] is None and fault["delay_seconds"]:
        return "slow"
    return str(fault["status"]) if str(fault["status"]) in FAULTS else OTHER
