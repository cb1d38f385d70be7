"""One page of Facebook's: its token, what the token may do and until when, and the page's own subscription."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import Patient
from infra.cli.facebook import page_token
from infra.cli.vendors.graph_api import GraphApi

FACEBOOK = Words("facebook")
SECRET = "FacebookSecretArn"
FIELD = "leadgen"
# Without it leads come without the names of campaign, ad set and ad.
WANTED = ("ads_management",)
NEAR_DAYS = 7
_DAY = 86_400.0


def page_checks(patient: Patient, api: GraphApi, page: str, token: str) -> Iterator[Finding | Check]:
    """What Facebook says of a page's token, and whether the page tells the app of its leads."""
    name = f"page {page}"
    facts = api.debug_token(token)
    if not facts.get("is_valid"):
        error = facts.get("error")
        code = f" (code {error.get('code')}, subcode {error.get('subcode')})" if isinstance(error, dict) else ""
        yield FACEBOOK.fault(
            name, f"Facebook does not take its token any more{code}: its leads wait.", store_command(patient, page)
        )
        return
    app_id = str(patient.secret(SECRET).get("app_id") or "")
    for sentence in page_token.mistaken(facts, page=page, app_id=app_id):
        yield FACEBOOK.fault(name, sentence, store_command(patient, page))
    yield from _permissions(patient, name, page, facts)
    yield from _ends(patient, name, page, facts)
    yield FACEBOOK.check(f"{name} terms", _terms, api, page, token)
    yield FACEBOOK.check(f"{name} subscription", _page_subscription, patient, api, page, token)


def _permissions(patient: Patient, name: str, page: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    scopes = set(map(str, facts.get("scopes") or ()))
    if lacking := page_token.lacking(facts):
        sentence = f"Its token lacks {', '.join(lacking)}."
        yield FACEBOOK.fault(
            name, sentence, f"Grant them to the app, make another token, then: {store_command(patient, page)}"
        )
    elif unmet := [scope for scope in WANTED if scope not in scopes]:
        sentence = f"Its token lacks {', '.join(unmet)}: leads come without campaign and ad."
        yield FACEBOOK.warning(
            name, sentence, f"Grant it to the app, make another token, then: {store_command(patient, page)}"
        )
    else:
        yield FACEBOOK.ok(name, "Its token is valid and has every permission.")


def _ends(patient: Patient, name: str, page: str, facts: Mapping[str, Any]) -> Iterator[Finding]:
    ends = [(key, facts.get(key)) for key in ("expires_at", "data_access_expires_at")]
    moments = [(value, key) for key, value in ends if isinstance(value, int) and value > 0]
    if not moments:
        return
    moment, key = min(moments)
    what = "Its token" if key == "expires_at" else "The app's access to the data of whoever made the token"
    days = (moment - time.time()) / _DAY
    if days < NEAR_DAYS:
        # Whether a page's leads come to an end with the second is documented nowhere.
        word = FACEBOOK.fault if days <= 0 and key == "expires_at" else FACEBOOK.warning
        sentence = f"{what} {'has ended' if days <= 0 else f'ends in {days:.0f} days'}."
        yield word(f"{name} expiry", sentence, store_command(patient, page))
    else:
        yield FACEBOOK.ok(f"{name} expiry", f"{what} lasts for {days:.0f} days.")


def _terms(api: GraphApi, page: str, token: str) -> Iterator[Finding]:
    accepted = api.page(page, token).get("leadgen_tos_accepted")
    name = f"page {page} terms"
    if accepted is False:
        fix = "Accept them: https://www.facebook.com/ads/leadgen/tos"
        yield FACEBOOK.fault(name, "The page has not accepted the Lead Ads terms.", fix)
    elif accepted is None:
        yield FACEBOOK.skipped(name, "Whether the page has accepted the Lead Ads terms, Graph does not tell.")
    else:
        yield FACEBOOK.ok(name, "The page has accepted the Lead Ads terms.")


def _page_subscription(patient: Patient, api: GraphApi, page: str, token: str) -> Iterator[Finding]:
    name, app_id = f"page {page} subscription", str(patient.secret(SECRET).get("app_id") or "")
    fix = patient.command(f"facebook subscribe --page {page}")
    fields = [
        str(field)
        for app in api.page_subscriptions(page, token)
        if str(app.get("id")) == app_id
        for field in app.get("subscribed_fields") or ()
    ]
    if FIELD in fields:
        yield FACEBOOK.ok(name, "The page tells the app of its leads.")
    else:
        yield FACEBOOK.fault(name, "The page does not tell the app of its leads.", fix)


def store_command(patient: Patient, page: str) -> str:
    """What stores another token for a page."""
    return patient.command(f"init --page {page}")
