"""Starts the programs a local stack is made of and stops all of them, and whatever they started, again."""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from infra.local.settings import ROOT, LocalError

STOP_SECONDS = 5.0


class Children:
    """Programs started here, each the leader of a group of its own, so that its own children end with it."""

    def __init__(self, logs: Path, *, stop_seconds: float = STOP_SECONDS) -> None:
        self._logs = logs
        self._stop_seconds = stop_seconds
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        return [child.pid for child in self._started if child.poll() is None]

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], pipe: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a program that stays; it writes to `<name>.log`, or its standard output to a pipe."""
        with self._log(name).open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(child)
        return child

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a program to its end; LocalError with the tail of what it wrote when it fails."""
        child = self.start(name, command, environment)
        code = child.wait()
        self._started.remove(child)
        if code:
            text = self.tail(name)
            errors = [line for line in text.splitlines() if line.startswith("Error:")]
            reason = f"{errors[-1]} (all of it: {self._log(name)})" if errors else text
            raise LocalError(f"`{Path(command[0]).name} {command[1]}` failed: {reason}")

    def tail(self, name: str, lines: int = 15) -> str:
        log = self._log(name)
        text = log.read_text("utf-8", "replace").strip() if log.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) + f"\n(all of it: {log})"

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def stop(self) -> None:
        """End every program; what does not end by itself in a few seconds is killed. Further Ctrl-Cs change nothing."""
        with _undisturbed():
            for child in self._started:
                _signal_group(child.pid, signal.SIGTERM)
            while self._started:
                child = self._started.pop()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(self._stop_seconds)
                # Also when it has ended: a worker of its own may have outlived it.
                _signal_group(child.pid, signal.SIGKILL)
                child.wait()
                if child.stdout:
                    child.stdout.close()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignores the signals that would end this program, for as long as the block lasts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def first_line(child: subprocess.Popen[bytes], seconds: float) -> str:
    """The first line a piped program writes, or "" when it ends or takes longer than `seconds`."""
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        ready = selector.select(seconds)
    return child.stdout.readline().decode("utf-8", "replace").strip() if ready else ""


def claim_port(port: int, setting: str) -> int:
    """`port` if it is free, a free one for 0; LocalError names the setting to change."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise LocalError(
                f"Port {port} is taken: stop what uses it, or choose another one with {setting}=<port>."
            ) from None
        return int(probe.getsockname()[1])


def wait_for_port(port: int, child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether somebody listens on `port` within `seconds`; False at once when the program has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
            return True
        time.sleep(0.05)
    return False
