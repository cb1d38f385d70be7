"""The CRM: each location's token and rights, its custom fields, and whether it allows duplicates."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import Patient
from infra.cli.vendors.contacts_api import FIELDS, READ, WRITE, ContactsApi, ContactsRefused
from leads.core import custom_field, tokens
from leads.crm import fates

CRM = Words("crm")
_STAGE_FIELD = "custom_field:"
_REASONS = {READ: "it cannot find contacts", WRITE: "it can write none", FIELDS: "it cannot fill custom fields"}


def checks(patient: Patient) -> list[Check]:
    return [CRM.check("locations", _locations, patient)]


def _locations(patient: Patient) -> Iterator[Finding | Check]:
    for location in patient.locations():
        yield CRM.check(location, _location, patient, location)
    companies = patient.secret("ContactsSecretArn").get("companies")
    for name, entry in companies.items() if isinstance(companies, dict) else ():
        yield from lifetime(CRM, f"company {name}", entry if isinstance(entry, dict) else {}, patient)


def _location(patient: Patient, location: str) -> Iterator[Finding | Check]:
    api = patient.contacts_api(location)
    if api is None:
        sentence = "A route delivers here, and the Contacts secret has no token for it: its leads wait."
        yield CRM.fault(location, sentence, store_command(patient, location))
        return
    yield CRM.check(location, _rights, patient, api)
    yield from lifetime(CRM, location, patient.contacts_entry(location), patient)
    if custom_fields_of(patient, location):
        yield CRM.check(f"{location} custom fields", _custom_fields, patient, api)
    yield CRM.check(f"{location} duplicates", _duplicates, patient, api)


def _rights(patient: Patient, api: ContactsApi) -> Iterator[Finding]:
    wants_fields = bool(custom_fields_of(patient, api.location))
    try:
        has = api.check(READ, WRITE, *([FIELDS] if wants_fields else []))
    except ContactsRefused as refused:
        yield CRM.fault(api.location, str(refused), refusal_fix(patient, refused, api.location))
        return
    lacking = [scope for scope, allowed in has.items() if allowed is False]
    unknown = [scope for scope, allowed in has.items() if allowed is None]
    for scope in lacking:
        # Without their field answers go into the note; without the others nothing goes anywhere.
        word = CRM.warning if scope == FIELDS else CRM.fault
        fix = f"Settings → Private Integrations of {api.location}: add {scope}. The token stays the same."
        yield word(api.location, f"The token lacks {scope}: {_REASONS[scope]}.", fix)
    if unknown:
        sentence = f"Whether the token has {', '.join(unknown)} could not be seen without writing."
        yield CRM.skipped(f"{api.location} scopes", sentence)
    if allowed := [scope for scope, it in has.items() if it]:
        yield CRM.ok(api.location, f"The token is valid and has {', '.join(map(_as_known, allowed))}.")


def _as_known(scope: str) -> str:
    # That a write is refused for its scope before anything else is likely, and nowhere promised.
    return f"{scope} (as far as can be seen without writing)" if scope == WRITE else scope


def lifetime(words: Words, name: str, entry: Mapping[str, Any], patient: Patient) -> Iterator[Finding]:
    """How long an OAuth entry's access token lives; nothing for a private integration token, which has no end."""
    if entry.get("token") or not (entry.get("access_token") or entry.get("refresh_token")):
        return
    name, left = f"{name} token", tokens.expiry(entry) - time.time()
    missing = [key for key in ("client_id", "client_secret", "refresh_token") if not entry.get(key)]
    renewed = not missing or bool(entry.get("company_id"))
    if left <= 0 and renewed:
        sentence = "The access token has expired and was not renewed; the log names the reason."
        yield words.fault(name, sentence, patient.log_command("RotationLogGroup"))
    elif left <= 0:
        sentence = f"The access token has expired, and without {', '.join(missing)} nobody renews it."
        yield words.fault(name, sentence, "Install the app anew, and store all its tokens in the Contacts secret.")
    elif not renewed:
        sentence = (
            f"The access token ends in {left / 3600:.0f} hours, and without {', '.join(missing)} nobody renews it."
        )
        yield words.warning(name, sentence, f"Store {', '.join(missing)} in the Contacts secret.")
    elif left < tokens.EARLY_SECONDS / 2:
        sentence = f"The access token ends in {left / 3600:.0f} hours and should be renewed by now."
        yield words.warning(name, sentence, patient.log_command("RotationLogGroup"))
    else:
        yield words.ok(name, f"The access token lives for {left / 3600:.0f} hours and is renewed by itself.")


def custom_fields_of(patient: Patient, location: str) -> dict[str, str]:
    """Custom field (id or key) → the route that fills it, of those the routes fill in a location."""
    table = patient.routes
    if table is None:
        return {}
    found = {name: route.name for route in table.routes if route.location == location for name in route.custom_fields}
    kind, _, stage = table.defaults.stage_as.partition(":")
    staged = [route.name for route in table.routes if route.location == location and (route.stage or route.stage_from)]
    if f"{kind}:" == _STAGE_FIELD and staged:
        found.setdefault(stage.strip(), staged[0])
    return found


def _custom_fields(patient: Patient, api: ContactsApi) -> Iterator[Finding]:
    name, wanted = f"{api.location} custom fields", custom_fields_of(patient, api.location)
    try:
        known = api.custom_fields()
    except ContactsRefused as refused:
        yield CRM.skipped(name, f"They could not be listed: {refused}")
        return
    missing = {key: route for key, route in wanted.items() if custom_field.find(known, key) is None}
    for key, route in missing.items():
        sentence = f"The route `{route}` fills `{key}`, which the location does not have: its answers go into the note."
        yield CRM.warning(
            name, sentence, f"Make the field under Settings → Custom Fields, or correct {key} in routes.toml."
        )
    if not missing:
        yield CRM.ok(name, "The location has every custom field that the routes fill.")


def _duplicates(patient: Patient, api: ContactsApi) -> Iterator[Finding]:
    name, where = f"{api.location} duplicates", "Settings → Business Profile → Contact Deduplication Preferences"
    # The local CRM has no such call.
    if patient.place.is_local:
        yield CRM.skipped(name, "Not looked at on the local stack.")
        return
    allowed = api.allows_duplicates()
    if allowed:
        yield CRM.fault(
            name, "The location allows duplicate contacts: a person may become two.", f"Switch it off: {where}"
        )
    elif allowed is None:
        sentence = "Whether the location allows duplicate contacts takes the scope locations.readonly to see."
        yield CRM.skipped(name, sentence, f"Look yourself, it must be off: {where}")
    else:
        yield CRM.ok(name, "The location allows no duplicate contacts.")


def store_command(patient: Patient, location: str) -> str:
    """What stores another token for a location."""
    return patient.command(f"init --location {location}")


def refusal_fix(patient: Patient, refused: ContactsRefused, location: str) -> str:
    """What cures a refusal: another token, another address, or patience."""
    if refused.reason == fates.UNKNOWN_OPERATION:
        return "Correct ContactsApiUrl in samconfig.local.toml, then: make deploy"
    if refused.reason.startswith("contacts_api_unauthorized") and not refused.reason.endswith("_version"):
        return store_command(patient, location)
    return f"Wait: leads are parked meanwhile. How they fare: {patient.command('leads recent --status parked')}"
