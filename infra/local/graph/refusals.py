"""How Graph says no: its error codes, their words and their HTTP status."""

import secrets
from typing import Any

# Code to HTTP status (400 where none is given), type, words. Sources: Meta's error handling and rate limiting pages,
# and errors quoted in public issue threads. A limit that is reached is HTTP 400 without a Retry-After.
_ERRORS: dict[int, tuple[int, str, str]] = {
    1: (500, "OAuthException", "Please reduce the amount of data you're asking for, then retry your request"),
    2: (500, "OAuthException", "An unexpected error has occurred. Please retry your request later."),
    3: (400, "OAuthException", "(#3) Application does not have the capability to make this API call."),
    4: (400, "OAuthException", "(#4) Application request limit reached"),
    10: (403, "OAuthException", "(#10) Application does not have permission for this action"),
    15: (400, "OAuthException", "(#15) This method must be called with an app access_token."),
    17: (400, "OAuthException", "(#17) User request limit reached"),
    32: (400, "OAuthException", "(#32) Page request limit reached"),
    100: (400, "OAuthException", "(#100) Invalid parameter"),
    102: (400, "OAuthException", "Session key invalid or no longer valid"),
    104: (400, "OAuthException", "An access token is required to request this resource."),
    190: (400, "OAuthException", "Invalid OAuth access token - Cannot parse access token"),
    200: (403, "OAuthException", "(#200) Requires leads_retrieval permission to manage the object"),
    210: (403, "OAuthException", "(#210) A page access token is required to request this resource."),
    341: (400, "OAuthException", "(#341) Feed action request limit reached"),
    368: (400, "OAuthException", "The action attempted has been deemed abusive or is otherwise disallowed"),
    613: (400, "OAuthException", "(#613) Calls to this api have exceeded the rate limit."),
    2200: (400, "OAuthException", "(#2200) Callback verification failed"),
    2201: (400, "OAuthException", "(#2201) response does not match challenge"),
    2500: (400, "OAuthException", "Unknown path components"),
    80001: (400, "OAuthException", "(#80001) There have been too many calls to this Page account. Wait a bit."),
    80004: (400, "OAuthException", "(#80004) There have been too many calls to this ad-account. Wait a bit."),
    80005: (400, "OAuthException", "(#80005) There have been too many leadgen api calls to this Page. Wait a bit."),
}
_SUBCODES: dict[tuple[int, int], tuple[str, str]] = {
    (100, 33): (
        "GraphMethodException",
        "Unsupported get request. Object with ID does not exist, cannot be loaded due to missing permissions, "
        "or does not support this operation",
    ),
    (190, 458): ("OAuthException", "Error validating access token: The user has not authorized application."),
    (190, 459): ("OAuthException", "Error validating access token: You cannot access the app till you log in."),
    (190, 460): (
        "OAuthException",
        "Error validating access token: The session has been invalidated because the user changed their password "
        "or Facebook has changed the session for security reasons.",
    ),
    (190, 463): ("OAuthException", "Error validating access token: Session has expired."),
    (190, 467): ("OAuthException", "Error validating access token: The session is invalid because of a log-out."),
}
_TRANSIENT = {2, 4}
THROTTLED = frozenset({4, 17, 32, 613, 80001, 80004, 80005})


class Refused(Exception):
    """A call that Graph answers with an error object; words and status follow from the code unless given."""

    def __init__(self, code: int, message: str = "", *, subcode: int | None = None, status: int | None = None) -> None:
        super().__init__(code, subcode)
        known = _ERRORS.get(code, (400, "OAuthException", f"(#{code}) Refused"))
        self.code = code
        self.subcode = subcode
        self.status = status or known[0]
        self._type, words = _SUBCODES.get((code, subcode or 0), known[1:])
        self._message = message or words

    def body(self) -> dict[str, Any]:
        """`{"error": {…}}` in the shape of Meta's page on error handling."""
        error: dict[str, Any] = {"message": self._message, "type": self._type, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.code in _TRANSIENT:
            error["is_transient"] = True
        return {"error": {**error, "fbtrace_id": "A" + secrets.token_urlsafe(16)}}


def not_visible(object_id: str, method: str = "get") -> Refused:
    """What Graph says of an object that is not there, and of one that the token may not see: the same."""
    words = (
        f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        "missing permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api"
    )
    return Refused(100, words, subcode=33)
