"""What Pinterest means by an error, and what to do about it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.vendors.said import said

_TOKEN = (
    "the access token in the Pinterest app secret is not valid (any more). Connect the app anew and store its tokens "
    "with `leadrelay init`"
)
_SCOPE = (
    "the access token lacks a scope. Connect the app anew with the scopes ads:read and ads:write, and store its "
    "tokens with `leadrelay init`"
)
_ROLE = (
    "the token's user needs the role Owner or Admin on the ad account. Have an admin of the account give it that role "
    "in Pinterest's Business Manager, or connect the app as somebody who has it"
)
_BETA = "the ad account is not in the Lead Ads beta. Ask your Pinterest account manager to admit it; nothing else helps"
_THROTTLED = "too many calls. Wait a minute, then repeat the command"
_FORM = "there is no such lead form in this ad account. `leadrelay pinterest forms` lists those there are"
_DOWN = "Pinterest itself is out of order. Try again in a few minutes"

# Code of the error → what it means, whatever the status; else by status. Codes as the API's error bodies have them.
BY_CODE: Mapping[int, str] = {3: _SCOPE, 8: _THROTTLED, 29: _ROLE, 3078: _BETA, 4842: _FORM}
BY_STATUS: Mapping[int, str] = {
    400: "it does not take what it was asked. Check the ids",
    401: _TOKEN,
    403: f"{_ROLE}. If the user has it, the ad account may not be in the Lead Ads beta",
    404: "there is no such thing. Check the ids, and that the token's user sees the ad account",
    429: _THROTTLED,
}
# What it says itself is worth reading only where the table has nothing better.
_UNCLEAR = (400, 404)


class PinterestRefused(CommandFailed):
    """Pinterest said no. The text has what was tried, why not, the remedy, and the id that its support asks for.

    status: HTTP's, 200 for an error inside a success; code: Pinterest's own, None where it gave none.
    """

    def __init__(
        self, doing: str, status: int, error: Mapping[str, Any], rid: str = "", *, unsaid: Iterable[str] = ()
    ) -> None:
        self.status = status
        self.code = _code(error)
        self.rid = rid
        why = BY_CODE.get(self.code or 0) or BY_STATUS.get(status) or (_DOWN if status >= 500 else BY_STATUS[400])
        message = said(error, unsaid) if status in _UNCLEAR and self.code not in BY_CODE else ""
        marks = [f"status {status}", f"code {self.code}" if self.code is not None else "", rid and f"id {rid}"]
        quoted = f' It says: "{message}".' if message else ""
        super().__init__(f"Pinterest refuses to {doing}: {why}. ({', '.join(filter(None, marks))}){quoted}")


def trace_id(headers: Mapping[str, str]) -> str:
    """x-pinterest-rid; "" when it is absent or no id."""
    value = headers.get("x-pinterest-rid", "")
    return value if re.fullmatch(r"[\w.:-]{1,100}", value) else ""


def _code(error: Mapping[str, Any]) -> int | None:
    # Errors inside a batch's answer say error_code where the OpenAPI file says code.
    for name in ("code", "error_code"):
        if type(error.get(name)) is int:
            return int(error[name])
    return None
