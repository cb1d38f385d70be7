"""LeadConnector: whose events count, whether their records can be read, and what webhooks are checked with.

Two kinds of locations send them: sources, whose contacts are leads, and those that routes want outcomes of.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.cli.checks.crm import lifetime, refusal_fix, store_command
from infra.cli.checks.finding import Check, Finding, Words
from infra.cli.checks.patient import ANSWER_SECONDS, Patient
from infra.cli.checks.routes import unrouted
from infra.cli.leadconnector.outcomes import leads_nowhere, outcome_locations, rights
from infra.cli.vendors.contacts_api import DEALS, FIELDS, READ, SOURCE, TASKS, ContactsApi, ContactsRefused
from infra.cli.vendors.web import call
from leads.sources.leadconnector_outcomes import Wanted

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
    """Whether leads come from it; a location whose outcomes are wanted gives none."""
    return bool(patient.source_locations())


def checks(patient: Patient) -> list[Check]:
    return [LEADCONNECTOR.check("set-up", _set_up, patient)]


def _set_up(patient: Patient) -> Iterator[Finding | Check]:
    sources, wanted = patient.source_locations(), _outcome_locations(patient)
    if not sources and not wanted:
        yield LEADCONNECTOR.skipped("set-up", "It is not set up.", patient.command("leadconnector setup"))
        return
    for location in sources:
        yield LEADCONNECTOR.check(location, _location, patient, location, location in wanted)
    for location in wanted:
        if location not in sources:
            yield LEADCONNECTOR.check(f"{location} outcomes", _outcomes, patient, location, wanted[location])
    if not patient.secret(SECRET):
        sentence = (
            f"Routes want outcomes of {', '.join(wanted)}, and the LeadConnector secret holds nothing: what the CRM "
            "tells of them is refused."
        )
        yield LEADCONNECTOR.fault("set-up", sentence, patient.command("leadconnector setup"))
        return
    yield LEADCONNECTOR.check("public keys", _public_keys, patient)
    yield LEADCONNECTOR.check("workflow secret", _workflow_secret, patient)
    sentence = "Which events the app or the workflow sends can only be seen in the CRM."
    yield LEADCONNECTOR.skipped("events", sentence, patient.command("leadconnector setup"))


def _outcome_locations(patient: Patient) -> Mapping[str, Wanted]:
    """Location → what routes want to hear of it; nothing is known while the routes are unusable."""
    return outcome_locations(patient.routes) if patient.routes else {}


def _outcomes(patient: Patient, location: str, wanted: Wanted) -> Iterator[Finding]:
    """What the token lacks to read what webhooks leave out. That there is one, and is valid, is the CRM's finding."""
    name, api = f"{location} outcomes", patient.contacts_api(location)
    told = f"Routes want {', '.join(sorted(wanted.names))}"
    if api is None or patient.routes is None:
        sentence = f"{told}. What its token may was not looked at: the Contacts secret has none."
        yield LEADCONNECTOR.skipped(name, sentence, store_command(patient, location))
        return
    lost = rights(patient.routes, location, wanted)
    try:
        has = api.check(*lost)
    except ContactsRefused as refused:
        sentence = f"{told}. What its token may could not be seen: {refused}"
        yield LEADCONNECTOR.skipped(name, sentence, refusal_fix(patient, refused, location))
        return
    for scope in (scope for scope, allowed in has.items() if allowed is False):
        yield LEADCONNECTOR.warning(name, f"The token lacks {scope}: {lost[scope]}.", _add(location, scope))
    if allowed := [scope for scope, it in has.items() if it]:
        yield LEADCONNECTOR.ok(name, f"{told}. The token has {', '.join(allowed)}.")


def _add(location: str, scope: str) -> str:
    return f"Settings → Private Integrations of {location}: add {scope}. The token stays the same."


def _location(patient: Patient, location: str, is_wanted: bool) -> Iterator[Finding | Check]:
    """is_wanted: routes want its outcomes, which is no reason to make it a source."""
    if is_wanted and patient.routes and leads_nowhere(patient.routes, location):
        yield _idle(patient, location)
    else:
        yield from unrouted(LEADCONNECTOR, patient, "leadconnector", location)
    api = patient.contacts_api(location)
    if api is None:
        sentence = f"The Contacts secret has no token for it: {_USES[READ]}."
        yield LEADCONNECTOR.warning(location, sentence, store_command(patient, location))
        return
    yield LEADCONNECTOR.check(location, _rights, patient, api)
    yield from lifetime(LEADCONNECTOR, location, patient.contacts_entry(location), patient)


def _idle(patient: Patient, location: str) -> Finding:
    sentence = (
        "It is listed as a source location, and no route takes its contacts anywhere: they wait, or are ignored. Its "
        "outcomes come without that."
    )
    arn = patient.place.output(SECRET)
    command = f"aws secretsmanager get-secret-value --secret-id {arn} --query SecretString --output text"
    return LEADCONNECTOR.warning(
        f"{location} route", sentence, f"Take it out of locations in the secret, or write a route for it: {command}"
    )


def _rights(patient: Patient, api: ContactsApi) -> Iterator[Finding]:
    try:
        has = api.check(*SOURCE)
    except ContactsRefused as refused:
        yield LEADCONNECTOR.fault(api.location, str(refused), refusal_fix(patient, refused, api.location))
        return
    for scope in (scope for scope, allowed in has.items() if allowed is False):
        found = LEADCONNECTOR.fault if scope == READ else LEADCONNECTOR.warning
        yield found(api.location, f"The token lacks {scope}: {_USES[scope]}.", _add(api.location, scope))
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
