"""The usage headers: how much of its quota a page or the app is told to have used."""

import json
from collections.abc import Mapping
from typing import Any

_QUOTA = ("call_count", "total_cputime", "total_time")
_REGAIN = "estimated_time_to_regain_access"


class Usage:
    """Percentages as ordered, nobody counts. A page at 100 is refused with 80005, an app with 4.

    Source: Meta's page on rate limiting; times to regain access are minutes.
    """

    def __init__(self) -> None:
        self._pages: dict[str, dict[str, int]] = {}
        self._app: dict[str, int] = {}

    def order(self, order: Mapping[str, Any]) -> None:
        """{"page", "call_count", "total_cputime", "total_time", "estimated_time_to_regain_access", "app": {…}}.

        What is left out is 0; "app" has the three percentages. ValueError, in one sentence, for anything else.
        """
        page, app = order.get("page"), order.get("app")
        numbers = {name: value for name, value in order.items() if name not in ("page", "app")}
        if numbers and page is None:
            raise ValueError("Say whose usage that is: {'page': '<id>', 'call_count': 85}.")
        checked = _numbers(numbers, (*_QUOTA, _REGAIN))
        if app is not None:
            self._app = _numbers(app, _QUOTA)
        if page is not None:
            self._pages[str(page)] = checked

    def throttles(self, page: str) -> int | None:
        """The error code of a quota that is used up."""
        if max(self._app.values(), default=0) >= 100:
            return 4
        return 80005 if any(self._pages.get(page, {}).get(name, 0) >= 100 for name in _QUOTA) else None

    def headers(self, page: str, regain_minutes: float | None = None) -> dict[str, str]:
        """X-App-Usage and X-Business-Use-Case-Usage; `regain_minutes` tells of a limit just reached.

        The key of the second is the business that owns the page, never the page; other use cases stand beside leads.
        """
        leads: dict[str, float] = {**dict.fromkeys((*_QUOTA, _REGAIN), 0), **self._pages.get(page, {})}
        if regain_minutes is not None:
            leads |= {"call_count": 100, _REGAIN: regain_minutes}
        pages = {"type": "pages", **dict.fromkeys((*_QUOTA, _REGAIN), 0)}
        app = {**dict.fromkeys(_QUOTA, 0), **self._app}
        return {
            "X-App-Usage": json.dumps(app),
            "X-Business-Use-Case-Usage": json.dumps({f"7{page}": [pages, {"type": "leadgen", **leads}]}),
        }


def _numbers(given: Any, allowed: tuple[str, ...]) -> dict[str, int]:
    if not isinstance(given, Mapping):
        raise ValueError("A usage is an object such as {'call_count': 85}.")
    if unknown := sorted(set(given) - set(allowed)):
        raise ValueError(f"A usage has no {unknown[0]!r}; it takes {', '.join(allowed)}.")
    if not all(isinstance(value, int) and value >= 0 for value in given.values()):
        raise ValueError("A usage is in whole numbers from 0 on.")
    return dict(given)
