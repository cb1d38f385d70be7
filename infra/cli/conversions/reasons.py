"""What each reason of a conversion event means, and what to do about it; docs/conversions.md has the same table."""

from infra.cli.story import reasons as leads_reasons
from infra.cli.story.reasons import Meaning

_TOKEN = "`leadrelay conversions token --account ID` stores another; what is dead by then, redrive"
_AGAIN = "nothing; it is tried again"
# Codes, separated by blanks; what they mean; what to do.
_ROWS = (
    (
        "no_identifier",
        "the lead has no e-mail address; another system's event has nothing to match by",
        "ask for the address in the form",
    ),
    (
        "too_old",
        "it happened more than `ConversionDays` ago",
        "raise the parameter and send it again, if Pinterest takes it",
    ),
    ("test_lead", "it is a test lead's", "nothing; `test_conversions` in routes.toml has them sent as tests"),
    ("erased", "the lead's person was erased", "nothing"),
    ("not_a_lead", "the contact did not come of a Pinterest lead", "nothing"),
    ("older_than_lead", "it happened before the person left the lead", "nothing"),
    ("nothing_new", "nothing holds of the contact that did not before", "nothing"),
    (
        "no_route",
        "the lead's route is gone, or has no conversions any more",
        "nothing, or bring it back under its name",
    ),
    ("conversion_token_missing", "no token for the ad account", _TOKEN),
    ("conversion_token_refused", "Pinterest does not know the token", _TOKEN),
    (
        "conversion_not_permitted",
        "the token's user has no role there, or the ad account does not exist",
        "give the role in Ads Manager (Owner, Admin, Analyst, Audience or Campaign), or correct the id",
    ),
    ("pinterest_throttled", "Pinterest asked to wait", "nothing; no earlier than it said"),
    (
        "pinterest_5xx pinterest_api_timeout pinterest_api_unreachable pinterest_api_too_large pinterest_unexpected",
        "Pinterest is down, or answers nonsense",
        _AGAIN,
    ),
    (
        "event_refused",
        "Pinterest refuses this event; the detail names the fields",
        "define the event name in Ads Manager, correct the sender, redrive",
    ),
    (
        "event_refused_in_part",
        "a call was refused without a word for which event, and none was found in time",
        _AGAIN,
    ),
    (
        "sent_in_doubt",
        "it was told twice, and nobody knows whether Pinterest has it",
        "look in Ads Manager; redrive it if it is not there",
    ),
    ("not_recorded", "it was told, and the ledger did not answer", "nothing"),
    ("claimed_elsewhere", "another function is telling it", _AGAIN),
    (
        "unreadable_message unknown_field not_hashed bad_account no_account bad_time bad_value",
        "another system's message is wrong; the detail names the member and the remedy",
        "correct the sender, and let it send again",
    ),
    ("conversions_queue_unavailable", "SQS did not take the event of a delivery", "nothing; the lead is tried again"),
)
_KNOWN = {code: Meaning(means, remedy) for codes, means, remedy in _ROWS for code in codes.split()}
_UNKNOWN = Meaning("a reason that this version does not know", "look at the log of the conversions function")
_NOTHING = Meaning("", "")
# Of a dead letter whose event the ledger does not know.
UNKNOWN = "unknown"


def meaning_of(reason: str, *, is_dead: bool = False) -> Meaning:
    """What a reason means; two empty texts for no reason. is_dead: nobody tries it again by itself."""
    if reason in ("", UNKNOWN):
        return _NOTHING
    # What the CRM, the ledger or a function may fail with has the same meaning for leads.
    meaning = _KNOWN.get(reason) or leads_reasons.known().get(reason, _UNKNOWN)
    if is_dead and meaning.remedy in (_AGAIN, "nothing"):
        return Meaning(meaning.means, "redrive it once that is over")
    return meaning


def known() -> dict[str, Meaning]:
    """Every reason with its meaning."""
    return dict(_KNOWN)
