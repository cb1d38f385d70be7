"""`leadrelay leadconnector`: another HighLevel location, whose contacts are leads here."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.commands.init import Terminal
from infra.cli.faults import CommandFailed
from infra.cli.leadconnector import setup as verbs
from infra.cli.output import Json, errors, show
from infra.cli.place import Place, place_of
from infra.cli.setup.steps import stored_token
from infra.cli.shown import examples

app = typer.Typer(help="Another HighLevel location, whose contacts are leads here.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Another HighLevel location, whose contacts are leads here."""


@app.command(
    epilog=examples(
        "leadconnector setup",
        "leadconnector setup --location Qx7LeadSourceLocat10 --app-id 66f0c0ffee",
        "leadconnector setup --show-secret",
    )
)
def setup(
    ctx: typer.Context,
    location: Annotated[
        list[str] | None,
        typer.Option(
            envvar="LEADCONNECTOR_LOCATIONS",
            help="A source location, LOCATION=TOKEN, or LOCATION to keep its token or be asked; may be repeated.",
        ),
    ] = None,
    app_id: Annotated[
        list[str] | None,
        typer.Option(help="A marketplace app whose events count; may be repeated. Without any, every app's do."),
    ] = None,
    workflow_secret: Annotated[
        str,
        typer.Option(
            envvar="LEADCONNECTOR_WORKFLOW_SECRET", help="Of your own. Without it one is made, or the stored one kept."
        ),
    ] = "",
    show_secret: Annotated[bool, typer.Option("--show-secret", help="Print the workflow secret, too.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Say whose contacts are leads, check the tokens by real calls, store them, and tell what to set up in HighLevel.

    Nothing that is stored already is dropped. Run it again without options to see the instructions again.
    Give tokens by the environment, as other people can see a command line.
    """
    place = place_of(ctx)
    wishes = verbs.Wishes(verbs.locations_given(location or []), app_id or [], workflow_secret.strip())
    if no_input or not sys.stdin.isatty():
        remarks = [remark for it, token in wishes.locations.items() for remark in verbs.check(place, it, token)]
    else:
        remarks = _asked(place, wishes)
    if not (wishes.locations or verbs.stored_locations(place)):
        raise CommandFailed(
            "No source location is given or stored: name one with --location <location id>=<token>.", exit_code=2
        )
    stored = verbs.store(place, wishes)
    told = verbs.instructions(place, with_secret=show_secret)
    value = {"stored": stored, "remarks": remarks, **told}
    show(value, lambda out: _show(out, stored, remarks, told), as_json)


def _asked(place: Place, wishes: verbs.Wishes) -> list[str]:
    """Ask for locations and tokens that were not given, and again for a token that does not work."""
    asker, remarks = Terminal(), []
    hint = " (empty: none but those stored)" if verbs.stored_locations(place) else ""
    if not wishes.locations:
        while name := asker.text(f"Source location id{hint}").strip():
            wishes.locations |= verbs.locations_given([name])
            hint = " (empty: no more)"
    for name, given in list(wishes.locations.items()):
        token = given
        while True:
            if not token:
                kept = "keeps the stored one" if stored_token(place, name) else "none"
                token = asker.secret(f"Token of location {name}, pit-… (empty: {kept})")
            try:
                remarks += verbs.check(place, name, token)
            except CommandFailed as failed:
                asker.say(str(failed))
                token = ""
            else:
                wishes.locations[name] = token
                break
    return remarks


def _show(out: Console, stored: Mapping[str, list[str]], remarks: list[str], told: Mapping[str, Any]) -> None:
    for remark in remarks:
        errors().print(remark, style="yellow", markup=False)
    for secret, names in stored.items():
        out.print(f"[green]✓[/] {secret}: stored {', '.join(names)}")
    if not stored:
        out.print("Everything was stored already.")
    header = told["workflow_header"]
    value = header.get("value") or (
        f'<"{header["key"]}" in the secret {header["secret"]}; `leadrelay leadconnector setup --show-secret` prints it>'
    )
    sections = (
        ("A marketplace app in the source location: its webhook address", [told["webhook_url"]]),
        ("and the events to switch on", [f"{', '.join(names)}: {use}" for use, names in told["events"].items()]),
        ("Or a workflow with the action Custom Webhook: method POST, address", told["workflow_urls"]),
        ("and header", [f"{header['name']}: {value}"]),
        ("In routes.toml", told["routes"].strip().split("\n")),
    )
    for title, lines in sections:
        out.print(f"\n{title}:", style="bold", markup=False)
        for line in lines:
            out.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)
    out.print("\nAn address has a secret in it: show it to nobody else. Next: leadrelay doctor", markup=False)
