"""What a call of conversion events may hold, member by member: schema ConversionEvents of the Ads API, as a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MOST_EVENTS = 1000
_INT64 = 2**63 - 1


@dataclass(frozen=True)
class Rule:
    """What a value must be. most, least: of a text's or a list's length, or of a number; each: of a list's members.

    members, required: of an object, which takes no other names.
    """

    kind: type
    nullable: bool = False
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    each: "Rule | None" = None
    members: Mapping[str, "Rule"] = field(default_factory=dict)
    required: tuple[str, ...] = ()


_CALLED = {str: "text", int: "whole number", bool: "true or false", list: "list", dict: "object"}
_TEXT, _FLAG, _LARGE = Rule(str), Rule(bool), Rule(int, least=-_INT64 - 1, most=_INT64)
_MAYBE = Rule(str, nullable=True)
_TEXTS = Rule(list, each=_TEXT)


def _texts(longest: int, *names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, Rule(str, most=longest))


def _numbers(most: int | None, *names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, Rule(int, least=0, most=most))


_CONTENT = Rule(
    dict,
    members={
        **dict.fromkeys(("id", "item_brand", "item_category", "item_name", "item_price"), _TEXT),
        "quantity": _LARGE,
    },
)
CUSTOM_DATA = Rule(
    dict,
    members={
        **dict.fromkeys(
            (
                *("content_brand", "content_category", "content_name", "currency", "external_measurement_id", "np"),
                *("opt_out_type", "order_id", "predicted_ltv", "search_string", "value"),
            ),
            _MAYBE,
        ),
        "content_ids": _TEXTS,
        "contents": Rule(list, each=_CONTENT),
        "external_measurement_vendor_id": Rule(int, nullable=True),
        "num_items": _LARGE,
    },
)
# Lists of SHA-256 digests in hexadecimal.
HASHED = ("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "external_id", "hashed_maids")
# The schema allows other names here; Pinterest's page says of no field that it is passed over, and a misspelt one
# would match nobody.
USER_DATA = Rule(
    dict,
    members={
        **dict.fromkeys(HASHED, _TEXTS),
        **dict.fromkeys(("client_ip_address", "client_user_agent"), _TEXT),
        **dict.fromkeys(("click_id", "partner_id"), _MAYBE),
    },
)
# Schema ConversionEventAppInfo.
APP_INFO = Rule(
    dict,
    members={
        **_texts(200, "app_id", "app_name", "app_package_name"),
        **_texts(100, "app_store", "app_version"),
        **_texts(16_384, "user_agent"),
        **_numbers(None, "install_time"),
        **_numbers(30_720, "window_height", "window_width"),
    },
)
# Schema ConversionEventDeviceInfo.
DEVICE_INFO = Rule(
    dict,
    members={
        **_texts(
            100, "brand", "carrier", "kernel_version", "model", "os_name", "os_release_name", "os_version", "type"
        ),
        **_texts(35, "locale"),
        **_texts(40, "timezone"),
        **_texts(5, "timezone_abbr"),
        **_numbers(100, "battery_level"),
        **_numbers(1152, "cpu_cores"),
        **_numbers(
            1_048_576,
            *("external_storage_free_space", "external_storage_size", "storage_free_space", "storage_size"),
        ),
        **_numbers(100_000, "screen_density"),
        **_numbers(30_720, "screen_height", "screen_width"),
        "form_factor": Rule(
            str,
            choices=("desktop", "laptop", "cellphone", "tablet", "smartwatch", "tv", "vr", "console", "other"),
        ),
        "languages": replace(_TEXTS, least=0, most=100),
        "network_type": Rule(
            str,
            choices=(
                *("wifi", "cellular_2g", "cellular_3g", "cellular_4g", "cellular_5g", "cellular_6g", "ethernet"),
                "unknown",
            ),
        ),
        "os_family": Rule(str, choices=("ios", "android", "macos", "windows", "linux", "bsd", "other")),
    },
)
EVENT = Rule(
    dict,
    members={
        **dict.fromkeys(("action_source", "event_id", "event_name"), _TEXT),
        **dict.fromkeys(
            (
                *("app_id", "app_name", "app_version", "device_brand", "device_carrier", "device_model", "device_type"),
                *("event_source_url", "language", "os_version", "partner_name"),
            ),
            _MAYBE,
        ),
        **dict.fromkeys(("opt_out", "wifi"), _FLAG),
        "event_time": _LARGE,
        "app_info": APP_INFO,
        "custom_data": CUSTOM_DATA,
        "device_info": DEVICE_INFO,
        "user_data": USER_DATA,
    },
    required=("event_name", "action_source", "event_time", "user_data", "event_id"),
)
BODY = Rule(dict, members={"data": Rule(list, least=1, most=MOST_EVENTS, each=EVENT)}, required=("data",))


def fault_of(value: Any, rule: Rule = BODY, where: str = "") -> str:
    """What is wrong with it, as a sentence that names members and no values; "" when nothing is.

    where: the value's place in the body, "" for the body itself.
    """
    if value is None and rule.nullable:
        return ""
    named = where or "The body"
    # In Python, though not in JSON, true is a number.
    fits = isinstance(value, rule.kind) and not (rule.kind is int and isinstance(value, bool))
    if not fits:
        return f"{named} is no {_CALLED[rule.kind]}."
    if rule.choices and value not in rule.choices:
        return f"{named} is not one of {', '.join(rule.choices)}."
    if rule.least is not None or rule.most is not None:
        size: int = value if rule.kind is int else len(value)
        if (rule.least is not None and size < rule.least) or (rule.most is not None and size > rule.most):
            return f"{named} is too small or too large."
    if rule.kind is dict:
        return _members_fault(value, rule, where)
    if rule.each:
        each = rule.each
        return next((fault for at, one in enumerate(value) if (fault := fault_of(one, each, f"{where}[{at}]"))), "")
    return ""


def _members_fault(value: dict[str, Any], rule: Rule, where: str) -> str:
    named, stem = where or "The body", where and where + "."
    for name in rule.required:
        if name not in value:
            return f"{named} has no {name}."
    for name, one in value.items():
        if name not in rule.members:
            return f"{named} has a member {name!r}, which is not declared."
        if fault := fault_of(one, rule.members[name], stem + name):
            return fault
    return ""
