"""The Contacts sandbox over real sockets: it must be as strict as the documented API to prove anything."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3

from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox
from infra.local.pinterest_sender import build_lead, send

# Much of what is asked here is wrong on purpose.
pytestmark = pytest.mark.unrecorded

ROOT = Path(__file__).resolve().parents[2]
HERE, ELSEWHERE = DEFAULT_LOCATION, "otherLocation0000001"
TOKEN, OLD_TOKEN, FOREIGN_TOKEN = "pit-new", "pit-old", "pit-foreign"
ADA = {"locationId": HERE, "firstName": "Ada", "email": "Ada@Example.com", "phone": "+12125550123"}


class Client:
    """A keep-alive client of one sandbox, which sends what a good client sends unless told otherwise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = urllib3.PoolManager(retries=False, timeout=5)

    def __call__(
        self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, **headers: str | None
    ) -> urllib3.BaseHTTPResponse:
        sent = {"Version": "2021-07-28", "Content-Type": "application/json", **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        present = {name.replace("_", "-"): value for name, value in sent.items() if value is not None}
        return self.pool.request(method, self.url + path, body=raw, headers=present)

    def contact(self, **changes: Any) -> dict[str, Any]:
        answer = self("POST", "/contacts/upsert", {**ADA, **changes})
        assert answer.status == 200, answer.data
        contact: dict[str, Any] = answer.json()["contact"]
        return contact


@pytest.fixture
def crm() -> Iterator[ContactsSandbox]:
    with ContactsSandbox(tokens={TOKEN: HERE, OLD_TOKEN: HERE, FOREIGN_TOKEN: ELSEWHERE}) as sandbox:
        yield sandbox


@pytest.fixture
def call(crm: ContactsSandbox) -> Client:
    return Client(crm.url)


class TestWhoMayCall:
    @pytest.mark.parametrize("token", [None, "pit-wrong"])
    def test_a_missing_or_wrong_token_is_refused(self, call: Client, token: str | None) -> None:
        """Without a known token nothing is told and nothing is written."""
        answer = call("POST", "/contacts/upsert", ADA, token=token)
        assert answer.status == 401
        body = answer.json()
        assert body.pop("traceId")
        assert body == {
            "statusCode": 401,
            "message": "Invalid token: access token is invalid",
            "error": "Unauthorized",
        }

    @pytest.mark.parametrize(
        ("version", "status", "words"),
        [
            (None, 401, "version header was not found."),
            ("2021-04-15", 401, "version header is invalid"),
            ("v3", 401, "version header is invalid"),
            ("yesterday", 400, "Invalid API version segment"),
        ],
    )
    def test_the_version_header_is_required(self, call: Client, version: str | None, status: int, words: str) -> None:
        """A client that forgets Version, or sends another one, is told so."""
        answer = call("POST", "/contacts/upsert", ADA, Version=version)
        assert answer.status == status
        assert words in answer.json()["message"]

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/contacts/upsert", ADA),
            ("POST", "/contacts/", ADA),
            ("GET", f"/contacts/search/duplicate?locationId={HERE}&email=ada%40example.com", None),
            ("GET", f"/locations/{HERE}/customFields", None),
        ],
    )
    def test_a_token_opens_its_own_location_only(self, call: Client, method: str, path: str, body: Any) -> None:
        """A token of another sub-account is refused with 403."""
        answer = call(method, path, body, token=FOREIGN_TOKEN)
        assert answer.status == 403
        assert answer.json()["message"] == "The token does not have access to this location."

    def test_a_contact_of_another_location_is_out_of_reach(self, call: Client) -> None:
        """Knowing a contact's id does not help a foreign token."""
        found = call("GET", f"/contacts/{call.contact()['id']}", token=FOREIGN_TOKEN)
        assert found.status == 403

    def test_two_tokens_of_one_location_both_work(self, call: Client) -> None:
        """While a token is being replaced, the old and the new one open the same contacts."""
        path = f"/contacts/{call.contact()['id']}"
        assert call("GET", path, token=OLD_TOKEN).json()["contact"] == call("GET", path).json()["contact"]


class TestUpsert:
    def test_first_a_contact_is_new_then_it_is_known(self, call: Client) -> None:
        """The same e-mail, in whatever case, leads to the same contact."""
        first = call("POST", "/contacts/upsert", ADA).json()
        second = call("POST", "/contacts/upsert", {**ADA, "email": "aDA@example.COM"}).json()
        assert (first["new"], second["new"]) == (True, False)
        assert first["contact"]["id"] == second["contact"]["id"]
        assert first["traceId"] != second["traceId"]

    def test_the_phone_finds_whom_the_email_does_not(self, call: Client) -> None:
        """A new e-mail with a known phone changes the phone's contact."""
        first = call.contact()
        assert call.contact(email="new@example.com")["id"] == first["id"]

    def test_email_wins_over_phone(self, call: Client, crm: ContactsSandbox) -> None:
        """When e-mail and phone lead to two contacts, the e-mail's is changed, but not its phone."""
        grace = call.contact(email="grace@example.com", phone="+12125550199")
        call.contact()
        changed = call.contact(email="grace@example.com", phone="+12125550123", city="Boston")
        assert (changed["id"], changed["phone"], changed["city"]) == (grace["id"], "+12125550199", "Boston")
        assert len(crm.contacts()) == 2

    def test_tags_and_source_are_overwritten_when_sent_and_kept_when_not(self, call: Client) -> None:
        """Upsert replaces all tags and the source, which is why a careful client sends neither."""
        call.contact(tags=["One", "two"], source="pinterest")
        assert call.contact(city="Paris")["tags"] == ["one", "two"]
        after = call.contact(tags=["Three"], source="facebook")
        assert (after["tags"], after["source"]) == (["three"], "facebook")

    def test_gender_is_discarded_on_a_known_contact(self, call: Client, crm: ContactsSandbox) -> None:
        """Gender is kept when the contact is created and ignored from then on."""
        call.contact(gender="female")
        call.contact(gender="male")
        assert crm.contacts()[0]["gender"] == "female"

    def test_a_phone_that_is_not_e164_vanishes(self, call: Client) -> None:
        """A number without a country code is dropped without a word; spaces and hyphens are forgiven."""
        assert "phone" not in call.contact(phone="(212) 555-0123")
        assert call.contact(phone="+1 888-888-8888")["phone"] == "+18888888888"
        assert call.contact(phone="5550123")["phone"] == "+18888888888"

    def test_null_and_blank_empty_a_field(self, call: Client) -> None:
        """A blank sent for a known contact costs the value it had."""
        call.contact(city="Paris", companyName="Engines")
        after = call.contact(city=None, companyName="")
        assert "city" not in after
        assert "companyName" not in after

    @pytest.mark.parametrize(
        "written", ["1990/01/12", "01/12/1990", "1990-01-12", "01-12-1990", "1990.01.12", "01.12.1990"]
    )
    def test_birth_dates_in_documented_spellings(self, call: Client, written: str) -> None:
        """Year first or month first, with one kind of separator."""
        assert call.contact(dateOfBirth=written)["dateOfBirth"] == "1990-01-12"

    @pytest.mark.parametrize(
        ("key", "sent", "kept"),
        [
            ("move_in_date", "2027-03-01", "2027-03-01"),
            ("move_in_date", "next spring", None),
            ("home", "House", "House"),
            ("home", "house", None),
            ("home", ["House"], None),
            ("rooms", ["Kitchen", "Cellar"], ["Kitchen"]),
            ("rooms", ["Cellar"], None),
            ("rooms", "Kitchen", None),
            ("age", "36", "36"),
            ("age", "thirty", None),
            ("budget", 1000, None),
        ],
    )
    def test_a_value_that_does_not_fit_its_custom_field_vanishes(
        self, call: Client, key: str, sent: Any, kept: Any
    ) -> None:
        """200 all the same; options are taken by their own label only."""
        shown = call.contact(customFields=[{"key": key, "field_value": sent}])["customFields"]
        assert [field["value"] for field in shown] == ([] if kept is None else [kept])

    def test_a_secondary_email_becomes_the_only_one(self, call: Client, crm: ContactsSandbox) -> None:
        """An upsert by it finds the contact, and the contact loses the primary e-mail it had."""
        known = call.contact()
        order = {"contact_id": known["id"], "emails": ["Second@example.com"]}
        assert call("POST", "/_sandbox/emails", order, token=None).status == 201
        assert crm.contacts()[0]["additionalEmails"] == ["Second@example.com"]
        search = f"/contacts/search/duplicate?locationId={HERE}&email="
        assert call("GET", search + "second%40example.com").json()["contact"] == known
        after = call("POST", "/contacts/upsert", {**ADA, "email": "second@example.com", "phone": "+12125550199"}).json()
        assert (after["new"], after["contact"]["id"]) == (False, known["id"])
        assert after["contact"]["email"] == "second@example.com"
        assert "additionalEmails" not in crm.contacts()[0]
        assert call("GET", search + "ada%40example.com").json()["contact"] is None

    def test_secondary_emails_need_a_contact(self, call: Client) -> None:
        """An order for nobody is refused."""
        assert call("POST", "/_sandbox/emails", {"contact_id": "nobody", "emails": ["a@example.com"]}).status == 400
        assert call("POST", "/_sandbox/emails", []).status == 400

    def test_only_a_known_user_may_be_assigned_where_users_are_known(self) -> None:
        """422 that names the property, for contacts and tasks; without a list of users anybody will do."""
        with ContactsSandbox(tokens={TOKEN: HERE}, users=["user-a"]) as crm:
            call = Client(crm.url)
            known = call.contact(assignedTo="user-a")
            task = {"title": "t", "dueDate": "2026-12-01T09:00:00Z", "completed": False, "assignedTo": "user-x"}
            for path, body in (
                ("/contacts/upsert", {**ADA, "assignedTo": "user-x"}),
                (f"/contacts/{known['id']}/tasks", task),
            ):
                answer = call("POST", path, body)
                assert answer.status == 422
                assert "assignedTo" in answer.json()["message"][0]
            assert call("POST", f"/contacts/{known['id']}/tasks", {**task, "assignedTo": "user-a"}).status == 201

    def test_custom_fields_by_id_or_key_and_unknown_ones_vanish(self, call: Client) -> None:
        """An unknown custom field is answered with 200 and dropped."""
        sent = [
            {"id": "sandboxFieldBudget01", "field_value": "1000"},
            {"key": "rooms", "field_value": ["Kitchen", "Bath"]},
            {"key": "contact.age", "field_value": 36},
            {"id": "nobodyKnowsThisOne", "field_value": "x"},
        ]
        assert call.contact(customFields=sent)["customFields"] == [
            {"id": "sandboxFieldBudget01", "value": "1000"},
            {"id": "sandboxFieldRooms001", "value": ["Kitchen", "Bath"]},
            {"id": "sandboxFieldAge00001", "value": 36},
        ]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"additionalEmails": []}, "property additionalEmails should not exist"),
            ({"locationId": ""}, "locationId should not be empty"),
            ({"locationId": None}, "locationId must be a string"),
            ({"firstName": 5}, "firstName must be a string"),
            ({"postalCode": None}, "postalCode must be a string"),
            ({"country": None}, "country must be a string"),
            ({"country": "USA"}, "country must be a valid enum value"),
            ({"country": "CW"}, "country must be a valid enum value"),
            ({"country": ""}, "country must be a valid enum value"),
            ({"gender": None}, "gender must be a string"),
            ({"email": "ada at example"}, "email must be an email"),
            ({"dateOfBirth": "12 January"}, "dateOfBirth must be a valid date"),
            ({"dateOfBirth": "31/12/1990"}, "dateOfBirth must be a valid date"),
            ({"dateOfBirth": "1990-01/12"}, "dateOfBirth must be a valid date"),
            ({"tags": "one"}, "tags must be an array"),
            ({"tags": None}, "tags must be an array"),
            ({"tags": [1]}, "each value in tags must be a string"),
            ({"dnd": "yes"}, "dnd must be a boolean value"),
            ({"dndSettings": {"email": {"status": "active"}}}, "dndSettings.property email should not exist"),
            (
                {"inboundDndSettings": {"all": {"status": "permanent"}}},
                "inboundDndSettings.all.status must be one of: active, inactive",
            ),
            (
                {"customFields": [{"id": "x", "fieldValue": "y"}]},
                "customFields.0.property fieldValue should not exist",
            ),
            ({"customFields": [{"field_value": "y"}]}, "customFields.0.id should not be empty"),
        ],
    )
    def test_what_the_api_would_refuse_is_refused(
        self, call: Client, crm: ContactsSandbox, changes: dict[str, Any], message: str
    ) -> None:
        """One wrong property costs the whole upsert, with 422 and a list of messages."""
        answer = call("POST", "/contacts/upsert", {**ADA, **changes})
        assert answer.status == 422
        body = answer.json()
        assert message in body["message"]
        assert (body["statusCode"], body["error"]) == (422, "Unprocessable Entity")
        assert body["traceId"]
        assert crm.contacts() == []

    @pytest.mark.parametrize(
        ("raw", "status"),
        [
            (b"{", 400),
            (b'{"a": NaN}', 400),
            (b"\xff", 400),
            (b"[" * 100_000, 400),
            (b"1" * 10_000, 400),
            (b"[]", 422),
            (b"", 422),
            (b"null", 422),
        ],
    )
    def test_what_is_no_json_object_is_refused(self, call: Client, raw: bytes, status: int) -> None:
        """Bad JSON is 400; JSON that is no object, or no body at all, is 422."""
        assert call("POST", "/contacts/upsert", raw).status == status

    def test_a_body_not_declared_as_json_is_not_read(self, call: Client) -> None:
        """The content type counts: as a form, the body goes unread and everything required is missing."""
        answer = call("POST", "/contacts/upsert", ADA, Content_Type="text/plain")
        assert answer.json()["message"] == ["locationId should not be empty"]

    def test_a_lone_surrogate_comes_back_as_it_went(self, call: Client) -> None:
        """JSON may hold half a surrogate pair, and the answer stays valid JSON."""
        assert call.contact(city="\ud800")["city"] == "\ud800"

    def test_the_same_person_twenty_times_at_once_is_one_contact(self, call: Client, crm: ContactsSandbox) -> None:
        """Simultaneous upserts of one e-mail create one contact."""
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: call("POST", "/contacts/upsert", ADA).json(), range(20)))
        assert sum(answer["new"] for answer in answers) == 1
        assert len(crm.contacts()) == 1


class TestContact:
    def test_create_refuses_a_duplicate_and_names_it(self, call: Client) -> None:
        """400 with meta.contactId is the API's way to say "found"."""
        first = call("POST", "/contacts/", {**ADA, "lastName": "Lovelace"})
        assert first.status == 201
        again = call("POST", "/contacts/", {**ADA, "email": None})
        assert again.status == 400
        assert again.json()["message"] == "This location does not allow duplicated contacts."
        assert again.json()["meta"] == {
            "contactId": first.json()["contact"]["id"],
            "contactName": "Ada Lovelace",
            "matchingField": "phone",
        }

    def test_birth_date_reads_differ(self, call: Client) -> None:
        """POST /contacts/ shows a moment, GET a date."""
        created = call("POST", "/contacts/", {**ADA, "dateOfBirth": "1990-01-12"}).json()["contact"]
        assert created["dateOfBirth"] == "1990-01-12T00:00:00.000Z"
        assert (created["birthMonth"], created["birthDay"]) == (1, 12)
        read = call("GET", f"/contacts/{created['id']}").json()["contact"]
        assert read["dateOfBirth"] == "1990-01-12"

    def test_update_changes_and_refuses_what_put_does_not_take(self, call: Client) -> None:
        """PUT takes neither locationId nor gender nor companyName."""
        path = f"/contacts/{call.contact()['id']}"
        changed = call("PUT", path, {"city": "Oslo", "source": None}).json()
        assert (changed["succeded"], changed["contact"]["city"]) == (True, "Oslo")
        refused = call("PUT", path, {"locationId": HERE, "gender": "female", "companyName": "x"})
        assert refused.status == 422
        assert refused.json()["message"] == [
            f"property {name} should not exist" for name in ("locationId", "gender", "companyName")
        ]

    def test_update_cannot_take_anothers_email(self, call: Client) -> None:
        """PUT to an e-mail that another contact has is a duplicate."""
        call.contact()
        grace = call.contact(email="grace@example.com", phone=None)
        answer = call("PUT", f"/contacts/{grace['id']}", {"email": "ada@example.com"})
        assert (answer.status, answer.json()["meta"]["matchingField"]) == (400, "email")
        assert call("PUT", f"/contacts/{grace['id']}", {"email": "grace@example.com"}).status == 200

    def test_a_changed_email_frees_the_old_one(self, call: Client) -> None:
        """The search follows the contact's present e-mail, and forgets a deleted contact."""
        path = f"/contacts/{call.contact(phone=None)['id']}"
        call("PUT", path, {"email": "countess@example.com"})
        search = f"/contacts/search/duplicate?locationId={HERE}&email="
        assert call("GET", search + "ada%40example.com").json()["contact"] is None
        assert call("GET", search + "Countess%40example.com").json()["contact"]
        assert call("DELETE", path).json()["succeded"] is True
        assert call("GET", search + "countess%40example.com").json()["contact"] is None
        assert call("GET", path).status == 400

    def test_search_for_duplicates(self, call: Client) -> None:
        """By number with an encoded plus; an unencoded one is a space and finds nobody; neither is 400."""
        known = call.contact()
        search = f"/contacts/search/duplicate?locationId={HERE}"
        assert call("GET", search + "&number=%2B12125550123").json()["contact"]["id"] == known["id"]
        assert call("GET", search + "&number=+12125550123").json()["contact"] is None
        neither = call("GET", search)
        assert (neither.status, neither.json()["message"]) == (400, "Pass at least one of number, email")
        assert call("GET", "/contacts/search/duplicate?email=a%40b.co").status == 422

    def test_tags_are_additive_and_in_lower_case(self, call: Client) -> None:
        """Adding and removing tags leaves the others alone."""
        path = f"/contacts/{call.contact(tags=['Old'])['id']}/tags"
        added = call("POST", path, {"tags": ["New ", "OLD"]})
        assert (added.status, added.json()["tags"]) == (201, ["old", "new"])
        removed = call("DELETE", path, {"tags": ["oLd"]})
        assert (removed.status, removed.json()["tags"]) == (200, ["new"])
        refused = call("POST", path, {"tags": ["x"], "locationId": HERE})
        assert (refused.status, refused.json()["message"]) == (422, ["property locationId should not exist"])

    def test_notes_from_first_to_last(self, call: Client, crm: ContactsSandbox) -> None:
        """A note is written, listed, changed and removed; it is not de-duplicated."""
        path = f"/contacts/{call.contact()['id']}/notes"
        assert call("POST", path, {}).json()["message"] == ["body should not be empty"]
        note = call("POST", path, {"body": "called"}).json()["note"]
        call("POST", path, {"body": "called"})
        assert len(call("GET", path).json()["notes"]) == 2
        assert call("PUT", f"{path}/{note['id']}", {"pinned": True}).json()["note"]["pinned"] is True
        assert call("GET", f"{path}/{note['id']}").json()["note"]["body"] == "called"
        assert call("DELETE", f"{path}/{note['id']}").json()["succeded"] is True
        assert call("GET", f"{path}/{note['id']}").status == 400
        assert [note["body"] for note in crm.contacts()[0]["notes"]] == ["called"]

    def test_tasks_from_first_to_last(self, call: Client, crm: ContactsSandbox) -> None:
        """A task wants title, dueDate and completed, and can be completed."""
        path = f"/contacts/{call.contact()['id']}/tasks"
        assert len(call("POST", path, {"body": "x"}).json()["message"]) == 3
        wrong = call("POST", path, {"title": "Call", "dueDate": "tomorrow", "completed": "no"})
        assert len(wrong.json()["message"]) == 2
        made = call("POST", path, {"title": "Call", "dueDate": "2026-12-01T09:00:00Z", "completed": False})
        assert made.status == 201
        one = f"{path}/{made.json()['task']['id']}"
        assert call("PUT", f"{one}/completed", {"completed": True}).json()["task"]["completed"] is True
        assert call("PUT", one, {"title": "Call Ada"}).json()["task"]["title"] == "Call Ada"
        assert crm.contacts()[0]["tasks"] == call("GET", path).json()["tasks"]
        assert call("DELETE", one).json()["succeded"] is True
        assert call("GET", one).status == 400

    def test_custom_field_definitions(self, call: Client) -> None:
        """They are listed with the ids that an upsert wants."""
        path = f"/locations/{HERE}/customFields?model="
        fields = call("GET", path + "contact").json()["customFields"]
        assert fields[0]["fieldKey"] == "contact.budget"
        assert call("GET", path + "opportunity").json()["customFields"] == []
        assert call("GET", path + "person").status == 422

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/nowhere"), ("PATCH", "/contacts/upsert"), ("GET", "/"), ("GET", "/contacts//notes")],
    )
    def test_an_unknown_route_is_404(self, call: Client, method: str, path: str) -> None:
        """Even without a token, an unknown path is named as such."""
        answer = call(method, path, token=None)
        assert (answer.status, answer.json()["message"]) == (404, f"Cannot {method} {path}")

    def test_an_id_may_hold_anything_percent_encoded(self, call: Client) -> None:
        """An encoded slash stays inside the id instead of leading elsewhere."""
        answer = call("GET", "/contacts/..%2Flocations%2Fx")
        assert (answer.status, answer.json()["message"]) == (400, "Contact not found")


class TestSearch:
    """POST /contacts/search, POST /locations/{id}/tasks/search and GET /opportunities/search."""

    PEOPLE = ("Ada", "Grace", "Hedy", "Mary", "Rosa")

    @pytest.fixture
    def ids(self, crm: ContactsSandbox) -> list[str]:
        """Five contacts, added one after the other, each with a task; and one somewhere else."""
        made = []
        for number, name in enumerate(self.PEOPLE):
            contact = crm.staff.create_contact(
                HERE, firstName=name, email=f"{name}@example.com", phone=f"+1212555010{number}", tags=[name, "all"]
            )
            crm.staff.add_task(contact["id"], f"Call {name}", completed=number % 2 == 0, assignedTo=f"user-{number}")
            made.append(contact["id"])
            time.sleep(0.002)
        crm.staff.create_contact(ELSEWHERE, firstName="Ada", email="ada@example.com")
        return made

    def search(self, call: Client, **body: Any) -> dict[str, Any]:
        answer = call("POST", "/contacts/search", {"locationId": HERE, "pageLimit": 100, **body})
        assert answer.status == 200, answer.data
        found: dict[str, Any] = answer.json()
        return found

    def test_the_newest_come_first_each_with_its_place(self, call: Client, ids: list[str]) -> None:
        """With the total, and without the contacts of other locations."""
        found = self.search(call)
        assert (found["total"], [contact["id"] for contact in found["contacts"]]) == (5, ids[::-1])
        newest = found["contacts"][0]
        added = datetime.fromisoformat(newest["dateAdded"]).timestamp() * 1000
        assert newest["searchAfter"] == [pytest.approx(added, abs=1), newest["id"]]
        assert {"dateAdded", "dateUpdated", "tags", "customFields"} <= newest.keys()

    def test_names_are_found_in_lower_case_only(self, call: Client, ids: list[str]) -> None:
        """As the page of the search shows it: who wants the name as it was written reads the contact by its id."""
        found = self.search(call, query="grace")["contacts"][0]
        assert found["firstNameLowerCase"] == "grace"
        assert not {"firstName", "name", "address1"} & found.keys()
        assert call("GET", f"/contacts/{found['id']}").json()["contact"]["firstName"] == "Grace"

    @pytest.mark.parametrize("direction", ["asc", "desc"])
    def test_every_contact_is_passed_once_by_its_place(self, call: Client, ids: list[str], direction: str) -> None:
        """searchAfter of a page's last contact leads to the next page, also when that contact has gone meanwhile."""
        sort = [{"field": "dateAdded", "direction": direction}]
        passed: list[str] = []
        more: dict[str, Any] = {}
        while page := self.search(call, sort=sort, pageLimit=2, **more)["contacts"]:
            passed += [contact["id"] for contact in page]
            more = {"searchAfter": page[-1]["searchAfter"]}
            call("DELETE", f"/contacts/{page[-1]['id']}")
        assert passed == (ids if direction == "asc" else ids[::-1])

    @pytest.mark.parametrize("field", ["email", "dnd", "source", "firstNameLowerCase", "dateUpdated"])
    def test_places_hold_whatever_the_order(self, call: Client, ids: list[str], field: str) -> None:
        """Also where contacts have nothing in the field they are sorted by."""
        call("PUT", f"/contacts/{ids[3]}", {"dnd": True, "source": "fair"})
        sort = [{"field": field, "direction": "desc"}]
        first = self.search(call, sort=sort, pageLimit=2)["contacts"]
        rest = self.search(call, sort=sort, searchAfter=first[-1]["searchAfter"])["contacts"]
        assert sorted(contact["id"] for contact in first + rest) == sorted(ids)

    def test_pages_by_number(self, call: Client, ids: list[str]) -> None:
        """The last one is shorter, the one after it empty."""
        pages = [self.search(call, pageLimit=2, page=number)["contacts"] for number in (1, 2, 3, 4)]
        assert [contact["id"] for page in pages for contact in page] == ids[::-1]
        assert [len(page) for page in pages] == [2, 2, 1, 0]

    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            ([("email", "eq", "GRACE@example.com")], ["Grace"]),
            ([("phone", "eq", "+12125550102")], ["Hedy"]),
            ([("phone", "contains", "555010")], PEOPLE),
            ([("firstNameLowerCase", "contains", "r")], ["Grace", "Mary", "Rosa"]),
            ([("tags", "eq", "rosa")], ["Rosa"]),
            ([("tags", "not_eq", "rosa"), ("email", "not_eq", "ada@example.com")], ["Grace", "Hedy", "Mary"]),
            ([("city", "exists", None)], []),
            ([("city", "not_exists", None)], PEOPLE),
        ],
    )
    def test_filters_are_joined_by_and(
        self, call: Client, ids: list[str], filters: list[tuple[str, str, Any]], names: Sequence[str]
    ) -> None:
        """By e-mail, phone, tag and others, with the operators each field takes."""
        asked = [{"field": field, "operator": operator, "value": value} for field, operator, value in filters]
        found = self.search(call, filters=asked, sort=[{"field": "firstNameLowerCase", "direction": "asc"}])
        assert [contact["firstNameLowerCase"] for contact in found["contacts"]] == [name.lower() for name in names]

    def test_groups_of_filters(self, call: Client, ids: list[str]) -> None:
        """One of two, and not the third."""
        either = [{"field": "firstNameLowerCase", "operator": "eq", "value": name} for name in ("ada", "hedy")]
        group = {"group": "OR", "filters": either}
        assert self.search(call, filters=[group])["total"] == 2
        assert self.search(call, filters=[group, {"field": "phone", "operator": "eq", "value": "+1"}])["total"] == 0

    def test_a_range_of_moments(self, call: Client, ids: list[str]) -> None:
        """By when a contact was added, or changed for real; each bound says whether it is part of the range."""
        second = call("GET", f"/contacts/{ids[1]}").json()["contact"]["dateAdded"]

        def total(field: str, **bounds: str) -> int:
            return int(self.search(call, filters=[{"field": field, "operator": "range", "value": bounds}])["total"])

        assert (total("dateAdded", gte=second), total("dateAdded", gt=second)) == (4, 3)
        assert (total("dateAdded", lte=second), total("dateAdded", lt=second)) == (2, 1)
        before = datetime.now(UTC).isoformat(timespec="milliseconds")
        time.sleep(0.002)
        call("PUT", f"/contacts/{ids[0]}", {"firstName": "Ada"})
        assert total("dateUpdated", gt=before) == 0
        call("PUT", f"/contacts/{ids[0]}", {"city": "Paris"})
        assert (total("dateUpdated", gt=before), total("dateAdded", gt=before)) == (1, 0)

    @pytest.mark.parametrize(
        ("changes", "status", "said"),
        [
            ({"pageLimit": None}, 422, "pageLimit"),
            ({"pageLimit": 501}, 422, "pageLimit"),
            ({"pageLimit": "20"}, 422, "pageLimit"),
            ({"locationId": None}, 422, "locationId"),
            ({"locationId": ELSEWHERE}, 403, "location"),
            ({"limit": 10}, 422, "property limit should not exist"),
            ({"page": 1, "searchAfter": [1, "x"]}, 422, "searchAfter"),
            ({"page": 101, "pageLimit": 100}, 422, "10000"),
            ({"searchAfter": ["x"]}, 400, "searchAfter"),
            ({"searchAfter": ["x", "y"]}, 400, "searchAfter"),
            ({"sort": [{"field": "phone", "direction": "asc"}]}, 400, "Invalid sort field phone"),
            ({"sort": [{"field": "email"}]}, 422, "direction"),
            ({"filters": [{"field": "additional_phones", "operator": "eq", "value": "x"}]}, 400, "Invalid field"),
            ({"filters": [{"field": "email", "operator": "contains", "value": "x"}]}, 400, "Invalid operator"),
            ({"filters": [{"field": "dateAdded", "operator": "range", "value": {"from": "x"}}]}, 422, "dateAdded"),
            ({"filters": [{"field": "dateAdded", "operator": "range", "value": {"gt": "x"}}]}, 422, "ISO 8601"),
            ({"filters": [{"group": "XOR", "filters": []}]}, 422, "group"),
            ({"filters": {}}, 422, "filters"),
            ({"query": "x" * 76}, 422, "query"),
        ],
    )
    def test_a_search_that_makes_no_sense_is_refused(
        self, call: Client, changes: dict[str, Any], status: int, said: str
    ) -> None:
        """What is missing or of the wrong type with 422, unknown fields and operators with 400."""
        answer = call("POST", "/contacts/search", {"locationId": HERE, "pageLimit": 20, **changes})
        assert answer.status == status
        assert said in str(answer.json()["message"])

    def test_tasks_of_a_location(self, call: Client, ids: list[str]) -> None:
        """Oldest first, by contact, state, user or title, in pages; each says whose it is and when it was added."""
        path = f"/locations/{HERE}/tasks/search"

        def titles(**body: Any) -> list[str]:
            answer = call("POST", path, body)
            assert answer.status == 200, answer.data
            return [task["title"] for task in answer.json()["tasks"]]

        everything = call("POST", path, {}).json()["tasks"]
        assert [task["contactId"] for task in everything] == ids
        assert all(task["dateAdded"] for task in everything)
        assert titles(limit=2, skip=3) == ["Call Mary", "Call Rosa"]
        assert titles(contactId=[ids[2]]) == ["Call Hedy"]
        assert titles(completed=False) == ["Call Grace", "Call Mary"]
        assert titles(assignedTo=["user-4"]) == ["Call Rosa"]
        assert titles(query="ada") == ["Call Ada"]
        for wrong in ({"limit": "2"}, {"limit": 0}, {"skip": -1}, {"contactId": ids[0]}, {"title": "x"}):
            assert call("POST", path, wrong).status == 422
        assert call("POST", path, {}, token=FOREIGN_TOKEN).status == 403

    def test_opportunities_of_a_location(self, call: Client, crm: ContactsSandbox, ids: list[str]) -> None:
        """Newest first, by contact and status, in pages; the location is spelt location_id."""
        for number, contact_id in enumerate([ids[0], ids[0], ids[1]]):
            crm.staff.add_opportunity(contact_id, name=f"Deal {number}", status=("open", "won", "open")[number])
        path = f"/opportunities/search?location_id={HERE}"

        def names(more: str = "") -> list[str]:
            answer = call("GET", path + more)
            assert answer.status == 200, answer.data
            return [deal["name"] for deal in answer.json()["opportunities"]]

        assert names() == names("&status=all") == ["Deal 2", "Deal 1", "Deal 0"]
        assert names(f"&contact_id={ids[0]}&status=won") == ["Deal 1"]
        assert names("&q=grace") == ["Deal 2"]
        assert names("&limit=2&page=2") == ["Deal 0"]
        first = call("GET", path + "&limit=2").json()
        assert first["meta"] == {"total": 3, "currentPage": 1, "nextPage": 2}
        [newest, _] = first["opportunities"]
        assert newest["contact"]["email"] == "Grace@example.com"
        assert call("GET", f"/opportunities/{newest['id']}").json()["opportunity"] == newest
        assert call("GET", f"/opportunities/{newest['id']}", token=FOREIGN_TOKEN).status == 403
        assert call("GET", "/opportunities/none").json()["message"] == "Opportunity not found"
        for wrong in (f"?locationId={HERE}", "", f"?location_id={HERE}&limit=101", f"?location_id={HERE}&status=gone"):
            assert call("GET", "/opportunities/search" + wrong).status == 422
        assert call("GET", path, token=FOREIGN_TOKEN).status == 403
        assert call("GET", path + "&country=US").status == 400

    def test_pipelines_of_a_location(self, call: Client) -> None:
        """With their stages; the location is spelt locationId here."""
        answer = call("GET", f"/opportunities/pipelines?locationId={HERE}")
        [pipeline] = answer.json()["pipelines"]
        assert (pipeline["locationId"], [stage["name"] for stage in pipeline["stages"]]) == (
            HERE,
            ["New", "Booked", "Closed"],
        )
        for wrong in ("", f"?location_id={HERE}", f"?locationId={HERE}&page=1"):
            assert call("GET", "/opportunities/pipelines" + wrong).status == 422
        path = f"/opportunities/pipelines?locationId={HERE}"
        assert call("GET", path, token=FOREIGN_TOKEN).status == 403


class TestRateLimit:
    def test_headers_on_every_answer(self, call: Client) -> None:
        """The five documented headers count down, on refusals too."""
        first = call("POST", "/contacts/upsert", ADA).headers
        assert first["X-RateLimit-Limit-Daily"] == "200000"
        assert first["X-RateLimit-Daily-Remaining"] == "199999"
        assert first["X-RateLimit-Interval-Milliseconds"] == "10000"
        assert first["X-RateLimit-Max"] == "100"
        assert call("POST", "/contacts/upsert", {}).headers["X-RateLimit-Remaining"] == "98"
        assert call("GET", "/x", token=None).headers["X-RateLimit-Remaining"] == "100"

    def test_over_the_burst_is_429_until_the_interval_ends(self) -> None:
        """Refused requests do not lengthen the wait, and other locations are not touched."""
        tokens = {TOKEN: HERE, OLD_TOKEN: HERE, FOREIGN_TOKEN: ELSEWHERE}
        with ContactsSandbox(tokens=tokens, burst=2, interval_ms=300) as crm:
            call = Client(crm.url)
            path = f"/locations/{HERE}/customFields"
            assert [call("GET", path, token=t).status for t in (TOKEN, OLD_TOKEN, TOKEN)] == [200, 200, 429]
            refused = call("GET", path)
            assert "Retry-After" not in refused.headers
            assert refused.headers["X-RateLimit-Remaining"] == "0"
            assert call("GET", f"/locations/{ELSEWHERE}/customFields", token=FOREIGN_TOKEN).status == 200
            time.sleep(0.35)
            assert call("GET", path).status == 200

    def test_the_day_can_be_used_up(self) -> None:
        """Daily exhaustion is 429 as well, with Retry-After where asked for."""
        with ContactsSandbox(tokens={TOKEN: HERE}, daily=1, retry_after=7) as crm:
            call = Client(crm.url)
            call("GET", f"/locations/{HERE}/customFields")
            refused = call("GET", f"/locations/{HERE}/customFields")
            assert (refused.status, refused.headers["Retry-After"]) == (429, "7")
            assert refused.headers["X-RateLimit-Daily-Remaining"] == "0"


class TestFaults:
    def test_a_fault_strikes_so_often_and_no_more(self, call: Client, crm: ContactsSandbox) -> None:
        """Two 500s, then the truth; the fault's hits are counted."""
        order = {"match": {"method": "POST", "path": "/contacts/upsert"}, "status": 500, "times": 2}
        assert call("POST", "/_sandbox/faults", order, token=None).status == 201
        assert [call("POST", "/contacts/upsert", ADA).status for _ in range(3)] == [500, 500, 200]
        assert call("GET", "/_sandbox/faults").json()["faults"][0]["hits"] == 2
        assert len(crm.contacts()) == 1

    def test_a_fault_with_words_and_headers_of_its_own(self, call: Client, crm: ContactsSandbox) -> None:
        """Body and headers are answered as ordered, the rate-limit headers stay, and clearing ends it."""
        body = {"message": "slow down"}
        crm.add_fault(match={"path": "/contacts"}, status=429, body=body, headers={"Retry-After": "3"})
        answer = call("POST", "/contacts/upsert", ADA)
        assert (answer.status, answer.json()["message"]) == (429, "slow down")
        assert answer.headers["Retry-After"] == "3"
        assert answer.headers["X-RateLimit-Max"] == "100"
        assert call("DELETE", "/_sandbox/faults").status == 200
        assert call("POST", "/contacts/upsert", ADA).status == 200

    def test_a_fault_for_one_person_or_one_token_only(self, call: Client, crm: ContactsSandbox) -> None:
        """`contains` looks into the body, `token` at who calls."""
        crm.add_fault(match={"contains": "poison@example.com"}, status=422)
        crm.add_fault(match={"token": OLD_TOKEN}, status=401)
        assert call("POST", "/contacts/upsert", {**ADA, "email": "poison@example.com"}).status == 422
        assert call("POST", "/contacts/upsert", ADA, token=OLD_TOKEN).status == 401
        assert call("POST", "/contacts/upsert", ADA).status == 200

    def test_500_but_created(self, call: Client, crm: ContactsSandbox) -> None:
        """With `after` the write takes place before the fault is answered."""
        crm.add_fault(match={"path": "/contacts/upsert"}, status=500, after=True, times=1)
        assert call("POST", "/contacts/upsert", ADA).status == 500
        assert call("POST", "/contacts/upsert", ADA).json()["new"] is False

    def test_422_but_created(self, call: Client, crm: ContactsSandbox) -> None:
        """A refusal of a contact that exists all the same: highlevel-api-docs issue 64."""
        crm.add_fault(match={"path": "/contacts/upsert"}, status=422, after=True, times=1)
        assert call("POST", "/contacts/upsert", ADA).status == 422
        assert len(crm.contacts()) == 1

    def test_a_fault_for_one_location_only(self, call: Client, crm: ContactsSandbox) -> None:
        """Whatever token of that location calls; the others are served."""
        crm.add_fault(match={"location": HERE}, status=429)
        path = "/locations/{}/customFields"
        assert [call("GET", path.format(HERE), token=token).status for token in (TOKEN, OLD_TOKEN)] == [429, 429]
        assert call("GET", path.format(ELSEWHERE), token=FOREIGN_TOKEN).status == 200

    def test_a_fault_by_chance_strikes_its_share_and_alike_with_the_same_seed(self) -> None:
        """Three of ten, in the same places for the same seed and in others for another."""
        runs = []
        for seed in (1, 1, 2):
            with ContactsSandbox(tokens={TOKEN: HERE}, burst=1000, seed=seed) as crm:
                call = Client(crm.url)
                crm.add_fault(status=500, probability=0.3)
                runs.append([call("GET", f"/locations/{HERE}/customFields").status for _ in range(200)])
        assert runs[0] == runs[1] != runs[2]
        assert 40 <= runs[0].count(500) <= 80

    @pytest.mark.parametrize("after", [False, True])
    def test_a_dropped_connection(self, call: Client, crm: ContactsSandbox, after: bool) -> None:
        """The socket closes without an answer, before or after the write."""
        crm.add_fault(match={}, drop_connection=True, after=after, times=1)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            call("POST", "/contacts/upsert", ADA)
        assert len(crm.contacts()) == int(after)
        assert crm.requests()[0]["status"] is None
        assert call("POST", "/contacts/upsert", ADA).status == 200

    def test_a_delay_alone_only_delays(self, call: Client, crm: ContactsSandbox) -> None:
        """Without a status the real answer comes, late; others are not held up meanwhile."""
        crm.add_fault(match={"path": "/contacts/upsert"}, delay_seconds=0.8, times=1)
        began = time.monotonic()
        slow = threading.Thread(target=call, args=("POST", "/contacts/upsert", ADA))
        slow.start()
        time.sleep(0.1)
        assert call("GET", f"/locations/{HERE}/customFields").status == 200
        assert slow.is_alive()
        slow.join()
        assert time.monotonic() - began >= 0.8
        assert len(crm.contacts()) == 1

    @pytest.mark.parametrize(
        "order",
        [
            {"stauts": 500},
            {"match": {"url": "/x"}},
            {"match": ["POST"]},
            {"status": "500"},
            {"status": 99},
            {"times": 0},
            {"delay_seconds": "long"},
            {"delay_seconds": -1},
            {"probability": 0},
            {"probability": 2},
            {"after": 1},
            {"headers": {"Retry-After": 3}},
            [],
            b"{",
        ],
    )
    def test_an_order_that_makes_no_sense_is_refused(self, call: Client, order: Any) -> None:
        """A typo in a fault must not silently become no fault."""
        answer = call("POST", "/_sandbox/faults", order)
        assert answer.status == 400
        assert answer.json()["error"]
        assert call("GET", "/_sandbox/faults").json()["faults"] == []


class TestAdministration:
    def test_requests_are_remembered_without_the_token(self, call: Client, crm: ContactsSandbox) -> None:
        """Method, path, query, body and status can be asked for; the token cannot."""
        call.contact()
        call("GET", f"/contacts/search/duplicate?locationId={HERE}", token=FOREIGN_TOKEN)
        first, second = call("GET", "/_sandbox/requests", token=None).json()["requests"]
        assert (first["method"], first["path"], first["status"]) == ("POST", "/contacts/upsert", 200)
        assert first["body"] == ADA
        assert first["headers"]["version"] == "2021-07-28"
        assert (second["query"], second["location"], second["status"]) == (
            {"locationId": HERE},
            ELSEWHERE,
            403,
        )
        assert TOKEN not in json.dumps(first)
        call("DELETE", "/_sandbox/requests")
        assert crm.requests() == []

    def test_contacts_are_listed_whole(self, call: Client) -> None:
        """With tags, notes and tasks, so that a test need ask only once."""
        made = call.contact(gender="female", tags=["a"])
        (listed,) = call("GET", "/_sandbox/contacts", token=None).json()["contacts"]
        assert listed == {**made, "gender": "female", "notes": [], "tasks": []}

    def test_reset_forgets_everything(self, call: Client, crm: ContactsSandbox) -> None:
        """Contacts, faults, requests and used-up limits are gone."""
        call.contact()
        crm.add_fault(status=500)
        assert call("POST", "/_sandbox/reset").status == 200
        assert (crm.contacts(), crm.faults(), crm.requests()) == ([], [], [])
        assert call("POST", "/contacts/upsert", ADA).headers["X-RateLimit-Remaining"] == "99"
        assert crm.contacts() != []

    def test_a_foreign_host_name_administers_nothing(self, call: Client) -> None:
        """A web page that pointed its own name at loopback must not read the contacts."""
        assert call("GET", "/_sandbox/contacts", Host="evil.example:80").status == 403

    def test_an_unknown_administration_path_is_named(self, call: Client) -> None:
        """404 in one sentence."""
        assert call("PUT", "/_sandbox/contacts").status == 404


class TestServer:
    def test_connections_are_kept_alive_and_quick(self, call: Client) -> None:
        """One connection serves every call, without the 40 ms that Nagle's algorithm would cost each."""
        call.contact()
        began = time.monotonic()
        for _ in range(50):
            call("POST", "/contacts/upsert", ADA)
        assert time.monotonic() - began < 50 * 0.03
        host = urllib3.util.parse_url(call.url)
        pool = call.pool.connection_from_host(host.host, host.port, "http")
        assert pool.num_connections == 1

    def test_stopping_cuts_open_connections(self) -> None:
        """A pooled client cannot go on talking to a sandbox that was stopped."""
        crm = ContactsSandbox(tokens={TOKEN: HERE}).start()
        call = Client(crm.url)
        call.contact()
        crm.stop()
        with pytest.raises(urllib3.exceptions.HTTPError):
            call("POST", "/contacts/upsert", ADA)

    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (b"Content-Length: ten", b"400"),
            (b"Content-Length: -1", b"400"),
            (b"Content-Length: 99999999999", b"413"),
            (b"Transfer-Encoding: chunked", b"411"),
        ],
    )
    def test_a_request_of_unreadable_length_is_refused(self, crm: ContactsSandbox, head: bytes, status: bytes) -> None:
        """The answer comes at once and the connection ends, for what follows could not be told apart."""
        with socket.create_connection(("127.0.0.1", int(crm.url.rpartition(":")[2])), timeout=5) as raw:
            raw.sendall(b"POST /contacts/upsert HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.split(b" ")[1] == status
        assert b"Traceback" not in answer


class TestSender:
    def test_the_sender_posts_what_it_is_given(self, crm: ContactsSandbox) -> None:
        """Objects go as JSON, bytes as they are; the answer comes back parsed."""
        status, answer = send(crm.url + "/webhooks", [build_lead({}, key=bytes(32), lead_id="7")])
        assert (status, isinstance(answer, dict) and answer["message"]) == (404, "Cannot POST /webhooks")
        send(crm.url + "/webhooks", b"[", content_type="text/plain")
        first, second = crm.requests()
        assert (first["body"][0]["lead_id"], first["headers"]["content-type"]) == ("7", "application/json")
        assert (second["body"], second["headers"]["content-type"]) == ("[", "text/plain")

    def test_an_answer_that_is_no_json_comes_back_as_text(self) -> None:
        """A proxy's HTML page must not break the sender."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_answer_once, args=(server, b"<html>"), daemon=True).start()
            assert send(f"http://127.0.0.1:{server.getsockname()[1]}/", []) == (502, "<html>")


class TestCommand:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_says_where_it_listens_and_stops_cleanly(self, number: signal.Signals) -> None:
        """Ready is one line on stdout; a signal ends it with exit code 0 and nothing on stderr."""
        with _started("--port", "0", "--token", f"{HERE}={TOKEN}", "--token", f"{ELSEWHERE}=x") as command:
            line = _first_line(command)
            assert line.startswith("listening on http://127.0.0.1:")
            call = Client(line.removeprefix("listening on "))
            assert call.contact()["locationId"] == HERE
            assert call("GET", f"/locations/{ELSEWHERE}/customFields", token="x").status == 200
            command.send_signal(number)
            assert command.wait(5) == 0
            assert command.stderr is not None
            assert command.stderr.read() == ""

    def test_a_bare_token_belongs_to_the_location_given(self) -> None:
        """With --location even a token with an equals sign is taken whole."""
        with _started("--token", "pit=1", "--location", ELSEWHERE, "--burst", "1") as command:
            call = Client(_first_line(command).removeprefix("listening on "))
            path = f"/locations/{ELSEWHERE}/customFields"
            assert [call("GET", path, token="pit=1").status for _ in range(2)] == [200, 429]
            command.terminate()

    def test_a_taken_port_is_said_in_one_sentence(self, crm: ContactsSandbox) -> None:
        """No traceback: the sentence names the port and what to do."""
        port = crm.url.rpartition(":")[2]
        with _started("--port", port, "--token", TOKEN) as command:
            assert command.wait(10) == 2
            assert command.stderr is not None
            (line,) = command.stderr.read().splitlines()
            assert port in line


def _answer_once(server: socket.socket, body: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def _started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.contacts_sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _first_line(command: "subprocess.Popen[str]") -> str:
    assert command.stdout is not None
    readable, _, _ = select.select([command.stdout], [], [], 10)
    assert readable, "the sandbox said nothing for 10 seconds"
    return command.stdout.readline().strip()
