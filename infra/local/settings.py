"""What a local stack is asked to be: ports, folders, addresses and template parameters."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
STACK_NAME = "leadrelay"
# The emulator's all-powerful account. Everybody else, the functions first, is held to their IAM policies.
ACCESS_KEY = "test"


class LocalError(Exception):
    """The local stack cannot start or go on; the text says what is wrong, where, and what to do."""


@dataclass(frozen=True)
class Settings:
    """One local stack. Port 0 takes a free one; an address of None means the built-in sandbox.

    bare: as `sam deploy` leaves it, with nothing stored in its secrets yet.
    """

    state_dir: Path = ROOT / ".local"
    port: int = 0
    aws_port: int = 0
    contacts_api_url: str | None = None
    contacts_token: str | None = None
    pinterest_api_url: str | None = None
    graph_api_url: str | None = None
    routes: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    sandbox_options: tuple[str, ...] = ()
    bare: bool = False

    @property
    def routes_file(self) -> Path:
        return self.routes or ROOT / "functions" / "routes.toml"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings `make run` takes; an empty variable counts as not given. Raises LocalError."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    parameters = {"RETRY_WAITS": "RetryWaits", "INLINE_BUDGET_SECONDS": "InlineBudgetSeconds", "LOG_LEVEL": "LogLevel"}
    return Settings(
        state_dir=_path(given.get("STATE_DIR", ".local")),
        port=_port(given, "PORT", 8787),
        aws_port=_port(given, "AWS_PORT", 4566),
        contacts_api_url=_url(given, "CONTACTS_API_URL"),
        contacts_token=given.get("CONTACTS_TOKEN"),
        pinterest_api_url=_url(given, "PINTEREST_API_URL"),
        graph_api_url=_url(given, "GRAPH_API_URL"),
        routes=_path(given["ROUTES"]) if "ROUTES" in given else None,
        parameters={name: given[variable] for variable, name in parameters.items() if variable in given},
        bare=given.get("BARE", "0") != "0",
    )


def _path(text: str) -> Path:
    return (ROOT / Path(text).expanduser()).resolve()


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise LocalError(f"{name}={text} is no port: give a number from 0 (any free one) to 65535.")
    return int(text)


def _url(given: Mapping[str, str], name: str) -> str | None:
    text = given.get(name)
    if text and not text.startswith(("http://", "https://")):
        raise LocalError(f"{name}={text} is no address: it must begin with http:// or https://.")
    return text.rstrip("/") if text else None
