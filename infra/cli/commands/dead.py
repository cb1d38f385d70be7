"""`leadrelay dead`: look at dead letters, and bring them back."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.dead import dead_letters, dead_shown
from infra.cli.dead.audit import audit, default_file
from infra.cli.dead.bring_back import all_at_once, looked_at, one_by_one
from infra.cli.dead.dead_letters import Choice
from infra.cli.dead.interruption import INTERRUPTED, STOPPED
from infra.cli.dead.redrive import FAILED
from infra.cli.faults import CommandFailed
from infra.cli.output import Json, Yes, confirm, errors, show
from infra.cli.place import Place, place_of
from infra.cli.shown import examples, span

app = typer.Typer(help="Leads that wait for a person: look at them, and bring them back.", no_args_is_help=True)

_ALL = "All of them, moved by SQS, without a canary; each keeps the attempts that its message had used up."
_AGE = "since it was parked, such as 90m, 6h or 3d"
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only with this reason; * is any. Repeatable.")]
Source = Annotated[str, typer.Option(help="Only of this source.")]
Account = Annotated[str, typer.Option(help="Only of this account: ad account, page or location.")]
Form = Annotated[str, typer.Option(help="Only of this form.")]
OlderThan = Annotated[str, typer.Option(metavar="TIME", help=f"Only this long or longer {_AGE}.")]
NewerThan = Annotated[str, typer.Option(metavar="TIME", help=f"Only less long {_AGE}.")]
Limit = Annotated[int, typer.Option(min=1, help="Look at so many letters at most.")]


@app.command(
    "list",
    epilog=examples("dead list", "dead list --reason 'contacts_api_*' --older-than 1d", "dead list --json"),
)
def list_(
    ctx: typer.Context,
    reason: Reasons = None,
    source: Source = "",
    account: Account = "",
    form: Form = "",
    older_than: OlderThan = "",
    newer_than: NewerThan = "",
    limit: Limit = 1000,
    as_json: Json = False,
) -> None:
    """One line for each dead letter, the longest parked first.

    Looking takes nothing away: each letter is hidden for a moment and given
    back. SQS counts that as a receive, which this queue does not mind.
    """
    place, now = place_of(ctx), time.time()
    choice = _choice((), reason, source, account, form, older_than, newer_than)
    look = looked_at(place, choice, limit, now)
    kept = dead_letters.retention(place.client("sqs"), place.output("DeadLetterQueueUrl"))
    value = [letter.as_json(now, kept) for letter in look.chosen]
    more = f"Only {limit} letters were looked at: give a higher --limit for more." if look.may_be_more else ""
    show(
        value,
        lambda console: dead_shown.letters(console, place.name, value, more, elsewhere=look.elsewhere),
        as_json,
    )
    _tell_hidden(look.elsewhere)


@app.command("show", epilog=examples("dead show 7000001", "dead show pinterest#111764359001#7000001 --json"))
def show_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="LEAD_ID", help="A lead id, a ledger key, or an SQS message id.")],
    as_json: Json = False,
) -> None:
    """All that there is to say of one dead letter. Nothing in it is decrypted."""
    place, now = place_of(ctx), time.time()
    look = looked_at(place, Choice(names=(name,)), None, now)
    if not look.chosen:
        raise CommandFailed(
            f"No dead letter in {place.name} goes by {name}: `leadrelay leads show {name}` says what became of it. "
            f"{dead_shown.hidden(look.elsewhere)}".rstrip()
        )
    kept = dead_letters.retention(place.client("sqs"), place.output("DeadLetterQueueUrl"))
    value = [letter.as_json(now, kept) | dead_shown.inside(letter) for letter in look.chosen]

    def render(console: Console) -> None:
        for each in value:
            dead_shown.letter(console, each)

    show(value, render, as_json)


@app.command(
    epilog=examples(
        "dead redrive --reason cannot_decrypt --dry-run",
        "dead redrive --reason 'contacts_api_*' --source pinterest --rate 5",
        "dead redrive 7000001 7000002 --yes",
        "dead redrive --all --yes",
    )
)
def redrive(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="LEAD_ID", help="Lead ids, ledger keys or message ids.")
    ] = None,
    reason: Reasons = None,
    source: Source = "",
    account: Account = "",
    form: Form = "",
    older_than: OlderThan = "",
    newer_than: NewerThan = "",
    everything: Annotated[bool, typer.Option("--all", help=_ALL)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    canary: Annotated[
        bool | None,
        typer.Option(
            "--canary/--no-canary",
            help="1 goes first, then 10, then the rest, each only if it went well. Default: yes, but for --all.",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.1, max=500, help="Leads a second; a location of the CRM takes two.")
    ] = 2.0,
    wait: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for the outcomes of a batch. None with --all alone.")
    ] = 120.0,
    audit_file: Annotated[
        Path | None,
        typer.Option("--audit", metavar="FILE", help="Where the audit goes. Default: redrive-<time>.jsonl."),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring dead letters back into the failed-leads queue, where each gets a new chance.

    One goes first, then ten, then the rest, and it stops when they fail again.
    A letter is sent before it is deleted, so Ctrl-C loses nothing; one that was
    sent twice is recognised. Each leaves a line in the audit: with --json in the
    result, else in a file of the current folder.

    Ends with 1 when it stopped, when leads failed again, and when one that was
    named or chosen could not be sent; with 130 after Ctrl-C.
    """
    choice = _choice(tuple(names or ()), reason, source, account, form, older_than, newer_than)
    if choice.is_all != everything:
        raise CommandFailed(
            "Say which dead letters to redrive: their lead ids, a filter such as --reason, or --all of them.",
            exit_code=2,
        )
    place, now = place_of(ctx), time.time()
    destination = place.output("FailedLeadsQueueUrl")
    look = looked_at(place, choice, None, now)
    missing = [name for name in choice.names if not any(letter.goes_by(name) for letter in look.chosen)]
    result: dict[str, Any] = {
        "destination": destination,
        "dry_run": dry_run,
        "letters": [{"key": it.key, "message_id": it.message_id, "reason": it.reason} for it in look.chosen],
        "not_found": missing,
        "elsewhere": look.elsewhere,
        "stopped": "",
        "redriven": [],
        "left": len(look.chosen),
    }
    if dry_run or not look.chosen:
        show(
            result,
            lambda console: dead_shown.plan(console, place.name, destination, look.chosen, elsewhere=look.elsewhere),
            as_json,
        )
        _tell_missing(place, missing, look.elsewhere)
        if missing or (look.elsewhere and not look.chosen):
            raise typer.Exit(1)
        return
    confirm(f"Redrive {dead_shown.how_many(look.chosen)} of {place.name}?", yes)
    with audit(audit_file or (None if as_json else default_file())) as log:
        if everything and not canary:
            why = all_at_once(place, look.chosen, log, rate=rate, now=now)
        else:
            why = one_by_one(place, look.chosen, log, rate=rate, patience=wait, canary=canary is not False)
    result |= {"stopped": why, "redriven": log.lines, "left": len(look.chosen) - len(log.lines)}
    show(result, lambda console: dead_shown.result(console, place.name, result, log.file), as_json)
    _tell_missing(place, missing, look.elsewhere)
    if why == INTERRUPTED:
        raise typer.Exit(STOPPED)
    if missing or result["left"] or why or any(line["outcome"] in FAILED for line in log.lines):
        raise typer.Exit(1)


def _tell_missing(place: Place, names: Sequence[str], elsewhere: int) -> None:
    """Names of no dead letter, and letters that nobody can see now: on stderr, as they are no part of the result."""
    if names:
        errors().print(f"No dead letter in {place.name} goes by {', '.join(names)}.", style="red", markup=False)
    _tell_hidden(elsewhere)


def _tell_hidden(elsewhere: int) -> None:
    if elsewhere:
        errors().print(dead_shown.hidden(elsewhere), style="yellow", markup=False)


def _choice(
    names: tuple[str, ...],
    reasons: list[str] | None,
    source: str,
    account: str,
    form: str,
    older_than: str,
    newer_than: str,
) -> Choice:
    """What the options choose. Raises CommandFailed for a time that is none."""
    return Choice(
        names=names,
        reasons=tuple(reasons or ()),
        source=source,
        account=account,
        form=form,
        older_than=span(older_than, "--older-than") or 0.0,
        newer_than=span(newer_than, "--newer-than"),
    )
