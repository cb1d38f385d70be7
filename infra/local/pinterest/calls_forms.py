"""Lead forms, and the test lead that each can send."""

from typing import Any

from infra.local.pinterest.accounts import Account, is_id
from infra.local.pinterest.ads import Ad
from infra.local.pinterest.asked import PAGED, Asked
from infra.local.pinterest.forms import Form
from infra.local.pinterest.posting import TEST_LEAD_ID, post
from infra.local.pinterest.refusals import Refused
from infra.local.sandbox.web import Answer

_MOST_CREATED = 30
# Schema LeadFormCreateRequest. It allows other properties as well; a call that sends one has misspelt one of these.
_REQUIRED = ("name", "questions", "privacy_policy_link", "has_accepted_terms", "completion_message")
_OPTIONAL = ("disclosure_language", "policy_links", "status")
# As a real answer had it; the schema calls the number `code`.
_NOT_IN_BETA = {"message": "Advertiser not in beta", "error_code": 3078}
_INVALID = "Invalid ad account lead forms parameters."


def forms(asked: Asked, number: str) -> Answer:
    """lead_forms/list."""
    account = asked.account(number)
    asked.only("order", *PAGED)
    return asked.page([form.shown() for form in asked.api.forms.forms.values() if form.account == account.id])


def form(asked: Asked, number: str, form_id: str) -> Answer:
    """lead_form/get."""
    return Answer(200, _form(asked, asked.account(number), form_id, "Lead form is not found.").shown())


def create(asked: Asked, number: str) -> Answer:
    """lead_forms/create: one call, and in its 200 an answer for each form."""
    account = asked.account(number)
    body = asked.json()
    if not isinstance(body, list) or not 1 <= len(body) <= _MOST_CREATED:
        raise Refused(400, 1, f"{_INVALID} The body is a list of 1 to {_MOST_CREATED} forms.")
    made = [_created(asked, account, one) for one in body]
    return Answer(200, {"items": [_item(asked, account, one) for one in made]})


def send_test(asked: Asked, number: str, form_id: str) -> Answer:
    """lead_form_test/create: the answers, in the questions' order, take the road of a real lead."""
    account = asked.account(number)
    found = _form(asked, account, form_id, "Lead not found.")
    body = asked.json()
    answers = body.get("answers") if isinstance(body, dict) and set(body) == {"answers"} else None
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise Refused(400, 1, "Invalid parameters. The body is {answers: [texts]}.")
    if len(answers) != len(found.questions):
        raise Refused(400, 1, f"Invalid parameters. The form has {len(found.questions)} questions.")
    ad = _ad(asked, found)
    wanting = asked.api.subscriptions.wanting(account.id, found.id)
    if ad is None or not wanting:
        missing = "an active ad" if ad is None else "a subscription"
        raise Refused(400, 1, f"Invalid parameters. The form needs {missing}.")
    given = dict(zip(found.keys, answers, strict=True))
    post(asked.api.deliveries, wanting, ad, given, lead_id=TEST_LEAD_ID, created_at=asked.api.ads.clock())
    return Answer(200, {"subscription_id": wanting[0].id})


def _form(asked: Asked, account: Account, form_id: str, otherwise: str) -> Form:
    if not is_id(form_id):
        raise Refused(400, 1, _INVALID)
    found = asked.api.forms.forms.get((account.id, form_id))
    if found is None:
        raise Refused(404, 4842, otherwise)
    return found


def _ad(asked: Asked, found: Form) -> Ad | None:
    ads = asked.api.ads.ads.values()
    collecting = (ad for ad in ads if (ad.account, ad.lead_form_id) == (found.account, found.id))
    return next((ad for ad in collecting if ad.status == "ACTIVE"), None)


def _created(asked: Asked, account: Account, body: Any) -> Form:
    """One form of the list; 400 for the whole call when it cannot be one."""
    if not isinstance(body, dict) or set(body) - {*_REQUIRED, *_OPTIONAL} or set(_REQUIRED) - set(body):
        raise Refused(400, 1, f"{_INVALID} A form takes {', '.join((*_REQUIRED, *_OPTIONAL))}.")
    try:
        return asked.api.forms.made({"status": "DRAFT", **body, "account": account.id})
    except ValueError as error:
        raise Refused(400, 1, f"{_INVALID} {error}") from None


def _item(asked: Asked, account: Account, made: Form) -> dict[str, Any]:
    if not account.in_beta:
        return {"exceptions": [dict(_NOT_IN_BETA)]}
    return {"data": asked.api.forms.keep(made).shown(), "exceptions": []}
