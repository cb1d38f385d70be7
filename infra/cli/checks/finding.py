"""What a check finds, and how checks are put."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

# Those that `--only` takes, in the order in which they are shown.
SYSTEMS = ("aws", "routes", "crm", "pinterest", "facebook", "leadconnector")


class State(StrEnum):
    """warning: somebody should look at it; fault: leads do not arrive, or are in danger; skipped: not looked at."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. fix: what to type, or else to do, "" when there is nothing to do."""

    system: str
    name: str
    state: State
    sentence: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "state": self.state.value}


@dataclass(frozen=True)
class Check:
    """A look at something that may take a moment; it gives findings, and further checks to be run beside the others."""

    system: str
    name: str
    run: "Callable[[], Iterable[Finding | Check]]"


def count(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Words:
    """Findings of one system."""

    system: str

    def ok(self, name: str, sentence: str) -> Finding:
        return Finding(self.system, name, State.OK, sentence)

    def warning(self, name: str, sentence: str, fix: str = "") -> Finding:
        return Finding(self.system, name, State.WARNING, sentence, fix)

    def fault(self, name: str, sentence: str, fix: str = "") -> Finding:
        return Finding(self.system, name, State.FAULT, sentence, fix)

    def skipped(self, name: str, sentence: str, fix: str = "") -> Finding:
        return Finding(self.system, name, State.SKIPPED, sentence, fix)

    def check(self, name: str, run: Callable[..., Iterable[Finding | Check]], *arguments: Any) -> Check:
        """A check that calls `run` with `arguments`."""
        return Check(self.system, name, lambda: run(*arguments))
