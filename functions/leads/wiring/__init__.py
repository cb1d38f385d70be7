"""Builds everything once per container; the only place that knows everything."""

from __future__ import annotations

import functools
import importlib
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from leads.adapters.aws import Aws
from leads.adapters.environment import Settings, in_lambda, in_snapshot, settings
from leads.adapters.erasure_list import ErasureList
from leads.adapters.failed_leads_queue import FailedLeadsQueue
from leads.adapters.http import HttpClient
from leads.adapters.ledger_table import LedgerTable
from leads.adapters.secret_store import Secret
from leads.adapters.telemetry import Telemetry
from leads.core.errors import Misconfigured
from leads.core.iso_time import iso_time
from leads.core.routes import RouteTable, parse_routes
from leads.crm.admission import Admission
from leads.crm.client import Client
from leads.crm.contacts import Contacts
from leads.crm.custom_fields import CustomFields
from leads.crm.notes import Notes
from leads.crm.tags import Tags
from leads.crm.tasks import Tasks
from leads.flow.accept import Accept
from leads.flow.deliver import Deliver
from leads.flow.receive import Receive
from leads.flow.retry import Retry
from leads.flow.steps import Crm, Steps
from leads.sources import REGISTRY
from leads.sources.own_seal import OwnSeal
from leads.wiring.conversions import Conversions
from leads.wiring.sources import Pullers, Sources

if TYPE_CHECKING:
    from leads.flow.reconcile import Reconcile
    from leads.flow.reconcile_scope import ReconcileScope
    from leads.flow.rotate import Rotation
    from leads.flow.send_conversions import SendConversions

# How long the retry function may wait for the CRM's rate limit, in seconds; for longer the lead waits in the queue.
SHORT_WAIT = 2.0

ROUTES_FILE = Path(__file__).parents[2] / "routes.toml"


class Parts:
    """What both functions are made of. Clients are built with it, connections when they are first used.

    aws: gives the clients, for whoever works on a stack from outside of it.
    """

    def __init__(
        self,
        config: Settings,
        *,
        now: Callable[[], float] = time.time,
        routes_file: Path = ROUTES_FILE,
        aws: Aws | None = None,
    ):
        aws = aws or Aws()
        self.config = config
        self.now = now
        self.sqs = aws.lazily("sqs")
        secrets_manager = aws.client("secretsmanager")

        def secret(arn: str) -> Secret:
            return Secret(lambda: secrets_manager, arn, now=now)

        self.tokens = WebhookTokens(secret(config.webhook_token_secret))
        self.seal = OwnSeal(self.tokens)
        self.keys_secret = secret(config.pinterest_keys_secret)
        self.pinterest_app_secret = secret(config.pinterest_app_secret)
        self.facebook_secret = secret(config.facebook_secret)
        self.leadconnector_secret = secret(config.leadconnector_secret)
        self.queue = FailedLeadsQueue(self.sqs, config.failed_leads_queue_url)
        self.http = HttpClient("contacts_api", now=now)
        self.contacts_secret = secret(config.contacts_secret)
        self.dynamodb = aws.client("dynamodb")
        self.ledger = LedgerTable(self.dynamodb, config.ledger_table_name, now=now)
        self.erasures = ErasureList(self.dynamodb, config.ledger_table_name, now=now)
        self.routes = functools.cache(lambda: load_routes(routes_file))
        self.conversions = Conversions(self)

    def receive(self) -> Receive:
        """The webhook's verb: it never waits for the CRM's rate limit."""
        road = self.road(patience=0.0)
        return Receive(
            sources=road.sources,
            tokens=self.tokens,
            accept=self.accept(road),
            changes=self.conversions,
            budget=self.config.inline_budget,
            now=self.now,
            iso_time=iso_time,
        )

    def retry(self) -> Retry:
        """The retry function's verb: it waits for a turn that is near, and lets others pass meanwhile."""
        road = self.road(patience=SHORT_WAIT)
        return Retry(
            sources=road.sources,
            deliver=road.deliver,
            queue=self.queue,
            waits=self.config.retry_waits,
            now=self.now,
            sleep=time.sleep,
            # A generator of our own would repeat itself in every container restored from one snapshot.
            chance=secrets.SystemRandom().random,
        )

    def accept(self, road: Road) -> Accept:
        """Delivers what came just now, and parks what that cannot end."""
        return Accept(
            deliver=road.deliver,
            queue=self.queue,
            waits=self.config.retry_waits,
            chance=secrets.SystemRandom().random,
        )

    def road(self, *, patience: float) -> Road:
        """What every lead takes. patience: seconds that a call may wait for the CRM's rate limit."""
        admission = Admission(now=self.now, sleep=time.sleep, patience=patience)
        client = Client(
            self.http, self.contacts_secret, self.config.contacts_api_url, now=self.now, admission=admission
        )
        crm = crm_over(client, self.config.custom_field_value_key, self.now)
        sources = Sources(self, client, crm)
        deliver = Deliver(
            sources=sources,
            ledger=self.ledger,
            steps=Steps(crm, self.conversions),
            admission=admission,
            routes=self.routes,
            now=self.now,
            erasures=self.erasures,
        )
        return Road(sources, deliver)

    def reconcile(self) -> tuple[Reconcile, ReconcileScope]:
        """The reconcile function's verbs: one takes orders, the other works on what they lead to."""
        from leads.adapters.reconcile_ledger import ReconcileLedger
        from leads.adapters.reconcile_queue import ReconcileQueue
        from leads.flow.reconcile import Reconcile
        from leads.flow.reconcile_scope import ReconcileScope

        road = self.road(patience=SHORT_WAIT)
        pullers = Pullers(self, road.sources)
        ledger = ReconcileLedger(self.dynamodb, self.config.ledger_table_name, now=self.now)
        queue = ReconcileQueue(self.sqs, self.config.reconcile_queue_url)
        order = Reconcile(
            pullers=pullers,
            ledger=ledger,
            queue=queue,
            days=self.config.reconcile_days,
            now=self.now,
            sleep=time.sleep,
            new_id=new_id,
        )
        work = ReconcileScope(
            pullers=pullers,
            accept=self.accept(road),
            ledger=ledger,
            queue=queue,
            now=self.now,
            new_id=new_id,
        )
        return order, work


class Road(NamedTuple):
    """The sources, and the verb that delivers their leads."""

    sources: Sources
    deliver: Deliver


class WebhookTokens:
    """The tokens of our address: the current one, and while URLs are being changed its predecessor."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def current(self) -> Sequence[str]:
        """The valid tokens. Raises Misconfigured when the secret cannot be used."""
        return self._valid(self._secret.current())

    def reread(self) -> Sequence[str]:
        """The valid tokens as the secret has them now."""
        return self._valid(self._secret.reread())

    def _valid(self, secret: dict[str, Any]) -> Sequence[str]:
        tokens = [token for name in ("token", "previous") if isinstance(token := secret.get(name), str) and token]
        if not tokens:
            raise Misconfigured('the webhook token secret has no "token"; store {"token": "<long random text>"} in it')
        return tokens


def crm_over(client: Client, custom_value_key: str, now: Callable[[], float]) -> Crm:
    """The CRM's resources, all of them over one client."""
    return Crm(
        contacts=Contacts(client, custom_value_key=custom_value_key),
        tags=Tags(client),
        notes=Notes(client),
        tasks=Tasks(client),
        custom_fields=CustomFields(client, now=now),
    )


def load_routes(file: Path) -> RouteTable:
    """The route table in a TOML file. Raises Misconfigured naming the file and what is wrong in it."""
    import tomllib

    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        # A number of thousands of digits is a plain ValueError.
        raise Misconfigured(f"{file.name} cannot be read: {error}") from None
    except RecursionError:
        raise Misconfigured(f"{file.name} cannot be read: it is nested too deeply") from None
    return parse_routes(document, place=file.name)


def new_id() -> str:
    """What nobody else has."""
    return secrets.token_hex(8)


@functools.cache
def parts() -> Parts:
    """This container's parts. Raises Misconfigured when the environment lacks something."""
    return Parts(settings())


def reconcile() -> tuple[Reconcile, ReconcileScope]:
    """The reconcile function's verbs. Raises Misconfigured as `parts` does."""
    return parts().reconcile()


def conversions() -> SendConversions:
    """The conversions function's verb. Raises Misconfigured as `parts` does."""
    from leads.wiring.conversions import send_conversions

    return send_conversions(parts())


def rotation(secret_id: str) -> Rotation:
    """The rotation of the secret with this ARN, without anything that only leads need.

    Raises Misconfigured as `parts` does, and for a secret that is nobody's to rotate.
    """
    from leads.adapters.secret_versions import SecretVersions

    config = settings()
    versions = SecretVersions(Aws().lazily("secretsmanager"), secret_id)
    if secret_id == config.contacts_secret:
        from leads.crm.oauth import OAuth
        from leads.flow.rotate import Rotate

        http = HttpClient("contacts_api", now=time.time)
        tokens = OAuth(http, config.contacts_api_url, now=time.time)
        return Rotate(
            versions=versions, tokens=tokens, now=time.time, sleep=time.sleep, graph_api_url=config.graph_api_url
        )
    if secret_id == config.pinterest_app_secret:
        from leads.flow.rotate_pinterest import RotatePinterest
        from leads.sources.pinterest_oauth import PinterestOAuth

        http = HttpClient("pinterest_api", now=time.time)
        pinterest = PinterestOAuth(http, config.pinterest_api_url, now=time.time)
        return RotatePinterest(versions=versions, tokens=pinterest, now=time.time, sleep=time.sleep)
    raise Misconfigured(f"the secret {secret_id} holds no tokens that this function refreshes")


@functools.cache
def telemetry(service: str) -> Telemetry:
    """This container's log and metrics under the name of its function."""
    try:
        level = settings().log_level
    except Misconfigured:
        level = "INFO"
    return Telemetry(service, level)


def warm_up(*builders: Callable[[], object]) -> None:
    """Builds ahead of the first event, inside Lambda's init phase.

    What goes into a SnapStart snapshot costs no start anything, so there even the parts are made that only the
    first lead needs. A fault here would crash the container before it can say why: the first event meets it again.
    """
    if not in_lambda():
        return
    try:
        for build in builders:
            build()
        if in_snapshot():
            import concurrent.futures.thread  # noqa: F401  # the steps' pool is made of it

            import phonenumbers

            phonenumbers.parse("+12128675309")
            for path in REGISTRY.values():
                importlib.import_module(path.partition(":")[0])
            if any(route.conversions for route in parts().routes().routes):
                importlib.import_module("leads.core.conversion_plan")
                importlib.import_module("leads.core.conversion_message")
    except Exception:
        return
