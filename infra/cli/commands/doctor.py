"""`leadrelay doctor`: looks at everything a lead passes, and says what is wrong and what to type."""

import time
from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from infra.cli.checks.finding import SYSTEMS, Finding, State
from infra.cli.faults import CommandFailed
from infra.cli.output import Json, errors, show
from infra.cli.place import place_of
from infra.cli.routes_file import routes_file, state_dir_of

_MARKS = {
    State.OK: ("✓", "green"),
    State.WARNING: ("!", "yellow"),
    State.FAULT: ("✗", "red"),
    State.SKIPPED: ("-", "dim"),
}


def doctor(
    ctx: typer.Context,
    only: Annotated[str, typer.Option(help=f"Look at some systems only, comma separated: {', '.join(SYSTEMS)}.")] = "",
    routes: Annotated[
        str, typer.Option(envvar="ROUTES", help="The routes file that was deployed. [default: functions/routes.toml]")
    ] = "",
    as_json: Json = False,
) -> None:
    """Check tokens, scopes, subscriptions, keys, queues, alarms and routes. Changes nothing.

    Ends with 0 when no fault is found, with 1 otherwise; warnings are no faults.

    \b
    Examples:
      leadrelay doctor
      leadrelay doctor --only crm,pinterest
      leadrelay doctor --json | jq '.findings[] | select(.state == "fault")'
    """
    # Late, as other commands need nothing of it.
    from infra.cli.checks.every import checks
    from infra.cli.checks.examine import examine
    from infra.cli.checks.patient import Patient

    systems = _systems(only)
    state_dir = state_dir_of(ctx)
    place = place_of(ctx)
    patient = Patient(place, routes_file(place, routes, state_dir))
    began = time.monotonic()
    with errors().status(f"Looking at {place.name} …"):
        findings = examine(checks(patient, systems))
    show(
        report(findings),
        lambda console: render(console, findings, place.name, time.monotonic() - began),
        as_json,
    )
    if any(finding.state is State.FAULT for finding in findings):
        raise typer.Exit(1)


def report(findings: Sequence[Finding]) -> dict[str, Any]:
    """The answer of --json."""
    counts = {state.value: sum(finding.state is state for finding in findings) for state in State}
    return {
        "healthy": not counts[State.FAULT],
        "counts": counts,
        "findings": [finding.as_json() for finding in findings],
    }


def render(console: Console, findings: Sequence[Finding], name: str, seconds: float) -> None:
    """System by system, each finding with its fix below it, then the sum."""
    for system, of_system in groupby(findings, key=lambda finding: finding.system):
        console.print(f"\n[bold]{system}[/]")
        for finding in of_system:
            mark, style = _MARKS[finding.state]
            line = Text.assemble((f"  {mark} ", style), (f"{finding.name}: ", "bold"), finding.sentence)
            console.print(line)
            if finding.fix:
                console.print(Text.assemble("      → ", (finding.fix, "cyan")))
    counts = report(findings)["counts"]
    said = [
        f"{counts[state.value]} {noun if counts[state.value] == 1 else f'{noun}s'}"
        for state, noun in ((State.FAULT, "fault"), (State.WARNING, "warning"))
    ]
    style = "red" if counts["fault"] else "yellow" if counts["warning"] else "green"
    verdict = f"{', '.join(said)}; {counts['ok']} ok, {counts['skipped']} not looked at"
    console.print(Text.assemble("\n", (f"{name}: {verdict}", style), f" ({seconds:.1f} s)"))


def _systems(only: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise CommandFailed(f"There is no system {unknown[0]!r}: --only takes {', '.join(SYSTEMS)}.", exit_code=2)
    return names
