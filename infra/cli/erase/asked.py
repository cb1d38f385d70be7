"""Whom the operator means, said so that it stays out of process lists and the shell's history."""

import sys
from collections.abc import Sequence

from infra.cli.output import errors

STDIN = "-"


def asked(emails: Sequence[str], phones: Sequence[str]) -> tuple[list[str], list[str]]:
    """E-mail addresses and phone numbers as they were given: `-` stands for the lines of stdin.

    Whoever gave none is asked for them on a terminal; elsewhere both are empty.
    """
    said = [one for one in (*emails, *phones) if one != STDIN]
    if len(said) < len(emails) + len(phones):
        said += filter(None, (line.strip() for line in sys.stdin))
    elif not said and sys.stdin.isatty():
        said += _answer("E-mail addresses, with commas between them; Enter for none") + _answer(
            "Phone numbers, likewise"
        )
    else:
        return [*emails], [*phones]
    return [one for one in said if "@" in one], [one for one in said if "@" not in one]


def _answer(question: str) -> list[str]:
    errors().print(f"{question}: ", end="")
    return [one.strip() for one in input().split(",") if one.strip()]
