"""What every command of `leadrelay` has, and how each of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from infra.cli.app import app, main

# Without a stack, what a command has to be given before it looks for one.
NEEDED = {
    "erase": ["--email", "ada@example.com"],
    "leads show": ["1"],
    "leads send": ["README.md"],
    "dead show": ["1"],
    "dead redrive": ["--all"],
    "pinterest unsubscribe": ["1"],
}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, by its words."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_speaks_json_and_shows_examples_of_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` among its options, and under Examples the command as it is typed."""
    flags = {flag for option in COMMANDS[name].params for flag in option.opts}
    assert "--json" in flags
    assert main([*name.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert "Examples" in told
    assert f"leadrelay {name}" in " ".join(told.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_without_a_stack_ends_with_2_and_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a local one nor credentials: no trace, and what to check."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "STACK_NAME", "AWS_REGION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    arguments = ["--state-dir", str(tmp_path), "--region", "eu-west-1", *name.split(), *NEEDED.get(name, [])]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert "credentials" in said.err


@pytest.mark.parametrize("words", [["leed"], ["leads"], ["leads", "shwo"], ["dead", "redrive", "--rate", "fast"]])
def test_a_wrong_command_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And says what there is."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert "Usage" in said.out + said.err
