"""What each reason of a lead means and what to do about it; README.md has the same tables."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """means, remedy: plain text, each less than a sentence."""

    means: str
    remedy: str


# Codes, separated by blanks; what they mean; what to do.
_ROWS = (
    # Any source.
    (
        "cannot_decrypt",
        "no stored key opens the lead, or no webhook token what waited in the queue",
        "store the subscription's key (Pinterest), or the old webhook token as `previous`",
    ),
    (
        "misconfigured",
        "a secret or routes.toml is unusable, or a location has no token, or one that may not read",
        "the log line names it and the remedy",
    ),
    (
        "no_route",
        "no route takes the lead",
        "add one and deploy",
    ),
    (
        "filtered_out test_lead not_copied",
        "the route's `only_if`, `tests` or `copies` does not want it",
        "nothing",
    ),
    (
        "erased",
        "its person was erased after it was left (`leadrelay erase`)",
        "nothing; a lead left later is delivered",
    ),
    (
        "contacts_api_unauthorized",
        "the CRM refuses the token",
        "store a new one (step 3 of Deploy)",
    ),
    (
        "contacts_api_unauthorized_scope",
        "the token lacks a scope",
        "add it to the integration",
    ),
    (
        "contacts_api_unauthorized_location",
        "the token is another location's",
        "correct the Contacts secret",
    ),
    (
        "contacts_api_unauthorized_token_class",
        "the token is an agency's",
        "store a location's, or use a `company_id` entry",
    ),
    (
        "contacts_api_unauthorized_version",
        "the CRM no longer takes our `Version` header",
        "update LeadRelay",
    ),
    (
        (
            "contacts_api_5xx contacts_api_timeout contacts_api_unreachable contacts_api_unexpected "
            "contacts_api_too_large"
        ),
        "the CRM is down, or answers nonsense",
        "nothing; it is tried again",
    ),
    (
        "location_paused",
        "the location has just failed and is left alone for a while",
        "nothing; waiting uses up no attempt",
    ),
    (
        "rate_limited daily_limit",
        "the CRM's rate limit",
        "nothing; waiting uses up no attempt",
    ),
    (
        "rejected_by_contacts_api contact_exists",
        "the CRM refuses the data, also without the fields it named",
        "the log line names the fields; redrive after the cause is gone",
    ),
    (
        "contacts_api_not_found",
        "the contact is gone: deleted or merged during delivery",
        "redrive",
    ),
    (
        "contacts_api_unknown_operation",
        "the CRM does not know the call",
        "look at `ContactsApiUrl`; update LeadRelay",
    ),
    (
        "no_usable_answer unreadable_answers unreadable_content",
        "nothing in the lead fits a contact, or it is no JSON object",
        "look at the form",
    ),
    (
        "unreadable_message unknown_source unknown_event",
        "the queue holds something that this version did not write",
        "look who sent it; redrive after an update",
    ),
    (
        "claimed_elsewhere out_of_time",
        "another process has it or its counterpart, or it had to wait its turn",
        "nothing",
    ),
    (
        "ledger_unavailable",
        "DynamoDB did not answer",
        "nothing; it is tried again",
    ),
    (
        "replayed",
        "the ciphertext had come before under another lead id",
        "nothing; look who knows your address",
    ),
    (
        "unexpected_error",
        "a bug; the log line names the place",
        "report it",
    ),
    # Facebook.
    (
        "graph_token_refused graph_token_missing",
        "the page's token is dead, or there is none",
        "store one; the page's leads wait for it and use up no attempt",
    ),
    (
        "graph_permission_missing",
        "the token lacks a permission",
        "look at steps 1 and 2 of Facebook; they wait as well",
    ),
    (
        "graph_proof_refused",
        "`app_secret` is not that of the token's app",
        "correct the Facebook secret; they wait as well",
    ),
    (
        "graph_throttled",
        "the page's quota is used up, or nearly",
        "nothing; waiting uses up no attempt",
    ),
    (
        "lead_not_visible_check_leads_access_manager",
        "there is no such lead, or the app may not see it; given up after eight attempts",
        "assign the app in *Leads Access Manager* under CRMs, then redrive",
    ),
    (
        "lead_expired_at_facebook",
        "it has waited for a token for 90 days, and Facebook keeps leads no longer",
        "nothing helps",
    ),
    (
        "graph_5xx graph_timeout graph_unreachable graph_unexpected graph_too_large",
        "Facebook is down, or answers nonsense",
        "nothing; it is tried again",
    ),
    (
        "graph_rejected",
        "Facebook does not take the question",
        "look at `GraphApiUrl`; update LeadRelay",
    ),
    (
        "unreadable_notice",
        "the webhook names no page or no lead",
        "look who sent it",
    ),
    # LeadConnector.
    (
        "echo nothing_new",
        "LeadRelay wrote it itself, or the contact has all of it already",
        "nothing",
    ),
    (
        "deleted_at_source never_copied nothing_to_copy",
        "it is gone, was never copied, or is empty",
        "nothing",
    ),
    (
        "record_not_there_yet",
        (
            "a note or task that was just told of cannot be read yet; it is waited for, five minutes, or half an "
            "hour where it has to be searched for"
        ),
        "nothing",
    ),
    (
        "contact_not_delivered_yet",
        "a note or task waits for its contact, which only its own delivery knows",
        "nothing, unless the contact is undeliverable",
    ),
    (
        "contact_unknown",
        "nothing says whose note or task it is",
        "nothing helps; copy it by hand",
    ),
)
_KNOWN = {code: Meaning(means, remedy) for codes, means, remedy in _ROWS for code in codes.split()}
_UNKNOWN = Meaning("a reason that this version does not know", "look at the log: `leadrelay leads show LEAD_ID --logs`")
_NOTHING = Meaning("", "")


def known() -> dict[str, Meaning]:
    """Every reason with its meaning."""
    return dict(_KNOWN)


def meaning_of(reason: str, *, is_dead: bool = False) -> Meaning:
    """What a reason means; two empty texts for no reason. is_dead: the lead is not tried again by itself any more."""
    meaning = _KNOWN.get(reason, _UNKNOWN) if reason else _NOTHING
    if is_dead and meaning.remedy.startswith("nothing") and not meaning.remedy.startswith("nothing helps"):
        return Meaning(meaning.means, "redrive it once that is over")
    return meaning
