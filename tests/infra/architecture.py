"""The house rules of imports, as a table: what each room of `functions/` may use."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("flow", "sources", "crm", "adapters")
TOOLS = {"boto3", "botocore", "urllib3"}
LOGGERS = {"logging", "aws_lambda_powertools", "aws_lambda_powertools.logging", "aws_lambda_powertools.metrics"}
ENVIRONMENT_FILE = "leads/adapters/environment.py"
TELEMETRY_FILE = "leads/adapters/telemetry.py"
LONGEST_ENTRYPOINT = 60

ENTRYPOINTS = ("webhook", "retry", "rotation", "conversions", "reconcile")


def offences(functions: Path) -> Iterator[str]:
    """`file:line: what is wrong`, for every broken rule below `functions`."""
    for path in sorted(functions.rglob("*.py")):
        file = path.relative_to(functions).as_posix()
        source = path.read_text("utf-8")
        entrypoint = "/" not in file
        if entrypoint and source.count("\n") >= LONGEST_ENTRYPOINT:
            yield f"{file}:{LONGEST_ENTRYPOINT}: an entry function stays under {LONGEST_ENTRYPOINT} lines"
        for node in ast.walk(ast.parse(source)):
            for name in _imported(node):
                if reason := _forbidden(file, name):
                    yield f"{file}:{node.lineno}: imports {name}: {reason}"
            if file != ENVIRONMENT_FILE and _reads_environment(node):
                yield f"{file}:{node.lineno}: only {ENVIRONMENT_FILE} reads the environment"


def _forbidden(file: str, name: str) -> str | None:
    """Why `file` may not import `name`, if so."""
    top, room = name.split(".")[0], _room(file)
    if top in TOOLS and room not in ("adapters", "wiring"):
        return "only adapters and wiring.py touch the network"
    if any(name == logger or name.startswith(f"{logger}.Logger") for logger in LOGGERS) or top == "logging":
        return None if room == "entrypoint" or file == TELEMETRY_FILE else f"only entrypoints and {TELEMETRY_FILE} log"
    if top != "leads":
        return "an entrypoint is nobody's library" if top in ENTRYPOINTS else None
    target = [*name.split("."), ""][1]
    if room in ("entrypoint", "wiring") or target in ("", "core") or target == room != "core":
        return None if target != "wiring" or room in ("entrypoint", "wiring") else "only entrypoints ask for wiring"
    return f"{room} may use {'itself' if room == 'core' else f'core and {room}'} only"


def _room(file: str) -> str:
    parts = file.split("/")
    if len(parts) == 1:
        return "entrypoint"
    return parts[1] if len(parts) > 2 else parts[1].removesuffix(".py")


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return ["leads.relative"]  # hides which room it is: absolute imports only
        whole = node.module in ("leads", "aws_lambda_powertools", "os")
        return [f"{node.module}.{alias.name}" for alias in node.names] if whole else [node.module or ""]
    return []


def _reads_environment(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "os" and any(alias.name in ("environ", "getenv", "environb") for alias in node.names)
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    return named and node.attr in ("environ", "getenv", "environb")
