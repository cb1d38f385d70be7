"""Conversions: each ad account's token against a test event, the advertiser's own event names, how good events are."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import ANSWER_SECONDS, Patient
from infra.cli.checks.routes import takes_some
from infra.cli.conversions.accounts import APP, NAME, accounts_of, events_api, tokens_of
from infra.cli.conversions.status import KEYS
from infra.cli.conversions.trial import dummy
from infra.cli.pinterest.keys import is_live
from infra.cli.vendors.pinterest_conversions import LOOKBACK, PinterestConversions
from infra.cli.vendors.pinterest_refusals import PinterestRefused
from leads.core.conversion_check import STANDARD_EVENTS
from leads.core.errors import LeadError, Misconfigured
from leads.core.routes import Route
from leads.core.wording import did_you_mean
from leads.sources.pinterest_event_answers import NOT_PERMITTED, TOKEN_REFUSED

PINTEREST = Words("pinterest")
_CONVERSIONS = "conversions"
_NO_ACCOUNT_WAITS = "Events that name no ad account wait, those of ad accounts with a token are sent"
_POOR = "NEEDS_IMPROVEMENT"
_QUALITY = {"GOOD": "good", "FAIR": "fair", _POOR: "poor"}


def conversions(patient: Patient) -> Iterator[Finding | Check]:
    """Every ad account with a token, or with leads that a route tells of."""
    secret = patient.secret(APP)
    telling = [route for route in patient.routes.routes if route.conversions] if patient.routes else []
    yield from _tokens(patient, secret)
    if not tokens_of(secret) and not telling:
        yield PINTEREST.skipped(_CONVERSIONS, "No route has [routes.conversions], and no conversion token is stored.")
        return
    stored = accounts_of(secret)
    events = {account: _events(telling, account) for account in _live_accounts(patient)}
    needed = [account for account, names in events.items() if names]
    for account in dict.fromkeys((*stored, *needed)):
        yield PINTEREST.check(f"{account} conversions", _token, patient, secret, account)
    if not telling:
        sentence = "No route has [routes.conversions]: what is told comes from other systems only."
        yield PINTEREST.skipped(_CONVERSIONS, sentence)
    access = secret.get("access_token")
    if not (isinstance(access, str) and access):
        yield PINTEREST.skipped("event quality", "Without an access token nobody can ask for it.")
        return
    api = PinterestConversions(patient.place.pinterest_api_url, access)
    for account in dict.fromkeys((*stored, *needed)):
        if own := sorted(events.get(account, frozenset()) - {*STANDARD_EVENTS}):
            yield PINTEREST.check(f"{account} own events", _own_events, api, account, own)
        yield PINTEREST.check(f"{account} event quality", _quality, api, account)


def _live_accounts(patient: Patient) -> list[str]:
    """The ad accounts whose leads come here."""
    found = patient.secret(KEYS).get("subscriptions")
    entries = filter(is_live, found if isinstance(found, list) else ())
    return [*dict.fromkeys(str(entry.get("ad_account_id") or "") for entry in entries)]


def _events(routes: Sequence[Route], account: str) -> frozenset[str]:
    """The names of the events that routes tell of an ad account's leads."""
    told = (route for route in routes if takes_some(route, "pinterest", account))
    found = (route.conversion(outcome) for route in told for outcome in route.conversions)
    return frozenset(conversion.event for conversion in found if conversion)


def _tokens(patient: Patient, secret: Mapping[str, Any]) -> Iterator[Finding]:
    """What the function makes of all the tokens together, by which it knows whether an ad account is the only one."""
    try:
        events_api(patient.place, secret).accounts()
    except Misconfigured as fault:
        arn = patient.place.output(APP)
        command = f"aws secretsmanager get-secret-value --secret-id {arn} --query SecretString --output text"
        # What is no object holds no account's token either.
        lost = _NO_ACCOUNT_WAITS if isinstance(secret.get(NAME), Mapping) else "No event can be sent"
        yield PINTEREST.fault("conversion tokens", f"{lost}: {fault}.", f"Correct {NAME} there: {command}")


def _token(patient: Patient, secret: Mapping[str, Any], account: str) -> Iterator[Finding]:
    """An event of nobody, sent as a test with the account's own token alone."""
    name, token = f"{account} conversions", tokens_of(secret).get(account)
    make = patient.command(f"conversions token --account {account}")
    if not token:
        sentence = "A route tells Pinterest of this ad account's leads, and it has no conversion token."
        yield PINTEREST.fault(name, sentence, make)
        return
    try:
        api = events_api(patient.place, {NAME: {account: token}})
        [verdict] = api.send(account, [dummy(account)], is_test=True, deadline=time.time() + ANSWER_SECONDS).verdicts
    except LeadError as failed:
        yield _refused(name, failed, make)
        return
    if verdict.is_taken:
        yield PINTEREST.ok(name, "Pinterest takes events with its conversion token.")
    else:
        yield PINTEREST.warning(name, f"Pinterest took the token, and refused a test event ({verdict.detail}).")


def _refused(name: str, failed: LeadError, make: str) -> Finding:
    sentence = f"{failed.detail[:1].upper()}{failed.detail[1:] or failed.reason}."
    if failed.reason == TOKEN_REFUSED:
        return PINTEREST.fault(name, sentence, make)
    if failed.reason == NOT_PERMITTED:
        fix = "Give the user one of these roles in Pinterest's Business Manager, or make a token as somebody who has it"
        return PINTEREST.fault(name, sentence, f"{fix}: {make}")
    return PINTEREST.warning(name, f"Whether Pinterest takes its conversion token is not known. {sentence}")


def _own_events(api: PinterestConversions, account: str, names: Sequence[str]) -> Iterator[Finding]:
    """Event names of the routes that are not Pinterest's."""
    title = f"{account} own events"
    try:
        defined = api.own_events(account)
    except PinterestRefused as refused:
        yield PINTEREST.skipped(title, f"Whether {', '.join(names)} are defined cannot be seen. {refused}")
        return
    unknown = [name for name in names if name not in defined]
    for name in unknown:
        meant = did_you_mean(name, (*defined, *STANDARD_EVENTS))
        sentence = (
            f"A route tells of `{name}`, which is neither Pinterest's nor defined by the advertiser{meant or '.'}"
        )
        yield PINTEREST.warning(title, sentence, "Define it in Ads Manager under Conversions, or correct routes.toml")
    if not unknown:
        yield PINTEREST.ok(title, f"The advertiser has defined {', '.join(names)}.")


def _quality(api: PinterestConversions, account: str) -> Iterator[Finding]:
    """Of what came by the Conversions API; the score is a help, so a refusal is no fault."""
    title = f"{account} event quality"
    try:
        scores = [score for score in api.quality(account) if score.ingestion in ("", "CONVERSIONS_API")]
    except PinterestRefused as refused:
        yield PINTEREST.skipped(title, f"The Event Quality Score cannot be had. {refused}")
        return
    if not scores:
        yield PINTEREST.skipped(title, f"Pinterest has no Event Quality Score of the last {LOOKBACK} yet.")
    for score in scores:
        said = f"Its {score.platform.lower()} events are {_QUALITY.get(score.status, score.status)}"
        issues = f" ({', '.join(score.issues)})" if score.issues else ""
        if score.status == _POOR:
            fix = "See Event Quality Score in Ads Manager: more of email, phone and names matches more people"
            yield PINTEREST.warning(title, f"{said}{issues}.", fix)
        else:
            yield PINTEREST.ok(title, f"{said}{issues}.")
