"""One thread that looks at the stack for everybody who has the page open, and rests while nobody has."""

import json
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

# Seconds between two looks; a look that takes long is given four times as long a rest.
PAUSE = 0.5
REST = 4
# Seconds after which a silent connection gets a sign of life.
HEARTBEAT = 15.0
# How soon it is noticed that somebody has left.
GLANCE = 1.0


class Watcher:
    """`look` gives what there is to see; what it raises is told to those who look, as {"trouble": sentence}."""

    def __init__(self, look: Callable[[], Any], *, pause: float = PAUSE, heartbeat: float = HEARTBEAT) -> None:
        self._look = look
        self._pause = pause
        self._heartbeat = heartbeat
        self._news = threading.Condition()
        self._seen = ""
        self._number = 0
        self._followers = 0
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def is_looking(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def follow(self, is_there: Callable[[], bool]) -> Generator[str, None, None]:
        """What there is to see as JSON, now and whenever it changes; "" as a sign of life. Ends with who follows."""
        self._join()
        number, spoke = 0, time.monotonic()
        try:
            while True:
                with self._news:
                    if not self._stopped and not self._has_news(number):
                        self._news.wait(GLANCE)
                    if self._stopped:
                        return
                    text = self._seen if self._has_news(number) else ""
                    number = self._number if text else number
                if not is_there():
                    return
                if text or time.monotonic() - spoke >= self._heartbeat:
                    spoke = time.monotonic()
                    yield text
        finally:
            with self._news:
                self._followers -= 1

    def stop(self) -> None:
        """Let everybody go."""
        with self._news:
            self._stopped = True
            self._news.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(10)

    def _has_news(self, number: int) -> bool:
        return bool(self._seen) and self._number != number

    def _join(self) -> None:
        with self._news:
            self._followers += 1
            if self._thread is None and not self._stopped:
                self._seen = ""  # from before the rest
                self._thread = threading.Thread(target=self._watch, name="console watcher", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while True:
            began = time.monotonic()
            seen = self._text()
            taken = time.monotonic() - began
            with self._news:
                if seen != self._seen:
                    self._seen = seen
                    self._number += 1
                    self._news.notify_all()
                deadline = time.monotonic() + max(self._pause, taken * REST)
                while not self._stopped and (left := deadline - time.monotonic()) > 0:
                    self._news.wait(left)
                if self._stopped or not self._followers:
                    self._thread = None
                    return

    def _text(self) -> str:
        try:
            # ASCII: the CRM may hold half an emoji, which cannot be sent as UTF-8.
            return json.dumps(self._look(), sort_keys=True)
        except Exception as error:
            # Whatever it is: a watcher that ended would leave every page as it is, and nobody would know.
            return json.dumps({"trouble": f"The stack cannot be looked at ({type(error).__name__}): is it stopping?"})
