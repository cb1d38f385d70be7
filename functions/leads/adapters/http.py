"""HTTP with keep-alive: one pool per container, bounded in time, nothing repeated on its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import msgspec
import urllib3
from urllib3.connectionpool import log as _urllib3_log
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from leads.core.errors import TryAgain

_CONNECT_SECONDS = 2.0
_LONGEST_SECONDS = 10.0
# Servers and the network in between drop idle connections, often without a word; a frozen container does
# not see it. A connection that rested this long is not trusted with a write.
_IDLE_SECONDS = 30.0
# No answer we ask for comes near this size; one that does is not read to its end.
_LARGEST = 4 * 1024 * 1024
# As many connections are kept as threads may ask at once: the leads of one delivery (8) and the steps of all leads
# of a container (16). One more would be opened anew for every request.
_CONNECTIONS = 24
_CHUNK = 65_536


class HttpAnswer(msgspec.Struct, frozen=True):
    """What the other side answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """`side` names the other side in reasons: `contacts_api` gives `contacts_api_timeout`. Thread-safe.

    largest: bytes of an answer that are read; longest: seconds that one request may take, whatever its deadline.
    """

    def __init__(
        self,
        side: str,
        *,
        now: Callable[[], float],
        largest: int = _LARGEST,
        longest: float = _LONGEST_SECONDS,
    ) -> None:
        self._side = side
        self._now = now
        self._largest = largest
        self._longest = longest
        # What it logs holds addresses, and the address of a search holds a person's e-mail and phone.
        _urllib3_log.manager.getLogger("urllib3").propagate = False
        self._pool = urllib3.PoolManager(num_pools=4, maxsize=_CONNECTIONS, retries=False)
        self._lock = threading.Lock()
        self._used_at = now()

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> HttpAnswer:
        """One request, tried once, answered by `deadline` (epoch seconds) or given up.

        Raises TryAgain(<side>_timeout | <side>_unreachable | <side>_too_large); its text holds neither URL nor
        headers. It is ambiguous unless no connection was made: the request may have arrived and its answer got lost.
        TryAgain(out_of_time) when the deadline has passed, and nothing was sent.
        """
        now = self._now()
        left = min(deadline - now, self._longest)
        if left <= 0:
            raise TryAgain("out_of_time", counts=False)
        self._drop_rested_connections()
        until = now + left
        try:
            answer = self._pool.request(
                method,
                url,
                headers=headers,
                body=body,
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(total=left, connect=min(_CONNECT_SECONDS, left)),
            )
            content = self._content(answer, until)
        except (NewConnectionError, ConnectTimeoutError):
            raise TryAgain(f"{self._side}_unreachable", "no connection could be made") from None
        except (ReadTimeoutError, TimeoutError):
            detail = f"no whole answer within {left:.1f} s"
            raise TryAgain(f"{self._side}_timeout", detail, ambiguous=True) from None
        except HTTPError as error:
            detail = f"the connection broke ({type(error).__name__})"
            raise TryAgain(f"{self._side}_unreachable", detail, ambiguous=True) from None
        return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, content)

    def _content(self, answer: urllib3.BaseHTTPResponse, until: float) -> bytes:
        """The answer's body. A socket's time-out starts anew with every byte, so a slow drip needs a clock."""
        content = bytearray()
        while chunk := answer.read1(_CHUNK):
            content += chunk
            if len(content) > self._largest:
                answer.close()
                detail = f"the answer has more than {self._largest} bytes"
                raise TryAgain(f"{self._side}_too_large", detail, ambiguous=True)
            if self._now() > until:
                answer.close()
                raise TimeoutError
        answer.release_conn()
        return bytes(content)

    def _drop_rested_connections(self) -> None:
        with self._lock:
            now = self._now()
            rested = now - self._used_at > _IDLE_SECONDS
            self._used_at = now
        if rested:
            self._pool.clear()
