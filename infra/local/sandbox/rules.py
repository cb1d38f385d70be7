"""What the Contacts API (Version 2021-07-28) accepts in each body, and its complaints about the rest."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

# https://github.com/GoHighLevel/highlevel-api-docs, docs/country list/Country.md: 247 codes, without BL, BQ,
# CW and SS, but with AN and XK.
_COUNTRY_CODES = """
AF AX AL DZ AS AD AO AI AQ AG AR AM AW AU AT AZ BS BH BD BB BY BE BZ BJ BM BT BO BA BW BV BR IO BN BG BF
BI KH CM CA CV KY CF TD CL CN CX CC CO KM CG CD CK CR CI HR CU CY CZ DK DJ DM DO EC EG SV GQ ER EE ET FK
FO FJ FI FR GF PF TF GA GM GE DE GH GI GR GL GD GP GU GT GG GN GW GY HT HM VA HN HK HU IS IN ID IR IQ IE
IM IL IT JM JP JE JO KZ KE KI KP KR XK KW KG LA LV LB LS LR LY LI LT LU MO MK MG MW MY MV ML MT MH MQ MR
MU YT MX FM MD MC MN ME MS MA MZ MM NA NR NP NL AN NC NZ NI NE NG NU NF MP NO OM PK PW PS PA PG PY PE PH
PN PL PT PR QA RE RO RU RW SH KN LC MF PM VC WS SM ST SA SN RS SC SL SG SX SK SI SB SO ZA GS ES LK SD SR
SJ SZ SE CH SY TW TJ TZ TH TL TG TK TO TT TN TR TM TC TV UG GB UA AE US UM UY UZ VU VE VN VG VI WF EH YE
ZM ZW
"""
COUNTRIES = frozenset(_COUNTRY_CODES.split())

DND_CHANNELS = frozenset({"Call", "Email", "SMS", "WhatsApp", "GMB", "FB"})
DND_STATES = frozenset({"active", "inactive", "permanent"})
INBOUND_DND_STATES = frozenset({"active", "inactive"})
CUSTOM_FIELD_KEYS = frozenset({"id", "key", "field_value"})

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_YEAR_FIRST = re.compile(r"(\d{4})([-/._])(\d{2})\2(\d{2})")
_MONTH_FIRST = re.compile(r"(\d{2})([-/._])(\d{2})\2(\d{4})")


@dataclass(frozen=True)
class Field:
    """One property of a body: which values it takes, and whether it may be null or missing."""

    kind: str = "text"
    nullable: bool = False
    required: bool = False


_TEXT = Field()
_NULLABLE = Field(nullable=True)

_CONTACT: dict[str, Field] = {
    **dict.fromkeys(("firstName", "lastName", "name", "phone", "address1", "city", "state", "website"), _NULLABLE),
    "email": Field("email", nullable=True),
    "timezone": _NULLABLE,
    "postalCode": _TEXT,
    "country": Field("country"),
    "dateOfBirth": Field("birth date", nullable=True),
    "source": _TEXT,
    "assignedTo": _TEXT,
    "tags": Field("texts"),
    "dnd": Field("flag"),
    "dndSettings": Field("dnd"),
    "inboundDndSettings": Field("inbound dnd"),
    "customFields": Field("custom fields"),
}
_CREATE: dict[str, Field] = {
    **_CONTACT,
    "locationId": Field(required=True),
    "gender": _TEXT,
    "companyName": _NULLABLE,
}
_NOTE: dict[str, Field] = {
    **dict.fromkeys(("body", "userId", "title", "color"), _TEXT),
    "pinned": Field("flag"),
}
_TASK: dict[str, Field] = {
    **dict.fromkeys(("title", "body", "assignedTo"), _TEXT),
    "dueDate": Field("moment"),
    "completed": Field("flag"),
}

BODIES: Mapping[str, Mapping[str, Field]] = {
    "create contact": _CREATE,
    "upsert contact": {**_CREATE, "createNewIfDuplicateAllowed": Field("flag")},
    "update contact": {**_CONTACT, "source": _NULLABLE, "assignedTo": _NULLABLE},
    "tags": {"tags": Field("texts", required=True)},
    "create note": {**_NOTE, "body": Field(required=True)},
    "update note": _NOTE,
    "create task": {
        **_TASK,
        "title": Field(required=True),
        "dueDate": Field("moment", required=True),
        "completed": Field("flag", required=True),
    },
    "update task": _TASK,
    "complete task": {"completed": Field("flag", required=True)},
    "search tasks": {
        **dict.fromkeys(("contactId", "assignedTo"), Field("texts")),
        **dict.fromkeys(("query", "businessId"), _TEXT),
        **dict.fromkeys(("limit", "skip"), Field("number")),
        "completed": Field("flag"),
    },
}


def complaints(body: Any, kind: str) -> list[str]:
    """Everything the API would hold against `body` as a body of that kind; empty when it would take it."""
    if not isinstance(body, dict):
        return ["body must be an object"]
    fields = BODIES[kind]
    found = [f"property {name} should not exist" for name in body if name not in fields]
    for name, field in fields.items():
        if name not in body:
            if field.required:
                found.append(f"{name} should not be empty")
        elif body[name] is not None or not field.nullable:
            found += _COMPLAINTS[field.kind](name, body[name])
            if field.required and body[name] == "":
                found.append(f"{name} should not be empty")
    return found


def birth_date(text: str) -> date | None:
    """The date meant by one of the documented spellings (year first or month first); None for any other."""
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = match[1], match[3], match[4]
    elif match := _MONTH_FIRST.fullmatch(text):
        month, day, year = match[1], match[3], match[4]
    else:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _text(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, str) else [f"{name} must be a string"]


def _number(name: str, value: Any) -> list[str]:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return [] if good else [f"{name} must be a number conforming to the specified constraints"]


def _flag(name: str, value: Any) -> list[str]:
    return [] if isinstance(value, bool) else [f"{name} must be a boolean value"]


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        return [f"{name} must be an array"]
    return [] if all(isinstance(v, str) for v in value) else [f"each value in {name} must be a string"]


def _email(name: str, value: Any) -> list[str]:
    # An empty text blanks the field, as null does.
    return _text(name, value) or ([] if not value or _EMAIL.fullmatch(value) else [f"{name} must be an email"])


def _country(name: str, value: Any) -> list[str]:
    return _text(name, value) or ([] if value in COUNTRIES else [f"{name} must be a valid enum value"])


def _birth_date(name: str, value: Any) -> list[str]:
    good = isinstance(value, str) and (value == "" or birth_date(value))
    return [] if good else [f"{name} must be a valid date"]


def _moment(name: str, value: Any) -> list[str]:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return [f"{name} must be a valid ISO 8601 date string"]
    return []


def _settings(name: str, value: Any, channels: frozenset[str], keys: set[str], states: frozenset[str]) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name} must be an object"]
    found = [f"{name}.property {channel} should not exist" for channel in value if channel not in channels]
    for channel in sorted(channels & value.keys()):
        setting = value[channel]
        if not isinstance(setting, dict):
            found.append(f"{name}.{channel} must be an object")
            continue
        found += [f"{name}.{channel}.property {key} should not exist" for key in setting if key not in keys]
        if not isinstance(setting.get("status"), str) or setting["status"] not in states:
            found.append(f"{name}.{channel}.status must be one of: {', '.join(sorted(states))}")
    return found


def _dnd(name: str, value: Any) -> list[str]:
    return _settings(name, value, DND_CHANNELS, {"status", "message", "code"}, DND_STATES)


def _inbound_dnd(name: str, value: Any) -> list[str]:
    return _settings(name, value, frozenset({"all"}), {"status", "message"}, INBOUND_DND_STATES)


def _custom_fields(name: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        return [f"{name} must be an array"]
    found: list[str] = []
    for at, item in enumerate(value):
        where = f"{name}.{at}"
        if not isinstance(item, dict):
            found.append(f"{where} must be an object")
            continue
        found += [f"{where}.property {key} should not exist" for key in item if key not in CUSTOM_FIELD_KEYS]
        # One text of the spec says "id or key", its schemas require id: either will do.
        if not any(isinstance(item.get(key), str) and item[key] for key in ("id", "key")):
            found.append(f"{where}.id should not be empty")
        given = item.get("field_value")
        if given is None or isinstance(given, bool):
            found.append(f"{where}.field_value must be a string, a number, an object or an array of strings")
        elif isinstance(given, list):
            found += _texts(f"{where}.field_value", given)
    return found


_COMPLAINTS: Mapping[str, Callable[[str, Any], list[str]]] = {
    "text": _text,
    "number": _number,
    "flag": _flag,
    "texts": _texts,
    "email": _email,
    "country": _country,
    "birth date": _birth_date,
    "moment": _moment,
    "dnd": _dnd,
    "inbound dnd": _inbound_dnd,
    "custom fields": _custom_fields,
}
