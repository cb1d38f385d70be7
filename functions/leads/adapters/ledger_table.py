"""The ledger in DynamoDB: one item per lead, plus one per ciphertext against replays."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from leads.adapters.aws import AwsError, error_code
from leads.core.errors import TryAgain
from leads.core.lead import Envelope, Lead
from leads.core.ledger import Claim, Standing, Status

KEPT_SECONDS = 90 * 86_400

# A lead may be claimed when nobody holds it: it is new, parked, left behind by a dead owner, or was given
# up on as another message than this one (a redriven message is a new message and gets a new chance).
_FREE = (
    "attribute_not_exists(pk) OR #status = :parked OR (#status = :claimed AND claimed_until < :now_ms)"
    " OR (#status = :undeliverable AND message_id <> :message_id)"
)
_CLAIM = (
    "SET #status = :claimed, claim_owner = :owner, claimed_until = :until_ms, updated_at = :now,"
    " first_seen_at = if_not_exists(first_seen_at, :now), expires_at = :expires ADD attempts :one REMOVE reason"
)
_FINISH = (
    "SET #status = :delivered, contact_id = :contact, location_id = :location, steps = :steps,"
    " updated_at = :now REMOVE claimed_until, message_id, reason"
)
_PUT_BACK = (
    "SET #status = :status, reason = :reason, message_id = :message_id, updated_at = :now,"
    " first_seen_at = if_not_exists(first_seen_at, :now), expires_at = :expires REMOVE claimed_until"
)
# Whoever could not claim a lead must not overwrite what its owner, or a finished delivery, has written.
_NOBODYS = "attribute_not_exists(pk) OR #status = :parked OR (#status = :undeliverable AND message_id <> :message_id)"
_OURS = "claim_owner = :owner"
# A finish whose answer was lost is finished all the same.
_STILL_OURS = "claim_owner = :owner AND #status = :claimed"
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
        """The lead for us alone until `until` (epoch seconds), or how it stands. One call.

        Raises TryAgain(ledger_unavailable) when the table does not answer.
        """
        owner = secrets.token_hex(8)
        now = self._now()
        update = {
            "TableName": self._table,
            "Key": {"pk": {"S": lead.ledger_key}},
            "UpdateExpression": _CLAIM,
            "ConditionExpression": _FREE,
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {
                ":claimed": {"S": Status.CLAIMED},
                ":parked": {"S": Status.PARKED},
                ":undeliverable": {"S": Status.UNDELIVERABLE},
                ":owner": {"S": owner},
                ":message_id": {"S": message_id or "none"},
                ":now": {"S": _iso(now)},
                ":now_ms": {"N": str(int(now * 1000))},
                ":until_ms": {"N": str(int(until * 1000))},
                ":expires": {"N": str(int(now) + KEPT_SECONDS)},
                ":one": {"N": "1"},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            if lead.seal:
                items = [{"Update": update}, {"Put": self._seal(lead, now)}]
                self._client.transact_write_items(TransactItems=items)
            else:
                self._client.update_item(**update)
        except AwsError as error:
            return self._standing(lead, error)
        return Claim(lead.ledger_key, owner)

    def finish(self, claim: Claim, *, contact_id: str, location_id: str, steps: Mapping[str, str]) -> None:
        """Records a delivered lead; when the claim has passed to somebody else, theirs is the record.

        Raises TryAgain(ledger_unavailable).
        """
        self._update(
            claim.key,
            _FINISH,
            _OURS,
            {
                ":delivered": {"S": Status.DELIVERED},
                ":contact": {"S": contact_id},
                ":location": {"S": location_id},
                ":steps": {"M": {name: {"S": state} for name, state in steps.items()}},
                ":owner": {"S": claim.owner},
                ":now": {"S": _iso(self._now())},
            },
        )

    def park(self, envelope: Envelope, *, reason: str, claim: Claim | None) -> None:
        """Records why a lead waits and lets go of the claim. Raises TryAgain(ledger_unavailable)."""
        self._put_back(envelope, Status.PARKED, reason, "none", claim)

    def give_up(self, envelope: Envelope, *, reason: str, message_id: str, claim: Claim | None) -> bool:
        """Records that this message will not be delivered; False when that was known before.

        Raises TryAgain(ledger_unavailable).
        """
        return self._put_back(envelope, Status.UNDELIVERABLE, reason, message_id, claim)

    def _put_back(self, envelope: Envelope, status: Status, reason: str, message_id: str, claim: Claim | None) -> bool:
        now = self._now()
        values = {
            ":status": {"S": status},
            ":reason": {"S": reason},
            ":message_id": {"S": message_id},
            ":now": {"S": _iso(now)},
            ":expires": {"N": str(int(now) + KEPT_SECONDS)},
        }
        if claim:
            owned = {":owner": {"S": claim.owner}, ":claimed": {"S": Status.CLAIMED}}
            return self._update(claim.key, _PUT_BACK, _STILL_OURS, values | owned)
        nobodys = {":parked": {"S": Status.PARKED}, ":undeliverable": {"S": Status.UNDELIVERABLE}}
        return self._update(envelope.ledger_key, _PUT_BACK, _NOBODYS, values | nobodys)

    def _update(self, key: str, expression: str, condition: str, values: dict[str, Any]) -> bool:
        for tries_left in reversed(range(_CONFLICT_TRIES)):
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": {"S": key}},
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=values,
                )
            except AwsError as error:
                code = error_code(error)
                if code == "ConditionalCheckFailedException":
                    return False
                if code != "TransactionConflictException" or not tries_left:
                    raise _unavailable(error) from None
                time.sleep(_CONFLICT_SECONDS)
            else:
                return True
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

    def _standing(self, lead: Lead, error: Exception) -> Standing:
        """How the lead stands, out of the refusal of our claim."""
        response: dict[str, Any] = getattr(error, "response", {})
        code = error_code(error)
        if code == "ConditionalCheckFailedException":
            return _of_item(response.get("Item", {}))
        if code != "TransactionCanceledException":
            raise _unavailable(error) from None
        reasons = response.get("CancellationReasons") or [{}]
        codes = [reason.get("Code", "") for reason in reasons]
        if codes[0] == "ConditionalCheckFailed":
            return _of_item(reasons[0].get("Item", {}))
        if codes[-1] == "ConditionalCheckFailed":
            return Standing(status=Status.IGNORED, replayed=True)
        if "TransactionConflict" in codes:
            return Standing(status=Status.CLAIMED)
        raise _unavailable(error) from None


def _of_item(item: Mapping[str, Any]) -> Standing:
    until = item.get("claimed_until", {}).get("N")
    return Standing(
        status=Status(item.get("status", {}).get("S", Status.CLAIMED)),
        reason=item.get("reason", {}).get("S", ""),
        contact_id=item.get("contact_id", {}).get("S"),
        claimed_until=int(until) / 1000 if until else None,
    )


def _unavailable(error: BaseException) -> TryAgain:
    return TryAgain("ledger_unavailable", f"DynamoDB answered {error_code(error)}")


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds")
