"""Ctrl-C, heard where nothing is left half-way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Why something stopped, behind "as"; and the exit code of a command that stopped so.
INTERRUPTED, STOPPED = "it was interrupted", 130


@dataclass
class Interruption:
    """Ctrl-C as a question that is asked between two messages, so that none is left half-way; twice ends at once."""

    wanted: bool = False

    @contextmanager
    def listen(self) -> Iterator["Interruption"]:
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = signal.signal(signal.SIGINT, self._note)
        try:
            yield self
        finally:
            signal.signal(signal.SIGINT, before)

    def _note(self, *_: object) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
