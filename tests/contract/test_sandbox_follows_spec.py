"""The Contacts sandbox against the vendor's own OpenAPI files, so that it cannot drift into fiction."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox
from infra.local.sandbox import events, rules
from infra.local.sandbox.api import ROUTES, VERSION
from tests.contract.traffic import (
    SPECS,
    declared_answer,
    file_of,
    operation_of,
    request,
    spec,
    violations,
    without_trace,
)

pytestmark = [
    pytest.mark.skipif(
        not (SPECS / "contacts.json").exists(), reason="the vendor's OpenAPI files are not beside this checkout"
    ),
    # What is asked here is not what the app asks.
    pytest.mark.unrecorded,
]

# The vendor's name for each body. One text of the spec also allows `key` instead of a custom field's `id`.
SCHEMAS = {
    "create contact": "CreateContactDto",
    "upsert contact": "UpsertContactDto",
    "update contact": "UpdateContactDto",
    "tags": "TagsDTO",
    "create note": "NotesDTO",
    "update note": "UpdateNoteDTO",
    "create task": "CreateTaskParams",
    "update task": "UpdateTaskBody",
    "complete task": "UpdateTaskStatusParams",
    "search tasks": "TaskSearchParamsDto",
}
ELSEWHERE = {"TaskSearchParamsDto": "locations"}
# Rules say more than the spec's bare types: which type each of their kinds is.
TYPES = {
    **dict.fromkeys(("text", "email", "country", "moment"), "string"),
    **dict.fromkeys(("texts", "custom fields"), "array"),
    "flag": "boolean",
    "number": "number",
    "birth date": "object",  # a Date in the vendor's code, a text on the wire
    "dnd": "DndSettingsSchema",
    "inbound dnd": "InboundDndSettingsSchema",
}


def schema(name: str) -> Any:
    return spec(ELSEWHERE.get(name, "contacts"))["components"]["schemas"][name]


class TestRules:
    def test_every_body_the_sandbox_reads_is_compared(self) -> None:
        """A body added to the sandbox must be added here."""
        assert set(SCHEMAS) == set(rules.BODIES)

    @pytest.mark.parametrize("kind", SCHEMAS)
    def test_the_same_properties_required_and_nullable(self, kind: str) -> None:
        """Allow-list, required ones, types and nullability are the vendor's, one by one."""
        theirs = schema(SCHEMAS[kind])
        stated = {
            name: (
                declared.get("type") or declared["$ref"].rpartition("/")[2],
                declared.get("nullable", False),
                name in theirs.get("required", []),
            )
            for name, declared in theirs["properties"].items()
        }
        ours = {name: (TYPES[field.kind], field.nullable, field.required) for name, field in rules.BODIES[kind].items()}
        assert ours == stated

    def test_the_do_not_disturb_settings(self) -> None:
        """Channels and states."""
        assert set(schema("DndSettingsSchema")["properties"]) == rules.DND_CHANNELS
        assert set(schema("DndSettingSchema")["properties"]["status"]["enum"]) == rules.DND_STATES
        inbound = schema("InboundDndSettingSchema")["properties"]["status"]["enum"]
        assert set(inbound) == rules.INBOUND_DND_STATES

    def test_the_members_of_a_custom_field(self) -> None:
        """id, key and field_value."""
        assert set(schema("TextField")["properties"]) == rules.CUSTOM_FIELD_KEYS

    def test_the_country_list(self) -> None:
        """The vendor's list of countries, no more and no fewer."""
        page = (SPECS / "docs" / "country list" / "Country.md").read_text()
        assert set(re.findall(r"^\|([A-Z]{2})\|", page, re.MULTILINE)) == rules.COUNTRIES

    def test_every_birth_date_format_of_the_spec_is_read(self) -> None:
        """The description lists the formats; each of them is understood."""
        text = schema("UpsertContactDto")["properties"]["dateOfBirth"]["description"]
        formats = re.findall(r"[YMD]+([-/._])[YMD]+\1[YMD]+", text)
        assert len(formats) == 8
        for found in re.finditer(r"[YMD]+([-/._])[YMD]+\1[YMD]+", text):
            written = found[0].replace("YYYY", "1990").replace("MM", "01").replace("DD", "12")
            assert str(rules.birth_date(written)) == "1990-01-12"

    @pytest.mark.parametrize(("method", "path"), [route[:2] for route in ROUTES])
    def test_every_route_is_the_vendors(self, method: str, path: str) -> None:
        """No route of the sandbox is of its own making, and each wants the Version that it wants."""
        operation = operation_of(method, path)
        (version,) = [item for item in operation["parameters"] if item["name"] == "Version"]
        assert version["schema"]["enum"] == [VERSION]


class TestAnswers:
    @pytest.fixture
    def crm(self) -> Iterator[ContactsSandbox]:
        with ContactsSandbox(tokens={"pit": DEFAULT_LOCATION}) as sandbox:
            yield sandbox

    def test_a_happy_run_answers_what_the_vendor_declares(self, crm: ContactsSandbox) -> None:
        """Each operation, with every field: declared status, declared properties only, declared types."""
        ada = {
            **dict.fromkeys(("firstName", "lastName", "address1", "city", "state", "postalCode", "website"), "x"),
            **dict.fromkeys(("timezone", "companyName", "source", "assignedTo", "gender"), "x"),
            "locationId": DEFAULT_LOCATION,
            "email": "Ada@example.com",
            "phone": "+12125550123",
            "country": "US",
            "dateOfBirth": "1990/01/12",
            "tags": ["A"],
            "dnd": True,
            "dndSettings": {"Email": {"status": "active", "message": "m", "code": "c"}},
            "inboundDndSettings": {"all": {"status": "active"}},
            "customFields": [{"id": "sandboxFieldBudget01", "field_value": "1000"}],
        }
        done = []

        def call(method: str, template: str, body: Any = None, query: str = "", **ids: str) -> dict[str, Any]:
            done.append((method, template))
            answer = request(crm.url, method, template.format(**ids) + query, body)
            declared = declared_answer(method, template, answer.status)
            payload: dict[str, Any] = answer.json()
            assert isinstance(payload["traceId"], str)
            checked = payload if "traceId" in declared.get("properties", {}) else without_trace(payload)
            assert list(violations(declared, checked, f"{method} {template}", file_of(template))) == []
            return payload

        new = {key: value for key, value in ada.items() if key not in ("locationId", "gender", "companyName")}
        contact_id = call("POST", "/contacts/", ada)["contact"]["id"]
        assert call("POST", "/contacts/upsert", ada)["contact"]["id"] == contact_id
        known = {"contactId": contact_id}
        call("GET", "/contacts/{contactId}", **known)
        call("PUT", "/contacts/{contactId}", new, **known)
        call(
            "GET",
            "/contacts/search/duplicate",
            query=f"?locationId={DEFAULT_LOCATION}&email=ada%40example.com",
        )
        call("POST", "/contacts/{contactId}/tags", {"tags": ["b"]}, **known)
        call("DELETE", "/contacts/{contactId}/tags", {"tags": ["a"]}, **known)
        note = {"body": "n", "userId": "u", "title": "t", "color": "c", "pinned": True}
        task = {
            "title": "t",
            "body": "b",
            "dueDate": "2026-12-01T09:00:00Z",
            "completed": False,
            "assignedTo": "u",
        }
        note_id = call("POST", "/contacts/{contactId}/notes", note, **known)["note"]["id"]
        task_id = call("POST", "/contacts/{contactId}/tasks", task, **known)["task"]["id"]
        for shelf, item, item_id in (("notes", note, note_id), ("tasks", task, task_id)):
            one = f"/contacts/{{contactId}}/{shelf}/{{id}}"
            call("GET", f"/contacts/{{contactId}}/{shelf}", **known)
            call("GET", one, id=item_id, **known)
            call("PUT", one, item, id=item_id, **known)
            if shelf == "tasks":
                call("PUT", f"{one}/completed", {"completed": True}, id=item_id, **known)
            call("DELETE", one, id=item_id, **known)
        call("GET", "/locations/{locationId}/customFields", locationId=DEFAULT_LOCATION)
        call("POST", "/contacts/{contactId}/tasks", task, **known)
        tasks = call("POST", "/locations/{locationId}/tasks/search", {"query": "t"}, locationId=DEFAULT_LOCATION)
        assert [found["contactId"] for found in tasks["tasks"]] == [contact_id]
        search = {"locationId": DEFAULT_LOCATION, "pageLimit": 1}
        assert call("POST", "/contacts/search", search)["total"] == 1
        crm.staff.add_opportunity(contact_id, name="Kitchen", monetaryValue=500, source="x", assignedTo="u")
        deals = call("GET", "/opportunities/search", query=f"?location_id={DEFAULT_LOCATION}&contact_id={contact_id}")
        [deal] = deals["opportunities"]
        assert call("GET", "/opportunities/{id}", id=deal["id"])["opportunity"] == deal
        [pipeline] = call("GET", "/opportunities/pipelines", query=f"?locationId={DEFAULT_LOCATION}")["pipelines"]
        assert deal["pipelineStageId"] in [stage["id"] for stage in pipeline["stages"]]
        call("DELETE", "/contacts/{contactId}", **known)
        assert set(done) == {route[:2] for route in ROUTES}

    def test_webhooks_hold_what_their_pages_declare(self) -> None:
        """Every event has a page, and shows no field that its page does not; a page may promise more than comes."""
        for kind, fields in events.FIELDS.items():
            page = (SPECS / "docs" / "webhook events" / f"{kind}.md").read_text()
            declared = page.partition("json_schema")[2].partition("```")[0]
            assert set(fields) <= set(json.loads(declared)["properties"]), kind

    @pytest.mark.parametrize(
        ("headers", "body", "status"),
        [
            ({}, b"{", 400),
            ({"Authorization": "Bearer wrong"}, {}, 401),
            ({"Version": ""}, {}, 401),
            ({}, {"locationId": DEFAULT_LOCATION, "unknown": 1}, 422),
        ],
    )
    def test_refusals_have_the_declared_shape(
        self, crm: ContactsSandbox, headers: dict[str, str], body: Any, status: int
    ) -> None:
        """400, 401 and 422 of an upsert fit their schemas."""
        answer = request(crm.url, "POST", "/contacts/upsert", body, **headers)
        assert answer.status == status
        declared = declared_answer("POST", "/contacts/upsert", status)
        assert list(violations(declared, without_trace(answer.json()), "upsert", "contacts")) == []
