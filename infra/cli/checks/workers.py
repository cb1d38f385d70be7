"""Threads that run things side by side, and that nobody has to wait for."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any


class Workers:
    """A context manager; leaving it, also by Ctrl-C, waits for nothing: what has not begun is not begun any more.

    The pool of the standard library has the process wait, at its end, for whatever is under way.
    """

    def __init__(self, number: int) -> None:
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._is_over = False
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(number)]

    def submit(self, run: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self._tasks.put((future, run, arguments))
        return future

    def __enter__(self) -> "Workers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) and not self._is_over:
            future, run, arguments = task
            try:
                future.set_result(run(*arguments))
            except BaseException as error:
                future.set_exception(error)
