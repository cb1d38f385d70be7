"""`leadrelay pinterest`: lead forms, subscriptions and their keys, and the test lead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.faults import CommandFailed
from infra.cli.output import Json, Yes, confirm, console, errors, show
from infra.cli.pinterest import subscribing as verbs
from infra.cli.pinterest.comparison import LIVE, RETIRED, Line, compare
from infra.cli.pinterest.desk import Done, account_of, accounts_of, api_of, desk_of
from infra.cli.pinterest.route_proposal import proposal
from infra.cli.pinterest.trial_lead import Arrivals, Call, check_subscribed, contact_of, fire, form_of, said
from infra.cli.place import place_of
from infra.cli.shown import examples
from infra.cli.story import follow
from infra.cli.story.ledger import LedgerLead
from infra.cli.vendors.pinterest_api import Form, checked_id, of_form

app = typer.Typer(help="Pinterest's lead forms, subscriptions and keys, and a test lead.", no_args_is_help=True)

Account = Annotated[str, typer.Option("--account", help="The ad account. Needed if the token sees several.")]
OneForm = Annotated[str, typer.Option("--form", help="One lead form. Without it, the whole ad account.")]

_DONE: Mapping[str, str] = {
    "created": "Subscribed: the leads of {leads} come to this stack. Subscription {id}, its key is stored.",
    "stored": "Subscription {id} was there already, for {leads}. Its key was fetched from Pinterest and stored.",
    "unchanged": "Nothing to do: subscription {id} sends the leads of {leads} here, and its key is stored.",
    "rotated": "Rotated: subscription {id} sends the leads of {leads} here, under a key of its own, which is stored.",
    "completed": "Rotated: subscription {id} sends the leads of {leads} here, and its key is stored.",
    "retired": "Subscription {id}, for {leads}, is no more. Its key stays, retired, for leads that are under way.",
}


@app.command(
    epilog=examples("pinterest forms", "pinterest forms --account 111764359001 --routes functions/my-routes.toml")
)
def forms(
    ctx: typer.Context,
    account: Account = "",
    routes: Annotated[
        Path | None, typer.Option("--routes", help="Write the proposed routes.toml to this file, which must not exist.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the lead forms with their questions, and propose a routes.toml for them."""
    place = place_of(ctx)
    api = api_of(place)
    found = api.lead_forms(account_of(api, account))
    locations = place.secret("ContactsSecretArn").get("locations")
    text = proposal(found, list(locations) if isinstance(locations, dict) else []) if found else ""
    if routes:
        _write(routes, text)
    value = {"forms": [_form_json(form) for form in found], "routes": text, "file": str(routes) if routes else None}
    show(value, lambda out: _show_forms(out, found, text, routes), as_json)


@app.command(epilog=examples("pinterest subscribe", "pinterest subscribe --account 111764359001 --form 65300871001"))
def subscribe(
    ctx: typer.Context,
    account: Account = "",
    form: OneForm = "",
    replace: Annotated[bool, typer.Option("--replace", help="Also if the leads are sent elsewhere until now.")] = False,
    as_json: Json = False,
) -> None:
    """Have Pinterest send its leads to this stack, and store the key they are sealed with.

    A subscription that is there already is kept; its key is fetched and stored if it is missing.
    """
    desk = desk_of(place_of(ctx))
    done = verbs.subscribe(desk, account_of(desk.api, account), _form_id(form), replace=replace)
    _show_done(done, as_json)


@app.command(epilog=examples("pinterest subscriptions", "pinterest subscriptions --json"))
def subscriptions(ctx: typer.Context, account: Account = "", as_json: Json = False) -> None:
    """Compare Pinterest's subscriptions with the stored keys, and say how to mend what does not fit."""
    desk = desk_of(place_of(ctx))
    lines = compare(desk, accounts_of(desk.api, account), is_all=not account)
    show({"subscriptions": [line.as_json() for line in lines]}, lambda out: _show_lines(out, lines), as_json)


@app.command(epilog=examples("pinterest unsubscribe 8078432025948590686"))
def unsubscribe(
    ctx: typer.Context,
    subscription: Annotated[str, typer.Argument(metavar="ID", help="The subscription, as `subscriptions` lists it.")],
    account: Account = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """End a subscription. Its key stays, retired, so that leads under way can be read."""
    desk = desk_of(place_of(ctx))
    home = checked_id(account, "ad account") if account else ""
    _show_done(verbs.unsubscribe(desk, subscription, home, lambda question: confirm(question, yes)), as_json)


@app.command(epilog=examples("pinterest rotate", "pinterest rotate --form 65300871001"))
def rotate(
    ctx: typer.Context, account: Account = "", form: OneForm = "", yes: Yes = False, as_json: Json = False
) -> None:
    """Replace a subscription by one with another key. The old key stays, retired.

    Pinterest takes one subscription for the same leads, so the old one goes first. It can be repeated if it breaks off.
    """
    desk = desk_of(place_of(ctx))
    number = account_of(desk.api, account)
    _show_done(verbs.rotate(desk, number, _form_id(form), lambda question: confirm(question, yes)), as_json)


@app.command("test-lead", epilog=examples("pinterest test-lead", "pinterest test-lead --form 65300871001 --timeout 30"))
def send_test_lead(
    ctx: typer.Context,
    account: Account = "",
    form: Annotated[str, typer.Option("--form", help="The lead form. Needed if several are active.")] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="How long to wait for the contact, seconds.")
    ] = 120,
    as_json: Json = False,
) -> None:
    """Have Pinterest send a lead of nobody, and follow it until it is a contact."""
    place = place_of(ctx)
    desk = desk_of(place)
    whole = form_of(desk, account_of(desk.api, account), _form_id(form))
    if doubt := check_subscribed(desk, whole.account, whole.id):
        errors().print(doubt, style="yellow", markup=False)
    arrivals = Arrivals(
        place.client("dynamodb"),
        place.output("LedgerTableName"),
        whole.account,
        lambda lead: str((contact_of(place, lead) or {}).get("email") or "") or None,
    )
    out = errors() if as_json else console()
    call = fire(desk, whole)
    out.print(f"Pinterest sends a test lead of form {whole.id}, by subscription {call.subscription_id}:", markup=False)
    for question, answer in call.answers:
        out.print(f"  {question}: {answer}", markup=False)
    lead = follow.follow(place, out, lambda: arrivals.find(call.email), timeout=timeout)
    contact = contact_of(place, lead)
    address = follow.contact_address(place, lead)
    show(_test_json(call, lead, contact, address), lambda out: _show_test(out, lead, contact, address), as_json)
    if lead.status != "delivered":
        raise typer.Exit(1)


def _form_id(text: str) -> str:
    return checked_id(text, "lead form") if text else ""


def _write(file: Path, text: str) -> None:
    if not text:
        raise CommandFailed("There is no lead form, so there is no route to write.")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise CommandFailed(
            f"{file} exists and is left alone: name another file, or leave --routes out to see the proposal.",
            exit_code=2,
        ) from None
    except OSError as error:
        raise CommandFailed(f"{file} cannot be written: {error.strerror}.", exit_code=2) from None


def _show_forms(out: Console, found: list[Form], text: str, routes: Path | None) -> None:
    if not found:
        out.print("The ad account has no lead form: make one in Pinterest's Ads Manager.")
        return
    for form in found:
        out.print(f"{form.id}  {form.status}  {form.name}", markup=False, style="bold")
        for question in form.questions:
            options = f" ({' / '.join(question.options)})" if question.options else ""
            out.print(f"    {question.key}{options}", markup=False)
    if routes:
        out.print(f"\nThe proposed routes are in {routes}.", markup=False)
    else:
        out.print("\nA routes.toml that fits (--routes FILE writes it):\n", style="bold", markup=False)
        out.print(text, markup=False, end="")


def _form_json(form: Form) -> dict[str, Any]:
    questions = [
        {
            "key": question.key,
            "type": question.type,
            "label": question.label or None,
            "field_type": question.field_type or None,
            "options": list(question.options),
        }
        for question in form.questions
    ]
    return {"id": form.id, "name": form.name, "status": form.status, "questions": questions}


def _show_done(done: Done, as_json: bool) -> None:
    leads = f"{of_form(done.lead_form_id)} of ad account {done.ad_account_id or '(unknown)'}"

    def render(out: Console) -> None:
        out.print(_DONE[done.what].format(id=done.subscription_id, leads=leads), markup=False)
        for note in done.notes:
            out.print(note, markup=False)

    show(done.as_json(), render, as_json)


def _show_lines(out: Console, lines: list[Line]) -> None:
    if not lines:
        out.print("There is no subscription and no key: `leadrelay pinterest subscribe` makes one.", markup=False)
    for line in lines:
        leads = f"{of_form(line.lead_form_id)} of ad account {line.ad_account_id or '(unknown)'}"
        style = {LIVE: "green", RETIRED: "dim"}.get(line.state, "yellow")
        out.print(f"{line.subscription_id or '(no id)'}  {line.state}  {leads}", markup=False, style=style)
        since = f" (since {line.created_at})" if line.created_at else ""
        out.print(f"    {'It ' if line.address else ''}{line.meaning}{since}.", markup=False)
        if line.fix:
            out.print(f"    Fix: {line.fix}.", markup=False)


def _show_test(out: Console, lead: LedgerLead, contact: dict[str, Any] | None, address: str) -> None:
    out.print(said(lead) or follow.outcome(lead), markup=False)
    for name, value in _contact_json(contact).items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        if shown:
            out.print(f"  {name}: {shown}", markup=False)
    for remark in lead.remarks:
        out.print(f"  remark: {remark}", markup=False)
    if address:
        out.print(f"  {address}", markup=False)


def _test_json(call: Call, lead: LedgerLead, contact: dict[str, Any] | None, address: str) -> dict[str, Any]:
    return {
        "ad_account_id": call.account,
        "lead_form_id": call.form.id,
        "subscription_id": call.subscription_id,
        "answers": dict(call.answers),
        "lead": lead.as_json(),
        "contact": _contact_json(contact) or None,
        "contact_address": address or None,
        "remark": said(lead) or None,
    }


def _contact_json(contact: dict[str, Any] | None) -> dict[str, Any]:
    names = ("firstName", "lastName", "email", "phone", "tags")
    return {name: contact[name] for name in names if contact and contact.get(name)}
