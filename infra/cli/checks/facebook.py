"""Facebook: the app's secret and address, each page's token and permissions, and both levels of subscription."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from infra.cli.checks.facebook_pages import FIELD, page_checks, store_command
from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import ANSWER_SECONDS, Patient
from infra.cli.checks.routes import unrouted
from infra.cli.place import is_ours
from infra.cli.vendors.graph_api import GraphApi, GraphRefused
from infra.cli.vendors.web import call
from leads.core import graph_versions

FACEBOOK = Words("facebook")
SECRET = "FacebookSecretArn"


def is_set_up(patient: Patient) -> bool:
    return bool(pages(patient))


def checks(patient: Patient) -> list[Check]:
    return [FACEBOOK.check("set-up", _set_up, patient)]


def pages(patient: Patient) -> dict[str, str]:
    """Page → its token, "" where the secret has none."""
    found = patient.secret(SECRET).get("pages")
    rows = found.items() if isinstance(found, dict) else ()
    return {page: _text(entry, "token") if isinstance(entry, dict) else "" for page, entry in rows}


def _set_up(patient: Patient) -> Iterator[Finding | Check]:
    if not is_set_up(patient):
        fix = f"{patient.command('init')} && {patient.command('facebook subscribe')}"
        yield FACEBOOK.skipped("set-up", "It is not set up.", fix)
        return
    secret = patient.secret(SECRET)
    missing = [name for name in ("app_id", "app_secret", "verify_token") if not _text(secret, name)]
    if missing:
        yield FACEBOOK.fault("app", f"The Facebook secret has no {', '.join(missing)}.", patient.command("init"))
    for page in pages(patient):
        yield from unrouted(FACEBOOK, patient, "facebook", page)
    yield _version(patient)
    if "app_secret" not in missing:
        yield FACEBOOK.check("signature", _signature, patient, _text(secret, "app_secret"))
    if "verify_token" not in missing:
        yield FACEBOOK.check("verification", _verification, patient, _text(secret, "verify_token"))
    if "app_id" in missing or "app_secret" in missing:
        return
    app = _text(secret, "app_id"), _text(secret, "app_secret")
    api = GraphApi(patient.place.graph_api_url, *app, timeout=ANSWER_SECONDS)
    yield FACEBOOK.check("app", _app, patient, api)


def _version(patient: Patient) -> Finding:
    version = graph_versions.version_of(patient.place.graph_api_url)
    end = graph_versions.usable_until(version) if version else None
    fix = "Set GraphApiUrl to a later version in samconfig.local.toml, then: make deploy"
    if not version:
        return FACEBOOK.warning("Graph version", "The address of Graph names no version: it may change any day.", fix)
    if end is None:
        return FACEBOOK.ok("Graph version", f"No end of {version} is known.")
    left = (end - datetime.now(UTC).date()).days
    if left <= 0:
        return FACEBOOK.fault("Graph version", f"{version} has ended on {end}: Graph may refuse every call.", fix)
    if graph_versions.ends_soon(version, time.time()):
        return FACEBOOK.warning("Graph version", f"{version} ends on {end}, in {left} days.", fix)
    return FACEBOOK.ok("Graph version", f"{version} can be used until {end}.")


def _signature(patient: Patient, app_secret: str) -> Iterator[Finding]:
    """A notice of no leads, signed as Facebook signs."""
    notice: dict[str, Any] = {"object": "page", "entry": []}
    digest = hmac.new(app_secret.encode(), json.dumps(notice).encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={digest}"}
    url = patient.place.webhook_url("facebook")
    status = call(
        "POST", url, who="The webhook", headers=headers, json=notice, timeout=max(ANSWER_SECONDS, 30.0)
    ).status
    if status == 200:
        yield FACEBOOK.ok("signature", "The webhook takes notices that are signed with the stored app secret.")
    else:
        sentence = f"The webhook answers {status} to a notice signed with the stored app secret."
        yield FACEBOOK.fault("signature", sentence, patient.log_command("WebhookLogGroup"))


def _verification(patient: Patient, verify_token: str) -> Iterator[Finding]:
    """What Facebook asks before it takes an address."""
    challenge = str(secrets.randbelow(10**10))
    query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
    url = patient.place.webhook_url("facebook")
    answer = call("GET", url, who="The webhook", query=query, timeout=max(ANSWER_SECONDS, 30.0))
    if answer.status == 200 and str(answer.body) == challenge:
        yield FACEBOOK.ok("verification", "The webhook answers Facebook's question whose it is.")
    else:
        sentence = f"The webhook answers {answer.status} to Facebook's question whose it is."
        yield FACEBOOK.fault("verification", sentence, patient.log_command("WebhookLogGroup"))


def _app(patient: Patient, api: GraphApi) -> Iterator[Finding | Check]:
    """The app's own calls come first: where Facebook does not take those, it tells nothing of pages either."""
    try:
        found = api.app_subscriptions()
    except GraphRefused as refused:
        yield FACEBOOK.fault("app", str(refused), patient.command("init"))
        return
    yield from _app_subscription(patient, [it for it in found if it.get("object") == "page"])
    for page, token in pages(patient).items():
        if token:
            yield FACEBOOK.check(f"page {page}", page_checks, patient, api, page, token)
        else:
            yield FACEBOOK.fault(f"page {page}", "It has no token: its leads wait.", store_command(patient, page))


def _app_subscription(patient: Patient, found: list[dict[str, Any]]) -> Iterator[Finding]:
    name, fix = "app subscription", patient.command("facebook subscribe")
    if not found:
        # Whoever sends leads on this machine may do so without Facebook's part of it.
        word = FACEBOOK.skipped if patient.place.is_local else FACEBOOK.fault
        yield word(name, "The app does not subscribe to its pages' leads.", fix)
        return
    subscription = found[0]
    if not is_ours(str(subscription.get("callback_url") or ""), "facebook", patient.webhook_tokens()):
        yield FACEBOOK.fault(name, "The app has Facebook send its leads somewhere else.", f"{fix} --replace")
    elif FIELD not in [str(it.get("name")) for it in subscription.get("fields") or () if isinstance(it, dict)]:
        yield FACEBOOK.fault(name, f"The app does not subscribe to the field {FIELD}.", fix)
    elif subscription.get("active") is False:
        yield FACEBOOK.fault(name, "The app's subscription is not active.", fix)
    else:
        yield FACEBOOK.ok(name, "The app has leads sent to this stack.")
        sentence = "Whether Include Values is on, Graph does not tell; `facebook subscribe` switches it on."
        yield FACEBOOK.skipped("Include Values", sentence)


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
