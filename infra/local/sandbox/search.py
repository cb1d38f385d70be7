"""The three searches of a location: contacts, tasks and opportunities; one opportunity by its id, and pipelines."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from infra.local.sandbox.contact_filters import Order, filter_complaints, matches, sort_complaints
from infra.local.sandbox.directory import Contact
from infra.local.sandbox.refusals import Refusal, own
from infra.local.sandbox.web import Answer, Call

if TYPE_CHECKING:
    from infra.local.sandbox.api import ContactsApi

_PROPERTIES = ("locationId", "page", "pageLimit", "searchAfter", "filters", "sort", "query")
_LARGEST_PAGE, _FARTHEST, _LONGEST_QUERY = 500, 10_000, 75
# A contact is found with its names in lower case only, and its street under another name: the sample answer of the
# page the search is documented on. Who wants the contact as it was written reads it by its id.
_NOT_FOUND_WITH = frozenset({"firstName", "lastName", "name", "fullNameLowerCase", "emailLowerCase", "address1"})

_STATUSES = ("open", "won", "lost", "abandoned", "all")
_OPPORTUNITY_FILTERS = {
    "contact_id": "contactId",
    "status": "status",
    "pipeline_id": "pipelineId",
    "id": "id",
    "pipeline_stage_id": "pipelineStageId",
    "assigned_to": "assignedTo",
}
# Declared in opportunities.json, and not played here: an answer that ignored them would be wrong.
_NOT_PLAYED = frozenset(
    {"campaignId", "order", "date", "endDate", "startAfter", "startAfterId", "country"}
    | {"getTasks", "getNotes", "getCalendarEvents"}
)


def contacts(api: "ContactsApi", call: Call, location: str, _: tuple[str, ...]) -> Answer:
    """Newest first unless `sort` says otherwise: by `page` the first 10,000, by `searchAfter` of a contact any more."""
    body = api.json(call)
    if found := list(_complaints(body)):
        # The vendor answers an unknown field with 400 (issue 289), what is missing with 422 (issue 31).
        unknown = next((text for text in found if text.startswith("Invalid ")), "")
        raise Refusal(400, unknown) if unknown else Refusal(422, found)
    own(body["locationId"], location)
    order = Order(body.get("sort") or [{"field": "dateAdded", "direction": "desc"}])
    query, limit = body.get("query", "").casefold(), body["pageLimit"]
    rows = order.sorted(
        contact
        for contact in api.directory.contacts.values()
        if contact.location_id == location
        and matches(contact, body.get("filters") or [])
        and query in _searched(contact)
    )
    total = len(rows)
    if cursor := body.get("searchAfter"):
        try:
            rows = order.after(cursor, rows)
        except ValueError as error:
            raise Refusal(400, str(error)) from None
    else:
        rows = rows[(body.get("page", 1) - 1) * limit :]
    shown = [{**_found(api, contact), "searchAfter": order.position(contact)} for contact in rows[:limit]]
    return Answer(200, {"contacts": shown, "total": total})


def tasks(api: "ContactsApi", call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    """Oldest first. A task found names its contact, which the webhook about a new one does not: issue 332."""
    own(ids[0], location)
    wanted = api.body(call, "search tasks")
    limit, skip = wanted.get("limit", 25), wanted.get("skip", 0)
    if not (_whole(limit, 1) and _whole(skip, 0)):
        raise Refusal(422, ["limit must not be less than 1", "skip must not be less than 0"])
    everything = [
        contact.task(task_id)
        for contact in api.directory.contacts.values()
        if contact.location_id == location
        for task_id in contact.tasks
    ]
    found = [
        task
        for task in sorted(everything, key=lambda task: str(task["dateAdded"]))
        if task["contactId"] in (wanted.get("contactId") or [task["contactId"]])
        and task.get("assignedTo") in (wanted.get("assignedTo") or [task.get("assignedTo")])
        and task["completed"] == wanted.get("completed", task["completed"])
        and wanted.get("query", "").casefold() in task["title"].casefold()
    ]
    return Answer(200, {"tasks": found[skip : skip + limit]})


def opportunities(api: "ContactsApi", call: Call, location: str, _: tuple[str, ...]) -> Answer:
    """Newest first, in pages of `limit`. The location is called location_id here; locationId is refused."""
    query = call.query
    if found := list(_query_complaints(query)):
        raise Refusal(422, found)
    own(query["location_id"], location)
    if unplayed := sorted(query.keys() & _NOT_PLAYED):
        raise Refusal(400, f"The sandbox does not search opportunities by {unplayed[0]}.")
    wanted = {_OPPORTUNITY_FILTERS[name]: query[name] for name in query.keys() & _OPPORTUNITY_FILTERS.keys()}
    if wanted.get("status") == "all":
        del wanted["status"]
    rows = [
        {**found, "contact": _person(person)}
        for found in reversed(api.directory.opportunities.values())
        if found["locationId"] == location
        and all(found.get(name) == value for name, value in wanted.items())
        and (person := api.directory.contacts[found["contactId"]])
        and query.get("q", "").casefold() in f"{found['name'].casefold()}\n{_searched(person)}"
    ]
    limit, page = int(query.get("limit", 20)), int(query.get("page", 1))
    meta: dict[str, Any] = {"total": len(rows), "currentPage": page}
    if page > 1:
        meta["prevPage"] = page - 1
    if len(rows) > page * limit:
        meta["nextPage"] = page + 1
    return Answer(200, {"opportunities": rows[(page - 1) * limit : page * limit], "meta": meta})


def opportunity(api: "ContactsApi", _call: Call, location: str, ids: tuple[str, ...]) -> Answer:
    found = api.directory.opportunities.get(ids[0])
    if found is None:
        raise Refusal(400, "Opportunity not found")
    own(found["locationId"], location)
    return Answer(200, {"opportunity": {**found, "contact": _person(api.directory.contacts[found["contactId"]])}})


def pipelines(api: "ContactsApi", call: Call, location: str, _: tuple[str, ...]) -> Answer:
    """Each with its stages. The location is called locationId here, in the search beside it location_id."""
    if found := [f"property {name} should not exist" for name in call.query if name != "locationId"]:
        raise Refusal(422, found)
    if not call.query.get("locationId"):
        raise Refusal(422, ["locationId can't be undefined"])
    own(call.query["locationId"], location)
    return Answer(200, {"pipelines": [{**found, "locationId": location} for found in api.directory.pipelines]})


def _complaints(body: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "body must be an object"
        return
    yield from (f"property {name} should not exist" for name in body if name not in _PROPERTIES)
    if not isinstance(body.get("locationId"), str) or not body["locationId"]:
        yield "locationId should not be empty"
    limit: Any = body.get("pageLimit")
    page = body.get("page", 1)
    if not _whole(limit, 1, _LARGEST_PAGE):
        yield f"pageLimit must be a number from 1 to {_LARGEST_PAGE}"
    elif not _whole(page, 1, _FARTHEST // limit):
        yield f"page must be a number from 1 on, and lead to no more than {_FARTHEST} contacts"
    cursor = body.get("searchAfter", [])
    if not isinstance(cursor, list):
        yield "searchAfter must be an array"
    elif cursor and "page" in body:
        yield "page should not be provided with searchAfter"
    query = body.get("query", "")
    if not isinstance(query, str) or len(query) > _LONGEST_QUERY:
        yield f"query must be a string of at most {_LONGEST_QUERY} characters"
    yield from filter_complaints(body.get("filters", []))
    yield from sort_complaints(body.get("sort", []))


def _query_complaints(query: Mapping[str, str]) -> Iterator[str]:
    declared = {"location_id", "q", "page", "limit"} | _OPPORTUNITY_FILTERS.keys() | _NOT_PLAYED
    yield from (f"property {name} should not exist" for name in query if name not in declared)
    if not query.get("location_id"):
        yield "location_id can't be undefined"
    if query.get("status", "all") not in _STATUSES:
        yield f"status must be one of: {', '.join(_STATUSES)}"
    for name, most in (("limit", 100), ("page", _FARTHEST)):
        text = query.get(name, "1")
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            yield f"{name} must be a number from 1 to {most}"


def _whole(value: Any, least: int, most: float = inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _searched(contact: Contact) -> str:
    values = contact.values
    return "\n".join([contact.name, *(values.get(name, "") for name in ("email", "phone", "companyName"))]).casefold()


def _found(api: "ContactsApi", contact: Contact) -> dict[str, Any]:
    shown = contact.shown()
    kept = {name: value for name, value in shown.items() if name not in _NOT_FOUND_WITH}
    deals = api.directory.opportunities_of(contact)
    return {
        **kept,
        "address": shown.get("address1"),
        "additionalEmails": list(contact.other_emails),
        "additionalPhones": [],
        "opportunities": [
            {name: deal.get(name) for name in ("id", "pipelineId", "pipelineStageId", "monetaryValue", "status")}
            for deal in deals
        ],
    }


def _person(contact: Contact) -> dict[str, Any]:
    names = ("id", "name", "companyName", "email", "phone", "tags")
    return {name: value for name, value in contact.shown().items() if name in names}
