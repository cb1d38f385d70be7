"""Listing what a LeadConnector location has, for those that no webhook told of."""

from typing import Any, ClassVar

import pytest

from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.lead import Envelope
from leads.core.parked_lead import body_of
from leads.core.reconciling import Page, Scope
from leads.sources.leadconnector_pull import LeadConnectorPull
from tests.fakes import FakeSecret
from tests.unit.sources.leadconnector_made import (
    ADA,
    CONTACT,
    DEADLINE,
    OTHER_PLACE,
    PLACE,
    FakeRecords,
    Side,
    secret,
    timed_out,
)

SINCE, UNTIL = 1_795_000_000.0, 1_795_086_400.0
BEFORE, WITHIN, AFTER = "2026-11-17T00:00:00.000Z", "2026-11-18T20:00:00.000Z", "2026-11-20T00:00:00.000Z"
MARKED = "Copied\n\nlead ref: leadconnector/note-n9"


def contact(contact_id: str, added: str = BEFORE, updated: str = WITHIN, **more: Any) -> dict[str, Any]:
    return ADA | {"id": contact_id, "dateAdded": added, "dateUpdated": updated} | more


def side(*contacts: dict[str, Any], **records: Any) -> Side:
    return Side(records=FakeRecords(contacts={one["id"]: one for one in contacts}, **records))


def pull(here: Side) -> LeadConnectorPull:
    return LeadConnectorPull(here.secret, here.records, here.source, now=lambda: here.now)


def scope(form: str = "contacts") -> Scope:
    return Scope(source="leadconnector", account=PLACE, form=form, since=SINCE, until=UNTIL)


def pages(here: Side, form: str) -> list[Page]:
    """All pages of a form."""
    found, cursor = [], ""
    while not found or cursor:
        found.append(pull(here).page(scope(form), cursor, deadline=DEADLINE))
        cursor = found[-1].cursor
    return found


def ids(found: list[Page]) -> list[str]:
    return [envelope.lead_id for page in found for envelope in page.envelopes]


def opened(here: Side, envelope: Envelope) -> list[str]:
    """What is read once more to open it."""
    here.records.asked.clear()
    here.source.open(envelope, deadline=DEADLINE)
    return here.records.asked


class TestForms:
    def test_are_three_for_each_location(self) -> None:
        """In the secret's order."""
        here = Side(secret=FakeSecret(secret(locations=[PLACE, OTHER_PLACE])))
        forms = [("contacts"), ("notes"), ("tasks")]
        assert pull(here).forms("", deadline=DEADLINE) == [(at, form) for at in (PLACE, OTHER_PLACE) for form in forms]
        assert pull(here).forms(OTHER_PLACE, deadline=DEADLINE) == [(OTHER_PLACE, form) for form in forms]

    def test_of_a_location_that_is_not_listed_are_the_operators_to_add(self) -> None:
        """The sentence says where."""
        with pytest.raises(Misconfigured, match=OTHER_PLACE):
            pull(Side()).forms(OTHER_PLACE, deadline=DEADLINE)

    def test_there_are_no_others(self) -> None:
        """An order may name any."""
        with pytest.raises(Undeliverable, match="unknown_form"):
            pull(Side()).page(scope("invoices"), "", deadline=DEADLINE)


class TestContacts:
    def test_are_those_added_or_changed_in_the_time(self) -> None:
        """One that was added then and changed later is one of them."""
        here = side(
            contact("changed"), contact("added", WITHIN, AFTER), contact("before", BEFORE, BEFORE),
            contact("after", AFTER, AFTER), contact("timeless", "", ""),
        )  # fmt: skip
        assert ids(pages(here, "contacts")) == ["changed", "added"]

    def test_come_a_hundred_at_a_time(self) -> None:
        """The cursor leads on, and ends."""
        here = side(*(contact(f"c{number}") for number in range(201)))
        found = pages(here, "contacts")
        assert [len(page.envelopes) for page in found] == [100, 100, 1]
        assert len(set(ids(found))) == 201

    def test_there_may_be_none(self) -> None:
        """Of which nothing is said."""
        assert pages(side(), "contacts") == [Page()]

    def test_are_not_read_again(self) -> None:
        """The page says all there is; and the queue keeps it sealed."""
        here = side(contact(CONTACT))
        ((envelope,),) = (page.envelopes for page in pages(here, "contacts"))
        assert envelope.ledger_key == f"leadconnector#{PLACE}#{CONTACT}"
        assert opened(here, envelope) == []
        assert here.source.open(envelope, deadline=DEADLINE).answers["EMAIL"] == "ada@example.com"
        assert "Lovelace" not in body_of(envelope)

    def test_have_the_revision_that_their_webhook_had(self) -> None:
        """Or every run would find news."""
        here = side(contact(CONTACT))
        ((envelope,),) = (page.envelopes for page in pages(here, "contacts"))
        told = here.open({"type": "ContactUpdate", "locationId": PLACE, "id": CONTACT})
        assert here.source.open(envelope, deadline=DEADLINE).revision == told.revision

    @pytest.mark.parametrize(
        "odd",
        [{"phoneLabel": "Mobile"}, {"firstName": None, "lastName": None, "name": None, "firstNameLowerCase": "ada"}],
    )
    def test_of_which_a_page_says_less_are_read(self, odd: dict[str, Any]) -> None:
        """A search has its own names for some fields, and may know names in lower case only."""
        here = side(contact(CONTACT, **odd))
        ((envelope,),) = (page.envelopes for page in pages(here, "contacts"))
        assert opened(here, envelope) == ["contact"]

    def test_are_read_after_the_queue(self) -> None:
        """By then what the page said is old."""
        here = side(contact(CONTACT))
        ((envelope,),) = (page.envelopes for page in pages(here, "contacts"))
        here.records.contacts[CONTACT] = contact(CONTACT, email="ada@math.example.com")
        assert here.open_later(envelope).answers["EMAIL"] == "ada@math.example.com"

    def test_of_a_location_without_a_token_are_the_operators_to_give_one(self) -> None:
        """Nothing can be fetched."""
        with pytest.raises(Misconfigured, match=PLACE):
            pages(side(has_token=False), "contacts")


class TestNotes:
    NOTES: ClassVar = {"c3": [
        {"id": "new", "body": "Hello", "dateAdded": WITHIN}, {"id": "old", "body": "Hello", "dateAdded": BEFORE},
        {"id": "ours", "body": MARKED, "dateAdded": WITHIN}, {"body": "no id", "dateAdded": WITHIN},
    ]}  # fmt: skip

    def test_are_those_made_in_the_time_and_not_by_leadrelay(self) -> None:
        """Of whichever contact, changed lately or not."""
        here = side(contact("c1", BEFORE, BEFORE), contact("c3", BEFORE, BEFORE), notes_of=self.NOTES)
        ((envelope,),) = (page.envelopes for page in pages(here, "notes"))
        assert envelope.ledger_key == f"leadconnector#{PLACE}#note-new"
        assert opened(here, envelope) == []
        lead = here.source.open(envelope, deadline=DEADLINE)
        assert (lead.contact_key, lead.answers["EMAIL"]) == (f"leadconnector#{PLACE}#c3", "ada@example.com")

    def test_are_walked_through_contact_by_contact(self) -> None:
        """Twenty-five a page."""
        here = side(*(contact(f"c{number}") for number in range(30)), notes_of=self.NOTES)
        assert [len(page.envelopes) for page in pages(here, "notes")] == [1, 0]
        assert sum(asked.startswith("notes ") for asked in here.records.asked) == 30

    @pytest.mark.parametrize("form", ["notes", "tasks"])
    def test_leave_half_of_the_locations_budget_to_others(self, form: str) -> None:
        """It is a hundred calls in ten seconds; the walk waits after each page, and not after the last."""
        here = side(*(contact(f"c{number}") for number in range(60)), may_list_tasks=False)
        calls, cursor = [], ""
        for is_last in (False, False, True):
            here.records.asked.clear()
            page = pull(here).page(scope(form), cursor, deadline=DEADLINE)
            cursor = page.cursor
            calls.append(len(here.records.asked))
            assert (not cursor, not page.wait) == (is_last, is_last)
            assert is_last or calls[-1] / page.wait <= 5.5
        assert sum(calls) >= 63

    def test_that_were_read_before_the_limit_count(self) -> None:
        """The next page begins where this one was stopped."""
        limit = TryAgain("rate_limited", retry_after=8.0, counts=False)
        here = side(*(contact(f"c{number}") for number in range(6)), notes_of=self.NOTES, fails={"notes c4": limit})
        page = pull(here).page(scope("notes"), "", deadline=DEADLINE)
        assert (ids([page]), page.wait) == (["note-new"], 8.0)
        del here.records.fails["notes c4"]
        rest = pull(here).page(scope("notes"), page.cursor, deadline=DEADLINE)
        assert (rest.envelopes, rest.cursor) == ((), "")
        assert here.records.asked[-2:] == ["notes c4", "notes c5"]

    def test_of_the_first_contact_that_does_not_answer_are_asked_for_again(self) -> None:
        """There is nothing to go on from."""
        with pytest.raises(TryAgain, match="contacts_api_timeout"):
            pages(side(contact("c0"), fails={"notes c0": timed_out()}), "notes")


class TestTasks:
    def test_are_listed_by_the_location(self) -> None:
        """Those made in the time, by anybody but LeadRelay."""
        tasks = [
            {"id": "new", "title": "Call", "body": "", "dateAdded": WITHIN},
            {"id": "old", "body": "", "dateAdded": BEFORE},
            {"id": "ours", "body": MARKED, "dateAdded": WITHIN},
        ]  # fmt: skip
        here = side(contact(CONTACT), tasks_of={CONTACT: tasks})
        ((envelope,),) = (page.envelopes for page in pages(here, "tasks"))
        assert envelope.lead_id == "task-new"
        assert opened(here, envelope) == ["contact"]

    @pytest.mark.parametrize(
        ("task", "counts"),
        [
            ({"dueDate": AFTER}, True), ({"dueDate": AFTER, "completed": True}, False),
            ({"dueDate": BEFORE}, False), ({}, False), ({"createdAt": WITHIN, "dueDate": BEFORE}, True),
        ],
    )  # fmt: skip
    def test_that_do_not_say_when_they_were_made_count_while_they_are_to_be_done(
        self, task: dict[str, Any], counts: bool
    ) -> None:
        """Tasks long done would be copied one and all by the first run."""
        here = side(contact(CONTACT), tasks_of={CONTACT: [{"id": "t1", "body": "", **task}]})
        assert bool(ids(pages(here, "tasks"))) is counts

    def test_of_which_the_list_lacks_the_text_are_read(self) -> None:
        """By its text LeadRelay knows its own."""
        tasks = [{"id": "t1", "body": "Hello", "dateAdded": WITHIN}]
        here = side(contact(CONTACT), tasks_of={CONTACT: tasks}, search_shows_body=False)
        ((envelope,),) = (page.envelopes for page in pages(here, "tasks"))
        assert opened(here, envelope) == ["task", "contact"]

    def test_are_walked_through_where_the_token_may_not_list_them(self) -> None:
        """Contact by contact, as notes are."""
        tasks = {"c28": [{"id": "t1", "body": "", "dateAdded": WITHIN}]}
        here = side(*(contact(f"c{number}") for number in range(30)), tasks_of=tasks, may_list_tasks=False)
        assert ids(pages(here, "tasks")) == ["task-t1"]
        assert here.records.asked.count("tasks_page") == 1
