"""What tells Pinterest of outcomes: in the deliveries that lead to one, in the webhook that hears of one, and its own
function."""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leads.adapters.http import HttpClient
from leads.crm.admission import Admission

if TYPE_CHECKING:
    from leads.core.conversion import Event
    from leads.core.match import Match
    from leads.flow.match_outcomes import MatchOutcomes
    from leads.flow.send_conversions import SendConversions
    from leads.wiring import Parts

# A call may hold a thousand events, and nobody waits for it.
CALL_SECONDS = 20.0
# The CRM tells of a contact that it has just been given while the lead's delivery is still on its way to remember it.
CHANGE_DELAY = 15


class Conversions:
    """Remembers delivered leads, and puts events and changes into the conversions queue; built when first needed."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._built: tuple[Any, Any] | None = None

    def remember(self, match: Match) -> None:
        """Raises TryAgain(ledger_unavailable)."""
        self._tools()[0].remember(match)

    def tell(self, event: Event) -> None:
        """Raises TryAgain(conversions_queue_unavailable)."""
        from leads.core.conversion_message import event_message

        self._tools()[1].send([event_message(event)])

    def send(self, bodies: Sequence[str]) -> None:
        """Changes of the CRM, as messages. Raises TryAgain(conversions_queue_unavailable)."""
        self._tools()[1].send(bodies, delay=CHANGE_DELAY)

    def _tools(self) -> tuple[Any, Any]:
        with self._lock:
            if self._built is None:
                # Late: most routes tell nobody of anything, and a cold start need not pay for it.
                from leads.adapters.conversions_queue import ConversionsQueue
                from leads.adapters.match_ledger import MatchLedger

                parts = self._parts
                self._built = (
                    MatchLedger(parts.dynamodb, parts.config.ledger_table_name, now=parts.now),
                    ConversionsQueue(parts.sqs, parts.config.conversions_queue_url),
                )
            return self._built


def send_conversions(parts: Parts) -> SendConversions:
    """The conversions function's verb."""
    from leads.adapters.conversion_ledger import ConversionLedger
    from leads.adapters.conversions_queue import ConversionsQueue
    from leads.flow.event_calls import EventCalls
    from leads.flow.pass_on_outcomes import PassOnOutcomes
    from leads.flow.send_conversions import SendConversions
    from leads.flow.tell_events import TellEvents
    from leads.sources.pinterest_events import PinterestEvents

    http = HttpClient("pinterest_api", now=parts.now, longest=CALL_SECONDS)
    pinterest = PinterestEvents(http, parts.pinterest_app_secret, parts.config.pinterest_api_url)
    tell = TellEvents(
        calls=EventCalls(pinterest),
        ledger=ConversionLedger(parts.dynamodb, parts.config.ledger_table_name, now=parts.now),
        erasures=parts.erasures,
        attempts=len(parts.config.retry_waits) + 1,
        days=parts.config.conversion_days,
        now=parts.now,
        sleep=time.sleep,
    )
    queue = ConversionsQueue(parts.sqs, parts.config.conversions_queue_url)
    pass_on = PassOnOutcomes(
        outcomes=functools.cache(lambda: _match_outcomes(parts)),
        queue=queue,
        attempts=len(parts.config.retry_waits) + 1,
    )
    return SendConversions(
        tell=tell,
        pass_on=pass_on,
        accounts=pinterest.accounts,
        queue=queue,
        routes=parts.routes,
        waits=parts.config.retry_waits,
        now=parts.now,
        chance=secrets.SystemRandom().random,
    )


def _match_outcomes(parts: Parts) -> MatchOutcomes:
    from leads.adapters.match_ledger import MatchLedger
    from leads.crm.client import Client
    from leads.crm.custom_fields import CustomFields
    from leads.crm.pipelines import Pipelines
    from leads.crm.records import Records
    from leads.flow.match_outcomes import MatchOutcomes

    admission = Admission(now=parts.now, sleep=time.sleep, patience=2.0)
    client = Client(
        parts.http, parts.contacts_secret, parts.config.contacts_api_url, now=parts.now, admission=admission
    )
    return MatchOutcomes(
        matches=MatchLedger(parts.dynamodb, parts.config.ledger_table_name, now=parts.now),
        records=Records(client, CustomFields(client, now=parts.now)),
        pipelines=Pipelines(client, now=parts.now),
        routes=parts.routes,
        erasures=parts.erasures,
        now=parts.now,
    )
