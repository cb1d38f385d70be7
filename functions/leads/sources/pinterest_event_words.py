"""What may be kept of a message about an event: names of fields and a word on each, never what it quotes.

Source of the names: the Ads API's OpenAPI file, schemas ConversionEvents, ConversionEventsUserDataProperties,
ConversionEventAppInfo and ConversionEventDeviceInfo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

# A message from which nothing may be told.
UNSAID = "not said"

# These hold others, so `user_data.em` is about the other.
_AROUND = "data user_data custom_data contents app_info device_info"
_EVENT = (
    "event_name action_source event_time event_id event_source_url opt_out partner_name language wifi app_id app_name "
    "app_version device_brand device_carrier device_model device_type os_version"
)
_USER_DATA = (
    "em ph ge db ln fn ct st zp country external_id hashed_maids click_id client_ip_address client_user_agent "
    "partner_id"
)
_CUSTOM_DATA = (
    "value currency predicted_ltv order_id num_items content_ids content_name content_category content_brand "
    "search_string opt_out_type np external_measurement_id external_measurement_vendor_id "
    "id item_name item_category item_brand item_price quantity"
)
_APP_INFO = "app_package_name app_store install_time user_agent window_height window_width"
_DEVICE_INFO = (
    "battery_level brand carrier cpu_cores external_storage_free_space external_storage_size form_factor "
    "kernel_version languages locale model network_type os_family os_name os_release_name screen_density "
    "screen_height screen_width storage_free_space storage_size timezone timezone_abbr type"
)
# Words that a sentence may have without meaning the field: quoted, in a path or at its beginning they mean it.
_ORDINARY = (
    "data contents value currency country quantity id language languages brand carrier model type locale timezone"
)
FIELDS = frozenset(" ".join((_AROUND, _EVENT, _USER_DATA, _CUSTOM_DATA, _APP_INFO, _DEVICE_INFO)).split())
_HOLDERS, _COMMON = frozenset(_AROUND.split()), frozenset(_ORDINARY.split())

# Pinterest lists its messages nowhere. "is not in sha256 hashed format" is one that others have met; of a call that
# it refuses it speaks as JSON Schema's validators do ("Additional properties are not allowed ('x' was unexpected)").
_PHRASES = (
    ("unhashed", r"(?:not|invalid|must be|should be|un)[ -]?(?:an? |in |valid |properly )*(?:sha-?256|hash)"),
    ("in the future", r"\bfuture\b"),
    ("too old", r"too old|in the past|older than|\bexpired"),
    ("missing", r"missing|required|be (?:empty|null|blank|provided|present|set)\b|is empty|not provided|not found"),
    ("unknown", r"unexpected|not allowed|unknown|unrecogni[sz]ed|unsupported|not supported"),
    ("wrong type", r"not of type|must be (?:an? )?(?:string|array|list|integer|number|numeric|boolean|object)"),
    ("too long", r"too long|too many|exceeds"),
    ("duplicate", r"duplicate"),
    ("deprecated", r"deprecated"),
    ("invalid", r"invalid(?! request)|not (?:a )?valid|malformed|not one of|does not match"),
)
_WORDS = tuple(word for word, _ in _PHRASES)
_TOKEN = re.compile(
    "|".join(f"(?P<w{number}>(?i:{phrase}))" for number, (_, phrase) in enumerate(_PHRASES))
    + rf"|(?<![\w@-])(?:{'|'.join(sorted(FIELDS, key=len, reverse=True))})(?![\w@-])"
)
_ADDRESS = re.compile(r"\S+@\S+")
_INSIDE = re.compile(r"[.\[]\w")
_QUOTES = ("'", '"', "`")
# More than a message has that is meant to be read, and what is kept of one.
_LONGEST, _MOST = 2000, 12


def remarks(*messages: Any) -> tuple[str, ...]:
    """`external_id: unhashed` for each field that the messages name, each remark once.

    A message may be blank, null or absent. Without a known field the word alone is left, without either UNSAID; ()
    when no message says anything.
    """
    texts = [message for message in messages if isinstance(message, str) and message.strip()]
    found = dict.fromkeys(remark for text in texts for remark in _said(text[:_LONGEST]))
    return (*found,)[:_MOST] or ((UNSAID,) if texts else ())


def _said(text: str) -> Iterator[str]:
    text = _ADDRESS.sub(" ", text)
    tokens = [(token, _weight(token, text)) for token in _TOKEN.finditer(text)]
    # Once a field is surely meant, a word that only looks like one is part of the sentence.
    least = max((weight for token, weight in tokens if not token.lastgroup), default=1)
    waiting: list[str] = []
    word = ""
    is_named = False
    for token, weight in tokens:
        if token.lastgroup:
            said = _WORDS[int(token.lastgroup[1:])]
            yield from (f"{name}: {said}" for name in waiting)
            word = "" if waiting else said
            waiting = []
        elif weight >= max(least, 1):
            is_named = True
            if word:
                yield f"{token[0]}: {word}"
            else:
                waiting.append(token[0])
    yield from waiting
    if word and not is_named:
        yield word


def _weight(token: re.Match[str], text: str) -> int:
    """How surely a field's name means the field: 2 certainly, 1 perhaps, 0 not at all."""
    name, before, after = token[0], text[: token.start()], text[token.end() :]
    if name in _HOLDERS and _INSIDE.match(after):
        return 0
    is_quoted = before.endswith(_QUOTES) and after.startswith(_QUOTES)
    if is_quoted or before.endswith(".") or name not in _COMMON:
        return 2
    return 0 if before.strip() else 1
