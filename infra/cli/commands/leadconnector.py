"""`leadrelay leadconnector`: HighLevel locations whose contacts are leads here, or that tell what becomes of leads."""

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.commands.init import Terminal
from infra.cli.faults import CommandFailed
from infra.cli.leadconnector import setup as verbs
from infra.cli.leadconnector.outcomes import outcome_locations
from infra.cli.output import Json, errors, show
from infra.cli.place import Place, place_of
from infra.cli.routes_file import route_table, routes_file, state_dir_of
from infra.cli.setup.steps import stored_token
from infra.cli.shown import examples
from leads.core.routes import RouteTable

app = typer.Typer(
    help="HighLevel locations whose contacts are leads here, or that tell what becomes of leads.", no_args_is_help=True
)


@app.callback()
def group() -> None:
    """HighLevel locations whose contacts are leads here, or that tell what becomes of leads."""


@app.command(
    epilog=examples(
        "leadconnector setup",
        "leadconnector setup --location Qx7LeadSourceLocat10 --app-id 66f0c0ffee",
        "leadconnector setup --app-id 66f0c0ffee --no-input",
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
    routes: Annotated[
        str,
        typer.Option(envvar="ROUTES", help="The routes that are deployed.", show_default="functions/routes.toml"),
    ] = "",
    show_secret: Annotated[bool, typer.Option("--show-secret", help="Print the workflow secret, too.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Say whose contacts are leads, check the tokens by real calls, store them, and tell what to set up in HighLevel.

    Locations whose outcomes a route's conversions want are known from the routes: they need no --location.
    Nothing that is stored already is dropped. Run it again without options to see the instructions again.
    Give tokens by the environment, as other people can see a command line.
    """
    # Before the place is asked for, which takes the options' place.
    state_dir = state_dir_of(ctx)
    place = place_of(ctx)
    wishes = verbs.Wishes(verbs.locations_given(location or []), app_id or [], workflow_secret.strip())
    table, fault = _routes(place, routes, state_dir)
    wanted = outcome_locations(table) if table else {}
    if no_input or not sys.stdin.isatty():
        remarks = [remark for it, token in wishes.locations.items() for remark in verbs.check(place, it, token)]
    else:
        remarks = _asked(place, wishes, may_be_none=bool(wanted))
    if not (wishes.locations or verbs.stored_locations(place) or wanted):
        raise fault or CommandFailed(
            "No source location is given or stored, and no route wants outcomes: name a location with --location "
            "<location id>=<token>, or write what Pinterest is to be told of into [routes.conversions] of routes.toml.",
            exit_code=2,
        )
    stored = verbs.store(place, wishes)
    told = verbs.instructions(place, wanted, with_secret=show_secret)
    remarks += verbs.idle_sources(place, table, wanted) if table else [f"Outcomes were not looked for: {fault}"]
    value = {"stored": stored, "remarks": remarks, **told}
    show(value, lambda out: _show(out, stored, remarks, told), as_json)


def _routes(place: Place, given: str, state_dir: str) -> tuple[RouteTable | None, CommandFailed | None]:
    """The routes, or why they cannot be read: sources can be set up without."""
    try:
        return route_table(routes_file(place, given, state_dir)), None
    except CommandFailed as fault:
        return None, fault


def _asked(place: Place, wishes: verbs.Wishes, *, may_be_none: bool = False) -> list[str]:
    """Ask for locations and tokens that were not given, and again for a token that does not work."""
    asker, remarks = Terminal(), []
    hint = " (empty: none, outcomes need none)" if may_be_none else ""
    hint = " (empty: none but those stored)" if verbs.stored_locations(place) else hint
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
    for title, lines in [*_of_sources(told), *(part for it in told["outcomes"] for part in _of_outcomes(it))]:
        out.print(f"\n{title}:", style="bold", markup=False)
        for line in lines:
            out.print(f"  {line}", markup=False, emoji=False, soft_wrap=True)
    out.print("\nAn address has a secret in it: show it to nobody else. Next: leadrelay doctor", markup=False)


def _of_sources(told: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Title → lines; nothing where there is no source location."""
    if not told["workflow_urls"]:
        return []
    return [
        ("A marketplace app in the source location: its webhook address", [told["webhook_url"]]),
        ("and the events to switch on", [f"{', '.join(names)}: {use}" for use, names in told["events"].items()]),
        ("Or a workflow with the action Custom Webhook: method POST, address", told["workflow_urls"]),
        ("and header", [_header(told["workflow_header"])]),
        ("In routes.toml", told["routes"].strip().split("\n")),
    ]


def _of_outcomes(place: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Title → lines, for a location that routes want outcomes of."""
    return [
        (f"Outcomes that routes want of location {place['location']}", [", ".join(place["outcomes"])]),
        ("A marketplace app in that location: its webhook address", [place["webhook_url"]]),
        ("and the events to switch on", [", ".join(place["events"])]),
        ("and what to list in the LeadConnector secret", place["advice"]),
        ("Or a workflow there with the action Custom Webhook: method POST, address", [place["workflow_url"]]),
        ("and header", [_header(place["workflow_header"])]),
        (
            "and custom data, if the workflow itself is to name an outcome",
            [f"{key}: {use}" for key, use in place["custom_data"].items()],
        ),
    ]


def _header(header: Mapping[str, str]) -> str:
    value = header.get("value") or (
        f'<"{header["key"]}" in the secret {header["secret"]}; `leadrelay leadconnector setup --show-secret` prints it>'
    )
    return f"{header['name']}: {value}"
