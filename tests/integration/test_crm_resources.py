"""The CRM's resources over real HTTP against the Contacts sandbox: what is written is there, and found again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox
from leads.adapters.http import HttpClient
from leads.core.errors import TryAgain, Undeliverable
from leads.crm.client import Client
from leads.crm.contacts import Contacts
from leads.crm.custom_fields import CustomFields
from leads.crm.notes import Notes
from leads.crm.pipelines import Pipelines
from leads.crm.tags import Tags
from leads.crm.tasks import Tasks
from tests.fakes import FakeSecret

LOCATION = DEFAULT_LOCATION
BUDGET, ROOMS = "sandboxFieldBudget01", "sandboxFieldRooms001"
CUSTOM_FIELDS: tuple[dict[str, Any], ...] = (
    {"id": BUDGET, "name": "Budget", "fieldKey": "contact.budget", "dataType": "TEXT"},
    {
        "id": ROOMS, "name": "Rooms", "fieldKey": "contact.rooms", "dataType": "MULTIPLE_OPTIONS",
        "picklistOptions": ["two", "three"],
    },
)  # fmt: skip
FIELDS = {"firstName": "Zebediah", "email": "zebediah@example.com", "phone": "+12125550123", "source": "Pinterest"}
REFERENCE = "pinterest/268"
BODY = f"Hello\nlead ref: {REFERENCE}"
MADE_ANYWAY = {"status": 422, "times": 1, "after": True}


class Crm:
    """The sandbox and every resource of ours over it."""

    def __init__(self, sandbox: ContactsSandbox) -> None:
        self.sandbox = sandbox
        http = HttpClient("contacts_api", now=time.time)
        secret = FakeSecret({"locations": {LOCATION: {"token": "pit-test"}}})
        client = Client(http, secret, sandbox.url, now=time.time)
        self.contacts, self.tags, self.notes, self.tasks = Contacts(client), Tags(client), Notes(client), Tasks(client)
        self.fields = CustomFields(client, now=time.time)
        self.pipelines = Pipelines(client, now=time.time)

    @property
    def deadline(self) -> float:
        return time.time() + 5

    def contact_id(self) -> str:
        return self.contacts.upsert(LOCATION, FIELDS, deadline=self.deadline).contact_id

    def only_contact(self) -> dict[str, Any]:
        [contact] = self.sandbox.contacts()
        return contact


@pytest.fixture
def crm() -> Iterator[Crm]:
    with ContactsSandbox(tokens={"pit-test": LOCATION}, custom_fields=CUSTOM_FIELDS) as sandbox:
        yield Crm(sandbox)


def test_a_contact_is_written_found_and_read(crm: Crm) -> None:
    """By e-mail, by phone, and by id."""
    custom = [(BUDGET, "9000"), (ROOMS, ["two"])]
    written = crm.contacts.upsert(LOCATION, FIELDS, custom, deadline=crm.deadline)
    assert (written.is_new, written.refused, written.source) == (True, (), "Pinterest")
    assert written.echo["customFields"] == [{"id": BUDGET, "value": "9000"}, {"id": ROOMS, "value": ["two"]}]
    for identity in ({"email": FIELDS["email"]}, {"phone": FIELDS["phone"]}):
        found = crm.contacts.find(LOCATION, **identity, deadline=crm.deadline)
        assert found is not None
        assert (found.contact_id, found.source) == (written.contact_id, "Pinterest")
        assert found.added_at == pytest.approx(time.time(), abs=5)
    read = crm.contacts.read(LOCATION, written.contact_id, deadline=crm.deadline)
    assert read is not None
    assert read.email == FIELDS["email"]
    assert crm.contacts.find(LOCATION, email="nobody@example.com", deadline=crm.deadline) is None
    assert crm.contacts.read(LOCATION, "goneGoneGoneGoneGone", deadline=crm.deadline) is None


def test_a_second_write_is_not_new(crm: Crm) -> None:
    """And names what the contact had: the caller decides what to keep."""
    crm.contact_id()
    again = crm.contacts.upsert(LOCATION, {"email": FIELDS["email"], "city": "Rome"}, deadline=crm.deadline)
    assert (again.is_new, again.source) == (False, "Pinterest")


@pytest.mark.parametrize(
    ("bad", "custom", "refused"),
    [
        ({"country": "Rome"}, [], ("country",)),
        ({"email": "zebediah"}, [], ("email",)),
        ({"email": "zebediah", "dateOfBirth": "31-31-2000"}, [], ("email", "dateOfBirth")),
        ({}, [(BUDGET, "9000"), ("", "x")], ("customFields:",)),
    ],
)
def test_a_bad_field_never_costs_a_lead(crm: Crm, bad: Any, custom: Any, refused: tuple[str, ...]) -> None:
    """The API itself names it; the rest is written."""
    written = crm.contacts.upsert(LOCATION, {**FIELDS, **bad}, custom, deadline=crm.deadline)
    assert (written.is_new, written.refused) == (True, refused)
    contact = crm.only_contact()
    assert contact["phone"] == FIELDS["phone"]
    assert len(contact["customFields"]) == (1 if custom else 0)


def test_a_contact_that_a_refused_call_has_made_is_met(crm: Crm) -> None:
    """One contact, whether the refusal names a field or none."""
    for number, message in enumerate(["firstName must be a string", "no"]):
        crm.sandbox.reset()
        crm.sandbox.add_fault(match={"path": "/contacts/upsert"}, body={"message": [message]}, **MADE_ANYWAY)
        written = crm.contacts.upsert(LOCATION, FIELDS, deadline=crm.deadline)
        assert written.contact_id == crm.only_contact()["id"]
        assert set(written.refused) == [{"firstName"}, {"source"}][number]


def test_a_lead_that_is_refused_for_reasons_untold_lands_with_name_and_reach(crm: Crm) -> None:
    """Whatever it was, the person is in the CRM."""
    crm.sandbox.add_fault(match={"contains": "Rome"}, status=422, body={"message": ["invalid input"]}, times=9)
    written = crm.contacts.upsert(LOCATION, {**FIELDS, "city": "Rome"}, [(BUDGET, "9000")], deadline=crm.deadline)
    assert (written.is_new, set(written.refused)) == (True, {"city", "source", f"customFields:{BUDGET}"})
    assert (crm.only_contact()["email"], crm.only_contact()["phone"]) == (FIELDS["email"], FIELDS["phone"])


def test_an_owner_that_is_refused_is_left_out(crm: Crm) -> None:
    """A mistyped user in the routes does not cost the lead."""
    crm.sandbox.add_fault(match={"contains": "user-gone"}, status=400, body={"message": "User not found"})
    fields = {**FIELDS, "assignedTo": "user-gone"}
    assert crm.contacts.upsert(LOCATION, fields, deadline=crm.deadline).refused == ("assignedTo",)
    assert "assignedTo" not in crm.only_contact()


def test_tags_come_and_go_without_touching_others(crm: Crm) -> None:
    """Twice is the same as once."""
    contact_id = crm.contact_id()
    for _ in range(2):
        tags = crm.tags.add(LOCATION, contact_id, ["hot", "stage: lead"], deadline=crm.deadline)
        assert set(tags) == {"hot", "stage: lead"}
    assert crm.tags.remove(LOCATION, contact_id, ["stage: lead"], deadline=crm.deadline) == ("hot",)
    assert crm.only_contact()["tags"] == ["hot"]


def test_a_note_is_written_once_and_found_by_its_marker(crm: Crm) -> None:
    """Not by another lead's."""
    contact_id = crm.contact_id()
    note_id = crm.notes.create(LOCATION, contact_id, BODY, deadline=crm.deadline)
    assert crm.notes.find(LOCATION, contact_id, REFERENCE, deadline=crm.deadline) == note_id
    assert crm.notes.find(LOCATION, contact_id, "pinterest/26", deadline=crm.deadline) is None
    assert [note["body"] for note in crm.only_contact()["notes"]] == [BODY]


def test_a_task_is_written_and_found_by_its_marker(crm: Crm) -> None:
    """Open, with its time and its user."""
    contact_id = crm.contact_id()
    task_id = crm.tasks.create(
        LOCATION, contact_id, title="Call", body=BODY, due_at=1_800_000_000, assigned_to="user-a", deadline=crm.deadline
    )
    [found] = crm.tasks.find(LOCATION, contact_id, REFERENCE, deadline=crm.deadline)
    assert (found.title, found.task_id, found.due_at) == ("Call", task_id, 1_800_000_000)
    [shown] = crm.only_contact()["tasks"]
    assert (shown["dueDate"], shown["completed"], shown["assignedTo"]) == ("2027-01-15T08:00:00.000Z", False, "user-a")


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"drop_connection": True}, {"drop_connection": True, "after": True}]
)
def test_a_write_of_unknown_fate_says_so(crm: Crm, fault: dict[str, Any]) -> None:
    """Whether it happened or not; the one who asks looks first."""
    contact_id = crm.contact_id()
    crm.sandbox.add_fault(match={"method": "POST", "path": f"/contacts/{contact_id}/notes"}, **fault)
    with pytest.raises(TryAgain) as caught:
        crm.notes.create(LOCATION, contact_id, BODY, deadline=crm.deadline)
    assert caught.value.ambiguous
    found = crm.notes.find(LOCATION, contact_id, REFERENCE, deadline=crm.deadline)
    assert (found is not None) == fault.get("after", False)


def test_what_hangs_on_a_contact_that_is_gone_is_refused_as_such(crm: Crm) -> None:
    """The lead needs another contact, not another try."""
    with pytest.raises(Undeliverable, match="contacts_api_not_found"):
        crm.notes.create(LOCATION, "goneGoneGoneGoneGone", BODY, deadline=crm.deadline)


def test_the_location_s_custom_fields_are_listed(crm: Crm) -> None:
    """With what is needed to find one by id or key, and to write its value."""
    definitions = {found.id: found for found in crm.fields.definitions(LOCATION, deadline=crm.deadline)}
    assert definitions[BUDGET].field_key == "contact.budget"
    assert definitions[ROOMS].data_type == "MULTIPLE_OPTIONS"
    assert definitions[ROOMS].options == ("two", "three")


def test_the_stages_of_the_location_s_pipelines_have_names(crm: Crm) -> None:
    """Those that its opportunities are in."""
    deal = crm.sandbox.staff.add_opportunity(crm.contact_id(), name="Kitchen")
    names = crm.pipelines.stage_names(LOCATION, deadline=crm.deadline)
    assert (names[deal["pipelineStageId"]], len(names)) == ("New", 3)
