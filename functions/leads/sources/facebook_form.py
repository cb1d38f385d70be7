"""A form's questions and disclaimers, and what a person answered and agreed to in their terms.

Sources: the fields of LeadgenForm and Lead in Meta's Graph reference; `questions[].type` as the API lists them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from leads.core.lead import Consent
from leads.core.national_ids import is_national_id

# Question types that are a contact field, under the key that the default mapping knows them by.
_STANDARD: Mapping[str, str] = {
    "EMAIL": "EMAIL",
    "PHONE": "PHONE_NUMBER",
    "PHONE_OTP": "PHONE_NUMBER",
    "FULL_NAME": "FULL_NAME",
    "FIRST_NAME": "FIRST_NAME",
    "LAST_NAME": "LAST_NAME",
    "STREET_ADDRESS": "ADDRESS",
    "CITY": "CITY",
    "STATE": "STATE_PROVINCE",
    "PROVINCE": "STATE_PROVINCE",
    "POST_CODE": "ZIP_CODE",
    "ZIP": "ZIP_CODE",
    "COUNTRY": "COUNTRY",
    "DOB": "DATE_OF_BIRTH",
    "GENDER": "GENDER",
    "COMPANY_NAME": "COMPANY_NAME",
    "WEBSITE": "WEBSITE",
    "WORK_EMAIL": "WORK_EMAIL",
    "WORK_PHONE_NUMBER": "WORK_PHONE_NUMBER",
    "WHATSAPP_NUMBER": "WHATSAPP_NUMBER",
    "USER_PROVIDED_PHONE_NUMBER": "USER_PROVIDED_PHONE_NUMBER",
}
# Question types that are no contact field; the note shows them under their type.
_OTHER = frozenset(
    (
        "ADDRESS_LINE_TWO",
        "EDUCATION_LEVEL",
        "EMAIL_ALIAS",
        "FACEBOOK_LEAD_ID",
        "JOB_TITLE",
        "JOIN_CODE",
        "LICENSE_PLATE",
        "MARITIAL_STATUS",
        "MESSENGER",
        "MILITARY_STATUS",
        "RELATIONSHIP_STATUS",
        "THREAD_LINK",
        "VIN",
    )
)
# An answer to a standard question is named like the question's type, but for these. The name is only looked at when
# the form's questions are not known.
_TYPE_BY_NAME: Mapping[str, str] = {
    "phone_number": "PHONE",
    "zip_code": "ZIP",
    "postal_code": "ZIP",
    "date_of_birth": "DOB",
    "marital_status": "MARITIAL_STATUS",
    "cpf": "ID_CPF",
}
_MONTH_DAY_YEAR = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_GIVEN = ("1", "true")


class Question(msgspec.Struct, frozen=True):
    """One question of a form. options: an option's key → its label, as the person saw it."""

    type: str
    label: str
    options: dict[str, str] = {}


class Form(msgspec.Struct, frozen=True):
    """What is known of a form; nothing, when it could not be read.

    questions: an answer's name → its question. disclaimers: a checkbox's key → the text beside it.
    """

    name: str = ""
    questions: dict[str, Question] = {}
    disclaimers: dict[str, str] = {}

    def knows(self, names: Collection[str]) -> bool:
        """Whether everything that goes by these names in a lead is a question or a disclaimer of this form."""
        return all(name in self.questions or name in self.disclaimers for name in names)


def form_of(body: Mapping[str, Any]) -> Form:
    """The form in Graph's answer; what does not look as it should is left out."""
    questions: dict[str, Question] = {}
    asked = list(_objects(body.get("questions")))
    # An answer goes by its question's key; some by its id, or by the whole question.
    for name in ("key", "id", "label"):
        for each in asked:
            if key := _text(each.get(name)):
                questions.setdefault(key, _question(each))
    legal = body.get("legal_content")
    disclaimer = legal.get("custom_disclaimer") if isinstance(legal, dict) else None
    boxes = disclaimer.get("checkboxes") if isinstance(disclaimer, dict) else None
    # An edge of its own in some versions, a plain list in others.
    boxes = boxes.get("data") if isinstance(boxes, dict) else boxes
    disclaimers: dict[str, str] = {}
    for name in ("key", "id"):
        for box in _objects(boxes):
            if key := _text(box.get(name)):
                disclaimers.setdefault(key, _text(box.get("text")) or key)
    return Form(_text(body.get("name")), questions, disclaimers)


def names_in(record: Mapping[str, Any]) -> frozenset[str]:
    """The names of the answers and disclaimers in a lead."""
    answered = (_text(item.get("name")) for item in _objects(record.get("field_data")))
    ticked = (_text(item.get("checkbox_key")) for item in _objects(record.get("custom_disclaimer_responses")))
    return frozenset(name for names in (answered, ticked) for name in names if name)


def answers_of(record: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Question key → text, or a list of texts where the person chose several; in the order in which they came.

    What was left empty is not there. Two questions that come out under one key both stay: the second is numbered,
    and a standard question comes before one that somebody only named like it.
    """
    given: list[tuple[str, bool, list[str]]] = []
    for item in _objects(record.get("field_data")):
        name = _text(item.get("name"))
        question = form.questions.get(name)
        key, is_standard = _key(name, question)
        if values := [_value(text, key, question) for text in _texts(item.get("values"))]:
            given.append((key, is_standard, values))
    keys: dict[int, str] = {}
    for index, (key, _, _) in sorted(enumerate(given), key=lambda pair: not pair[1][1]):
        keys[index] = _unused(key, keys.values())
    return {keys[index]: values if len(values) > 1 else values[0] for index, (_, _, values) in enumerate(given)}


def consents_of(record: Mapping[str, Any], form: Form, *, at: float | None) -> tuple[Consent, ...]:
    """Every disclaimer that the person was shown, ticked or not.

    is_checked is "1" or "" (Meta's guide to retrieving leads). at: when the lead was left, seconds since the epoch.
    """
    return tuple(
        Consent(
            key=key, text=form.disclaimers.get(key, key), given=str(item.get("is_checked")).casefold() in _GIVEN, at=at
        )
        for item in _objects(record.get("custom_disclaimer_responses"))
        if (key := _text(item.get("checkbox_key")))
    )


def _question(each: Mapping[str, Any]) -> Question:
    options = {
        key: label
        for option in _objects(each.get("options"))
        if (key := _text(option.get("key"))) and (label := _text(option.get("value")) or _text(option.get("label")))
    }
    return Question(_text(each.get("type")).upper(), _text(each.get("label")), options)


def _key(name: str, question: Question | None) -> tuple[str, bool]:
    """The key of an answer, and whether its question is a standard one."""
    kind = (question.type if question else "") or _TYPE_BY_NAME.get(name, name.upper())
    if kind in _STANDARD:
        return _STANDARD[kind], True
    if kind in _OTHER or is_national_id(kind):
        return kind, True
    return (question.label if question else "") or name or "unnamed question", False


def _value(text: str, key: str, question: Question | None) -> str:
    label = question.options.get(text.strip(), text) if question else text
    return _iso_date(label) if key == "DATE_OF_BIRTH" else label


def _iso_date(text: str) -> str:
    """Facebook writes a date of birth as MM/DD/YYYY, which others read the other way round."""
    if matched := _MONTH_DAY_YEAR.fullmatch(text.strip()):
        month, day, year = (int(part) for part in matched.groups())
        try:
            return dt.date(year, month, day).isoformat()
        except ValueError:
            pass
    return text


def _unused(key: str, taken: Collection[str]) -> str:
    own, number = key, 2
    while own in taken:
        own, number = f"{key} ({number})", number + 1
    return own


def _texts(values: Any) -> list[str]:
    """An answer's values as text, without empty ones."""
    items = values if isinstance(values, list) else [values]
    texts = (item if isinstance(item, str) else _text(item) for item in items)
    return [text for text in texts if text.strip()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if type(value) in (int, float) else ""


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
