"""The registered sources and their pullers, each built when its first lead comes or its first form is asked for."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from leads.adapters.http import HttpClient
from leads.sources import PULLERS, REGISTRY

if TYPE_CHECKING:
    from leads.crm.client import Client
    from leads.flow.steps import Crm
    from leads.wiring import Parts

# An export is a file, and nobody waits for it. A little more than the largest that is taken is read, so that one that
# is larger is known for what it is.
EXPORT_BYTES = 20 * 1024 * 1024 + 64 * 1024
EXPORT_SECONDS = 60.0

Make = Callable[..., Any]


class _Lazily(Mapping[str, Any]):
    """Name → what its class in `registry` (module : class) makes of what `builders` give it. Thread-safe."""

    def __init__(self, registry: Mapping[str, str], builders: Mapping[str, Callable[[Make], Any]]) -> None:
        self._registry = registry
        self._builders = builders
        self._built: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Any:
        with self._lock:
            if name not in self._built:
                module, _, kind = self._registry[name].partition(":")
                self._built[name] = self._builders[name](getattr(importlib.import_module(module), kind))
            return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in self._registry

    def __iter__(self) -> Iterator[str]:
        return iter(self._registry)

    def __len__(self) -> int:
        return len(self._registry)


class Sources(_Lazily):
    """The sources by name. client, crm: how records of the CRM's own locations are read."""

    def __init__(self, parts: Parts, client: Client, crm: Crm) -> None:
        def pinterest(make: Make) -> Any:
            return make(parts.keys_secret, own_seal=parts.seal)

        def facebook(make: Make) -> Any:
            http = HttpClient("graph", now=parts.now)
            return make(parts.facebook_secret, http, parts.config.graph_api_url, now=parts.now)

        def leadconnector(make: Make) -> Any:
            from leads.sources.leadconnector_outcomes import Outcomes

            return make(
                parts.leadconnector_secret, parts.seal, self.records, now=parts.now, outcomes=Outcomes(parts.routes)
            )

        super().__init__(REGISTRY, {"pinterest": pinterest, "facebook": facebook, "leadconnector": leadconnector})
        self._client = client
        self._crm = crm

    @property
    def records(self) -> Any:
        """The records of the CRM's locations, to be read as leads."""
        from leads.crm.records import Records

        return Records(self._client, self._crm.custom_fields)


class Pullers(_Lazily):
    """What a platform has, to be compared with what we have; by the source's name."""

    def __init__(self, parts: Parts, sources: Sources) -> None:
        def pinterest(make: Make) -> Any:
            http = HttpClient("pinterest_api", now=parts.now, largest=EXPORT_BYTES, longest=EXPORT_SECONDS)
            url = parts.config.pinterest_api_url
            columns = parts.routes().defaults.export_columns
            return make(
                parts.keys_secret, parts.pinterest_app_secret, http, url, parts.seal, now=parts.now, columns=columns
            )

        def facebook(make: Make) -> Any:
            return make(sources["facebook"], now=parts.now)

        def leadconnector(make: Make) -> Any:
            return make(parts.leadconnector_secret, sources.records, sources["leadconnector"], now=parts.now)

        super().__init__(PULLERS, {"pinterest": pinterest, "facebook": facebook, "leadconnector": leadconnector})
