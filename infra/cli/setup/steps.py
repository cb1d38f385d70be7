"""What `leadrelay init` does: looks what is missing, checks by real calls, stores, and says what comes next."""

from collections.abc import Mapping
from pathlib import Path

from infra.cli.facebook import page_token
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.setup.answers import (
    CONTACTS,
    FACEBOOK,
    FACEBOOK_FIELDS,
    PINTEREST,
    PINTEREST_FIELDS,
    Answers,
    token_of,
    with_facebook,
    with_location_tokens,
    with_pinterest,
)
from infra.cli.setup.secret_edit import edit_secret
from infra.cli.vendors.contacts_api import DESTINATION, FIELDS, ContactsApi
from infra.cli.vendors.graph_api import GraphApi
from infra.cli.vendors.pinterest_api import AdAccount, PinterestApi, is_app
from leads.core import tokens
from leads.core.errors import Misconfigured


def checked(place: Place, answers: Answers) -> list[str]:
    """Remarks on what was given. Raises CommandFailed before anything is stored, if anything is missing or refused."""
    if lacking := missing(place, answers):
        lines = "\n".join(f"  {it}" for it in lacking)
        raise CommandFailed(f"Nothing was stored, as this is missing:\n{lines}", exit_code=2)
    remarks = []
    for location, token in answers.locations.items():
        remarks += check_location(place, location, token or stored_token(place, location))
    if answers.wants_pinterest:
        remarks += check_pinterest_app(place, answers.pinterest)
        remarks += check_pinterest(place, answers.pinterest)
    if answers.wants_facebook:
        check_app(place, answers.facebook)
    for page, token in answers.pages.items():
        if token:
            check_page(place, answers.facebook, page, token)
    return remarks


def stored(place: Place, answers: Answers) -> dict[str, list[str]]:
    """Secret → the names of what has changed in it."""
    given = {location: token for location, token in answers.locations.items() if token}
    changes = {CONTACTS: edit_secret(place, CONTACTS, lambda secret: with_location_tokens(secret, given))}
    if answers.wants_pinterest:
        changes[PINTEREST] = edit_secret(
            place,
            PINTEREST,
            lambda secret: with_pinterest(secret, answers.pinterest, answers.conversion_tokens),
        )
    if answers.wants_facebook:
        changes[FACEBOOK] = edit_secret(
            place, FACEBOOK, lambda secret: with_facebook(secret, answers.facebook, answers.pages)
        )
    return {output.removesuffix("Arn"): names for output, names in changes.items() if names}


def following(place: Place) -> list[str]:
    """What to type now."""
    commands = []
    if place.secret(PINTEREST).get("access_token"):
        commands += ["leadrelay pinterest forms", "leadrelay pinterest subscribe"]
    if place.secret(FACEBOOK).get("pages"):
        commands += ["leadrelay facebook subscribe"]
    if not commands:
        commands = ["leadrelay leadconnector setup"]
    return [*commands, "leadrelay doctor"]


def locations_wanted(place: Place, routes: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Those given, else those that the routes deliver to and LeadConnector reads. Raises CommandFailed without any."""
    named = {location: token for location, token in given.items() if location}
    if named:
        return named
    # Late: it knows everything, and brings botocore along.
    from leads.wiring import load_routes

    try:
        table = load_routes(routes)
    except Misconfigured as error:
        raise CommandFailed(f"{error}. Correct it (`make check`), or name locations with --location.") from None
    sources = place.secret("LeadConnectorSecretArn").get("locations")
    extra = [name for name in sources if isinstance(name, str)] if isinstance(sources, list) else []
    found = dict.fromkeys([*(route.location for route in table.routes), *extra], "")
    if token := given.get(""):
        if len(dict.fromkeys(route.location for route in table.routes)) > 1:
            raise CommandFailed(
                "The routes deliver to several locations: write --contacts-token <location id>=<token> for each.",
                exit_code=2,
            )
        found[table.routes[0].location] = token
    return found


def stored_token(place: Place, location: str) -> str:
    """The token that the Contacts secret has for a location; "" for none."""
    return token_of(tokens.entry_at(place.secret(CONTACTS), tokens.Place(tokens.LOCATIONS, location)))


def missing(place: Place, answers: Answers) -> list[str]:
    """What is neither given nor stored, each as the option that gives it and what it is."""
    lacking = [
        f"--contacts-token {location}=<token> (or CONTACTS_TOKEN): the token of CRM location {location}"
        for location, token in answers.locations.items()
        if not token and not stored_token(place, location)
    ]
    for wanted, fields, given, output in (
        (answers.wants_pinterest, PINTEREST_FIELDS, answers.pinterest, PINTEREST),
        (answers.wants_facebook, FACEBOOK_FIELDS, answers.facebook, FACEBOOK),
    ):
        stored = place.secret(output) if wanted else {}
        lacking += [
            f"{it.option} (or {it.variable}): {it.question}" for it in fields if wanted and it.is_lacking(given, stored)
        ]
    if answers.wants_facebook:
        known = place.secret(FACEBOOK).get("pages")
        if not answers.pages and not known:
            lacking.append("--page <page id>=<page token> (or FACEBOOK_PAGES): a page whose leads are wanted")
        lacking += [
            f"--page {page}=<page token> (or FACEBOOK_PAGES): the token of page {page}"
            for page, token in answers.pages.items()
            if not token and not stored_page_token(place, page)
        ]
    return lacking


def check_location(place: Place, location: str, token: str) -> list[str]:
    """Ask the CRM what the token may there; remarks. Raises CommandFailed when leads could not be delivered with it."""
    has = ContactsApi(place.contacts_api_url, location, token).check(*DESTINATION)
    lacking = [scope for scope, allowed in has.items() if allowed is False]
    # A location whose contacts are leads is only read from, and doctor tells which rights that takes.
    sources = place.secret("LeadConnectorSecretArn").get("locations")
    is_source = isinstance(sources, list) and location in sources
    if needed := [scope for scope in lacking if scope != FIELDS and not is_source]:
        raise CommandFailed(
            f"The token of location {location} lacks {', '.join(needed)}: add that under Settings → Private "
            "Integrations, then repeat the command."
        )
    return [f"The token of location {location} lacks {scope}, so custom fields stay empty." for scope in lacking]


def check_pinterest_app(place: Place, given: Mapping[str, str]) -> list[str]:
    """Ask Pinterest whether the app's id and secret belong together; remarks. Raises CommandFailed."""
    held = place.secret(PINTEREST)
    app_id, app_secret = (given.get(name) or str(held.get(name) or "") for name in ("app_id", "app_secret"))
    known = is_app(place.pinterest_api_url, app_id, app_secret)
    if known is False:
        raise CommandFailed(
            "Pinterest does not take the app id with the app secret: developers.pinterest.com/apps shows both."
        )
    return [] if known else ["Whether Pinterest's app id and app secret belong together, Pinterest does not tell."]


def check_pinterest(place: Place, given: Mapping[str, str]) -> list[str]:
    """Ask Pinterest with the access token which ad accounts it sees; remarks. Raises CommandFailed."""
    ends = given.get("expires_at")
    if ends and not tokens.expiry({"access_token": "any", "expires_at": ends}):
        raise CommandFailed(f"{ends!r} is no time: write 2026-12-21T00:00:00Z or epoch seconds.", exit_code=2)
    held = place.secret(PINTEREST)
    token = given.get("access_token") or str(held.get("access_token") or "")
    if not token:
        raise CommandFailed("There is no Pinterest access token to check.")
    api = PinterestApi(place.pinterest_api_url, token)
    accounts = api.ad_accounts()
    remarks = []
    if token != held.get("access_token") and not given.get("refresh_token"):
        remarks.append("Nobody renews this Pinterest access token: give its refresh token, too.")
    if not accounts:
        return [*remarks, "The Pinterest token sees no ad account: have its user given the role Admin on one."]
    for account in accounts:
        remarks += _role(account)
    if api.may_subscribe(accounts[0].id) is False:
        remarks.append("The Pinterest token lacks ads:write, which subscribing takes: connect the app anew with it.")
    return remarks


def _role(account: AdAccount) -> list[str]:
    if not account.permissions or {"OWNER", "ADMIN"} & set(account.permissions):
        return []
    roles = ", ".join(account.permissions)
    return [f"On ad account {account.id} the Pinterest token's user is {roles}; subscriptions take an owner or admin."]


def check_app(place: Place, given: Mapping[str, str]) -> None:
    """Ask Facebook whether the app's id and secret belong together. Raises CommandFailed."""
    _graph(place, given).app_subscriptions()


def check_page(place: Place, given: Mapping[str, str], page: str, token: str) -> None:
    """Ask Facebook whether the token opens the page, for this app. Raises CommandFailed."""
    api = _graph(place, given)
    facts = api.debug_token(token)
    if not facts.get("is_valid"):
        raise CommandFailed(
            f"Facebook does not take the token of page {page}: make another one and repeat the command."
        )
    app_id = given.get("app_id") or str(place.secret(FACEBOOK).get("app_id") or "")
    for sentence in page_token.mistaken(facts, page=page, app_id=app_id):
        raise CommandFailed(f"Page {page}: {sentence} GET /me/accounts lists the tokens of your pages.")
    if lacking := page_token.lacking(facts):
        raise CommandFailed(
            f"The token of page {page} lacks {', '.join(lacking)}: grant them to the app, make another token, then "
            "repeat the command."
        )
    api.page(page, token)


def stored_page_token(place: Place, page: str) -> str:
    """The token that the Facebook secret has for a page; "" for none."""
    pages = place.secret(FACEBOOK).get("pages")
    entry = pages.get(page) if isinstance(pages, dict) else None
    token = entry.get("token") if isinstance(entry, dict) else None
    return token if isinstance(token, str) else ""


def _graph(place: Place, given: Mapping[str, str]) -> GraphApi:
    """Facebook as the app sees it, by what was given and else by what is stored."""
    stored = place.secret(FACEBOOK)
    app_id, app_secret = (given.get(name) or str(stored.get(name) or "") for name in ("app_id", "app_secret"))
    return GraphApi(place.graph_api_url, app_id, app_secret)
