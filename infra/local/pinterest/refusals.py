"""Errors as the Ads API words them (schema Error)."""

from infra.local.sandbox.web import Answer


class Refused(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.answer = refusal(status, code, message)


def refusal(status: int, code: int, message: str) -> Answer:
    return Answer(status, {"code": code, "message": message})


def not_permitted() -> Refused:
    """The caller's user has no role, or the wrong one."""
    return Refused(403, 29, "You are not permitted to access that resource.")
