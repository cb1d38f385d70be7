"""Commands whose modules are imported when they are asked for: each of them pays for itself alone."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import typer.core
import typer.main

# Command or group → its module in commands/, which has an `app` (a group) or a function of the command's name.
NAMES = (
    *("init", "doctor", "reconcile", "erase"),
    *("pinterest", "facebook", "leadconnector", "leads", "dead", "conversions", "local"),
)


class LateCommands(Mapping[str, Any]):
    """Name → command; a command is built when somebody takes it."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:
            raise KeyError(name)
        if name not in self._built:
            self._built[name] = _built(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class LateGroup(typer.core.TyperGroup):
    """The root of all commands. Its own help, and completion of the first word, take every command; nothing else."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.commands: Any = LateCommands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(NAMES)


def _built(name: str) -> Any:
    module = importlib.import_module(f"infra.cli.commands.{name}")
    part = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False)
    if hasattr(module, "app"):
        part.add_typer(module.app, name=name)
    else:
        part.command(name)(getattr(module, name))
    return typer.main.get_group(part).commands[name]
