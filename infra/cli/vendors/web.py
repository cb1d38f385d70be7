"""One HTTP call to a vendor, and what came back."""

import json as json_text
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from infra.cli.aws_refusals import LOOPBACK
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
    # Late: with TLS and all it takes longer than everything else of a command that calls no vendor.
    import urllib3

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
        with _pool(url, timeout) as pool:
            answer = pool.request(method, address, body=body, headers=sent, redirect=False, preload_content=False)
            data = answer.read(LARGEST_ANSWER)
    except urllib3.exceptions.HTTPError as error:
        place = urlsplit(url)
        raise CommandFailed(
            f"{who} cannot be reached at {place.scheme}://{place.netloc} ({type(error).__name__}): "
            "check the network, or the address in the stack's parameters.",
            exit_code=2,
        ) from None
    except ValueError:
        # Its text, and that of what led to it, quotes headers.
        raise CommandFailed(f"{who} was not asked: the token, or the address, is no text that can be sent.") from None
    return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, _parsed(data))


def _pool(url: str, timeout: float) -> Any:
    """What asks: by the proxy of the environment's variables, as AWS is asked; what is on this machine, without."""
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    place = urlsplit(url)
    proxy = getproxies().get(place.scheme)
    if not proxy or place.hostname in LOOPBACK or proxy_bypass(place.netloc):
        return urllib3.PoolManager(retries=False, timeout=timeout)
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    user, _, _ = urlsplit(proxy).netloc.rpartition("@")
    headers = urllib3.make_headers(proxy_basic_auth=unquote(user)) if user else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, retries=False, timeout=timeout)


def _parsed(data: bytes) -> Any:
    text = data.decode("utf-8", "replace")
    try:
        return json_text.loads(text)
    except ValueError:
        return text
