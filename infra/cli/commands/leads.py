"""`leadrelay leads`: what became of a lead, what came last, and sending one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from infra.cli.faults import CommandFailed
from infra.cli.output import Json, console, errors, progress, show
from infra.cli.place import Place, place_of
from infra.cli.routes_file import routes_file, state_dir_of
from infra.cli.sending import send_lead
from infra.cli.sending.sent_leads import SENDERS
from infra.cli.shown import examples
from infra.cli.story import lead_log, lead_shown, ledger
from infra.cli.story.follow import follow, outcome
from infra.cli.story.lead_conversions import PINTEREST, events_of, outcomes_in
from infra.cli.story.ledger import LedgerLead
from infra.cli.story.likely_keys import likely_keys
from leads.sources.pinterest import TEST_LEAD_ID

app = typer.Typer(help="Leads: what became of one, what came last, and sending one.", no_args_is_help=True)

SOURCES = tuple(SENDERS)
STATUSES = ("claimed", "delivered", "parked", "undeliverable", "ignored")
# Where following a lead ends well.
_WELL = frozenset(("delivered", "ignored"))
# So many test leads are shown to whoever asks for the id that they share.
_TESTS_SHOWN = 10


@app.command("show", epilog=examples("leads show 7000001", "leads show pinterest#111764359001#7000001 --logs --json"))
def show_(
    ctx: typer.Context,
    lead_id: Annotated[str, typer.Argument(help="The lead's id, or its key: <source>#<account>#<lead id>.")],
    logs: Annotated[bool, typer.Option("--logs", help="Also what the functions have logged about it.")] = False,
    days: Annotated[float, typer.Option(min=0.01, help="How many days back the log is read.")] = 3.0,
    routes: Annotated[
        str, typer.Option(envvar="ROUTES", help="The routes that were deployed. [default: functions/routes.toml]")
    ] = "",
    as_json: Json = False,
) -> None:
    """What became of a lead: steps, attempts, reason, contact, where it waits, and
    what Pinterest was told of it.

    A key is found at once, and so is the id of a lead of an account that the
    secrets name; another id is searched for in the whole ledger. Pinterest's
    test leads share the id TEST_API: the last ones are shown.
    """
    # Before the place is asked for, which takes the options' place.
    state_dir = state_dir_of(ctx)
    place = place_of(ctx)
    found = _found(place, lead_id)
    if not found:
        raise CommandFailed(
            f"The ledger of {place.name} knows no lead {lead_id}. One that no function has tried yet is not in it; "
            "what never arrived, `leadrelay reconcile` fetches."
        )
    logged = [_logged(place, lead, wanted=logs, days=days) for lead in found]
    if any(lines and lead_log.is_shared(lead) for lead, lines in zip(found, logged, strict=True)):
        errors().print(
            f"Pinterest's test leads share the id {TEST_LEAD_ID} in the log: some lines may be another's.",
            markup=False,
        )
    value: list[dict[str, Any]] = []
    is_told = any(lead.source == PINTEREST for lead in found)
    outcomes = outcomes_in(routes_file(place, routes, state_dir)) if is_told else []
    for lead, lines in zip(found, logged, strict=True):
        described = lead_shown.described(place, lead, held_until=lead_log.held_until(lines or []))
        told = {"conversions": [event.as_json() for event in events_of(place, lead, outcomes)]}
        value.append(described | told | ({"log": lines} if logs else {}))

    def render(console: Console) -> None:
        for described, lines in zip(value, logged, strict=True):
            lead_shown.lead(console, described, lines if logs else None)

    show(value, render, as_json)


@app.command(epilog=examples("leads recent", "leads recent --source pinterest --status undeliverable --limit 50"))
def recent(
    ctx: typer.Context,
    source: Annotated[str, typer.Option(help=f"Only of this source: {', '.join(SOURCES)}.")] = "",
    status: Annotated[str, typer.Option(help=f"Only with this status: {', '.join(STATUSES)}.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """The leads that changed last, newest first. Reads the whole ledger."""
    _expect(source, SOURCES, "--source")
    _expect(status, STATUSES, "--status")
    place = place_of(ctx)
    client, table = place.client("dynamodb"), place.output("LedgerTableName")
    with _reading() as told:
        found = ledger.recent(client, table, limit=limit, source=source, status=status, told=told)
    show([lead.as_json() for lead in found], lambda console: lead_shown.leads(console, place, found), as_json)


@app.command(epilog=examples("leads send lead.json --follow", "leads send delivery.json --source leadconnector"))
def send(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A JSON file: one lead or a list of them, as `make preview` takes it.")],
    source: Annotated[str, typer.Option(help="Whose body it is, where the file does not tell.")] = "",
    follows: Annotated[bool, typer.Option("--follow", help="Show what becomes of each.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to follow each of them.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Send a file's leads through the stack's real webhook.

    What Pinterest has sealed goes as it is; plain answers are sealed with the
    live key of their account and form. A Facebook notification is signed with
    the app secret. A contact goes to the local CRM, which tells of it by
    itself, or as a workflow's webhook, which has a secret of ours.

    Ends with 1 when it is refused, and with --follow when one is neither
    delivered nor ignored in time.
    """
    _expect(source, SOURCES, "--source")
    place = place_of(ctx)
    state_dir = str(ctx.find_root().params.get("state_dir") or ".local")
    deliveries = send_lead.deliveries(place, file, source=source, state_dir=state_dir)
    sent = [delivery.send() for delivery in deliveries]
    value: dict[str, Any] = {"sent": [it.as_json() for it in sent]}
    if not as_json:
        for it in sent:
            console().print(it.sentence(), markup=False)
    failed = any(it.status >= 300 for it in sent)
    if follows and not failed:
        leads = [_followed(place, key, timeout, as_json) for it in sent for key in it.keys]
        value["leads"] = [lead_shown.described(place, lead) for lead in leads]
        failed = not all(lead.status in _WELL for lead in leads)
    show(value, lambda _: None, as_json)
    if failed:
        raise typer.Exit(1)


def _found(place: Place, lead_id: str) -> list[LedgerLead]:
    """The leads that go by an id or a key; of test leads, whose id says nothing, the last ones."""
    client, table = place.client("dynamodb"), place.output("LedgerTableName")
    if lead_id == TEST_LEAD_ID:
        with _reading() as told:
            found = ledger.latest_tests(client, table, limit=_TESTS_SHOWN, told=told)
        if found:
            errors().print(
                f"{TEST_LEAD_ID} is the id of all of Pinterest's test leads: these are the last {len(found)}.",
                markup=False,
            )
        return found
    if "#" not in lead_id and (likely := ledger.by_keys(client, table, likely_keys(place, lead_id))):
        return list(likely.values())
    with _reading() as told:
        return ledger.find(client, table, lead_id, told=told)


@contextmanager
def _reading() -> Iterator[ledger.Told]:
    """A count of the ledger's items as they are read."""
    with progress() as bar:
        task = bar.add_task("Reading the ledger", total=None)
        yield lambda count: bar.update(task, completed=count)


def _logged(place: Place, lead: LedgerLead, *, wanted: bool, days: float) -> list[dict[str, Any]] | None:
    """The lead's log lines where they are wanted, or tell until when it is held; None where they cannot be had."""
    if not wanted and lead.status != "parked":
        return None
    try:
        return lead_log.lines_of(place, lead, days=days)
    except (BotoCoreError, ClientError):
        if wanted:
            raise
        return None


def _followed(place: Place, key: str, timeout: float, as_json: bool) -> LedgerLead:
    client, table = place.client("dynamodb"), place.output("LedgerTableName")
    shown = errors() if as_json else console()
    lead = follow(place, shown, lambda: next(iter(ledger.find(client, table, key)), None), timeout=timeout)
    shown.print(outcome(lead), markup=False)
    return lead


def _expect(given: str, allowed: tuple[str, ...], option: str) -> None:
    if given and given not in allowed:
        raise CommandFailed(f"{option} {given} is none of {', '.join(allowed)}.", exit_code=2)
