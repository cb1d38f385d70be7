"""`leadrelay init`: the guided set-up after the first deployment."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli import ROOT
from infra.cli.output import Json, errors, show
from infra.cli.place import place_of
from infra.cli.setup import answers as setup
from infra.cli.setup.answers import Answers

Texts = list[str]


class Terminal:
    """Whoever sits at the terminal. Questions go to stderr, so that --json stays what it is."""

    def text(self, question: str, default: str = "") -> str:
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True))

    def secret(self, question: str) -> str:
        return str(typer.prompt(question, default="", show_default=False, hide_input=True, err=True)).strip()

    def yes(self, question: str, default: bool) -> bool:
        return typer.confirm(question, default=default, err=True)

    def say(self, sentence: str) -> None:
        errors().print(sentence, style="yellow", markup=False)


def init(
    ctx: typer.Context,
    location: Annotated[
        Texts | None,
        typer.Option(help="A CRM location to give a token; may be repeated. Default: those of the routes."),
    ] = None,
    contacts_token: Annotated[
        Texts | None,
        typer.Option(envvar="CONTACTS_TOKEN", help="Its token, or LOCATION=TOKEN; may be repeated.", show_envvar=True),
    ] = None,
    pinterest_app_id: Annotated[str, typer.Option(envvar="PINTEREST_APP_ID")] = "",
    pinterest_app_secret: Annotated[str, typer.Option(envvar="PINTEREST_APP_SECRET")] = "",
    pinterest_access_token: Annotated[str, typer.Option(envvar="PINTEREST_ACCESS_TOKEN")] = "",
    pinterest_refresh_token: Annotated[str, typer.Option(envvar="PINTEREST_REFRESH_TOKEN")] = "",
    pinterest_expires_at: Annotated[
        str, typer.Option(envvar="PINTEREST_EXPIRES_AT", help="When the access token ends, 2026-12-21T00:00:00Z.")
    ] = "",
    conversion_token: Annotated[
        Texts | None,
        typer.Option(envvar="PINTEREST_CONVERSION_TOKENS", help="AD_ACCOUNT=TOKEN; may be repeated; optional."),
    ] = None,
    facebook_app_id: Annotated[str, typer.Option(envvar="FACEBOOK_APP_ID")] = "",
    facebook_app_secret: Annotated[str, typer.Option(envvar="FACEBOOK_APP_SECRET")] = "",
    facebook_verify_token: Annotated[
        str, typer.Option(envvar="FACEBOOK_VERIFY_TOKEN", help="Any long text; one is made without it.")
    ] = "",
    page: Annotated[
        Texts | None, typer.Option(envvar="FACEBOOK_PAGES", help="A Facebook page, PAGE=TOKEN; may be repeated.")
    ] = None,
    routes: Annotated[
        str, typer.Option(envvar="ROUTES", help="The routes file. [default: functions/routes.toml]")
    ] = "",
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; say what is missing.")] = False,
    as_json: Json = False,
) -> None:
    """Set up what was deployed: check the tokens by real calls, and store them in the stack's secrets.

    Asks for what is not given. Where nobody is there to ask, it lists what is missing and ends with 2. Nothing that
    is stored already is dropped; a CRM token that is replaced stays beside the new one as `previous_token`.
    Give secrets by environment variables, as other people can see a command line.

    \b
    Examples:
      leadrelay init
      CONTACTS_TOKEN=pit-… leadrelay init --no-input
      leadrelay init --location ve9EPM428h8vShlRW1KT
      CONTACTS_TOKEN="ve9E…=pit-… Qx7L…=pit-…" PINTEREST_ACCESS_TOKEN=pina_… leadrelay init --no-input --json
    """
    # Late, as other commands need nothing of it.
    from infra.cli.setup import steps as setup_steps
    from infra.cli.setup.interview import interview

    place = place_of(ctx)
    file = Path(routes).expanduser() if routes else ROOT / "functions" / "routes.toml"
    given = setup.locations_given(location or [], contacts_token or [])
    pinterest = {
        "app_id": pinterest_app_id,
        "app_secret": pinterest_app_secret,
        "access_token": pinterest_access_token,
        "refresh_token": pinterest_refresh_token,
        "expires_at": pinterest_expires_at,
    }
    facebook = {
        "app_id": facebook_app_id,
        "app_secret": facebook_app_secret,
        "verify_token": facebook_verify_token,
    }
    answers = Answers(
        locations=setup_steps.locations_wanted(place, file, given),
        pinterest={name: text.strip() for name, text in pinterest.items() if text.strip()},
        conversion_tokens=setup.pairs(conversion_token or [], "--conversion-token"),
        facebook={name: text.strip() for name, text in facebook.items() if text.strip()},
        pages=setup.pairs(page or [], "--page"),
    )
    remarks: list[str] = []
    if no_input or not sys.stdin.isatty():
        remarks = setup_steps.checked(place, answers)
    else:
        interview(place, answers, Terminal())
    stored = setup_steps.stored(place, answers)
    following = setup_steps.following(place)
    show(
        {"stored": stored, "remarks": remarks, "next": following},
        lambda console: _render(console, stored, remarks, following),
        as_json,
    )


def _render(console: Console, stored: dict[str, Any], remarks: list[str], following: list[str]) -> None:
    for remark in remarks:
        console.print(remark, style="yellow", markup=False)
    for secret, names in stored.items():
        console.print(f"[green]✓[/] {secret}: stored {', '.join(names)}")
    if not stored:
        console.print("There was nothing to store.")
    console.print("The functions read it within five minutes. Next:")
    for command in following:
        console.print(f"  {command}", style="cyan", markup=False)
