"""`leadrelay conversions`: send a file of events, see how they stand, store tokens, bring dead letters back."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.conversions import event_items, letters, redriving, rows, shown, tokens, verdicts
from infra.cli.conversions import status as standing
from infra.cli.conversions.accounts import APP, accounts_of, checked_account, tokens_of
from infra.cli.conversions.file_sending import FileSending, remarks
from infra.cli.conversions.letters import Reading, Wanted
from infra.cli.dead.audit import audit, default_file
from infra.cli.dead.interruption import INTERRUPTED, STOPPED
from infra.cli.faults import CommandFailed
from infra.cli.output import Json, Yes, confirm, errors, progress, show
from infra.cli.place import Place, place_of
from infra.cli.routes_file import route_table, routes_file, state_dir_of
from infra.cli.shown import examples
from infra.cli.story.lead_conversions import outcomes_of
from leads.core.conversion import ACTION_SOURCES
from leads.core.routes import RouteTable

app = typer.Typer(help="Pinterest's Conversions API: events, tokens, dead letters.", no_args_is_help=True)

Routes = Annotated[
    str, typer.Option(envvar="ROUTES", help="The routes that were deployed. [default: functions/routes.toml]")
]
Account = Annotated[str, typer.Option(help="Only of this ad account.")]


@app.command(
    epilog=examples(
        "conversions send sales.csv --account 111764359001 --event checkout --action-source offline --dry-run",
        "conversions send sales.jsonl --skip-bad --json",
        "conversions send - --format jsonl < sales.jsonl",
    )
)
def send(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A .csv or .jsonl file; - is stdin.")],
    account: Annotated[str, typer.Option(help="The ad account of rows without ad_account_id.")] = "",
    event: Annotated[str, typer.Option(help="The event of rows without event_name.")] = "",
    action_source: Annotated[
        str, typer.Option(help=f"Of rows without one: {', '.join(ACTION_SOURCES)}.", show_default="web")
    ] = "",
    test: Annotated[bool, typer.Option("--test", help="Send all as tests, which Pinterest forgets.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Ask Pinterest for its verdict on each row; send nothing to the queue.")
    ] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out, and send the rest.")] = False,
    from_row: Annotated[int, typer.Option(min=1, help="Begin with this row, after a command that broke off.")] = 1,
    form: Annotated[str, typer.Option("--format", metavar="csv|jsonl", help="Where the name does not tell.")] = "",
    routes: Routes = "",
    as_json: Json = False,
) -> None:
    """Send a file's events to Pinterest, by the conversions queue.

    Columns, or keys, are the members of the queue's messages: event_name,
    event_time, email or hashed_email, value … Each row is checked, and what
    is personal in it hashed, on this machine before anything is sent.

    A row without event_id gets one made of its content, so that a file that
    is sent twice is told once. Bad rows stop everything before the first is
    sent; they are named by row and member, never by what is in them.

    Ends with 1 when a row was not sent; a dry run, when Pinterest would not
    be told of a row, or would refuse it.
    """
    if account:
        checked_account(account)
    if action_source not in ("", *ACTION_SOURCES):
        raise CommandFailed(f"--action-source {action_source} is none of {', '.join(ACTION_SOURCES)}.", exit_code=2)
    table, place = _table_and_place(ctx, routes)
    chosen = rows.beginning_with(from_row, rows.read(file, form), "stdin" if file == rows.STDIN else file)
    given = {"ad_account_id": account, "event_name": event, "action_source": action_source}
    defaults = {name: value for name, value in given.items() if value}
    sending = FileSending(place, chosen, defaults, table.defaults.phone_region, is_test=test)
    told = sending.summary() | {"dry_run": dry_run}
    for remark in remarks(told):
        errors().print(remark, style="yellow", markup=False)
    if dry_run:
        told["verdicts"] = sending.ask()
        show(told, lambda console: verdicts.show(console, told), as_json)
        raise typer.Exit(int(not all(it["taken"] for it in told["verdicts"])))
    if told["faults"] and not skip_bad:
        told |= {"sent": 0}
        title = f"Nothing was sent, as {shown.rows(len(told['faults']))} cannot be (--skip-bad sends the others):"
        show(told, lambda _: shown.faults(errors(), told["faults"], title), as_json)
        raise typer.Exit(1)
    told |= sending.send()
    show(told, lambda console: shown.sums(console, told), as_json)
    raise typer.Exit(STOPPED if told["stopped"] == INTERRUPTED else int(told["sent"] < told["rows"]))


@app.command(epilog=examples("conversions status", "conversions status --account 111764359001 --json"))
def status(ctx: typer.Context, account: Account = "", routes: Routes = "", as_json: Json = False) -> None:
    """What waits, what became of the events, which tokens there are. Reads the whole ledger."""
    table, place = _table_and_place(ctx, routes)
    if account:
        checked_account(account)
    with progress() as bar:
        task = bar.add_task("Reading the ledger", total=None)
        told = standing.status(place, table, account=account, told=lambda count: bar.update(task, completed=count))
    show(told, lambda console: shown.status(console, place.name, told), as_json)


@app.command("show", epilog=examples("conversions show 7000001", "conversions show event#111764359001#order-17 --json"))
def show_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="EVENT_ID|LEAD_ID", help="An event's id, or a lead's; or a key.")],
    as_json: Json = False,
) -> None:
    """What became of one event, or of the events of a lead. Reads the whole ledger."""
    place = place_of(ctx)
    client, table = place.client("dynamodb"), place.output("LedgerTableName")
    with progress() as bar:
        task = bar.add_task("Reading the ledger", total=None)
        found = event_items.named(client, table, name, told=lambda count: bar.update(task, completed=count))
    if not found:
        raise CommandFailed(
            f"The ledger of {place.name} knows no event of {name}. One that still waits in the queue is not in it."
        )
    show([it.as_json() for it in found], lambda console: shown.events(console, found), as_json)


@app.command(
    epilog=examples(
        "conversions token --account 111764359001", "conversions token --account 111764359001 --from-stdin < token.txt"
    )
)
def token(
    ctx: typer.Context,
    account: Annotated[str, typer.Option(help="The ad account whose events it is for.")],
    from_stdin: Annotated[
        bool, typer.Option("--from-stdin", help="Read a token made in Ads Manager; a terminal is asked, unseen.")
    ] = False,
    given: Annotated[
        str,
        typer.Option(
            "--token", envvar="PINTEREST_CONVERSION_TOKEN", help="The same, best by the environment variable."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Make a conversion token, prove it with a test event, and store it. It is never shown.

    Pinterest makes it for the access token of the app, which takes the scope
    ads:write. Nothing is stored that Pinterest does not take.
    """
    checked_account(account)
    place = place_of(ctx)
    had_one = bool(tokens_of(place.secret(APP)).get(account))
    is_given = bool(given or from_stdin)
    fresh = tokens.checked(given or _asked()) if is_given else tokens.make(place)
    tokens.prove(place, account, fresh)
    changed = bool(tokens.store(place, account, fresh))
    value = {"account": account, "stored": changed, "replaced": changed and had_one, "made": not is_given}

    def render(console: Console) -> None:
        did = "is stored" if changed else "was stored already"
        instead = ", instead of the former one" if value["replaced"] else ""
        console.print(f"[green]✓[/] A conversion token of ad account {account} {did}{instead}. Pinterest takes it.")
        console.print("The functions read it within five minutes.")

    show(value, render, as_json)


@app.command(epilog=examples("conversions redrive --dry-run", "conversions redrive --reason 'conversion_*' --yes"))
def redrive(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these: event, lead, contact or message ids.")
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="Only with this reason; * is any. Repeatable.")
    ] = None,
    account: Account = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be sent, and send nothing.")] = False,
    audit_file: Annotated[
        Path | None,
        typer.Option("--audit", metavar="FILE", help="Where the audit goes. Default: redrive-<time>.jsonl."),
    ] = None,
    routes: Routes = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring dead letters back into the conversions queue, where each gets a new chance.

    All of them, unless some are named or chosen. A letter is sent before it is
    deleted, so Ctrl-C loses nothing; an event that was told is not told again.
    Each leaves a line in the audit: with --json in the result, else in a file.

    Ends with 1 when it stopped, or one that was named or chosen was not sent.
    """
    table, place = _table_and_place(ctx, routes)
    reading = Reading(accounts_of(place.secret(APP)), table.defaults.phone_region, time.time())
    with progress() as bar:
        task = bar.add_task("looking", total=None)
        found, elsewhere = letters.looked_at(
            place, reading, outcomes_of(table), told=lambda count, total: bar.update(task, completed=count, total=total)
        )
    wanted = Wanted(names or (), reason or (), account)
    chosen = [letter for letter in found if wanted.takes(letter)]
    listed = [letter.as_json() for letter in chosen]
    told: dict[str, Any] = {
        "dry_run": dry_run,
        "letters": listed,
        "not_found": [name for name in names or () if not any(letter.goes_by(name) for letter in chosen)],
        "elsewhere": elsewhere,
        "chosen": len(chosen),
        "redriven": [],
        "stopped": "",
        "left": len(chosen),
    }
    if told["not_found"]:
        errors().print(f"No dead letter goes by {', '.join(told['not_found'])}.", style="red", markup=False)
    if dry_run or not chosen:
        show(told, lambda console: shown.letters(console, place.name, listed, elsewhere), as_json)
        raise typer.Exit(int(bool(told["not_found"] or (elsewhere and not chosen))))
    shown.letters(errors(), place.name, listed, elsewhere)
    many = "1 event" if len(chosen) == 1 else f"{len(chosen)} events"
    confirm(f"Send {many} of {place.name} back to the conversions queue?", yes)
    with audit(audit_file or (None if as_json else default_file())) as log:
        with progress() as bar:
            task = bar.add_task("sending", total=len(chosen))
            why = redriving.redrive(
                place, chosen, log, told=lambda count, total: bar.update(task, completed=count, total=total)
            )
        told |= {"stopped": why, "redriven": log.lines, "left": len(chosen) - len(log.lines)}
    show(told, lambda console: shown.redriven(console, told, log.file), as_json)
    failed = bool(told["not_found"] or told["left"] or why)
    raise typer.Exit(STOPPED if why == INTERRUPTED else int(failed))


def _asked() -> str:
    """A token from stdin; on a terminal it is not shown."""
    if sys.stdin.isatty():
        return str(typer.prompt("Conversion token", default="", show_default=False, hide_input=True, err=True))
    return sys.stdin.readline()


def _table_and_place(ctx: typer.Context, routes: str) -> tuple[RouteTable, Place]:
    # Before the place is asked for, which takes the options' place.
    state_dir = state_dir_of(ctx)
    place = place_of(ctx)
    return route_table(routes_file(place, routes, state_dir)), place
