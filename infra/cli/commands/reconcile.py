"""`leadrelay reconcile`: what a platform has and we have not is fetched, and the report says what that was."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from infra.cli.faults import CommandFailed
from infra.cli.output import Json, errors, progress, show
from infra.cli.place import Place, place_of
from infra.cli.reconcile import ask, ended, follow, is_well, order_of
from infra.cli.shown import plain_table, print_table
from infra.cli.story.reasons import known

_COUNTS = ("platform", "delivered", "ignored", "parked", "undeliverable", "fetched", "missing")
_STYLES = {"complete": "green", "failed": "red", "skipped": "dim"}


def reconcile(
    ctx: typer.Context,
    source: Annotated[str, typer.Option(help="Only this source: pinterest, facebook or leadconnector.")] = "",
    account: Annotated[str, typer.Option(help="Only this account: ad account, page or source location.")] = "",
    form: Annotated[str, typer.Option(help="Only this form; of Pinterest, the id of an ad.")] = "",
    since: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="A date (UTC) or an ISO time.", show_default="ReconcileDays ago"),
    ] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Likewise; a date is included.", show_default="now")
    ] = "",
    run: Annotated[str, typer.Option(metavar="ID", help="Order nothing: the report of this run.")] = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until the run has ended.")] = True,
    timeout: Annotated[float, typer.Option(min=0, help="Stay so many seconds at most.")] = 3600.0,
    as_json: Json = False,
) -> None:
    """Compare what the platforms have with the ledger, and fetch what never arrived.

    A run goes on by itself when you leave; --run shows how it stands.

    Ends with 1 when a lead is missing, as it could be neither delivered nor
    parked, when a form has failed, or when the time was over first.

    Examples:

      leadrelay reconcile

      leadrelay reconcile --source facebook --from 2026-11-01 --to 2026-11-20

      leadrelay reconcile --no-wait --json

      leadrelay reconcile --run 20261120T093000Z-8f3c
    """
    if run and any((source, account, form, since, until)):
        raise CommandFailed(
            "--run shows the report of a run as it was ordered: without --source, --account, --form, --from or --to.",
            exit_code=2,
        )
    place = place_of(ctx)
    order = order_of(run=run) if run else order_of(source=source, account=account, form=form, from_=since, to=until)
    with errors().status(f"Asking what there is to compare in {place.name} …"):
        report = ask(place, order)
    if wait:
        if not run and ended(report) < len(report["forms"]):
            errors().print(f"Run {report['run']} has begun.", markup=False)
        report = _followed(place, report, timeout)
    show(report, lambda console: render(console, report), as_json)
    is_open = wait and ended(report) < len(report["forms"])
    raise typer.Exit(0 if is_well(report) and not is_open else 1)


def _followed(place: Place, report: dict[str, Any], timeout: float) -> dict[str, Any]:
    """The report at the end, with a bar on the way, and a line for whatever a form waits for."""
    said: set[str] = set()
    with progress() as bar:
        task = bar.add_task("Comparing forms")

        def told(now: Mapping[str, Any]) -> None:
            bar.update(task, completed=ended(now), total=len(now["forms"]))
            for row in now["forms"]:
                if (
                    row.get("reason")
                    and row["status"] in ("waiting", "running")
                    and (why := _why(row)).plain not in said
                ):
                    said.add(why.plain)
                    bar.console.print(Text("Waiting. ").append(why))

        try:
            return follow(report, lambda order: ask(place, order), timeout=timeout, told=told)
        except KeyboardInterrupt:
            errors().print(
                f"The run goes on: leadrelay reconcile --run {report['run']} shows its report.", markup=False
            )
            raise


def render(console: Console, report: Mapping[str, Any]) -> None:
    """The report as a table, and below it what went wrong and how to look again."""
    forms = report["forms"]
    table = plain_table("source", "account", "form", "status", *_COUNTS)
    for row in forms:
        status = Text(row["status"], _STYLES.get(row["status"], "yellow"))
        table.add_row(row["source"], row["account"], row["form"], status, *(str(row[name]) for name in _COUNTS))
    if len(forms) > 1:
        table.add_row("all", "", "", "", *(str(report["totals"][name]) for name in _COUNTS), style="bold")
    print_table(console, table)
    for row in forms:
        if row.get("reason"):
            console.print(_why(row))
        if row["missing_ids"]:
            console.print(Text(f"Missing in {_place_of(row)}: {', '.join(row['missing_ids'])}", "red"))
    left = len(forms) - ended(report)
    if left:
        console.print(Text(f"{left} of {len(forms)} forms have not ended: leadrelay reconcile --run {report['run']}"))
    elif not forms:
        console.print("There was nothing to compare: no source is set up.")


def _why(row: Mapping[str, Any]) -> Text:
    """What stopped a form; README.md says more of the reasons that only a reconciliation has."""
    meaning = known().get(row["reason"])
    has_failed = row["status"] == "failed"
    parts = [row.get("detail") or (meaning.means if meaning else ""), meaning.remedy if meaning and has_failed else ""]
    said = ". ".join(part.rstrip(".") for part in parts if part)
    return Text(f"{_place_of(row)}: {row['reason']}{': ' if said else ''}{said}", "red" if has_failed else "dim")


def _place_of(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (row["source"], row["account"], row["form"])))
