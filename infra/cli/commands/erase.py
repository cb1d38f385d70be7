"""`leadrelay erase`: a person is removed, and a certificate says what was done."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.cli.faults import CommandFailed
from infra.cli.output import Json, Yes, confirm, errors, progress, show
from infra.cli.place import Place, place_of

if TYPE_CHECKING:
    from infra.cli.erase.certificate import Found
    from infra.cli.erase.contacts import FoundContact, Person


def erase(
    ctx: typer.Context,
    email: Annotated[
        list[str] | None, typer.Option(help="An e-mail address; may be repeated. - reads them from stdin, a line each.")
    ] = None,
    phone: Annotated[
        list[str] | None,
        typer.Option(
            help="A phone number; may be repeated. Without a country code it is one of phone_region's. - as above."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what there is.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the certificate to this new file, too.")] = None,
    routes: Annotated[
        Path | None,
        typer.Option(envvar="ROUTES", help="The routes that were deployed.", show_default="functions/routes.toml"),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove a person from CRM, dead letters and ledger; keep a salted hash.

    The contacts that have this e-mail or phone are deleted in every location
    of the Contacts secret, with their notes and tasks. What the person left
    before is ignored when it comes again (reason `erased`); what they leave
    later is a new lead. All of the ledger is read, as it has no index for
    people. Running it again is safe; each run has a certificate of its own.

    Without --email and --phone it asks for them, so that they stay out of
    the shell's history. With --json, names, addresses and numbers are not
    shown: ids only.

    Ends with 1 when something could not be erased, or not looked at: the
    certificate says what, and what to do. It is there, too, when the command
    is cut off.

    Examples:

      leadrelay erase

      leadrelay erase --email ada@example.com --dry-run

      leadrelay erase --email ada@example.com --phone "+1 212 867 5309" --output certificate.json

      leadrelay erase --email - --yes --json < person.txt
    """
    # Late: they bring along what the functions are made of, which no other command needs.
    from infra.cli.erase.asked import asked
    from infra.cli.erase.contacts import person_of
    from infra.cli.erase.erasure import Erasure
    from infra.cli.routes_file import ROUTES_FILE, route_table

    place, table = place_of(ctx), route_table(routes or ROUTES_FILE)
    if output:
        _check_new(output)
    person = person_of(*asked(email or (), phone or ()), phone_region=table.defaults.phone_region)
    tell = _Progress()
    work = Erasure(place, person, table, tell=tell)
    with tell.shown():
        found = work.find()
    if dry_run:
        show({"dry_run": True} | found.as_json(), lambda console: _render_found(console, place, found, person), as_json)
        letters = (found.letters, found.conversions)
        raise typer.Exit(int(bool(found.faults or any(it.unclear or it.hidden for it in letters))))
    _render_found(errors(), place, found, None if as_json else person)
    confirm(f"Erase this person from {place.name}? It cannot be undone.", yes)
    if output:
        _make(output)
    try:
        with tell.shown():
            work.erase(found)
    finally:
        # Also when it is cut off: what is gone by then, nobody can find any more.
        certificate = work.certificate()
        if certificate:
            _hand_over(certificate, output, as_json)
        elif output:
            output.unlink(missing_ok=True)
    raise typer.Exit(int(not (certificate and certificate["complete"])))


class _Progress:
    """Shows how far an erasure has come, while a bar is there for it."""

    def __init__(self) -> None:
        self._update: Callable[..., None] | None = None

    def __call__(self, text: str, count: int, total: int | None) -> None:
        if self._update:
            self._update(description=text, completed=count, total=total)

    @contextmanager
    def shown(self) -> Iterator[None]:
        with progress() as bar:
            self._update = partial(bar.update, bar.add_task("", total=None))
            yield
        self._update = None


def _check_new(file: Path) -> None:
    """Before anything is looked for: a certificate cannot be had again, and another one is not written over it."""
    if file.exists():
        raise CommandFailed(f"{file} is there already: name a new file. Nothing was done.", exit_code=2)
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise CommandFailed(f"{file} cannot be written: there is no such directory to write to.", exit_code=2)


def _make(file: Path) -> None:
    """Before anything is erased, as afterwards it would be too late."""
    try:
        file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}. Nothing was done.", exit_code=2) from None


def _hand_over(certificate: dict[str, Any], output: Path | None, as_json: bool) -> None:
    show(certificate, lambda console: _render_certificate(console, certificate), as_json)
    if output:
        try:
            output.write_text(json.dumps(certificate, indent=2) + "\n", "utf-8")
        except OSError as error:
            text = f"{output} cannot be written: {error.strerror}. Keep the certificate that was printed."
            raise CommandFailed(text) from None


def _render_found(console: Console, place: Place, found: "Found", person: "Person | None") -> None:
    """person: whom the operator knows and may see by name; None shows ids only."""
    whom = ", ".join((*person.emails, *person.phones)) if person else "The person"
    console.print(Text(f"{whom} in {place.name}", "bold"))
    by_name = person is not None
    if found.contacts:
        _print_contacts(console, "Contacts to be deleted, with notes and tasks:", found.contacts, by_name)
    else:
        console.print("No contact of the CRM has this e-mail or phone.")
    if found.related:
        _print_contacts(
            console,
            "Left alone, as they share only another e-mail or phone; name that to erase them:",
            found.related,
            by_name,
        )
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("in the ledger", _counted(len(found.ledger), "item"))
    table.add_row("waiting in the queue", f"{_counted(len(found.parked), 'lead')} that the ledger knows as theirs")
    letters = found.letters
    not_seen = _not_seen(len(letters.unclear), letters.hidden)
    table.add_row("dead letters", f"{len(letters.theirs)} of {letters.looked_at}{not_seen}")
    table.add_row("for Pinterest", _kept(found.conversions.as_json()))
    console.print(table)
    for what, why in found.faults.items():
        console.print(Text(f"{what}: {why}", "yellow"))


def _print_contacts(console: Console, title: str, contacts: "Iterable[FoundContact]", by_name: bool) -> None:
    """A line for each, so that no id is cut off."""
    console.print(title)
    for one in contacts:
        line = Text("  ")
        if by_name:
            line.append(one.shown, "bold").append(f"  {one.reach}  ")
        console.print(line.append(_place_of(one.as_json()), "dim" if by_name else ""))


def _render_certificate(console: Console, told: dict[str, Any]) -> None:
    rows = Table(box=None, show_header=False, pad_edge=False)
    letters = told["dead_letters"]
    rows.add_row("erased at", told["erased_at"])
    rows.add_row("stack", f"{told['stack']} in {told['region']}")
    rows.add_row("contacts", "\n".join(_place_of(one) for one in told["contacts"]) or "none")
    rows.add_row("locations", "\n".join(told["locations"]) or "none")
    rows.add_row("ledger", _counted(len(told["ledger_items"]), "item"))
    hidden = f", about {letters['hidden']} not looked at" if letters["hidden"] else ""
    rows.add_row("dead letters", f"{len(letters['theirs'])} of {letters['looked_at']}{hidden}")
    rows.add_row("for Pinterest", _kept(told["conversions"]))
    rows.add_row("parked", _counted(len(told["parked_leads"]), "lead") + ", ignored at the next attempt")
    rows.add_row("remembered as", "\n".join(told["remembered_as"]))
    rows.add_row("until", told["remembered_until"])
    done = told["complete"]
    title = "Certificate of erasure" if done else "Not everything could be erased"
    console.print(Panel(rows, title=title, title_align="left", border_style="green" if done else "red", expand=False))
    for note in told["notes"]:
        console.print(Text(note, "dim"))
    for fault in told["not_erased"]:
        console.print(Text(f"✗ {fault['what']}: {fault['why']}", "red"))


def _place_of(contact: dict[str, str]) -> str:
    return f"{contact['contact_id']} in location {contact['location_id']}"


def _kept(conversions: dict[str, Any]) -> str:
    """What is kept of a person for the Conversions API, counted."""
    letters = conversions["dead_letters"]
    items = f"{_counted(len(conversions['matches']), 'contact')}, {_counted(len(conversions['events']), 'event')}"
    not_seen = _not_seen(len(letters["unclear"]), letters["hidden"])
    return f"{items}, {len(letters['theirs'])} of {_counted(letters['looked_at'], 'dead letter')}{not_seen}"


def _not_seen(unclear: int, hidden: int) -> str:
    """What could not be looked at of dead letters, "" for nothing."""
    whose = f", {unclear} of which nobody can tell whose they are" if unclear else ""
    return whose + (f", and about {hidden} that somebody else is looking at" if hidden else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
