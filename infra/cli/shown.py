"""How times, tables and examples look, in commands about leads."""

import datetime as dt

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli.faults import CommandFailed
from leads.core.routes import due_seconds

# Where no terminal says how wide it is, rows stay whole, for grep.
PIPED_WIDTH = 220


def examples(*commands: str) -> str:
    """The epilog of a command's help: what one may type, a line each."""
    return "\n\n".join(("Examples:", *(f"[cyan]leadrelay {command}[/]" for command in commands)))


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `12 min`, `5 h`, `3.2 d`."""
    if abs(seconds) < 90:
        return f"{seconds:.0f} s"
    if abs(seconds) < 5400:
        return f"{seconds / 60:.0f} min"
    if abs(seconds) < 2 * 86_400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.1f} d"


def days_left(days: float | None) -> str:
    """How long something is still kept; "never" forgotten where nobody says when."""
    if days is None:
        return "never"
    return "gone" if days <= 0 else duration(days * 86_400)


def moment(text: str) -> str:
    """An ISO 8601 time to the second, in UTC, without its zone; anything else as it is."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    at = at.astimezone(dt.UTC) if at.tzinfo else at
    return at.strftime("%Y-%m-%d %H:%M:%S")


def clock(seconds: float) -> str:
    """Seconds since the epoch as moment() shows them."""
    return moment(dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat())


def span(text: str, option: str) -> float | None:
    """Seconds in `90m`, `6h` or `3d`, None for no text. Raises CommandFailed that names the option."""
    if not text:
        return None
    try:
        return float(due_seconds(text))
    except ValueError:
        raise CommandFailed(
            f"{option} {text} is no time: give minutes, hours or days, such as 90m, 6h or 3d.", exit_code=2
        ) from None


def printable(text: str) -> str:
    """A text without what a terminal would take for an order: control characters, but for the ends of lines."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def add_row(table: Table, *cells: str | Text) -> None:
    """A row of texts as they are: what looks like markup in them is none, nor an order to the terminal."""
    table.add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells))


def print_table(console: Console, table: Table) -> None:
    """The table, as wide as the terminal, or as it needs to be where there is none."""
    wide = console if console.is_terminal else Console(file=console.file, width=PIPED_WIDTH)
    wide.print(table)
