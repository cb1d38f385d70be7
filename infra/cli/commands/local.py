"""`leadrelay local`: break the local stack's CRM, and mend it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.faults import CommandFailed
from infra.cli.output import Json, show
from infra.cli.place import Place, place_of
from infra.cli.shown import examples
from infra.cli.vendors import web
from infra.local.console.crm_faults import FAULTS, SLOW_SECONDS

app = typer.Typer(help="The local stack's CRM: break it, to see what happens, and mend it.", no_args_is_help=True)

# Fault → what it means, in a sentence.
_MEANS = {
    "429": "The CRM answers 429 now: leads wait, and use up no attempt.",
    "500": "The CRM answers 500 now: leads are parked, and tried again.",
    "422": "The CRM refuses contacts with 422 now: leads become dead letters.",
    "slow": f"The CRM takes {SLOW_SECONDS} s for each answer now: leads are parked, and tried again.",
}
_MENDED = (
    "The CRM works again. Parked leads follow with their next attempt, dead letters with `leadrelay dead redrive`."
)


@app.command("break", epilog=examples("local break", "local break --status 422", "local break --slow"))
def break_(
    ctx: typer.Context,
    status: Annotated[str, typer.Option(help="What it answers to everything: 429, 500, or 422 to contacts.")] = "",
    slow: Annotated[bool, typer.Option("--slow", help="It answers rightly, but too late.")] = False,
    as_json: Json = False,
) -> None:
    """Have the local CRM fail, until it is mended. One fault at a time."""
    if slow and status:
        raise CommandFailed("Give --status or --slow, not both.", exit_code=2)
    wanted = "slow" if slow else status or "500"
    if wanted not in FAULTS:
        raise CommandFailed(f"--status {wanted} is none of 429, 500, 422.", exit_code=2)
    place = place_of(ctx)
    _order(place, "DELETE")
    fault = _order(place, "POST", FAULTS[wanted])
    show(fault, lambda console: console.print(f"{_MEANS[wanted]} `leadrelay local mend` ends it."), as_json)


@app.command(epilog=examples("local mend"))
def mend(ctx: typer.Context, as_json: Json = False) -> None:
    """Have the local CRM work again. Parked leads are delivered with their next attempt."""
    answer = _order(place_of(ctx), "DELETE")
    show(answer, lambda console: console.print(_MENDED), as_json)


@app.command("show", epilog=examples("local show"))
def show_(ctx: typer.Context, as_json: Json = False) -> None:
    """What is broken at the local CRM."""
    faults = _order(place_of(ctx), "GET")["faults"]

    def render(console: Console) -> None:
        for fault in faults:
            where = fault["match"].get("path", "every call")
            what = f"answers {fault['status']}" if fault["status"] else f"takes {fault['delay_seconds']:g} s"
            console.print(f"The CRM {what} ({where}); {fault['hits']} call(s) so far.", markup=False)
        if not faults:
            console.print("The CRM works.")

    show(faults, render, as_json)


def _order(place: Place, method: str, fault: Mapping[str, Any] | None = None) -> Any:
    """What the sandbox's own side answers. Raises CommandFailed where the CRM is none of ours."""
    if not place.is_local:
        raise CommandFailed(
            f"{place.name} is on AWS, and its CRM is a real one: only the local stack's can be broken. Start one with "
            "`make run`, and leave --stack out.",
            exit_code=2,
        )
    url = f"{place.contacts_api_url}/_sandbox/faults"
    reply = web.call(method, url, who="The Contacts sandbox", json=fault, timeout=10)
    if reply.status >= 300:
        raise CommandFailed(
            f"The CRM at {place.contacts_api_url} is not the built-in sandbox, and takes no faults: "
            "start `make run` without CONTACTS_API_URL.",
            exit_code=2,
        )
    return reply.body
