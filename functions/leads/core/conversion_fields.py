"""What a conversion message may say: each member's name, where it goes in the event, and what its value may be.

Names, types and limits of what Pinterest takes: the Ads API's OpenAPI file, schemas ConversionEvents,
ConversionEventAppInfo and ConversionEventDeviceInfo. What is not declared there makes it refuse a whole call.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from leads.core.conversion import ACTION_SOURCES
from leads.core.conversion_values import (
    Reader,
    account,
    at_most,
    currency,
    decimal,
    event_name,
    flag,
    hashes,
    integer,
    lead_key,
    moment,
    one_of,
    outcome,
    record,
    records,
    text,
    text_as_given,
    texts,
    up_to,
)
from leads.core.user_data import NAMES

# Where a member goes: what is ours, the person in clear and hashed, and the event's three parts.
OWN, RAW, HASHED, PERSON, CUSTOM, MORE = "own", "raw", "hashed", "person", "custom", "more"
PLACES = (OWN, RAW, HASHED, PERSON, CUSTOM, MORE)

_LONGEST_ID = 200
_PIXELS, _STORAGE = 30720, 1048576


class Member(msgspec.Struct, frozen=True):
    """place: one of PLACES. key: its name there. read: what becomes of its value."""

    place: str
    key: str
    read: Reader


_APP_INFO: Mapping[str, Reader] = {
    "app_id": at_most(200),
    "app_name": at_most(200),
    "app_package_name": at_most(200),
    "app_store": at_most(100),
    "app_version": at_most(100),
    "install_time": up_to(10**11),
    "user_agent": at_most(16384),
    "window_height": up_to(_PIXELS),
    "window_width": up_to(_PIXELS),
}
_FORM_FACTORS = ("desktop", "laptop", "cellphone", "tablet", "smartwatch", "tv", "vr", "console", "other")
_GENERATIONS = tuple(f"cellular_{number}g" for number in range(2, 7))
_DEVICE_INFO: Mapping[str, Reader] = {
    **dict.fromkeys(("brand", "carrier", "kernel_version", "model", "type"), at_most(100)),
    **dict.fromkeys(("os_name", "os_release_name", "os_version"), at_most(100)),
    **dict.fromkeys(("screen_height", "screen_width"), up_to(_PIXELS)),
    **dict.fromkeys(("storage_free_space", "storage_size"), up_to(_STORAGE)),
    **dict.fromkeys(("external_storage_free_space", "external_storage_size"), up_to(_STORAGE)),
    "battery_level": up_to(100),
    "cpu_cores": up_to(1152),
    "form_factor": one_of(*_FORM_FACTORS),
    "languages": at_most(100, texts),
    "locale": at_most(35),
    "network_type": one_of("wifi", *_GENERATIONS, "ethernet", "unknown"),
    "os_family": one_of("ios", "android", "macos", "windows", "linux", "bsd", "other"),
    "screen_density": up_to(100000),
    "timezone": at_most(40),
    "timezone_abbr": at_most(5),
}
_CONTENT: Mapping[str, Reader] = {
    **dict.fromkeys(("id", "item_name", "item_category", "item_brand"), text),
    "item_price": decimal,
    "quantity": integer,
}
_OWN: Mapping[str, Reader] = {
    "ad_account_id": account,
    "event_name": at_most(_LONGEST_ID, event_name),
    "event_time": moment,
    # As it is: what a website's tag sends for the same event is compared with it.
    "event_id": at_most(_LONGEST_ID, text_as_given),
    "action_source": one_of(*ACTION_SOURCES),
    "test": flag,
    "lead": lead_key,
    "outcome": at_most(_LONGEST_ID, outcome),
}
_PERSON: Mapping[str, Reader] = dict.fromkeys(
    ("click_id", "partner_id", "client_ip_address", "client_user_agent"), text
)
_CUSTOM: Mapping[str, Reader] = {
    **dict.fromkeys(("order_id", "search_string", "opt_out_type"), text),
    **dict.fromkeys(("content_name", "content_category", "content_brand"), text),
    **dict.fromkeys(("value", "predicted_ltv"), decimal),
    "currency": currency,
    "content_ids": texts,
    "contents": records(_CONTENT),
    "num_items": integer,
}
_MORE: Mapping[str, Reader] = {
    **dict.fromkeys(("event_source_url", "partner_name", "language", "os_version"), text),
    **dict.fromkeys(("app_id", "app_name", "app_version"), text),
    **dict.fromkeys(("device_brand", "device_carrier", "device_model", "device_type"), text),
    **dict.fromkeys(("opt_out", "wifi"), flag),
    "app_info": record(_APP_INFO),
    "device_info": record(_DEVICE_INFO),
}

# Key of user data → the message's name of its hashes.
HASHED_NAMES: Mapping[str, str] = {key: f"hashed_{name}" for name, key in NAMES.items()} | {
    "hashed_maids": "hashed_maids"
}
MEMBERS: Mapping[str, Member] = {
    **{name: Member(OWN, name, read) for name, read in _OWN.items()},
    **{name: Member(RAW, name, texts) for name in NAMES},
    **{name: Member(HASHED, key, hashes) for key, name in HASHED_NAMES.items()},
    **{name: Member(PERSON, name, read) for name, read in _PERSON.items()},
    **{name: Member(CUSTOM, name, read) for name, read in _CUSTOM.items()},
    **{name: Member(MORE, name, read) for name, read in _MORE.items()},
}
