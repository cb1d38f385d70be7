"""What Facebook's Graph means by an error, and what to do about it."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.vendors.said import said

_APP = (
    "it does not know this app id with this app secret. Both are in the app's settings under Basic; store them with "
    "`leadrelay init`"
)
_TOKEN = "the page's token is dead. Make another one and store it with `leadrelay init --page PAGE`"
_PERMISSION = (
    "the page's token lacks a permission, or its user may not do this on the page. It takes leads_retrieval, "
    "pages_show_list, pages_read_engagement, pages_manage_ads, pages_manage_metadata and ads_management; grant them, "
    "make another token and store it with `leadrelay init --page PAGE`"
)
_INVISIBLE = (
    "there is no such thing, or the token may not see it. Check the id, and Leads Access Manager (Business settings > "
    "Integrations > Leads access), where the app has to be assigned under CRMs"
)
_CALLBACK = (
    "it asked the webhook whose it is, and the answer was not the right one. `leadrelay doctor` asks the same; the "
    "functions know a changed verify token after five minutes"
)
_THROTTLED = "too many calls. Repeat the command {when}"
_PROOF = (
    "the stored app secret is not that of the app which the page's token was made for. Store the right one with "
    "`leadrelay init`"
)
_DOWN = "Facebook itself is out of order. Repeat the command in a few minutes"
_OTHER = "it does not take what it was asked"

# Code, or code and subcode, of the error → what it means. Codes 200 to 299 are all about permissions.
# Sources: developers.facebook.com/docs/graph-api/guides/error-handling and …/docs/graph-api/overview/rate-limiting
BY_CODE: Mapping[int | tuple[int, int], str] = {
    1: _DOWN,
    2: _DOWN,
    3: _PERMISSION,
    10: _PERMISSION,
    101: _APP,
    102: _TOKEN,
    190: _TOKEN,
    (190, 458): f"the page's person has removed the app; {_TOKEN}",
    (190, 459): f"the page's person has to log in to Facebook and confirm who they are, before anything else; {_TOKEN}",
    (190, 460): f"the page's person has changed the password; {_TOKEN}",
    (190, 463): f"its time is over; {_TOKEN}",
    (100, 33): _INVISIBLE,
    2200: _CALLBACK,
    2201: _CALLBACK,
    **dict.fromkeys((4, 17, 32, 341, 368, 613, *range(80000, 80015)), _THROTTLED),
    **dict.fromkeys(range(200, 300), _PERMISSION),
}
# For the app's own calls, whose token is made of its id and secret.
_BY_CODE_OF_APP: Mapping[int, str] = {102: _APP, 190: _APP}
_TRACE_ID = re.compile(r"[\w.:+/=-]{1,100}")


class GraphRefused(CommandFailed):
    """Graph said no. The text has what was tried, why not, the remedy, and the id that Facebook's support asks for.

    is_app: the call was the app's own. status: HTTP's; code, subcode: Graph's own, None where it gave none;
    trace_id: fbtrace_id, "" without one.
    """

    def __init__(
        self,
        doing: str,
        status: int,
        body: Any,
        headers: Mapping[str, str],
        *,
        is_app: bool = False,
        unsaid: Iterable[str] = (),
    ) -> None:
        told = body.get("error") if isinstance(body, dict) else None
        error: Mapping[str, Any] = told if isinstance(told, dict) else {}
        self.status = status
        self.code, self.subcode = _number(error.get("code")), _number(error.get("error_subcode"))
        trace = error.get("fbtrace_id")
        self.trace_id = trace if isinstance(trace, str) and _TRACE_ID.fullmatch(trace) else ""
        message = said(error, unsaid)
        known = _meaning(self.code, self.subcode, message, is_app=is_app)
        why = known or (_DOWN if status >= 500 else _OTHER)
        minutes = _regain_minutes(headers)
        why = why.replace("{when}", f"in {minutes:g} minutes" if minutes else "later")
        told_of = {"code": self.code, "subcode": self.subcode, "trace": self.trace_id or None}
        marks = [f"status {status}", *(f"{name} {value}" for name, value in told_of.items() if value is not None)]
        # What it says itself is worth reading where the table has nothing, and where it says what the webhook did.
        quoted = f' It says: "{message}".' if message and known in (None, _CALLBACK, _PERMISSION) else ""
        super().__init__(f"Facebook refuses to {doing}: {why}. ({', '.join(marks)}){quoted}")


def _meaning(code: int | None, subcode: int | None, message: str, *, is_app: bool) -> str | None:
    if code == 100 and "appsecret_proof" in message:
        return _PROOF
    if is_app and (meaning := _BY_CODE_OF_APP.get(code or 0)):
        return meaning
    return BY_CODE.get((code or 0, subcode or 0)) or BY_CODE.get(code or 0)


def _regain_minutes(headers: Mapping[str, str]) -> float | None:
    """How long the longest limit lasts, of X-Business-Use-Case-Usage; None when it does not say."""
    try:
        usage = json.loads(headers.get("x-business-use-case-usage", "{}"))
        told = [float(it["estimated_time_to_regain_access"]) for rows in usage.values() for it in rows]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return max(told, default=0.0) or None


def _number(value: Any) -> int | None:
    return value if type(value) is int else None
