"""The newcomer's walk: docs/first-hour.md, typed into a shell line by line, against a stack that `make run` starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infra.local.running_stack import stored_secret
from tests.e2e.conftest import until

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "first-hour.md").read_text("utf-8")
DEPLOY = re.search(r"^    \$ (make run .*)$", PAGE, re.MULTILINE)
# A command, and the lines that the page shows below it.
STEPS = [
    (command, shown.strip("\n"))
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
SECONDS = 90


class Shell:
    """One bash for the whole walk, as in a terminal: what a command exports, the next one has."""

    def __init__(self, state_dir: Path, seconds: float = SECONDS) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "STACK_"))}
        self._state_dir = state_dir
        self._seconds = seconds
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=ROOT,
            env=kept | {"STATE_DIR": str(state_dir), "COLUMNS": "160", "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and everything that was printed. A command that hangs is ended, and the shell with it."""
        assert self._bash.stdin
        assert self._bash.stdout
        here = command.replace(" .local/", f" {self._state_dir}/")
        # Nobody is at this keyboard: what asks a question must fail, and not eat the next command.
        self._bash.stdin.write(f"{here} </dev/null\nprintf '\\nended %d\\n' $?\n")
        self._bash.stdin.flush()
        printed = []
        patience = threading.Timer(self._seconds, self._kill)
        patience.start()
        try:
            for line in self._bash.stdout:
                if line.startswith("ended "):
                    return int(line.split()[1]), "".join(printed).rstrip("\n")
                printed.append(line)
        finally:
            patience.cancel()
        raise AssertionError(f"the shell ended at {command!r}: {''.join(printed)}")

    def end(self) -> None:
        self._kill()
        self._bash.wait()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def folder(state_dir: Path) -> Path:
    """Where `make run` keeps its state; what another stack has built is not built again."""
    folder = state_dir / "first-hour"
    folder.mkdir()
    if built := next(state_dir.glob("*/build/sources.sha256"), None):
        shutil.copytree(built.parent, folder / "build", copy_function=os.link)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[dict[str, Any]]:
    """Step 1, with ports that nobody has: what stack.json says."""
    assert DEPLOY
    log = (folder / "make-run.log").open("w")
    environment = {**os.environ, "STATE_DIR": str(folder), "PORT": "0", "AWS_PORT": "0"}
    made = subprocess.Popen(
        DEPLOY[1].split(), cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    stack_file = folder / "stack.json"
    try:
        yield until(lambda: json.loads(stack_file.read_text()) if stack_file.exists() else None, 240)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(made.pid, signal.SIGINT)
        try:
            made.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(made.pid, signal.SIGKILL)
        log.close()


@pytest.fixture(scope="module")
def shell(running: dict[str, Any], folder: Path) -> Iterator[Shell]:
    shell = Shell(folder)
    yield shell
    shell.end()


def test_every_command_of_the_page_does_what_the_page_says(shell: Shell, folder: Path, running: dict[str, Any]) -> None:
    """One after the other, each ends with 0 and prints what is shown; what takes a while is asked again.

    No token and no key is seen on the way.
    """
    assert len(STEPS) >= 15
    seen: list[str] = []
    for command, shown in STEPS:
        deadline = time.monotonic() + SECONDS
        while True:
            code, printed = shell.run(command)
            seen.append(printed)
            if code == 0 and fits(shown, printed):
                break
            # Only what looks can be asked again: nothing else may need a second try.
            looks = command.startswith(("leadrelay leads recent", "leadrelay dead list"))
            told = f"$ {command}\n{printed}\nended {code}; the page shows:\n{shown}"
            assert looks, told
            assert time.monotonic() < deadline, told
            time.sleep(1)
    seen += [(folder / name).read_text() for name in ("make-run.log", "redrive.jsonl")]
    assert [number for number, secret in enumerate(secrets_of(running, folder)) if secret in "\n".join(seen)] == []


def secrets_of(running: dict[str, Any], folder: Path) -> list[str]:
    """The vendors' tokens, then the webhook's, then the keys of the subscriptions that the walk has made."""
    tokens = re.findall(r"=(.{12,})$", (folder / "accounts.env").read_text(), re.MULTILINE)
    webhook = stored_secret(running, "WebhookTokenSecretArn", "webhook token")["token"]
    subscriptions = stored_secret(running, "PinterestKeysSecretArn", "Pinterest keys")["subscriptions"]
    assert tokens
    assert subscriptions
    return [*tokens, webhook, *(subscription["cryptographic_key"] for subscription in subscriptions)]


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    """With what it has started, as that keeps the shell's output open."""
    shell = Shell(tmp_path, seconds=0.5)
    with pytest.raises(AssertionError, match="the shell ended at 'sleep 60 & sleep 60'"):
        shell.run("sleep 60 & sleep 60")
    shell.end()


def fits(shown: str, printed: str) -> bool:
    """Whether a text is what the page shows of it: `…` is anything, on a line of its own any lines."""
    pattern = ""
    for line in shown.splitlines():
        pattern += r"(?:.*\n)*?" if line.strip() == "…" else r".*".join(map(re.escape, line.split("…"))) + r"[ ]*\n"
    return re.fullmatch(pattern, printed.strip("\n") + "\n" if printed.strip() else "") is not None


@pytest.mark.parametrize(
    ("shown", "printed", "fit"),
    [
        ("…", "", True), ("…", "a\nb", True), ("a", "a", True), ("a", "b", False), ("", "", True), ("", "a", False),
        ("…\n… parked …\n…", "x\n pk parked 5\ny", True), ("…\n… parked …", "x\ny", False), ("a …", "a b\nc", False),
    ],
)  # fmt: skip
def test_the_page_is_held_against_what_is_printed(shown: str, printed: str, fit: bool) -> None:
    """Strictly enough to notice what is missing."""
    assert fits(shown, printed) is fit
