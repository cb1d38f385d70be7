"""Which routes file a stack was deployed with, as far as this machine knows."""

import os
from pathlib import Path

import typer

from infra.cli import ROOT
from infra.cli.faults import CommandFailed
from infra.cli.place import Options, Place
from leads.core.routes import RouteTable

ROUTES_FILE = ROOT / "functions" / "routes.toml"


def state_dir_of(ctx: typer.Context) -> str:
    """Where the local stack keeps its state. To be asked before the place is."""
    root = ctx.find_root()
    return root.obj.state_dir if isinstance(root.obj, Options) else str(root.params.get("state_dir") or ".local")


def routes_file(place: Place, given: str, state_dir: str) -> Path:
    """The file named, else the one a local stack was built with, else the one that `make deploy` takes."""
    if given:
        return Path(os.path.expanduser(given))
    built = ROOT / state_dir / "build" / "WebhookFunction" / "routes.toml"
    return built if place.is_local and built.exists() else ROUTES_FILE


def route_table(file: Path) -> RouteTable:
    """The routes in a file. Raises CommandFailed when they cannot be read."""
    # Late: it knows everything, and brings botocore along.
    from leads import wiring
    from leads.core.errors import Misconfigured

    try:
        return wiring.load_routes(file)
    except Misconfigured as fault:
        raise CommandFailed(f"{fault}. `make check` says more.", exit_code=2) from None
