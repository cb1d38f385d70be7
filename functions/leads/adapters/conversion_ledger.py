"""Events in the ledger's table: one item each, so that what became of a lead is told once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from leads.adapters.aws import AwsError, error_code
from leads.adapters.item_values import Item, number, text
from leads.core.conversion import Event
from leads.core.errors import TryAgain
from leads.core.event_claim import FAILED, HELD, IGNORED, IN_DOUBT, SENDING, SENT, EventClaim, EventStanding
from leads.core.iso_time import iso_time

# A lead's outcomes come over months, and each is told once. What others send cannot be told again after seven days.
LEAD_KEPT_SECONDS = 400 * 86_400
KEPT_SECONDS = 90 * 86_400
# A sending that nobody has ended may have reached Pinterest. It is risked so often, then a person has to look.
MOST_DOUBTS = 1

# Nobody has sent it or is at it. A redriven message is another message, and a new chance; what was not to be sent may
# be now, under other settings.
_FREE = (
    "attribute_not_exists(pk) OR #state = :held OR (#state = :failed AND #message_id <> :message_id)"
    " OR (#state = :ignored AND #reason IN (:too_old, :no_identifier, :test_lead))"
)
_FREE_VALUES = {
    ":held": {"S": HELD},
    ":failed": {"S": FAILED},
    ":ignored": {"S": IGNORED},
    **{f":{reason}": {"S": reason} for reason in ("too_old", "no_identifier", "test_lead")},
}
_OWNED = "#owner = :its_owner"
_SENT_BY = f"#state = :sending AND {_OWNED}"
_UNSENT = "attribute_not_exists(pk) OR NOT #state IN (:sending, :sent)"
_NAME = re.compile(r"#(\w+)")


class ConversionLedger:
    """Items by key `pk` (see Event.key) without the `status` that makes an item a lead.

    `client` is a DynamoDB client, `now` gives seconds since the epoch. Any number of threads may use it. Every method
    is one call (a claim of what a dead owner left behind: two) and raises TryAgain(ledger_unavailable) when the table
    does not answer. A call that was applied although its answer was lost may be repeated: the owner's token tells.
    """

    def __init__(self, client: Any, table: str, *, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def claim(self, event: Event, *, until: float, message_id: str) -> EventClaim | EventStanding:
        """The event for us alone to send until `until` (epoch seconds), or how it stands.

        What a dead owner left behind is claimed once more; the next time it becomes `failed` with IN_DOUBT, for this
        message.
        """
        owner = secrets.token_hex(8)
        begun = {
            "state": {"S": SENDING},
            "owner": {"S": owner},
            "sending_until": {"N": str(int(until * 1000))},
            "message_id": {"S": message_id},
            **self._facts(event),
        }
        item = self._begin(event.key, begun, _FREE, _FREE_VALUES)
        if text(item, "owner") != owner and self._is_left_behind(item):
            left = {":sending": {"S": SENDING}, ":its_owner": item["owner"]}
            doubts = number(item, "doubts")
            if doubts >= MOST_DOUBTS:
                return self._doubted(event, left, message_id)
            item = self._begin(event.key, begun | {"doubts": {"N": str(doubts + 1)}}, _SENT_BY, left)
        if text(item, "owner") == owner:
            return EventClaim(key=event.key, owner=owner, sends=number(item, "sends"))
        return _standing(item, message_id)

    def sent(self, claim: EventClaim, *, warnings: Sequence[str] = ()) -> None:
        """Records an event that Pinterest has taken; when the claim has passed to somebody else, theirs is the record.

        Also where it was given up on in the meantime: whoever is in doubt knows less. warnings: about fields, by name.
        """
        values = {"state": {"S": SENT}, "warnings": {"L": [{"S": warning} for warning in warnings]}} | self._moment()
        owned = {":its_owner": {"S": claim.owner}}
        self._write(claim.key, values, _OWNED, owned, removed=("sending_until", "reason", "detail"))

    def put_back(self, claim: EventClaim, *, reason: str, detail: str = "") -> None:
        """Records why an event waits, and lets go of it. What may have become of earlier sendings stays in doubt."""
        values = {"state": {"S": HELD}, "reason": {"S": reason}, "detail": {"S": detail}} | self._moment()
        self._write(claim.key, values, _SENT_BY, _by(claim.owner), removed=("sending_until", "owner"))

    def fail(self, event: Event, *, claim: EventClaim | None, message_id: str, reason: str, detail: str = "") -> bool:
        """Records that this message's event will not be sent; True when that verdict was known before.

        Without a claim nothing is changed that somebody else is sending, has sent, or that is not to be sent.
        """
        owner = claim.owner if claim else secrets.token_hex(8)
        values = {
            "state": {"S": FAILED},
            "owner": {"S": owner},
            "message_id": {"S": message_id},
            "reason": {"S": reason},
            "detail": {"S": detail},
            **self._facts(event),
        }
        condition, given = (_SENT_BY, _by(owner)) if claim else (_FREE, _FREE_VALUES)
        item = self._write(event.key, values, condition, given, removed=("sending_until", "doubts"))
        return text(item, "owner") != owner and _standing(item, message_id).is_known

    def ignore(self, event: Event, *, reason: str) -> None:
        """Records that an event is not to be sent, unless it was, or somebody is sending it."""
        values = {"state": {"S": IGNORED}, "reason": {"S": reason}} | self._facts(event)
        given = {":sending": {"S": SENDING}, ":sent": {"S": SENT}}
        self._write(event.key, values, _UNSENT, given, removed=("detail",))

    def _doubted(self, event: Event, left: dict[str, Any], message_id: str) -> EventStanding:
        """Gives up on an event that was left behind once too often."""
        values = {
            "state": {"S": FAILED},
            "message_id": {"S": message_id},
            "reason": {"S": IN_DOUBT},
            "detail": {"S": "It was sent more than once, and nobody knows whether Pinterest has it."},
            **self._moment(),
        }
        # Its owner stays, who may be alive after all and then knows better.
        item = self._write(event.key, values, _SENT_BY, left, removed=("sending_until", "doubts"))
        return msgspec.structs.replace(_standing(item, message_id), is_known=False)

    def _is_left_behind(self, item: Item) -> bool:
        return text(item, "state") == SENDING and number(item, "sending_until") < int(self._now() * 1000)

    def _moment(self) -> dict[str, Any]:
        return {"updated_at": {"S": iso_time(self._now())}}

    def _facts(self, event: Event) -> dict[str, Any]:
        """What an item says of its event: ids, names and times, nothing of a person."""
        kept = LEAD_KEPT_SECONDS if event.lead_key else KEPT_SECONDS
        return {
            "event": {"S": event.name},
            "account": {"S": event.account},
            "event_at": {"N": str(event.at)},
            "lead_key": {"S": event.lead_key},
            "outcome": {"S": event.outcome},
            "expires_at": {"N": str(int(self._now()) + kept)},
            **self._moment(),
        }

    def _begin(self, key: str, values: dict[str, Any], condition: str, given: dict[str, Any]) -> Item:
        return self._write(key, values, condition, given, removed=("reason", "detail", "warnings"), counted="sends")

    def _write(
        self,
        key: str,
        values: dict[str, Any],
        condition: str,
        given: dict[str, Any],
        *,
        removed: Sequence[str],
        counted: str = "",
    ) -> Item:
        """The item once it is written, or as it stands where the condition does not hold. counted: goes up by one."""
        sets = [f"#{name} = :{name}" for name in values]
        sets.append("#first_seen_at = if_not_exists(#first_seen_at, :updated_at)")
        expression = f"SET {', '.join(sets)} REMOVE {', '.join(f'#{name}' for name in removed)}"
        given = given | {f":{name}": value for name, value in values.items()}
        if counted:
            expression += f" ADD #{counted} :one"
            given[":one"] = {"N": "1"}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                # Some names are DynamoDB's own words.
                ExpressionAttributeNames={f"#{name}": name for name in _NAME.findall(f"{expression} {condition}")},
                ExpressionAttributeValues=given,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AwsError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise TryAgain("ledger_unavailable", f"DynamoDB answered {error_code(error)}") from None
            response: dict[str, Any] = getattr(error, "response", {})
            item: Item = response.get("Item") or {}
            return item
        written: Item = answer["Attributes"]
        return written


def _by(owner: str) -> dict[str, Any]:
    return {":sending": {"S": SENDING}, ":its_owner": {"S": owner}}


def _standing(item: Item, message_id: str) -> EventStanding:
    """How an event stands that is not ours; one whose item has gone in between is asked for again."""
    state = text(item, "state") or SENDING
    until = number(item, "sending_until")
    return EventStanding(
        state=state,
        reason=text(item, "reason"),
        sending_until=until / 1000 if until else None,
        is_known=state == FAILED and text(item, "message_id") == message_id,
    )
