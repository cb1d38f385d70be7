"""Which answer of Graph has which fate: the only place that decides.

By the error's code and not by the status: a throttled call is answered with 400, like nearly everything else.
Sources: developers.facebook.com/docs/graph-api/guides/error-handling and …/docs/graph-api/overview/rate-limiting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from leads.core.errors import TryAgain, Undeliverable
from leads.sources.graph_pauses import THROTTLED, UNTOLD
from leads.sources.graph_usage import Usage

TOKEN_REFUSED = "graph_token_refused"  # noqa: S105  (a reason, no token)
PROOF_REFUSED = "graph_proof_refused"
PERMISSION_MISSING = "graph_permission_missing"
UNEXPECTED = "graph_unexpected"
REJECTED = "graph_rejected"
NOT_VISIBLE = "lead_not_visible_check_leads_access_manager"
# What a person has to put right first is looked at again after this many seconds.
PERSON_WAIT = 900.0


class _Fate(msgspec.Struct, frozen=True, kw_only=True):
    """remedy: what the operator is told beside the codes. counts, wait: as in TryAgain."""

    reason: str
    remedy: str = ""
    counts: bool = True
    wait: float | None = None
    is_hopeless: bool = False


_THROTTLED = _Fate(reason=THROTTLED, counts=False)
_UNAVAILABLE = _Fate(reason="graph_5xx")
_TOKEN = _Fate(
    reason=TOKEN_REFUSED,
    remedy="the page's token is dead; store another in the Facebook secret and its leads go through",
    counts=False,
    wait=PERSON_WAIT,
)
_PROOF = _Fate(
    reason=PROOF_REFUSED,
    remedy='"app_secret" in the Facebook secret is not that of the app which the page\'s token was made for',
    counts=False,
    wait=PERSON_WAIT,
)
_PERMISSION = _Fate(
    reason=PERMISSION_MISSING,
    remedy=(
        "check that the page's token has leads_retrieval, pages_show_list, pages_read_engagement, pages_manage_ads "
        "and ads_management, and that its user may advertise for the page"
    ),
    counts=False,
    wait=PERSON_WAIT,
)
# The same answer stands for a lead too fresh to be seen, one without access and one that is deleted.
_INVISIBLE = _Fate(
    reason=NOT_VISIBLE,
    remedy=(
        "there is no such lead, or the app may not see it: check Leads Access Manager (Business settings > "
        "Integrations > Leads access) and assign the app under CRMs"
    ),
)
_REFUSED = _Fate(reason=REJECTED, is_hopeless=True)
_STRANGE = _Fate(reason=UNEXPECTED)


def _table(*rows: tuple[Iterable[int], _Fate]) -> dict[int, _Fate]:
    return {code: fate for codes, fate in rows for code in codes}


_BY_CODE = _table(
    ((1, 2), _UNAVAILABLE),
    ((4, 17, 32, 341, 368, 613, *range(80000, 80015)), _THROTTLED),
    ((102, 190), _TOKEN),
    ((3, 10, *range(200, 300)), _PERMISSION),
    ((100, 2500), _REFUSED),
)
_BY_SUBCODE = {(100, 33): _INVISIBLE}
_BY_STATUS = _table(
    ((401,), _TOKEN), ((403,), _PERMISSION), ((404,), _INVISIBLE), ((429,), _THROTTLED), (range(500, 600), _UNAVAILABLE)
)

# Which of a page's quotas a code is about, in the words of X-Business-Use-Case-Usage.
_QUOTA = {32: "pages", 80001: "pages", 80004: "ads_management", 80005: "leadgen"}
_TRACE_ID = re.compile(r"[\w.:+/=-]{1,100}")


def failure(status: int, answer: Mapping[str, Any], usage: Usage, *, page: str) -> TryAgain | Undeliverable:
    """The fate of a call that was not answered with what was asked for.

    answer: `{"error": {"code", "error_subcode", "fbtrace_id", "is_transient", "message", …}}`. Its texts may quote
    what a person answered and are never repeated.
    """
    told = answer.get("error")
    error: Mapping[str, Any] = told if isinstance(told, dict) else {}
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    fate = _fate(status, code, subcode, error)
    codes = f", code {code}" if code is not None else ""
    codes += f", subcode {subcode}" if subcode is not None else ""
    detail = f"Graph answered {status}{codes} for page {page}" + (f": {fate.remedy}" if fate.remedy else "")
    trace = error.get("fbtrace_id")
    trace_id = trace if isinstance(trace, str) and _TRACE_ID.fullmatch(trace) else None
    if fate.is_hopeless:
        return Undeliverable(fate.reason, detail, trace_id=trace_id)
    wait = (usage.regain(_QUOTA.get(code or 0, "")) or UNTOLD) if fate is _THROTTLED else fate.wait
    return TryAgain(fate.reason, detail, retry_after=wait, counts=fate.counts, trace_id=trace_id)


def _fate(status: int, code: int | None, subcode: int | None, error: Mapping[str, Any]) -> _Fate:
    if code is None:
        return _BY_STATUS.get(status, _STRANGE)
    fate = _BY_SUBCODE.get((code, subcode or 0)) or _BY_CODE.get(code) or _BY_STATUS.get(status, _STRANGE)
    if fate is _REFUSED and "appsecret_proof" in str(error.get("message")):
        # A wrong proof has the code of a wrong argument; only the text tells that no lead is to blame.
        return _PROOF
    # Graph says of many errors that they pass; of what has a wait of its own that says nothing.
    passes = error.get("is_transient") is True or status >= 500
    return _UNAVAILABLE if passes and fate.counts else fate


def _number(value: Any) -> int | None:
    """A code as number or digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    return value if type(value) is int and abs(value) < 10**9 else None
