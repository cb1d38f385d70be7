"""Whose a sealed lead is: opened as the retry function would open it, with the stack's own secrets."""

import time
from collections.abc import Callable
from typing import Any

from infra.cli.dead.parked_message import DeadLetter
from infra.cli.place import Place
from leads import wiring
from leads.adapters.aws import Aws
from leads.adapters.environment import Settings
from leads.core import parked_lead
from leads.core.erasure import names_of
from leads.core.errors import LeadError, Misconfigured
from leads.core.lead import Lead
from leads.core.routes import Route, RouteTable
from leads.core.ruled_lead import ruled_lead

# Of one lead's remote calls, and of the waits for the CRM's rate limit in between, in seconds.
DEADLINE = 30.0
PATIENCE = 10.0
# Settings of the functions → the stack's outputs that hold them.
_OUTPUTS = {
    "ledger_table_name": "LedgerTableName",
    "failed_leads_queue_url": "FailedLeadsQueueUrl",
    "webhook_token_secret": "WebhookTokenSecretArn",
    "pinterest_keys_secret": "PinterestKeysSecretArn",
    "pinterest_app_secret": "PinterestAppSecretArn",
    "contacts_secret": "ContactsSecretArn",
    "facebook_secret": "FacebookSecretArn",
    "leadconnector_secret": "LeadConnectorSecretArn",
}
_ADDRESSES = ("contacts_api_url", "pinterest_api_url", "graph_api_url")


class CannotTell(Exception):
    """Nobody can say whose the lead is now. The text is the reason's code."""


class _AwsOf(Aws):
    """The clients of a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def client(self, service: str) -> Any:
        return self._place.client(service)

    def lazily(self, service: str) -> Callable[[], Any]:
        return lambda: self._place.client(service)


class LeadOpening:
    """Opens sealed leads of a place; `table` says how answers are read."""

    def __init__(self, place: Place, table: RouteTable) -> None:
        told = {name: place.outputs.get(output, "") for name, output in _OUTPUTS.items()}
        told |= {name: url for name in _ADDRESSES if (url := getattr(place, name))}
        self._sources = wiring.Parts(Settings(**told), aws=_AwsOf(place)).road(patience=PATIENCE).sources
        self._table = table

    def names(self, letter: DeadLetter) -> frozenset[str]:
        """The names (`leads.core.erasure`) that the lead's person goes by. Raises CannotTell."""
        try:
            parked = parked_lead.parse(letter.body)
            if parked.source not in self._sources:
                raise CannotTell("unknown_source")
            source = self._sources[parked.source]
            envelope = source.wrap(parked.envelope, received_at=parked.received_at)
            return names_in(source.open(envelope, deadline=time.time() + DEADLINE), self._table)
        except LeadError as failed:
            raise CannotTell(failed.reason) from None
        except Misconfigured:
            raise CannotTell("misconfigured") from None


def names_in(lead: Lead, table: RouteTable) -> frozenset[str]:
    """The names that the lead's person goes by, as the functions find them; of a lead that no route takes as well."""
    route = table.match(lead) or Route(name="", location="")
    read = ruled_lead(lead, route, table.defaults, now=time.time())
    return names_of(read.ruled, read.contact)
