"""Pinterest: the app's token and role, the subscriptions on both sides, and each key against a lead of our own."""

import secrets
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.checks.finding import Check, Finding, Words, count
from infra.cli.checks.patient import Patient
from infra.cli.checks.pinterest_conversions import conversions
from infra.cli.checks.pinterest_subscriptions import subscriptions
from infra.cli.checks.routes import unrouted
from infra.cli.conversions.accounts import HeldSecret
from infra.cli.faults import CommandFailed
from infra.cli.pinterest.keys import entry_id, is_live
from infra.cli.vendors.pinterest_api import PinterestApi, is_app
from infra.cli.vendors.pinterest_refusals import PinterestRefused
from infra.local.pinterest_sender import build_lead
from leads.core import pinterest_token, tokens
from leads.core.errors import LeadError
from leads.sources.pinterest import Pinterest
from leads.sources.pinterest_seal import ring_of

PINTEREST = Words("pinterest")
KEYS, APP = "PinterestKeysSecretArn", "PinterestAppSecretArn"
# Who may see and make subscriptions (the API's specification of them).
ROLES = frozenset({"OWNER", "ADMIN"})
NEAR = 7 * 86_400.0
_DAY = 86_400.0


def is_set_up(patient: Patient) -> bool:
    return bool(entries(patient) or patient.secret(APP).get("access_token"))


def checks(patient: Patient) -> list[Check]:
    return [PINTEREST.check("set-up", _set_up, patient), PINTEREST.check("conversions", conversions, patient)]


def entries(patient: Patient) -> list[dict[str, Any]]:
    """The subscriptions in the keys secret."""
    found = patient.secret(KEYS).get("subscriptions")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _set_up(patient: Patient) -> Iterator[Finding | Check]:
    if not is_set_up(patient):
        sentence = "It is not set up."
        fix = f"{patient.command('init')} && {patient.command('pinterest subscribe')}"
        yield PINTEREST.skipped("set-up", sentence, fix)
        return
    yield PINTEREST.check("keys", _keys, patient)
    for account in _accounts(patient):
        yield from unrouted(PINTEREST, patient, "pinterest", account)
    app_id, app_secret, token = (patient.secret(APP).get(name) for name in ("app_id", "app_secret", "access_token"))
    if isinstance(app_id, str) and isinstance(app_secret, str) and app_id and app_secret:
        yield PINTEREST.check("app", _app, patient, app_id, app_secret)
    if isinstance(token, str) and token:
        yield PINTEREST.check("access token", _access, patient, PinterestApi(patient.place.pinterest_api_url, token))
        yield from _lifetime(patient)
    else:
        sentence = "There is no access token: subscriptions cannot be looked at, and what never arrives is not fetched."
        yield PINTEREST.warning("access token", sentence, patient.command("init"))


def _app(patient: Patient, app_id: str, app_secret: str) -> Iterator[Finding]:
    known = is_app(patient.place.pinterest_api_url, app_id, app_secret)
    if known is False:
        sentence = "Pinterest does not take the app's id and secret, so nothing renews the access token."
        yield PINTEREST.fault("app", sentence, patient.command("init"))
    elif known:
        yield PINTEREST.ok("app", "Its id and its secret belong together.")
    else:
        yield PINTEREST.skipped("app", "Whether its id and its secret belong together, Pinterest does not tell.")


def _accounts(patient: Patient) -> list[str]:
    """The ad accounts that a live key is stored for."""
    return list(dict.fromkeys(str(entry.get("ad_account_id") or "") for entry in entries(patient) if is_live(entry)))


def _keys(patient: Patient) -> Iterator[Finding]:
    """Each key must open a lead that was sealed with it, by the functions' own code."""
    secret, found = patient.secret(KEYS), entries(patient)
    if not found:
        sentence = "No subscription's key is stored, so that no lead can be opened."
        yield PINTEREST.fault("keys", sentence, patient.command("pinterest subscribe"))
        return
    faults = ring_of(secret).faults
    for fault in faults:
        yield PINTEREST.fault("keys", f"A key is damaged: {fault}.", patient.command("pinterest subscribe"))
    unread = [entry for entry in found if _bytes(entry.get("cryptographic_key")) and not _opens(secret, entry)]
    for entry in unread:
        sentence = f"The key of {_name(entry)} does not open a lead that was sealed with it."
        yield PINTEREST.fault("keys", sentence, _subscribe(patient, entry))
    live = sum(map(is_live, found))
    if not (faults or unread):
        sentence = f"{count(len(found), 'key')} ({live} live) open what was sealed with them."
        yield PINTEREST.ok("keys", sentence)


def _opens(secret: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    key = _bytes(entry.get("cryptographic_key"))
    account, form = str(entry.get("ad_account_id") or ""), str(entry.get("lead_form_id") or "0")
    answers = {"EMAIL": f"{secrets.token_hex(8)}@example.com"}
    source = Pinterest(HeldSecret(dict(secret)))
    try:
        lead = source.open(
            source.wrap(build_lead(answers, key=key, account=account, form=form, test=True), received_at=""),
            deadline=time.time() + 10,
        )
    except LeadError:
        return False
    return lead.answers == answers and lead.account == account


def _access(patient: Patient, api: PinterestApi) -> Iterator[Finding | Check]:
    try:
        accounts = {account.id: account for account in api.ad_accounts()}
    except CommandFailed as failed:
        if failed.exit_code == 2:
            raise  # nobody answers, which says nothing of the token
        yield PINTEREST.fault("access token", str(failed), patient.command("init"))
        return
    yield PINTEREST.ok("access token", f"It is valid and sees {count(len(accounts), 'ad account')}.")
    for account in _accounts(patient) or accounts:
        known = accounts.get(account)
        yield PINTEREST.check(account, _account, patient, api, account, known.permissions if known else None)


def _lifetime(patient: Patient) -> Iterator[Finding]:
    app = patient.secret(APP)
    left, missing = tokens.expiry(app) - time.time(), pinterest_token.missing(app)
    known = tokens.expiry(app) > 0
    renewed = not missing
    name, connect = "expiry", f"Connect the app anew, then: {patient.command('init')}"
    if not known and patient.place.is_local:
        yield PINTEREST.skipped(name, "The local sandbox's token has no end.")
    elif not known and renewed:
        yield PINTEREST.ok(name, "The next rotation renews the access token, as the secret does not say when it ends.")
    elif not known:
        sentence = f"When the access token ends is not stored, and without {', '.join(missing)} nobody renews it."
        yield PINTEREST.warning(name, sentence, connect)
    elif left <= 0:
        yield PINTEREST.fault(name, "The access token has expired.", connect)
    elif renewed and left < pinterest_token.EARLY_SECONDS - 3 * _DAY:
        sentence = f"The access token ends in {left / _DAY:.0f} days and should be renewed by now."
        yield PINTEREST.warning(name, sentence, patient.log_command("RotationLogGroup"))
    elif not renewed and left < NEAR:
        sentence = (
            f"The access token ends in {left / _DAY:.0f} days, and without {', '.join(missing)} nobody renews it."
        )
        yield PINTEREST.warning(name, sentence, connect)
    else:
        how = "is renewed by itself" if renewed else f"is renewed by nobody, as there is no {', '.join(missing)}"
        yield PINTEREST.ok(name, f"The access token lives for {left / _DAY:.0f} days and {how}.")


def _account(
    patient: Patient, api: PinterestApi, account: str, permissions: tuple[str, ...] | None
) -> Iterator[Finding | Check]:
    if permissions is None:
        sentence = "The token's user does not see this ad account, whose key is stored."
        yield PINTEREST.fault(account, sentence, "Give the user the role Admin on it in Pinterest's Business Manager.")
        return
    if permissions and not ROLES & set(permissions):
        sentence = f"The token's user is {', '.join(permissions)} there; subscriptions take an owner or admin."
        yield PINTEREST.fault(account, sentence, "Give the user the role Admin on it in Pinterest's Business Manager.")
        return
    yield PINTEREST.check(f"{account} scope", _scope, patient, api, account)
    yield PINTEREST.check(f"{account} forms", _forms, patient, api, account)
    yield PINTEREST.check(f"{account} subscriptions", subscriptions, patient, account)


def _scope(patient: Patient, api: PinterestApi, account: str) -> Iterator[Finding]:
    name, may = f"{account} scope", api.may_subscribe(account)
    if may is False:
        fix = f"Connect the app anew with ads:read and ads:write, then: {patient.command('init')}"
        yield PINTEREST.fault(name, "The access token lacks ads:write: subscribing and exporting leads take it.", fix)
    elif may:
        yield PINTEREST.ok(name, "The access token has ads:write, as far as can be seen without writing.")
    else:
        yield PINTEREST.skipped(name, "Whether the access token has ads:write, Pinterest does not tell.")


def _forms(patient: Patient, api: PinterestApi, account: str) -> Iterator[Finding]:
    name = f"{account} forms"
    try:
        forms = api.lead_forms(account)
    except PinterestRefused as refused:
        yield PINTEREST.fault(name, str(refused), patient.command(f"pinterest forms --account {account}"))
        return
    active = sum(form.status == "ACTIVE" for form in forms)
    if active:
        yield PINTEREST.ok(name, f"{count(active, 'lead form')} of {len(forms)} active.")
    else:
        # An account outside the beta is told so when it makes a form, not when it lists none.
        sentence = f"None of {len(forms)} lead forms is active, or the account is not in the Lead Ads beta."
        yield PINTEREST.skipped(name, sentence)


def _name(entry: Mapping[str, Any]) -> str:
    return f"subscription {entry_id(entry) or '(without id)'}"


def _subscribe(patient: Patient, entry: Mapping[str, Any]) -> str:
    form = entry.get("lead_form_id")
    return patient.command(
        f"pinterest subscribe --account {entry.get('ad_account_id')}" + (f" --form {form}" if form else "")
    )


def _bytes(key: Any) -> bytes:
    """The 32 bytes of a key, however its base64 is spelt; b"" for what is no key."""
    text = "".join(key.split()).rstrip("=").translate(str.maketrans("-_", "+/")) if isinstance(key, str) else ""
    try:
        found = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""
    return found if len(found) == 32 else b""
