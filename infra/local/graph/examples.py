"""A lead form as Graph shows it, and leads that invented people have left on it."""

from collections.abc import Mapping
from typing import Any

PAGE = "104857600000001"
AD = {
    "ad_id": "120210000000000101",
    "ad_name": "Kitchen video",
    "adset_id": "120210000000000201",
    "adset_name": "Homeowners",
    "campaign_id": "120210000000000301",
    "campaign_name": "Spring campaign",
}
BUDGET = "what_is_your_budget?"
REMARK = "anything_we_should_know?"
QUESTIONS: tuple[Mapping[str, Any], ...] = (
    {"id": "1201", "key": "email", "label": "Email", "type": "EMAIL"},
    {"id": "1202", "key": "full_name", "label": "Full name", "type": "FULL_NAME"},
    {"id": "1203", "key": "phone_number", "label": "Phone number", "type": "PHONE"},
    {"id": "1204", "key": "city", "label": "City", "type": "CITY"},
    {
        "id": "1205",
        "key": BUDGET,
        "label": "What is your budget?",
        "type": "CUSTOM",
        "options": [
            {"key": "k1", "value": "Under $10,000"},
            {"key": "k2", "value": "$10,000 to $25,000"},
            {"key": "k3", "value": "Over $25,000"},
        ],
    },
    {"id": "1206", "key": REMARK, "label": "Anything we should know?", "type": "CUSTOM"},
)
CHECKBOXES: tuple[Mapping[str, Any], ...] = (
    {
        "id": "1301",
        "key": "sms_consent",
        "text": "I agree to get text messages about my request. Message rates may apply.",
        "is_required": False,
        "is_checked_by_default": False,
    },
    {
        "id": "1302",
        "key": "newsletter",
        "text": "Send me the monthly newsletter.",
        "is_required": False,
        "is_checked_by_default": False,
    },
)
# None of them is an area code of the Pinterest sender's people: a CRM would take the same number for the same person.
_AREA_CODES = ("206", "214", "303", "404", "414", "602", "614", "704", "801", "901", "918", "971")


def form_of(page: str) -> str:
    """The id of the example form of a page: ids are one name-space, so each page has its own."""
    return f"9{page}"


def example_form(page: str = PAGE) -> dict[str, Any]:
    """A form to add to the sandbox: four standard questions, two of its own, two consents."""
    return {
        "page": page,
        "id": form_of(page),
        "name": "Kitchen advice",
        "questions": [dict(question) for question in QUESTIONS],
        "legal_content": {
            "id": "1400",
            "privacy_policy": {"url": "https://example.com/privacy", "link_text": "Privacy policy"},
            "custom_disclaimer": {
                "title": "How we keep in touch",
                "body": {"text": "Both are up to you.", "url_entities": []},
                "checkboxes": [dict(checkbox) for checkbox in CHECKBOXES],
            },
        },
    }


def example_lead(number: int = 0) -> dict[str, Any]:
    """What a person left, as Graph's Lead has it, without id, form and time; another person for each number.

    Up to 1,200 of them have an e-mail and a phone of their own. The first consent is given, the second is not.
    """
    area = _AREA_CODES[number // 100 % len(_AREA_CODES)]
    answers: dict[str, list[str]] = {
        "email": [f"zoe+{number}@example.com" if number else "zoe@example.com"],
        "full_name": [f"Zoë Marchetti {number}" if number else "Zoë Marchetti"],
        "phone_number": [f"+1{area}55501{number % 100:02}"],
        "city": ["Portland"],
        BUDGET: ["k2"],
        REMARK: ["Please call after 5 pm"],
    }
    return {
        **AD,
        "field_data": [{"name": name, "values": values} for name, values in answers.items()],
        "custom_disclaimer_responses": [
            {"checkbox_key": "sms_consent", "is_checked": "1"},
            {"checkbox_key": "newsletter", "is_checked": ""},
        ],
        "is_organic": False,
        "platform": "fb",
    }
