"""A browser's request to the console, and the answer: all that the front door needs to know of either."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from email.message import Message

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Call:
    """A browser's request. headers: as they came; is_there: whether the browser is still connected."""

    method: str
    path: str
    headers: Message
    body: bytes = b""
    is_there: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Answer:
    """payload: the whole body, or its parts as they come, for as long as the connection lasts."""

    status: int
    headers: Headers
    payload: bytes | Generator[bytes, None, None]
