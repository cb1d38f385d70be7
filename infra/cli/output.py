"""How commands speak: JSON for programs, tables for people, and everything that is no result to stderr."""

import functools
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from infra.cli.faults import CommandFailed

if TYPE_CHECKING:
    from rich.progress import Progress

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@functools.cache
def _stdout(stream: Any) -> Console:
    return Console(file=stream, highlight=False, emoji=False, soft_wrap=not stream.isatty())


@functools.cache
def _stderr(stream: Any) -> Console:
    return Console(file=stream, highlight=False, emoji=False, soft_wrap=not stream.isatty())


def console() -> Console:
    """Where results go."""
    return _stdout(sys.stdout)


def errors() -> Console:
    """Where everything else goes: progress, questions, what went wrong."""
    return _stderr(sys.stderr)


def show(value: Any, render: Callable[[Console], None], as_json: bool) -> None:
    """The result of a command: `value` as one JSON document, or what `render` prints for a person."""
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False, default=str))
    else:
        render(console())


def confirm(question: str, yes: bool) -> None:
    """Go on only if somebody says so. Raises CommandFailed when it is declined, or when nobody is there to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(f"{question} Nobody is here to answer: repeat the command with --yes.", exit_code=2)
    errors().print(f"{question} [bold]\\[y/N][/] ", end="")
    if input().strip().lower() not in ("y", "yes"):
        raise CommandFailed("Nothing was done.")


def progress() -> "Progress":
    """A progress bar on stderr; silent where that is no terminal. Use it as a context manager."""
    # Late: most commands show none.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=errors(), transient=True, disable=not errors().is_terminal)
