"""Ad accounts and their conversion tokens, what routes tell Pinterest, and its end of events as operators ask it."""

import json
import time
from collections.abc import Mapping
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.vendors.web import call
from leads.adapters.http import HttpAnswer
from leads.core.conversion import is_account
from leads.core.routes import RouteTable
from leads.sources.pinterest_events import PinterestEvents

APP = "PinterestAppSecretArn"
NAME = "conversion_tokens"


class HeldSecret:
    """A secret that was read already."""

    def __init__(self, value: dict[str, Any]) -> None:
        self._value = value

    def current(self) -> dict[str, Any]:
        return self._value

    reread = current


class OperatorHttp:
    """What the functions' own code asks by, from this machine: through its proxy, and CommandFailed where nobody is."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> HttpAnswer:
        timeout = max(1.0, deadline - time.time())
        content = None if body is None else json.loads(body)
        reply = call(method, url, who="Pinterest", headers=headers, json=content, timeout=timeout)
        answered = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        return HttpAnswer(reply.status, dict(reply.headers), answered.encode())


def tokens_of(secret: Mapping[str, Any]) -> dict[str, str]:
    """Ad account → its conversion token, as the Pinterest app secret has them; "" for one that is no text."""
    found = secret.get(NAME)
    entries = found.items() if isinstance(found, Mapping) else ()
    return {str(account): token if isinstance(token, str) else "" for account, token in entries}


def accounts_of(secret: Mapping[str, Any]) -> list[str]:
    """The ad accounts with a token, of which the only one need not be named in a message."""
    return [account for account, token in tokens_of(secret).items() if token and is_account(account)]


def events_api(place: Place, secret: Mapping[str, Any]) -> PinterestEvents:
    """Pinterest's end for events, by the functions' own code. secret: what the Pinterest app secret holds."""
    return PinterestEvents(OperatorHttp(), HeldSecret(dict(secret)), place.pinterest_api_url)


def checked_account(text: str) -> str:
    """An ad account's id. Raises CommandFailed for anything else."""
    if not is_account(text):
        raise CommandFailed("--account takes an ad account's id: 1 to 18 digits, as Ads Manager shows it.", exit_code=2)
    return text


def conversion_routes(table: RouteTable) -> list[dict[str, Any]]:
    """The routes that tell Pinterest something: name, location, outcome → event."""
    return [
        {
            "route": route.name,
            "account": route.account,
            "location": route.location,
            "outcomes": {
                name: conversion.event for name in route.conversions if (conversion := route.conversion(name))
            },
        }
        for route in table.routes
        if route.conversions
    ]


def days_taken(place: Place) -> float:
    """Days after which the stack holds an event back: its parameter ConversionDays."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        [stack] = place.client("cloudformation").describe_stacks(StackName=place.stack_name)["Stacks"]
        given = {it["ParameterKey"]: it.get("ParameterValue", "") for it in stack.get("Parameters") or ()}
        return float(given.get("ConversionDays") or 7)
    except (BotoCoreError, ClientError, LookupError, ValueError):
        return 7.0
