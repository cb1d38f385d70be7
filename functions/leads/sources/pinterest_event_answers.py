"""Which answer to a call with events has which fate, and what it says of each event.

Source: the Ads API's OpenAPI file, events/create; schemas ConversionApiResponse and DetailedError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core import lenient_json
from leads.core.conversion import Verdict
from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.http import HttpAnswer
from leads.sources.pinterest_api import THROTTLED, failure, trace_id
from leads.sources.pinterest_event_words import UNSAID, remarks

TOKEN_MISSING = "conversion_token_missing"  # noqa: S105  (a reason, no token)
TOKEN_REFUSED = "conversion_token_refused"  # noqa: S105
NOT_PERMITTED = "conversion_not_permitted"
# A call that was refused for what is in it: nothing of it was taken, or nobody knows which part was.
EVENT_REFUSED = "event_refused"
EVENT_REFUSED_IN_PART = "event_refused_in_part"
UNEXPECTED = "pinterest_unexpected"

# What a person has to put right is looked at again after this many seconds.
_PERSON_WAIT = 900.0
# Codes of the API's error bodies: a missing scope, not permitted; "the endpoint is not accepting any traffic".
_RIGHTS = (3, 29)
_RAMPED_DOWN = 4197
_REFUSALS: Mapping[int, str] = {400: EVENT_REFUSED, 413: EVENT_REFUSED, 422: EVENT_REFUSED_IN_PART}
_ROLES = "its Owner, or have the role Admin, Analyst, Audience or Campaign there"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What Pinterest said of each event, in the order in which they were sent.

    trace_id: Pinterest's own id of the call; None when it gave none.
    """

    verdicts: tuple[Verdict, ...]
    trace_id: str | None = None


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked, for sentences: the ad account, and whether with its own token or with the app's access token."""

    account: str
    has_own_token: bool

    @property
    def remedy(self) -> str:
        """What to type for another token."""
        return f"with `leadrelay conversions token --account {self.account}`"


def answered(answer: HttpAnswer, asker: Asker, *, count: int) -> Answered:
    """The verdicts of an answer to a call with so many events.

    Raises TryAgain (ambiguous when the events may have been taken), or Undeliverable when the call was refused for
    what is in it: EVENT_REFUSED, of which nothing was taken, and EVENT_REFUSED_IN_PART.
    """
    body = lenient_json.decode_object(answer.body)
    trace = trace_id(answer.headers)
    is_success = 200 <= answer.status < 300
    if is_success or answer.status == 422:
        # The `details` of a 422 are documented as an object, and no more.
        details = body.get("details")
        for told in (body, details if isinstance(details, dict) else {}):
            if verdicts := _verdicts(told.get("events"), count):
                return Answered(verdicts=verdicts, trace_id=trace)
    if is_success:
        detail = (
            f"the Pinterest API answered {answer.status} without a verdict on each event of ad account {asker.account}"
        )
        raise TryAgain(UNEXPECTED, detail, ambiguous=True, trace_id=trace)
    raise _failure(answer.status, answer.headers, body, asker)


def missing(asker: Asker) -> TryAgain:
    """What becomes of events for which there is no token at all."""
    detail = (
        f"the Pinterest app secret has no conversion token for ad account {asker.account}, and no access token to "
        f"send its events with; make one {asker.remedy}"
    )
    return TryAgain(TOKEN_MISSING, detail, retry_after=_PERSON_WAIT, counts=False)


def _failure(status: int, headers: Mapping[str, str], error: Mapping[str, Any], asker: Asker) -> LeadError:
    """The fate of a refusal. error: `{"code", "message"}`; of the message only the names of fields are told."""
    plain = failure(status, headers, error)
    if plain.reason == THROTTLED:
        return plain
    given = error.get("code")
    code = given if type(given) is int else None
    if status >= 500 and isinstance(plain, TryAgain):
        plain.ambiguous = code != _RAMPED_DOWN
        return plain
    detail = f"the Pinterest API answered {status}" + (f", code {code}" if code is not None else "")
    trace = trace_id(headers)
    if status == 401:
        return _hopeless_now(TOKEN_REFUSED, f"{detail}: {_refused_token(asker)}", trace)
    if status in (403, 404) or code in _RIGHTS:
        return _hopeless_now(NOT_PERMITTED, f"{detail}: {_rights(asker)}", trace)
    if status in _REFUSALS:
        named = ", ".join(remarks(error.get("message"))) or UNSAID
        return Undeliverable(_REFUSALS[status], f"{detail}, to a call with events; why: {named}", trace_id=trace)
    # A redirect or another 4xx: no road on which an event is taken.
    return plain


def _hopeless_now(reason: str, detail: str, trace: str | None) -> TryAgain:
    return TryAgain(reason, detail, retry_after=_PERSON_WAIT, counts=False, trace_id=trace)


def _refused_token(asker: Asker) -> str:
    if asker.has_own_token:
        return (
            f"it refuses the conversion token of ad account {asker.account}; make another {asker.remedy}, or in Ads "
            "Manager"
        )
    return (
        f"it refuses the app's access token, which stands in for a conversion token of ad account {asker.account}; "
        f"make one {asker.remedy}, or in Ads Manager"
    )


def _rights(asker: Asker) -> str:
    scope = "" if asker.has_own_token else "; an access token needs the scope ads:write besides"
    return (
        f"the token's user may not send events for ad account {asker.account}, or there is no such account; the user "
        f"must be {_ROLES}{scope}"
    )


def _verdicts(told: Any, count: int) -> tuple[Verdict, ...] | None:
    """None when these are no verdicts on so many events."""
    if not isinstance(told, list) or len(told) != count:
        return None
    verdicts = tuple(verdict for one in told if (verdict := _verdict(one)))
    return verdicts if len(verdicts) == count else None


def _verdict(told: Any) -> Verdict | None:
    """Messages come blank, null or not at all, and on either status."""
    status = told.get("status") if isinstance(told, dict) else None
    if status not in ("processed", "failed"):
        return None
    said = remarks(told.get("error_message"), told.get("warning_message"))
    if status == "processed":
        return Verdict(is_taken=True, warnings=said)
    return Verdict(is_taken=False, detail=", ".join(said) or UNSAID)
