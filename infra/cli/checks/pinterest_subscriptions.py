"""Pinterest's subscriptions against the stored keys, ad account by ad account."""

from collections.abc import Iterator, Mapping

from infra.cli.checks.finding import Finding, State, Words
from infra.cli.checks.patient import Patient
from infra.cli.pinterest.comparison import LIVE, RETIRED, Line, compare
from infra.cli.pinterest.desk import chosen, desk_of
from infra.cli.vendors.pinterest_refusals import PinterestRefused

PINTEREST = Words("pinterest")

# State of a line (infra/cli/pinterest/comparison.py) → how bad that is, and the command that mends it.
_STATES: Mapping[str, tuple[State, str]] = {
    LIVE: (State.OK, ""),
    "missing key": (State.FAULT, "pinterest subscribe {chosen}"),
    "key differs": (State.FAULT, "pinterest subscribe {chosen}"),
    "marked retired": (State.WARNING, "pinterest subscribe {chosen}"),
    "former address": (State.WARNING, "pinterest rotate {chosen}"),
    "other address": (State.WARNING, "pinterest rotate {chosen}"),
    "unknown to Pinterest": (State.WARNING, "pinterest unsubscribe {id}"),
}
# Its leads come here, whatever else is wrong with it.
_OURS = (LIVE, "missing key", "key differs", "marked retired", "former address")


def subscriptions(patient: Patient, account: str) -> Iterator[Finding]:
    """What Pinterest has for the ad account, and what the keys secret has."""
    name = f"{account} subscriptions"
    patient.client("secretsmanager")
    try:
        lines = compare(desk_of(patient.place), [account], is_all=False)
    except PinterestRefused as refused:
        if patient.place.is_local and refused.status == 404:
            yield PINTEREST.skipped(name, "The Pinterest at this address has no subscriptions to look at.")
        else:
            yield PINTEREST.fault(name, str(refused), patient.command("pinterest subscriptions"))
        return
    lines = [line for line in lines if line.state != RETIRED]
    yield from (_finding(patient, name, line) for line in lines)
    if not any(line.state in _OURS for line in lines):
        elsewhere = next((line for line in lines if line.state == "other address"), None)
        verb = (
            f"rotate {chosen(account, elsewhere.lead_form_id or '')}"
            if elsewhere
            else f"subscribe {chosen(account, '')}"
        )
        fix = patient.command(f"pinterest {verb}")
        if any(map(_is_made_here, lines)):
            yield PINTEREST.skipped(name, "Pinterest itself sends nothing here yet.", fix)
        else:
            yield PINTEREST.fault(name, "Pinterest sends this ad account's leads to no address of ours.", fix)


def _finding(patient: Patient, name: str, line: Line) -> Finding:
    if _is_made_here(line):
        sentence = f"The key of subscription {line.subscription_id} was made on this machine, not by Pinterest."
        return PINTEREST.skipped(name, sentence)
    state, fix = _STATES.get(line.state, (State.WARNING, "pinterest subscriptions"))
    which = f"of form {line.lead_form_id}" if line.lead_form_id else "of the whole ad account"
    command = fix.format(chosen=chosen(line.ad_account_id, line.lead_form_id or ""), id=line.subscription_id)
    sentence = f"Subscription {line.subscription_id} {which}: {line.meaning}."
    return Finding(PINTEREST.system, name, state, sentence, patient.command(command) if command else "")


def _is_made_here(line: Line) -> bool:
    """Pinterest's ids are digits; those of the keys that a local stack starts with are not."""
    return line.state == "unknown to Pinterest" and not line.subscription_id.isdigit()
