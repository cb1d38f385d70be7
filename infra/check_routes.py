"""Checks a routes.toml before it is deployed: `python -m infra.check_routes functions/routes.toml`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main(arguments: list[str]) -> int:
    """0 when every file named is a usable route table; else 1, with one sentence for each that is not."""
    sys.path.insert(0, str(ROOT / "functions"))
    from leads.core.errors import Misconfigured
    from leads.wiring import load_routes

    faults = 0
    for name in arguments or [str(ROOT / "functions" / "routes.toml")]:
        try:
            load_routes(Path(name))
        except Misconfigured as error:
            print(error, file=sys.stderr)
            faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
