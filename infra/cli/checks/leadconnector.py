"""LeadConnector: whose events count, whether their records can be read, and what webhooks are checked with."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.checks.crm import lifetime, refusal_fix, store_command
from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import ANSWER_SECONDS, Patient
from infra.cli.checks.routes import unrouted
from infra.cli.vendors.contacts_api import DEALS, FIELDS, READ, SOURCE, TASKS, ContactsApi, ContactsRefused
from infra.cli.vendors.web import call

LEADCONNECTOR = Words("leadconnector")
SECRET = "LeadConnectorSecretArn"
# What a right is for; without the first nothing can be read again, without the others part of it is missing.
_USES = {
    READ: "contacts and notes are taken as they were sent, and reconcile cannot look",
    FIELDS: "custom fields come without their names",
    TASKS: "most tasks cannot be taken",
    DEALS: "stages of opportunities cannot be taken",
}


def is_set_up(patient: Patient) -> bool:
    return bool(patient.source_locations())


def checks(patient: Patient) -> list[Check]:
    return [LEADCONNECTOR.check("set-up", _set_up, patient)]


def _set_up(patient: Patient) -> Iterator[Finding | Check]:
    if not is_set_up(patient):
        yield LEADCONNECTOR.skipped("set-up", "It is not set up.", patient.command("leadconnector setup"))
        return
    for location in patient.source_locations():
        yield LEADCONNECTOR.check(location, _location, patient, location)
    yield LEADCONNECTOR.check("public keys", _public_keys, patient)
    yield LEADCONNECTOR.check("workflow secret", _workflow_secret, patient)
    sentence = "Which events the app or the workflow sends can only be seen in the CRM."
    yield LEADCONNECTOR.skipped("events", sentence, patient.command("leadconnector setup"))


def _location(patient: Patient, location: str) -> Iterator[Finding | Check]:
    yield from unrouted(LEADCONNECTOR, patient, "leadconnector", location)
    api = patient.contacts_api(location)
    if api is None:
        sentence = f"The Contacts secret has no token for it: {_USES[READ]}."
        yield LEADCONNECTOR.warning(location, sentence, store_command(patient, location))
        return
    yield LEADCONNECTOR.check(location, _rights, patient, api)
    yield from lifetime(LEADCONNECTOR, location, patient.contacts_entry(location), patient)


def _rights(patient: Patient, api: ContactsApi) -> Iterator[Finding]:
    try:
        has = api.check(*SOURCE)
    except ContactsRefused as refused:
        yield LEADCONNECTOR.fault(api.location, str(refused), refusal_fix(patient, refused, api.location))
        return
    add = f"Settings → Private Integrations of {api.location}: add"
    for scope in (scope for scope, allowed in has.items() if allowed is False):
        found = LEADCONNECTOR.fault if scope == READ else LEADCONNECTOR.warning
        yield found(
            api.location, f"The token lacks {scope}: {_USES[scope]}.", f"{add} {scope}. The token stays the same."
        )
    if allowed := [scope for scope, it in has.items() if it]:
        yield LEADCONNECTOR.ok(api.location, f"The token is valid and has {', '.join(allowed)}.")


def _public_keys(patient: Patient) -> Iterator[Finding]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pems = patient.secret(SECRET).get("public_keys")
    if not isinstance(pems, list) or not pems:
        yield LEADCONNECTOR.ok("public keys", "Webhooks are checked with HighLevel's published key.")
        return
    damaged = []
    for number, pem in enumerate(pems, start=1):
        try:
            load_pem_public_key(str(pem).encode("utf-8", "replace"))
        except (ValueError, UnsupportedAlgorithm):
            damaged.append(number)
    if damaged:
        numbers = ", ".join(map(str, damaged))
        fix = f"Correct public_keys in the secret {patient.place.output(SECRET)}, or leave them out."
        yield LEADCONNECTOR.fault("public keys", f"Of public_keys, number {numbers} is no PEM public key.", fix)
    else:
        yield LEADCONNECTOR.ok("public keys", f"{len(pems)} of your own take the place of HighLevel's published key.")


def _workflow_secret(patient: Patient) -> Iterator[Finding]:
    """A delivery of no events, with the secret in its header as a workflow sends it."""
    secret = patient.secret(SECRET)
    own = secret.get("workflow_secret")
    if not isinstance(own, str) or not own:
        sentence = "There is none, so that only an app's signed webhooks are taken and no workflow's."
        yield LEADCONNECTOR.skipped("workflow secret", sentence, patient.command("leadconnector setup"))
        return
    status = _posted(patient, own)
    if status == 200:
        yield LEADCONNECTOR.ok("workflow secret", "The webhook takes deliveries with it.")
    else:
        sentence = (
            f"The webhook answers {status} to a delivery with it; the functions read a changed one within five minutes."
        )
        yield LEADCONNECTOR.fault("workflow secret", sentence, patient.log_command("WebhookLogGroup"))


def _posted(patient: Patient, secret: str) -> int:
    headers: Mapping[str, Any] = {"X-LeadRelay-Secret": secret}
    url = patient.place.webhook_url("leadconnector")
    return call("POST", url, who="The webhook", headers=headers, json=[], timeout=max(ANSWER_SECONDS, 30.0)).status
