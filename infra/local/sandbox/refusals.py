"""How the Contacts API says no."""

from typing import Any

from infra.local.sandbox.web import Answer

_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    422: "Unprocessable Entity",
}


class Refusal(Exception):
    """An answer other than 2xx, in the API's own words."""

    def __init__(self, status: int, message: str | list[str], **extra: Any) -> None:
        super().__init__(str(message))
        error = {"error": _REASONS[status]} if status in (401, 403, 404, 422) else {}
        self.answer = Answer(status, {"statusCode": status, "message": message, **error, **extra})


def own(wanted: str | None, location: str) -> None:
    """Refuse a location that the token does not belong to."""
    if wanted and wanted != location:
        raise Refusal(403, "The token does not have access to this location.")
