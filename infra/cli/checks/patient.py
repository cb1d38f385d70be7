"""The stack under examination: what several checks need of it, each asked for once."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from infra.cli.place import Place
from infra.cli.setup.answers import token_of
from infra.cli.vendors.contacts_api import ContactsApi
from leads.core.errors import Misconfigured
from leads.core.routes import RouteTable
from leads.wiring import load_routes

T = TypeVar("T")
# A doctor who waits longer for an answer is not asked.
ANSWER_SECONDS = 10.0


@dataclass
class Patient:
    """place: the stack; routes_file: the routes it was deployed with, as far as this machine knows. Thread-safe."""

    place: Place
    routes_file: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _locks: dict[str, threading.Lock] = field(default_factory=dict, repr=False)
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """A boto3 client; making one is not thread-safe, using it is."""
        with self._lock:
            return self.place.client(service)

    def secret(self, output: str) -> dict[str, Any]:
        """A secret's JSON object; {} while it holds nothing, or where the stack has no such output.

        Raises CommandFailed when it holds something else.
        """
        self.client("secretsmanager")
        if output not in self.place.outputs:
            return {}
        return self._once(f"secret {output}", lambda: self.place.secret(output))

    def resources(self, kind: str) -> dict[str, str]:
        """Logical id → physical id of the stack's resources of one type, such as AWS::CloudWatch::Alarm."""
        rows = self._once("resources", self._all_resources)
        return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows if row["ResourceType"] == kind}

    @cached_property
    def routes(self) -> RouteTable | None:
        """The routes; None while they are unusable, which is the finding of one check."""
        try:
            return load_routes(self.routes_file)
        except Misconfigured:
            return None

    def locations(self) -> list[str]:
        """The CRM locations that the routes deliver to, in their order."""
        return list(dict.fromkeys(route.location for route in self.routes.routes)) if self.routes else []

    def source_locations(self) -> list[str]:
        """The CRM locations whose contacts are leads."""
        return texts(self.secret("LeadConnectorSecretArn").get("locations"))

    def contacts_entry(self, location: str) -> dict[str, Any]:
        """What the Contacts secret holds for a location; {} when that is nothing."""
        found = self.secret("ContactsSecretArn").get("locations")
        entry = found.get(location) if isinstance(found, dict) else None
        return entry if isinstance(entry, dict) else {}

    def contacts_api(self, location: str) -> ContactsApi | None:
        """The location with its own token; None when there is none."""
        token = token_of(self.contacts_entry(location))
        return ContactsApi(self.place.contacts_api_url, location, token, ANSWER_SECONDS) if token else None

    def command(self, words: str) -> str:
        """A command of ours as it is typed for this stack."""
        place = self.place
        if place.is_local or os.environ.get("STACK_NAME") == place.stack_name:
            return f"leadrelay {words}"
        return f"leadrelay --stack {place.stack_name} --region {place.region} {words}"

    def log_command(self, logical_id: str) -> str:
        """What shows the last hour of a function's log, by the name that its log group has in the template."""
        group = self.resources("AWS::Logs::LogGroup").get(logical_id, "<the function's log group>")
        return f"aws logs tail {group} --since 1h --region {self.place.region}"

    def webhook_tokens(self) -> list[str]:
        """The token of the webhooks' addresses, and the one before it where it still holds."""
        held = self.secret("WebhookTokenSecretArn")
        return texts([held.get(name) for name in ("token", "previous")])

    def _once(self, name: str, ask: Callable[[], T]) -> T:
        with self._lock:
            own = self._locks.setdefault(name, threading.Lock())
        with own:
            if name not in self._known:
                self._known[name] = ask()
            found: T = self._known[name]
            return found

    def _all_resources(self) -> list[Mapping[str, Any]]:
        # One page of this call holds 100 resources, which paging takes care of; the emulator knows the other one only.
        client = self.client("cloudformation")
        if self.place.is_local:
            return list(client.describe_stack_resources(StackName=self.place.stack_name)["StackResources"])
        pages = client.get_paginator("list_stack_resources").paginate(StackName=self.place.stack_name)
        return [row for page in pages for row in page["StackResourceSummaries"] if row.get("PhysicalResourceId")]


def texts(value: Any) -> list[str]:
    """The non-empty texts of a list; [] for anything else."""
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []
