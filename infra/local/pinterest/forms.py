"""Lead forms and their questions."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.local.pinterest.accounts import is_id

# Schema LeadFormQuestionType.
QUESTION_TYPES = (
    "CUSTOM", "FULL_NAME", "FIRST_NAME", "LAST_NAME", "EMAIL", "PHONE_NUMBER", "ZIP_CODE", "GENDER", "CITY", "COUNTRY",
    "STATE_PROVINCE", "ADDRESS", "DATE_OF_BIRTH", "AGE",
)  # fmt: skip
# Left the schema with 5.14; forms that are older than that still ask it.
FORMER_TYPES = ("PREFERRED_CONTACT_METHOD",)
FIELD_TYPES = ("TEXT_FIELD", "TEXT_AREA", "RADIO_LIST", "CHECKBOX", None)
STATUSES = ("DRAFT", "ACTIVE")
MOST_QUESTIONS = 10
_MOST_OPTIONS = 5
_MOST_LINKS = 3
_QUESTION_FIELDS = ("question_type", "custom_question_field_type", "custom_question_label", "custom_question_options")

# As many as a form may have. The answers to them are among the Pinterest sender's examples.
EXAMPLE_QUESTIONS = (
    "FULL_NAME", "EMAIL", "PHONE_NUMBER", "ADDRESS", "CITY", "STATE_PROVINCE", "ZIP_CODE", "COUNTRY", "DATE_OF_BIRTH",
    "What is your budget?",
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """A lead form. `questions` are complete (schema LeadFormQuestion), in the order of their creation."""

    account: str
    id: str
    questions: tuple[Mapping[str, Any], ...]
    name: str | None = "Spring kitchen form"
    status: str = "ACTIVE"
    privacy_policy_link: str | None = "https://example.com/privacy"
    has_accepted_terms: bool = True
    completion_message: str | None = "Thank you. We will call you."
    disclosure_language: str | None = None
    policy_links: tuple[Mapping[str, str], ...] = ()
    created_at: float = field(default_factory=time.time)

    @property
    def keys(self) -> list[str]:
        """What each answer is called in a lead: the question's type, or a custom question's label."""
        return [question["custom_question_label"] or question["question_type"] for question in self.questions]

    def shown(self) -> dict[str, Any]:
        """Schema LeadFormResponse; times in seconds."""
        return {
            "id": self.id,
            "ad_account_id": self.account,
            "name": self.name,
            "status": self.status,
            "privacy_policy_link": self.privacy_policy_link,
            "has_accepted_terms": self.has_accepted_terms,
            "completion_message": self.completion_message,
            "disclosure_language": self.disclosure_language,
            "policy_links": [dict(link) for link in self.policy_links],
            "questions": [dict(question) for question in self.questions],
            "created_time": int(self.created_at),
            "updated_time": int(self.created_at),
        }


@dataclass
class Forms:
    """All of them, by account and id. Not thread-safe."""

    forms: dict[tuple[str, str], Form] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(65_300_871_101))

    def made(self, order: Mapping[str, Any], types: Sequence[str] = QUESTION_TYPES) -> Form:
        """A form that is not kept, by the names of Form; its id is made up unless given.

        A question may also be a type, or a custom question's label, alone. ValueError when it makes no sense.
        """
        if unknown := sorted(set(order) - set(_ORDERED)):
            raise ValueError(f"A form has no {unknown[0]!r}; it takes {', '.join(_ORDERED)}.")
        named = {"id": str(next(self._numbers)), "questions": EXAMPLE_QUESTIONS, **order}
        for name, (meaning, holds) in _RULES.items():
            if name in named and not holds(named[name]):
                raise ValueError(f"A form's {name} must be {meaning}.")
        named["policy_links"] = tuple(named.get("policy_links", ()))
        return Form(**{**named, "questions": questions(named["questions"], types)})

    def keep(self, form: Form) -> Form:
        """One with the same id gives way."""
        self.forms[form.account, form.id] = form
        return form

    def add(self, order: Mapping[str, Any]) -> Form:
        """Made and kept; such a form may be older than the present question types."""
        return self.keep(self.made(order, (*QUESTION_TYPES, *FORMER_TYPES)))

    def known(self, account: str, number: str) -> Form:
        """The form, made with the example's questions when nobody has made it."""
        return self.forms.get((account, number)) or self.add({"account": account, "id": number})


def questions(given: Any, types: Sequence[str] = QUESTION_TYPES) -> tuple[dict[str, Any], ...]:
    """Complete questions; ValueError, in one sentence, for some that no form may have."""
    if not isinstance(given, list | tuple) or len(given) > MOST_QUESTIONS:
        raise ValueError(f"A form's questions are a list of at most {MOST_QUESTIONS}.")
    return tuple(_question(_written_out(one, types) if isinstance(one, str) else one, types) for one in given)


def _written_out(text: str, types: Sequence[str]) -> dict[str, Any]:
    if text in types:
        return {"question_type": text}
    return {"question_type": "CUSTOM", "custom_question_field_type": "TEXT_FIELD", "custom_question_label": text}


def _question(given: Any, types: Sequence[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping) or set(given) - set(_QUESTION_FIELDS):
        raise ValueError("A question takes " + ", ".join(_QUESTION_FIELDS))
    question = {**dict.fromkeys(_QUESTION_FIELDS), **given}
    label, options = question["custom_question_label"], question["custom_question_options"]
    if question["question_type"] not in types:
        raise ValueError("A question's question_type is one of " + ", ".join(types))
    if question["custom_question_field_type"] not in FIELD_TYPES:
        raise ValueError("A question's custom_question_field_type is null or one of " + ", ".join(FIELD_TYPES[:-1]))
    if (question["question_type"] == "CUSTOM") != (isinstance(label, str) and bool(label)):
        raise ValueError("A CUSTOM question, and no other, has a custom_question_label.")
    if options is not None and not (_texts(options) and len(options) <= _MOST_OPTIONS):
        raise ValueError(f"A question's custom_question_options are a list of at most {_MOST_OPTIONS} texts.")
    return question


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_links(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) <= _MOST_LINKS
        and all(isinstance(link, dict) and set(link) <= {"label", "link"} for link in value)
        and all(isinstance(text, str) for link in value for text in link.values())
    )


# Schema LeadFormCommon, but for the questions: what each property must be. Its texts may be null.
_RULES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "account": ("a text of digits", is_id),
    "id": ("a text of digits", is_id),
    "status": ("one of " + ", ".join(STATUSES), lambda value: value in STATUSES),
    "has_accepted_terms": ("true or false", lambda value: isinstance(value, bool)),
    "policy_links": (f"at most {_MOST_LINKS} objects of label and link", _are_links),
    **dict.fromkeys(
        ("name", "privacy_policy_link", "completion_message", "disclosure_language"),
        ("a text or null", lambda value: value is None or isinstance(value, str)),
    ),
}
_ORDERED = (*_RULES, "questions")
