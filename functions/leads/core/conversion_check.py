"""What a route's conversions may have wrong: outcomes, events, values and the ad account they are told to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leads.core.answers import folded
from leads.core.condition_check import Fault
from leads.core.conversion import is_account
from leads.core.outcome_names import BEGINNINGS, DELIVERED, STATUSES, is_outcome, split
from leads.core.placeholders import CAMPAIGN_NAMES, LEAD_NAMES, names_in
from leads.core.routes import Conversion, Route
from leads.core.rule_check import of_template
from leads.core.wording import clip, did_you_mean

# The Ads API's OpenAPI file (ConversionEvents.event_name), then what newer pages of its documents add. Any other name
# is an event that the advertiser has defined.
STANDARD_EVENTS = (
    *("add_payment_info", "add_to_cart", "add_to_wishlist", "app_install", "checkout", "custom", "initiate_checkout"),
    *("lead", "page_visit", "search", "signup", "subscribe", "view_category", "view_content", "watch_video"),
    *("app_open", "contact", "customize_product", "find_location", "schedule", "start_trial", "submit_application"),
)
# What an outcome of the CRM fills a template with; the lead's own answers are not at hand any more.
CRM_NAMES = ("monetary_value", "currency", "opportunity_id", "lead_id")
_LONGEST_NAME = 200
_FOLDED = {folded(name).replace("_", ""): name for name in STANDARD_EVENTS}
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_NUMBER = re.compile(r"\d+(\.\d+)?")


def of_conversions(route: Route) -> Iterator[Fault]:
    """Every mistake in the conversions of a route."""
    if not route.conversions:
        return
    sources = [route.source] if isinstance(route.source, str) else route.source
    if sources is not None and "pinterest" not in sources:
        yield "conversions", 'are told to Pinterest of its own leads; write `source = "pinterest"`, or remove them'
    elif sources == ["pinterest"]:
        for account in [route.account] if isinstance(route.account, str) else route.account or ():
            if not is_account(account):
                yield "account", f"is `{clip(account)}`, which is no id of an ad account; those are digits only"
    for name in route.conversions:
        key = f'conversions."{clip(name)}"'
        if not is_outcome(name):
            known = (DELIVERED, *STATUSES, *BEGINNINGS)
            allowed = f"{', '.join((DELIVERED, *STATUSES))}, or one of {', '.join(f'{it}<name>' for it in BEGINNINGS)}"
            hint = did_you_mean(split(name)[0] or name, known) or f"; did you mean `stage:{clip(name)}`?"
            yield key, f"is no outcome; write {allowed}{hint}"
        elif conversion := route.conversion(name):
            yield from _of_conversion(key, name, conversion)


def _of_conversion(key: str, outcome: str, conversion: Conversion) -> Iterator[Fault]:
    event = conversion.event
    if not event.strip() or len(event) > _LONGEST_NAME:
        yield key, f"needs the name of an event, of at most {_LONGEST_NAME} characters, such as lead"
    elif "@" in event:
        yield key, f"is told as `{clip(event)}`, which is an address and no name"
    elif "{" in event or "}" in event:
        yield key, "is told as the same event for every lead, so its name takes no placeholder"
    elif event not in STANDARD_EVENTS and (standard := _FOLDED.get(folded(event).replace("_", "").replace("-", ""))):
        yield key, f"is told as `{clip(event)}`; did you mean `{standard}`?"
    value = str(conversion.value)
    if isinstance(conversion.value, bool) or (value and "{" not in value and not _NUMBER.fullmatch(value)):
        yield f"{key}.value", 'is no number; write one, such as 25.50, or a template, such as "{monetary_value}"'
    currency = conversion.currency
    if currency and "{" not in currency and not _CURRENCY.fullmatch(currency):
        yield f"{key}.currency", f"is `{clip(currency)}`; write three letters, such as USD"
    for name, template in (("value", value), ("currency", currency), ("order_id", conversion.order_id)):
        yield from of_template(f"{key}.{name}", template)
        if outcome != DELIVERED:
            takes: tuple[str, ...] = CRM_NAMES
        elif name == "order_id":
            # It is sent in the clear, so nothing of the person may be in it.
            takes = (*LEAD_NAMES, *CAMPAIGN_NAMES)
        else:
            continue
        if unknown := next((it for it in names_in(template) if it not in takes), ""):
            allowed = ", ".join(f"{{{it}}}" for it in takes)
            yield f"{key}.{name}", f"takes {allowed} only, and there is `{{{clip(unknown)}}}`"
