"""The ledger in DynamoDB: one item per lead, plus one per ciphertext against replays."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from leads.adapters import ledger_item
from leads.adapters.aws import AwsError, error_code
from leads.adapters.item_values import Item
from leads.core.errors import TryAgain
from leads.core.iso_time import iso_time
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Progress, Standing, State, Status

KEPT_SECONDS = 90 * 86_400
# A contact of a CRM location can change years after it was carried over, and must not be taken for a new one then.
RECORD_KEPT_SECONDS = 5 * 365 * 86_400

_CLAIM = (
    "SET #status = :claimed, claim_owner = :owner, claimed_until = :until_ms, updated_at = :now,"
    " first_seen_at = if_not_exists(first_seen_at, :now), expires_at = :expires ADD attempts :one REMOVE reason"
)
# A first claim takes new leads only: its refusal brings the item along, and with it what earlier attempts did.
_NEW = "attribute_not_exists(pk)"
# The second claim is for the item as it was read; each change of it changes one of these.
_UNCHANGED = "#status = :seen_status AND updated_at = :seen_at AND attempts = :seen_attempts"
_NEVER_CLAIMED = "#status = :seen_status AND updated_at = :seen_at AND attribute_not_exists(attempts)"
_FINISH = (
    "SET #status = :status, contact_id = :contact, location_id = :location, steps = :steps, remarks = :remarks,"
    " updated_at = :now{state} REMOVE claimed_until, message_id, reason"
)
# Of a record that may change: from now on, whatever else comes is news of it.
_KNOWN_SINCE = ", delivered_at = if_not_exists(delivered_at, :now)"
_IGNORE = "SET #status = :status, reason = :reason, updated_at = :now REMOVE claimed_until, message_id"
_PUT_BACK = (
    "SET #status = :status, reason = :reason, message_id = :message_id, updated_at = :now,"
    " first_seen_at = if_not_exists(first_seen_at, :now), expires_at = :expires{progress} REMOVE claimed_until"
)
_PROGRESS = ", contact_id = :contact, location_id = :location, steps = :steps, remarks = :remarks"
_PAIR = (
    "SET #status = :status, contact_id = :contact, location_id = :location, steps = :steps, remarks = :remarks,"
    " updated_at = :now, first_seen_at = :now, delivered_at = :now, expires_at = :expires, counterpart = :true"
)
# A record that is on its way already; the status is named for the sake of the expression's names.
_MARK = "SET counterpart = :true"
_KNOWN = "attribute_exists(#status)"
# Whoever could not claim a lead must not overwrite what its owner, or a finished delivery, has written.
_NOBODYS = "attribute_not_exists(pk) OR #status = :parked OR (#status = :undeliverable AND message_id <> :message_id)"
_OURS = "claim_owner = :owner"
# A finish whose answer was lost is finished all the same.
_STILL_OURS = "claim_owner = :owner AND #status = :claimed"
NO_STATE = State()
# A plain update is refused while a transaction on the same item is under way, which takes milliseconds.
_CONFLICT_TRIES = 4
_CONFLICT_SECONDS = 0.03


class LedgerTable:
    """Leads by key `pk`; `client` is a DynamoDB client, `now` gives seconds since the epoch."""

    def __init__(self, client: Any, table: str, *, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now

    def claim(self, lead: Lead, *, until: float, message_id: str) -> Claim | Standing:
        """The lead for us alone until `until` (epoch seconds), or how it stands. One call for a new lead, else two.

        Raises TryAgain(ledger_unavailable) when the table does not answer.
        """
        now = self._now()
        claim = Claim(key=lead.ledger_key, owner=secrets.token_hex(8), first_seen_at=now)
        seen = self._try_to_claim(lead, claim, until, _NEW, {})
        if isinstance(seen, Standing):
            return seen
        if seen is None:
            return claim
        if not ledger_item.is_free(seen, lead, now=now, message_id=message_id):
            return ledger_item.standing(seen)
        condition = _UNCHANGED if "attempts" in seen else _NEVER_CLAIMED
        seen_now = self._try_to_claim(lead, claim, until, condition, seen)
        if isinstance(seen_now, Standing):
            return seen_now
        return ledger_item.resumed(claim, seen) if seen_now is None else ledger_item.standing(seen_now)

    def finish(self, claim: Claim, *, progress: Progress, state: State = NO_STATE) -> None:
        """Records a delivered lead; when the claim has passed to somebody else, theirs is the record.

        state: which state of a record that may change it was. Raises TryAgain(ledger_unavailable).
        """
        values = {
            ":status": {"S": Status.DELIVERED},
            ":owner": {"S": claim.owner},
            ":now": {"S": iso_time(self._now())},
        }
        told = ledger_item.state_values(state)
        expression = _FINISH.format(
            state=(_KNOWN_SINCE if state.revision else "") + "".join(f", {name[1:]} = {name}" for name in told)
        )
        self._update(claim.key, expression, _OURS, values | ledger_item.values(progress) | told)

    def ignore(self, claim: Claim, *, reason: str) -> None:
        """Records a lead that the user's routes do not want. Raises TryAgain(ledger_unavailable)."""
        values = {
            ":status": {"S": Status.IGNORED},
            ":reason": {"S": reason},
            ":owner": {"S": claim.owner},
            ":now": {"S": iso_time(self._now())},
        }
        self._update(claim.key, _IGNORE, _OURS, values)

    def park(
        self, envelope: Envelope, *, reason: str, claim: Claim | None, progress: Progress | None = None
    ) -> Standing | None:
        """Records why a lead waits, how far it came, and lets go of the claim.

        Gives how the lead stands where that is not ours to change, as somebody else has it or has delivered it.
        Raises TryAgain(ledger_unavailable).
        """
        return self._put_back(envelope, Status.PARKED, reason, "none", claim, progress)

    def give_up(
        self,
        envelope: Envelope,
        *,
        reason: str,
        message_id: str,
        claim: Claim | None,
        progress: Progress | None = None,
    ) -> Standing | None:
        """Records that this message will not be delivered; gives how the lead stands where that is not ours to change.

        That is also a verdict that was known before. Raises TryAgain(ledger_unavailable).
        """
        return self._put_back(envelope, Status.UNDELIVERABLE, reason, message_id, claim, progress)

    def drop(self, envelope: Envelope, *, reason: str) -> None:
        """Records that a parked lead need not be delivered any more. Raises TryAgain(ledger_unavailable)."""
        self._put_back(envelope, Status.IGNORED, reason, "none", None, None)

    def look(self, key: str) -> Standing | None:
        """How the lead with this key stands, None when it is not known. Raises TryAgain(ledger_unavailable)."""
        try:
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
        except AwsError as error:
            raise _unavailable(error) from None
        item = answer.get("Item")
        return ledger_item.standing(item) if item else None

    def pair(self, key: str, *, contact_id: str, location_id: str) -> None:
        """Records a record with this key as one that came of our own writing, delivered to the contact it came of.

        So it is known before a platform tells of it; if it was known already, only that is noted.
        Raises TryAgain(ledger_unavailable).
        """
        now = self._now()
        values: dict[str, Any] = {
            ":status": {"S": Status.DELIVERED},
            ":expires": {"N": str(int(now) + RECORD_KEPT_SECONDS)},
            ":now": {"S": iso_time(now)},
            ":true": {"BOOL": True},
        }
        progress = ledger_item.values(Progress(contact_id=contact_id, location_id=location_id))
        if self._update(key, _PAIR, _NEW, values | progress):
            self._update(key, _MARK, _KNOWN, {":true": {"BOOL": True}})

    def _try_to_claim(
        self, lead: Lead, claim: Claim, until: float, condition: str, seen: Item
    ) -> Item | Standing | None:
        """None when the lead is ours; else the item as it stands, or why that does not matter."""
        now = self._now()
        values = {
            ":claimed": {"S": Status.CLAIMED},
            ":owner": {"S": claim.owner},
            ":now": {"S": iso_time(now)},
            ":until_ms": {"N": str(int(until * 1000))},
            ":expires": {"N": str(int(now) + (RECORD_KEPT_SECONDS if lead.is_record else KEPT_SECONDS))},
            ":one": {"N": "1"},
        }
        if seen:
            values |= {":seen_status": seen["status"], ":seen_at": seen["updated_at"]}
        if "attempts" in seen:
            values[":seen_attempts"] = seen["attempts"]
        update = {
            "TableName": self._table,
            "Key": {"pk": {"S": lead.ledger_key}},
            "UpdateExpression": _CLAIM,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            if lead.seal:
                items = [{"Update": update}, {"Put": self._seal(lead, now)}]
                self._client.transact_write_items(TransactItems=items)
            else:
                self._client.update_item(**update)
        except AwsError as error:
            return _met(error)
        return None

    def _put_back(
        self,
        envelope: Envelope,
        status: Status,
        reason: str,
        message_id: str,
        claim: Claim | None,
        progress: Progress | None,
    ) -> Standing | None:
        now = self._now()
        values: dict[str, Any] = {
            ":status": {"S": status},
            ":reason": {"S": reason},
            ":message_id": {"S": message_id},
            ":now": {"S": iso_time(now)},
            ":expires": {"N": str(int(now) + KEPT_SECONDS)},
        }
        expression = _PUT_BACK.format(progress=_PROGRESS if progress else "")
        if progress:
            values |= ledger_item.values(progress)
        if claim:
            owned = {":owner": {"S": claim.owner}, ":claimed": {"S": Status.CLAIMED}}
            return self._update(claim.key, expression, _STILL_OURS, values | owned)
        nobodys = {":parked": {"S": Status.PARKED}, ":undeliverable": {"S": Status.UNDELIVERABLE}}
        return self._update(envelope.ledger_key, expression, _NOBODYS, values | nobodys)

    def _update(self, key: str, expression: str, condition: str, values: dict[str, Any]) -> Standing | None:
        """None when the item was changed; else, as the condition does not hold, how it stands."""
        for tries_left in reversed(range(_CONFLICT_TRIES)):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": key}},
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except AwsError as error:
                code = error_code(error)
                if code == "ConditionalCheckFailedException":
                    item = getattr(error, "response", {}).get("Item")
                    return ledger_item.standing(item) if item else Standing(status=Status.CLAIMED)
                if code != "TransactionConflictException" or not tries_left:
                    raise _unavailable(error) from None
                time.sleep(_CONFLICT_SECONDS)
            else:
                return None
        raise AssertionError("unreachable")

    def _seal(self, lead: Lead, now: float) -> dict[str, Any]:
        """The item that ties a ciphertext to the one lead it came with."""
        return {
            "TableName": self._table,
            "Item": {
                "pk": {"S": f"seal#{lead.source}#{lead.seal}"},
                "lead_key": {"S": lead.ledger_key},
                "expires_at": {"N": str(int(now) + KEPT_SECONDS)},
            },
            "ConditionExpression": "attribute_not_exists(pk) OR lead_key = :lead_key",
            "ExpressionAttributeValues": {":lead_key": {"S": lead.ledger_key}},
        }


def _met(error: Exception) -> Item | Standing:
    """What the refusal of a claim says: the item that is there, or a standing without one."""
    response: dict[str, Any] = getattr(error, "response", {})
    code = error_code(error)
    if code == "ConditionalCheckFailedException":
        return _item(response.get("Item"))
    if code == "TransactionCanceledException":
        reasons = response.get("CancellationReasons") or [{}]
        codes = [reason.get("Code", "") for reason in reasons]
        if codes[0] == "ConditionalCheckFailed":
            return _item(reasons[0].get("Item"))
        if codes[-1] == "ConditionalCheckFailed":
            return Standing(status=Status.IGNORED, replayed=True)
        if "TransactionConflict" in codes:
            return Standing(status=Status.CLAIMED)
    raise _unavailable(error) from None


def _item(item: Item | None) -> Item | Standing:
    # Without an item it was removed between the two claims, which only its time to live can do: try again.
    return item or Standing(status=Status.CLAIMED)


def _unavailable(error: BaseException) -> TryAgain:
    return TryAgain("ledger_unavailable", f"DynamoDB answered {error_code(error)}")
