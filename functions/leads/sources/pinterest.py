"""Pinterest Lead Ads: leads sealed with AES-256-GCM, one key per subscription.

Sources: developers.pinterest.com/docs/work-with-ads/lead-ads and the Ads API's LeadSubscription schema.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core import lenient_json
from leads.core.errors import Misconfigured, RejectedRequest, TryAgain, Undeliverable
from leads.core.lead import Envelope, Lead, plain_id
from leads.core.request import Reading, Request
from leads.core.secret import StoredSecret
from leads.sources.own_seal import OwnSeal
from leads.sources.pinterest_seal import Key, KeyRing, Seal, fingerprint, ring_of, seal_of

# Every test lead carries this id (documentation, "Testing"), so it cannot tell one from another.
TEST_LEAD_ID = "TEST_API"

# Whoever knows the webhook's address could make our own seal, so it counts only where this mark says that we set it,
# and no delivery may bring the mark along.
ORIGIN, LEADS_EXPORT = "origin", "leads_export"

CAMPAIGN_FIELDS = ("campaign_id", "campaign_name", "ad_group_id", "ad_group_name", "ad_id", "ad_name", "form_name")


class Pinterest:
    """Reads deliveries and opens leads.

    keys: `{"subscriptions": [{"ad_account_id", "cryptographic_key", …}]}`.
    own_seal: what the answers of exported leads wait under, which Pinterest gives away in the clear.
    """

    name = "pinterest"
    label = "Pinterest Lead Ads"
    leads_change = False

    def __init__(self, keys: StoredSecret, own_seal: OwnSeal | None = None) -> None:
        self._keys = keys
        self._own_seal = own_seal
        self._parsed: tuple[object, KeyRing] = (None, KeyRing())

    def read(self, request: Request, *, received_at: str) -> Reading:
        """The leads of one delivery: a JSON array of 0..n, or a single object; whatever the content type.

        An item is a lead when it is an object with a `lead_id` or with `answers`: if Pinterest ever changes
        the rest, leads are kept until a newer version of this app can open them.
        Raises RejectedRequest (400) when nothing in the body can be a lead.
        """
        try:
            body = lenient_json.decode(request.body)
        except ValueError as error:
            raise RejectedRequest(400, "not_json", f"The body is no Pinterest delivery: it is {error}.") from None
        items = body if isinstance(body, list) else [body]
        leads = [item for item in items if isinstance(item, dict) and ("answers" in item or "lead_id" in item)]
        if items and not leads:
            raise RejectedRequest(400, "not_a_lead", "The body is no Pinterest delivery: there is no lead in it.")
        envelopes = tuple(self.wrap(_unmarked(item), received_at=received_at) for item in leads)
        return Reading(envelopes=envelopes, size=len(request.body), rejected=len(items) - len(leads))

    def wrap(self, raw: Any, *, received_at: str) -> Envelope:
        """One item as an envelope. Nothing in it is trusted; it is not opened here."""
        item = raw if isinstance(raw, dict) else {}
        # Our own seal is another one each time the lead is exported: there its id alone says which lead it is.
        seal = "" if _is_exported(item) else fingerprint(item.get("answers"))
        lead_id = plain_id(item.get("lead_id"))
        return Envelope(
            source=self.name,
            account=_account(item),
            lead_id=lead_id or f"unnamed-{seal[:32]}",
            raw=raw,
            received_at=received_at,
            seal=seal,
            is_test=lead_id == TEST_LEAD_ID,
        )

    def open(self, envelope: Envelope, *, deadline: float) -> Lead:
        """The lead inside, opened with the first key that fits; an exported one with our own seal.

        Nothing remote is asked but the secrets, so `deadline` (epoch seconds) does not matter.
        Raises TryAgain(cannot_decrypt) while no key fits: it may be stored later. Raises
        Undeliverable(unreadable_answers) when it opens and is no JSON object.
        """
        item = envelope.raw if isinstance(envelope.raw, dict) else {}
        form = plain_id(item.get("lead_form_id"))
        account, form, answers = (
            (envelope.account, form, self._exported(envelope, item))
            if _is_exported(item)
            else self._delivered(envelope, item, form)
        )
        if not isinstance(answers, dict):
            raise Undeliverable("unreadable_answers", "the decrypted answers are not a JSON object")
        return Lead(
            source=self.name,
            account=account,
            form=form,
            lead_id=envelope.lead_id,
            ledger_key=msgspec.structs.replace(envelope, account=account).ledger_key,
            seal=envelope.seal,
            is_test=envelope.is_test,
            created_at=_created_at(item.get("created_at")),
            answers=answers,
            campaign={name: str(item[name]) for name in CAMPAIGN_FIELDS if item.get(name) is not None},
        )

    def _exported(self, envelope: Envelope, item: Mapping[str, Any]) -> Any:
        """The answers of an exported lead: as they were fetched, or from under our own seal after a wait."""
        if isinstance(envelope.content, dict):
            return envelope.content.get("answers")
        if self._own_seal is None:
            raise TryAgain("cannot_decrypt", "this function has nothing to open exported leads with")
        return self._own_seal.open(item.get("answers"))

    def _delivered(self, envelope: Envelope, item: Mapping[str, Any], form: str) -> tuple[str, str, Any]:
        """Account, form and answers of a lead from the webhook.

        Only the answers are authenticated, and only their key says whose they are.
        """
        key, plaintext = self._unseal(seal_of(item.get("answers")), envelope.account, form)
        try:
            answers = lenient_json.decode(plaintext)
        except ValueError as error:
            raise Undeliverable("unreadable_answers", f"the decrypted answers are {error}") from None
        return key.account or envelope.account, key.form or form, answers

    def _unseal(self, seal: Seal, account: str, form: str) -> tuple[Key, bytes]:
        fault = ""
        tried: dict[str, Any] | None = None
        for read in (self._keys.current, self._keys.reread):
            try:
                secret = read()
            except Misconfigured as error:
                # Without any key the lead is in the same position as with the wrong ones: it waits for its key.
                fault = str(error)
                continue
            if secret is tried:
                break
            tried, ring = secret, self._ring(secret)
            if found := ring.unseal(seal, account, form):
                return found
            opened = f"none of {len(ring.keys)} keys opens it; account {account or 'unknown'}, form {form or 'unknown'}"
            fault = "; ".join((opened, *ring.faults[:3]))
        raise TryAgain("cannot_decrypt", fault)

    def _ring(self, secret: dict[str, Any]) -> KeyRing:
        """The keys in the secret, parsed once per version of it."""
        known, ring = self._parsed
        if secret is not known:
            ring = ring_of(secret)
            self._parsed = (secret, ring)
        return ring


def _is_exported(item: Mapping[str, Any]) -> bool:
    return item.get(ORIGIN) == LEADS_EXPORT


def _unmarked(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != ORIGIN} if ORIGIN in item else item


def _account(item: Mapping[str, Any]) -> str:
    # The webhook says advertiser_id where the rest of the API says ad_account_id.
    return plain_id(item.get("advertiser_id")) or plain_id(item.get("ad_account_id"))


def _created_at(value: Any) -> float | None:
    """Pinterest sends milliseconds since the epoch, as a string."""
    if isinstance(value, bool):
        return None
    try:
        seconds = float(value) / 1000
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
