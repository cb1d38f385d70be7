"""Stages of a location's pipelines: their names, kept for a while.

Source: the API's OpenAPI document of opportunities, operation get-pipelines, Version 2021-07-28. Its schema says of a
pipeline's stages only that they are a list; they are objects with an id and a name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.crm import reading
from leads.crm.client import Client

_KEPT_SECONDS = 600.0
# A token does not get a right by being asked for it with every change, nor does an API that is down come up.
_REFUSED_SECONDS = 60.0
_REFUSED = "contacts_api_unauthorized"


class _Known:
    """What is known of one location, and until when (epoch seconds) it need not be asked for again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = 0.0
        self.names: Mapping[str, str] | None = None


class Pipelines:
    """Pipeline stages of any location. Thread-safe: a location is asked once at a time."""

    def __init__(self, client: Client, *, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def stage_names(self, location_id: str, *, deadline: float) -> Mapping[str, str]:
        """Id → name of every stage, at most ten minutes old, or older while the API does not answer.

        {} where they may not be listed: the token lacks `opportunities.readonly`, or is refused.
        deadline: epoch seconds. Raises TryAgain while the API does not answer and nothing is known.
        """
        with self._lock:
            known = self._known.setdefault(location_id, _Known())
        if not known.lock.acquire(timeout=min(max(deadline - self._now(), 0.0), threading.TIMEOUT_MAX)):
            raise TryAgain("out_of_time", counts=False)
        try:
            if known.names is None or self._now() >= known.until:
                known.names, seconds = self._asked(location_id, known.names, deadline)
                known.until = self._now() + seconds
            return known.names
        finally:
            known.lock.release()

    def _asked(
        self, location_id: str, known: Mapping[str, str] | None, deadline: float
    ) -> tuple[Mapping[str, str], float]:
        """The names, and for how many seconds they count."""
        try:
            answer = self._client.call(
                "GET", "opportunities", "pipelines",
                location_id=location_id, deadline=deadline, query={"locationId": location_id}, has_own_scope=True,
            )  # fmt: skip
            pipelines = reading.listed(answer, "pipelines")
        except (Misconfigured, Undeliverable):
            return known or {}, _REFUSED_SECONDS
        except TryAgain as failed:
            if known is None and not failed.reason.startswith(_REFUSED):
                raise
            return known or {}, _REFUSED_SECONDS
        stages = [stage for pipeline in pipelines for stage in reading.objects(pipeline.get("stages"))]
        names = {reading.text(stage.get("id")): reading.text(stage.get("name")) for stage in stages}
        return {own: name for own, name in names.items() if own and name}, _KEPT_SECONDS
