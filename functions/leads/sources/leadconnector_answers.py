"""A contact of a LeadConnector location as a lead's answers: from its record, from an event, from a workflow.

Sources: the API's schema GetContectByIdSchema and its documents of webhook events (both camelCase), and the Custom
Webhook action's own names (snake_case).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from leads.sources.leadconnector_events import digest_of

TAGS = "TAGS"

# Answer key → what a record, an event or a workflow calls it; the first that says something counts.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "FULL_NAME": ("name", "fullName", "full_name", "contactName"),
    "FIRST_NAME": ("firstName", "first_name", "firstNameRaw"),
    "LAST_NAME": ("lastName", "last_name", "lastNameRaw"),
    "EMAIL": ("email",),
    "PHONE_NUMBER": ("phone",),
    "ADDRESS": ("address1", "address"),
    "CITY": ("city",),
    "STATE_PROVINCE": ("state",),
    "ZIP_CODE": ("postalCode", "postal_code"),
    "COUNTRY": ("country",),
    "DATE_OF_BIRTH": ("dateOfBirth", "date_of_birth"),
    "GENDER": ("gender",),
    "COMPANY_NAME": ("companyName", "company_name"),
    "WEBSITE": ("website",),
    "TIMEZONE": ("timezone",),
    "SOURCE": ("source", "contact_source"),
    TAGS: ("tags",),
}
_OPPORTUNITY: Mapping[str, tuple[str, ...]] = {
    "OPPORTUNITY_STATUS": ("status",),
    "OPPORTUNITY_STAGE": ("pipelineStageId",),
    "OPPORTUNITY_NAME": ("name",),
}
# A workflow says the stage by its name; "pipleline" is how it spells it.
OPPORTUNITY_IN_WORKFLOW: Mapping[str, tuple[str, ...]] = {
    "OPPORTUNITY_STATUS": ("opportunity_status", "status"),
    "OPPORTUNITY_STAGE": ("pipeline_stage", "pipleline_stage"),
    "OPPORTUNITY_NAME": ("opportunity_name",),
}
_ATTRIBUTION: Mapping[str, tuple[str, ...]] = {
    "campaign_id": ("campaignId",),
    "campaign_name": ("campaign", "utmCampaign"),
    "platform": ("utmSource",),
}

# What a workflow sends beside the person's answers: ids, and things about the location, the workflow and its user.
_NOT_ANSWERS = frozenset(
    {
        *("id", "contact_id", "contactId", "type", "locationId", "location_id", "location", "companyId", "user"),
        *(
            "workflow",
            "triggerData",
            "customData",
            "contact",
            "calendar",
            "attachments",
            "customFields",
            "full_address",
        ),
        *("attributionSource", "lastAttributionSource", "date_created", "dateAdded", "dateUpdated"),
        *("timestamp", "webhookId", "versionId", "appId"),
    }
)
_DND_ON = ("active", "permanent")


def answers_of(record: Mapping[str, Any], field_keys: Mapping[str, str]) -> dict[str, Any]:
    """A contact's answers, nothing empty among them. field_keys: custom field's id → its key (`contact.budget`).

    A custom field goes by its key, by its id while the key is not known. DND is "yes" while nobody may write to the
    contact at all, DND_SMS and the like while a channel is closed.
    """
    found = _named(_FIELDS, record)
    if TAGS in found:
        found[TAGS] = tags_in(found[TAGS])
    if born := found.get("DATE_OF_BIRTH"):
        # A moment in events and after a create, a date in the record.
        found["DATE_OF_BIRTH"] = str(born).partition("T")[0]
    if record.get("dnd") is True:
        found["DND"] = "yes"
    channels = record.get("dndSettings")
    for channel, setting in (channels if isinstance(channels, dict) else {}).items():
        if isinstance(setting, dict) and setting.get("status") in _DND_ON:
            found[f"DND_{str(channel).upper()}"] = "yes"
    for field_id, value in custom_values(record).items():
        if not _is_empty(value):
            found.setdefault(field_keys.get(field_id, field_id), value)
    return found


def workflow_answers(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Everything a workflow's Custom Webhook says of a person; names that are nobody's go by themselves.

    What stands in its `customData` somebody put there, so it is meant, whatever it is called.
    """
    given = payload.get("customData")
    custom = given if isinstance(given, dict) else {}
    told = {**payload, **custom}
    known = {name for table in (_FIELDS, OPPORTUNITY_IN_WORKFLOW) for names in table.values() for name in names}
    own = {name: value for name, value in payload.items() if name not in _NOT_ANSWERS}
    rest = {name: value for name, value in {**own, **custom}.items() if name not in known}
    found = {**answers_of(told, {}), **_named(OPPORTUNITY_IN_WORKFLOW, told)}
    return found | {name: value for name, value in rest.items() if not _is_empty(value) and name not in found}


def opportunity_answers(opportunity: Mapping[str, Any]) -> dict[str, Any]:
    """OPPORTUNITY_STATUS, _STAGE (the id of the pipeline's stage, which is all that is said) and _NAME."""
    return _named(_OPPORTUNITY, opportunity)


def campaign_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Where the contact came from, as far as its first attribution says."""
    first = record.get("attributionSource")
    found = _named(_ATTRIBUTION, first if isinstance(first, dict) else {})
    return {name: value for name, value in found.items() if isinstance(value, str)}


def custom_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """The contact's custom fields, id → value."""
    listed = record.get("customFields")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return {item["id"]: item.get("value") for item in items if isinstance(item.get("id"), str)}


def revision_of(answers: Mapping[str, Any]) -> str:
    """Which state of the contact this is: 16 hex digits of its answers, tags in any order."""
    tags = answers.get(TAGS)
    settled = {**answers, TAGS: sorted(tags)} if isinstance(tags, list) else answers
    return digest_of(settled, 16)


def moment(value: Any) -> float | None:
    """Epoch seconds of an ISO 8601 time, UTC where it names no zone, or of epoch milliseconds; None for else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000 if 0 < value < 1e14 else None
    try:
        read = dt.datetime.fromisoformat(value if isinstance(value, str) else "")
        return (read if read.tzinfo else read.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def added_at(record: Mapping[str, Any]) -> float | None:
    """When the record was made, epoch seconds; None when it does not say."""
    times = (moment(record.get(name)) for name in ("dateAdded", "createdAt", "date_created"))
    return next((found for found in times if found is not None), None)


def _named(table: Mapping[str, tuple[str, ...]], told: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, names in table.items():
        value = next((value for name in names if not _is_empty(value := told.get(name))), None)
        if value is not None:
            found[key] = value
    return found


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or value == {} or (isinstance(value, str) and not value.strip())


def tags_in(value: Any) -> list[str]:
    """A list in records and events, one text with commas in workflows."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [tag.strip() for tag in parts if isinstance(tag, str) and tag.strip()]
