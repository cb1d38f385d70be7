"""One HTTP call to a vendor, and what came back."""

import json as json_text
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from infra.cli.faults import CommandFailed

LARGEST_ANSWER = 20 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """headers: lower-case names; body: the parsed JSON, or the text where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


def call(
    method: str,
    url: str,
    *,
    who: str,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    form: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Reply:
    """Ask once and follow no redirect, so that a token goes to nobody else. timeout: seconds without a sign of life.

    `who` is the vendor's name for people. Raises CommandFailed when nobody answers.
    """
    sent = dict(headers or {})
    body: bytes | None = None
    if json is not None:
        body = json_text.dumps(json).encode()
        sent.setdefault("Content-Type", "application/json")
    elif form is not None:
        body = urlencode(form).encode()
        sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
    address = f"{url}?{urlencode(query)}" if query else url
    try:
        with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
            answer = pool.request(method, address, body=body, headers=sent, redirect=False, preload_content=False)
            data = answer.read(LARGEST_ANSWER)
    except urllib3.exceptions.HTTPError as error:
        place = urllib3.util.parse_url(url)
        raise CommandFailed(
            f"{who} cannot be reached at {place.scheme}://{place.netloc} ({type(error).__name__}): "
            "check the network, or the address in the stack's parameters.",
            exit_code=2,
        ) from None
    return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, _parsed(data))


def _parsed(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    try:
        return json_text.loads(text)
    except ValueError:
        return text
