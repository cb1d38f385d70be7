"""`leadrelay facebook`: subscriptions at both levels, the pages' forms, and a test lead."""

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.facebook import route_proposal as facebook_routes
from infra.cli.facebook import subscribing as verbs
from infra.cli.leadconnector.setup import destinations
from infra.cli.output import Json, console, errors, show
from infra.cli.pinterest.trial_lead import contact_of
from infra.cli.place import place_of
from infra.cli.shown import examples
from infra.cli.story import follow, ledger
from infra.cli.story.ledger import LedgerLead

app = typer.Typer(help="Facebook's subscriptions, the pages' lead forms, and a test lead.", no_args_is_help=True)

Pages = Annotated[
    list[str] | None, typer.Option("--page", help="Only this page; may be repeated. Without it, every stored page.")
]
_STYLES = {verbs.DONE: "green", verbs.WAS: "green", verbs.OURS: "green", verbs.REFUSED: "red"}


@app.command(epilog=examples("facebook subscribe", "facebook subscribe --page 102290129340398"))
def subscribe(
    ctx: typer.Context,
    page: Pages = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also if the app's webhooks go to another address until now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have Facebook send leads to this stack: the app's subscription, then each page's.

    Both levels are needed. It can be repeated. A page that Facebook refuses is named with the remedy, the others go
    on, and the command ends with 1.
    """
    lines = list(verbs.subscribe(verbs.desk_of(place_of(ctx), page or ()), replace=replace))
    show({"subscriptions": [line.as_json() for line in lines]}, lambda out: _show_lines(out, lines), as_json)
    if not verbs.all_good(lines):
        raise typer.Exit(1)


@app.command(epilog=examples("facebook subscriptions", "facebook subscriptions --json"))
def subscriptions(ctx: typer.Context, page: Pages = None, as_json: Json = False) -> None:
    """Show how the app's subscription and each page's stand, and how to mend what does not fit."""
    lines = list(verbs.subscriptions(verbs.desk_of(place_of(ctx), page or ())))
    show({"subscriptions": [line.as_json() for line in lines]}, lambda out: _show_lines(out, lines), as_json)


@app.command(epilog=examples("facebook forms", "facebook forms --page 102290129340398 --json"))
def forms(ctx: typer.Context, page: Pages = None, as_json: Json = False) -> None:
    """List the pages' lead forms with their questions, and propose a routes.toml for those that are active."""
    place = place_of(ctx)
    found, refused = verbs.forms(verbs.desk_of(place, page or ()))
    text = facebook_routes.proposal(found, destinations(place))
    value = {
        "forms": [{"page": owner, **form} for owner, form in found],
        "routes": text,
        "refused": refused,
    }
    show(value, lambda out: _show_forms(out, found, text), as_json)
    for sentence in refused:
        errors().print(sentence, style="red", markup=False, emoji=False)
    if refused:
        raise typer.Exit(1)


@app.command(
    "test-lead", epilog=examples("facebook test-lead", "facebook test-lead --form 9102290129340398 --timeout 30")
)
def send_test_lead(
    ctx: typer.Context,
    form: Annotated[str, typer.Option("--form", help="The lead form. Needed if several are active.")] = "",
    page: Annotated[str, typer.Option("--page", help="The page whose form it is.")] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="How long to wait for the contact, seconds.")
    ] = 120,
    as_json: Json = False,
) -> None:
    """Have Facebook make a test lead, with its own dummy answers, and follow it until it is a contact.

    A form has one test lead at a time: the one that is there already is deleted at Facebook first.
    """
    place = place_of(ctx)
    desk = verbs.desk_of(place, [page] if page else ())
    owner, chosen = verbs.form_of(desk, form)
    verbs.check_subscribed(desk, owner)
    out = errors() if as_json else console()
    client, table = place.client("dynamodb"), place.output("LedgerTableName")
    began = time.monotonic()
    lead_id = verbs.fire(desk, owner, str(chosen["id"]))
    key = f"facebook#{owner}#{lead_id}"
    out.print(f"Facebook sends test lead {lead_id} of form {chosen['id']}, page {owner}:", markup=False, emoji=False)
    lead = follow.follow(
        place, out, lambda: next(iter(ledger.find(client, table, key)), None), timeout=timeout, began=began
    )
    contact, address = contact_of(place, lead), follow.contact_address(place, lead)
    value = {
        "page": owner,
        "form": chosen["id"],
        "lead": lead.as_json(),
        "contact": _contact_json(contact) or None,
        "contact_address": address or None,
    }
    show(value, lambda out: _show_test(out, lead, contact, address), as_json)
    if lead.status != "delivered":
        raise typer.Exit(1)


def _show_lines(out: Console, lines: Sequence[verbs.Line]) -> None:
    for line in lines:
        out.print(
            f"{line.level} {line.id}  {line.state}", markup=False, emoji=False, style=_STYLES.get(line.state, "yellow")
        )
        out.print(f"    {line.note}", markup=False, emoji=False)


def _show_forms(out: Console, found: Sequence[tuple[str, Mapping[str, Any]]], text: str) -> None:
    if not found:
        out.print("There is no lead form: make one in Meta's Ads Manager.")
    for page, form in found:
        out.print(
            f"{form.get('id')}  {form.get('status')}  {form.get('name')}  (page {page})",
            markup=False,
            emoji=False,
            style="bold",
        )
        for question in facebook_routes.asked(form):
            options = question.get("options")
            labels = (
                [str(it.get("value")) for it in options if isinstance(it, dict)] if isinstance(options, list) else []
            )
            shown = f" ({' / '.join(labels)})" if labels else ""
            out.print(f"    {question.get('type')}: {question.get('label')}{shown}", markup=False, emoji=False)
    if text:
        out.print("\nA routes.toml that fits:\n", style="bold", markup=False, emoji=False)
        out.print(text, markup=False, emoji=False, end="")


def _show_test(out: Console, lead: LedgerLead, contact: Mapping[str, Any] | None, address: str) -> None:
    out.print(follow.outcome(lead), markup=False, emoji=False)
    for name, value in _contact_json(contact).items():
        out.print(
            f"  {name}: {', '.join(map(str, value)) if isinstance(value, list) else value}", markup=False, emoji=False
        )
    for remark in lead.remarks:
        out.print(f"  remark: {remark}", markup=False, emoji=False)
    if address:
        out.print(f"  {address}", markup=False, emoji=False)


def _contact_json(contact: Mapping[str, Any] | None) -> dict[str, Any]:
    names = ("firstName", "lastName", "email", "phone", "tags")
    return {name: contact[name] for name in names if contact and contact.get(name)}
