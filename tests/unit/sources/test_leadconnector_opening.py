"""From a LeadConnector event to a lead: read again where that is possible, as it was sent elsewhere."""

import datetime as dt
from typing import Any, ClassVar

import msgspec
import pytest

from leads.core.errors import Misconfigured, TryAgain, Undeliverable, Unwanted
from leads.core.lead import CopiedNote, CopiedTask, Lead
from tests.unit.sources.leadconnector_made import (
    ADA,
    CONTACT,
    DEADLINE,
    NOW,
    OTHER_PLACE,
    PLACE,
    RECEIVED,
    FakeRecords,
    Side,
    Tokens,
    event,
    timed_out,
)

KEY = f"leadconnector#{PLACE}#"
NOTE = {"id": "n1", "body": "She called back.", "contactId": CONTACT, "dateAdded": "2026-11-21T06:00:00.000Z"}
TASK = {
    "id": "t1", "title": "Call Ada", "body": "Ask for the budget", "contactId": CONTACT, "completed": False,
    "dueDate": "2026-11-22T09:00:00.000Z", "dateAdded": "2026-11-21T06:00:00.000Z",
}  # fmt: skip
TOLD = {"id": "t1", "title": "Call Ada", "dueDate": TASK["dueDate"], "dateAdded": TASK["dateAdded"]}


def side(**records: Any) -> Side:
    return Side(records=FakeRecords(**{"contacts": {CONTACT: ADA}, **records}))


def later(hours: float) -> float:
    return dt.datetime.fromisoformat(RECEIVED).timestamp() + hours * 3600


class TestContact:
    def test_becomes_a_lead_under_the_usual_keys(self) -> None:
        """A custom field goes by its key, a birth date loses its clock."""
        lead = side().open(event())
        assert lead == Lead(
            source="leadconnector", account=PLACE, form="contacts", lead_id=CONTACT, ledger_key=KEY + CONTACT, seal="",
            is_test=False, created_at=dt.datetime(2026, 11, 21, 5, 21, tzinfo=dt.UTC).timestamp(),
            answers={
                "FULL_NAME": "Ada Lovelace", "FIRST_NAME": "Ada", "LAST_NAME": "Lovelace", "EMAIL": "ada@example.com",
                "PHONE_NUMBER": "+12125550123", "DATE_OF_BIRTH": "1990-12-10", "SOURCE": "website",
                "TAGS": ["stage: lead", "vip"], "contact.budget": "over 10k",
            },
            revision=lead.revision,
        )  # fmt: skip

    def test_is_what_its_record_says_now(self) -> None:
        """Events come late and in any order; what the record lacks is really missing."""
        now = {name: value for name, value in ADA.items() if name != "phone"} | {"city": "London"}
        answers = side(contacts={CONTACT: now}).open(event(record=ADA)).answers
        assert answers["CITY"] == "London"
        assert "PHONE_NUMBER" not in answers

    @pytest.mark.parametrize(
        "records", [{"has_token": False, "keys": {"fieldBudget": "contact.budget"}}, {"contacts": {}}]
    )
    def test_that_cannot_be_read_is_what_was_sent(self, records: dict[str, Any]) -> None:
        """Also one that was deleted meanwhile: the person did leave it."""
        answers = side(**records).open(event()).answers
        assert answers["EMAIL"] == "ada@example.com"
        assert "over 10k" in answers.values()

    def test_of_another_location_is_not_mixed_up(self) -> None:
        """An agency's token may read it all the same."""
        lead = side(contacts={CONTACT: ADA | {"locationId": OTHER_PLACE, "email": "bob@example.com"}}).open(event())
        assert lead.answers["EMAIL"] == "ada@example.com"

    def test_waits_while_the_location_does_not_answer(self) -> None:
        """What was sent may be old."""
        with pytest.raises(TryAgain, match="contacts_api_timeout"):
            side(fails={"contact": timed_out()}).open(event())

    def test_is_the_same_after_the_queue(self) -> None:
        """Sealed meanwhile, and opened with a token that was replaced since."""
        here = side(has_token=False)
        (envelope,) = here.read(event()).envelopes
        lead = here.source.open(envelope, deadline=DEADLINE)
        here.tokens = Tokens("next", later=("next", "token-of-the-test"))
        assert here.open_later(envelope) == lead

    def test_waits_while_no_token_opens_what_was_sealed(self) -> None:
        """Somebody removed the old one too early."""
        here = side()
        (envelope,) = here.read(event()).envelopes
        here.tokens = Tokens("next")
        with pytest.raises(TryAgain, match="cannot_decrypt"):
            here.open_later(envelope)

    def test_that_was_deleted_is_nothing_to_deliver(self) -> None:
        """Under a name of its own: what the ledger knows of the contact stays."""
        here = side()
        (envelope,) = here.read(event("ContactDelete")).envelopes
        with pytest.raises(Unwanted, match="deleted_at_source"):
            here.source.open(envelope, deadline=DEADLINE)
        assert envelope.ledger_key == f"{KEY}{CONTACT}-removed"

    def test_without_an_id_is_what_was_sent(self) -> None:
        """There is nothing to ask for."""
        here = side()
        assert here.open(event(record={"email": "bob@example.com"})).answers == {"EMAIL": "bob@example.com"}
        assert here.records.asked == []


class TestRevision:
    def test_is_the_same_for_the_same_state(self) -> None:
        """Whatever told of it, whenever, and in whatever order its tags are listed."""
        changed = ADA | {"tags": ["vip", "stage: lead"], "lastActivity": 5}
        told = (event("ContactTagUpdate"), event("ContactUpdate", webhookId="another"))
        first, second = side().open(told[0]), side(contacts={CONTACT: changed}).open(told[1])
        assert first.revision == second.revision
        assert len(first.revision) == 16

    @pytest.mark.parametrize(
        "change",
        [{"tags": ["vip"]}, {"email": "al@example.com"}, {"phone": None}, {"customFields": []}, {"dnd": True}],
    )
    def test_is_another_for_another_state(self, change: dict[str, Any]) -> None:
        """Every answer counts."""
        assert side(contacts={CONTACT: ADA | change}).open(event()).revision != side().open(event()).revision

    def test_tells_when_the_contact_took_it(self) -> None:
        """Of two states the later one stands; what was sent is as old as its event."""
        later = ADA | {"dateUpdated": "2027-02-02T00:00:00.000Z"}
        assert side(contacts={CONTACT: later}).open(event()).changed_at == 1801526400.0


class TestDoNotDisturb:
    def test_is_an_answer_for_rules_to_see(self) -> None:
        """Channel by channel; an open channel says nothing."""
        settings = {"SMS": {"status": "active"}, "Call": {"status": "permanent"}, "Email": {"status": "inactive"}}
        record = ADA | {"dnd": True, "dndSettings": settings | {"GMB": "odd"}}
        answers = side(contacts={CONTACT: record}).open(event("ContactDndUpdate")).answers
        assert {key: value for key, value in answers.items() if key.startswith("DND")} == {
            "DND": "yes", "DND_SMS": "yes", "DND_CALL": "yes",
        }  # fmt: skip


class TestOpportunity:
    TOLD: ClassVar = {
        "id": "o1", "contactId": CONTACT, "status": "open", "name": "Engine", "pipelineStageId": "s1",
        "dateAdded": "2027-01-01T00:00:00.000Z",
    }  # fmt: skip

    def test_is_news_of_its_contact(self) -> None:
        """The contact's own time counts, as the person came then."""
        lead = side().open(event("OpportunityCreate", self.TOLD))
        assert (lead.ledger_key, lead.form) == (KEY + CONTACT, "contacts")
        assert lead.answers.items() >= {
            "EMAIL": "ada@example.com", "OPPORTUNITY_STATUS": "open", "OPPORTUNITY_STAGE": "s1",
            "OPPORTUNITY_NAME": "Engine",
        }.items()  # fmt: skip
        assert lead.created_at == side().open(event()).created_at

    def test_is_as_far_as_its_record_says(self) -> None:
        """A late event must not take it back."""
        here = side(opportunities={"o1": {"id": "o1", "status": "won", "pipelineStageId": "s2", "locationId": PLACE}})
        answers = here.open(event("OpportunityStatusUpdate", self.TOLD)).answers
        assert (answers["OPPORTUNITY_STATUS"], answers["OPPORTUNITY_STAGE"]) == ("won", "s2")

    @pytest.mark.parametrize("error", [Misconfigured("no right"), Undeliverable("contacts_api_unknown_operation")])
    def test_is_as_it_was_sent_where_it_may_not_be_read(self, error: Exception) -> None:
        """The contact is read all the same."""
        lead = side(fails={"opportunity": error}).open(event("OpportunityCreate", self.TOLD))
        assert (lead.answers["OPPORTUNITY_STATUS"], lead.answers["FIRST_NAME"]) == ("open", "Ada")


class TestWorkflow:
    TOLD: ClassVar = {
        "contact_id": CONTACT, "first_name": "Ada", "email": "old@example.com", "tags": "vip, new ,", "country": "US",
        "What is your budget?": "over 10k", "customData": {"campaign": "spring", "empty": ""}, "pipleline_stage": "Won",
        "location": {"id": PLACE, "name": "Shop"}, "workflow": {"id": "w", "name": "Send"}, "contact_source": "form",
        "triggerData": {}, "user": {"email": "agent@example.com"}, "date_created": "2026-11-20T00:00:00.000Z",
    }  # fmt: skip

    def test_says_it_in_its_own_words(self) -> None:
        """What is not about the person is left out."""
        here = side(has_token=False)
        (envelope,) = here.workflow(self.TOLD).envelopes
        lead = here.source.open(envelope, deadline=DEADLINE)
        assert lead.answers == {
            "FIRST_NAME": "Ada", "EMAIL": "old@example.com", "TAGS": ["vip", "new"], "COUNTRY": "US", "SOURCE": "form",
            "OPPORTUNITY_STAGE": "Won", "What is your budget?": "over 10k", "campaign": "spring",
        }  # fmt: skip
        assert lead.created_at == dt.datetime(2026, 11, 20, tzinfo=dt.UTC).timestamp()
        assert here.open_later(envelope) == lead

    def test_what_somebody_wrote_into_its_custom_data_is_meant(self) -> None:
        """Whatever it is called: only the platform's own fields of such a name are nobody's answers."""
        here = side(has_token=False)
        custom = {"type": "VIP", "location": "Berlin", "contact": "evenings", "user": "Bob", "id": "77", "company": "x"}
        (envelope,) = here.workflow(self.TOLD | {"customData": custom}).envelopes
        lead = here.source.open(envelope, deadline=DEADLINE)
        assert custom.items() <= lead.answers.items()
        assert (lead.account, lead.lead_id) == (PLACE, CONTACT)

    def test_is_corrected_by_the_record(self) -> None:
        """What only the workflow says stays."""
        here = side()
        (envelope,) = here.workflow(self.TOLD).envelopes
        answers = here.source.open(envelope, deadline=DEADLINE).answers
        assert answers["EMAIL"] == "ada@example.com"
        assert answers["campaign"] == "spring"

    def test_of_no_known_location_is_what_was_sent(self) -> None:
        """Nobody's record is read."""
        here = side()
        here.secret.value = {**(here.secret.value or {}), "locations": []}
        (envelope,) = here.workflow({"id": CONTACT, "email": "ada@example.com"}).envelopes
        lead = here.source.open(envelope, deadline=DEADLINE)
        assert (lead.account, lead.answers) == ("", {"EMAIL": "ada@example.com"})
        assert here.records.asked == []


class TestNote:
    def test_is_copied_with_its_contact(self) -> None:
        """Found again by the contact's place in the ledger."""
        lead = side(notes_of={CONTACT: [NOTE]}).open(event("NoteCreate", NOTE))
        assert (lead.ledger_key, lead.form, lead.contact_key) == (KEY + "note-n1", "notes", KEY + CONTACT)
        assert lead.copied == CopiedNote(text="She called back.")
        assert lead.answers["EMAIL"] == "ada@example.com"
        assert lead.created_at == dt.datetime(2026, 11, 21, 6, tzinfo=dt.UTC).timestamp()

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ("<p>One &amp; two</p><p>three</p>", "One & two\n\nthree"),
            ("a <b> c", "a <b> c"),
            ("One<br/>two ", "One\ntwo"),
        ],
    )
    def test_is_plain_text(self, body: str, text: str) -> None:
        """The editor writes HTML, other programs do not."""
        note = NOTE | {"body": body}
        assert side(notes_of={CONTACT: [note]}).open(event("NoteCreate", note)).copied == CopiedNote(text=text)

    @pytest.mark.parametrize("has_token", [True, False])
    @pytest.mark.parametrize(
        "body",
        [
            "Pinterest · spring\n\nlead ref: pinterest/2680000000001",
            "<p>Pinterest</p><p>lead ref: leadconnector/note-n7</p>",
            "lead ref: facebook/5 \n\n",
        ],
    )
    def test_that_leadrelay_wrote_is_no_news(self, body: str, has_token: bool) -> None:
        """Two locations may copy to each other."""
        note = NOTE | {"body": body}
        with pytest.raises(Unwanted, match="echo"):
            side(notes_of={CONTACT: [note]}, has_token=has_token).open(event("NoteCreate", note))

    def test_that_only_quotes_a_marker_is_copied(self) -> None:
        """Only a line of its own counts."""
        note = NOTE | {"body": "> lead ref: pinterest/1\nSee lead ref: pinterest/1"}
        assert side(notes_of={CONTACT: [note]}).open(event("NoteCreate", note)).copied

    @pytest.mark.parametrize("records", [{"notes_of": {}}, {"notes_of": {CONTACT: [NOTE]}, "contacts": {}}])
    def test_that_is_gone_or_whose_contact_is_gone_is_not_copied(self, records: dict[str, Any]) -> None:
        """It was taken back before it could be; a moment after its event it may just not be readable yet."""
        here = side(**records)
        (envelope,) = here.read(event("NoteCreate", NOTE)).envelopes
        with pytest.raises(TryAgain, match="record_not_there_yet") as caught:
            here.open_later(envelope)
        assert not caught.value.counts
        here.now = later(hours=0.1)
        with pytest.raises(Unwanted, match="deleted_at_source"):
            here.open_later(envelope)

    def test_that_is_empty_is_not_copied(self) -> None:
        """There is nothing in it."""
        note = NOTE | {"body": "<p> </p>"}
        with pytest.raises(Unwanted, match="nothing_to_copy"):
            side(notes_of={CONTACT: [note]}).open(event("NoteCreate", note))

    def test_without_a_token_is_what_was_sent(self) -> None:
        """Its contact is known by its place in the ledger only."""
        lead = side(has_token=False).open(event("NoteCreate", NOTE))
        assert (lead.copied, lead.answers, lead.contact_key) == (CopiedNote(text=NOTE["body"]), {}, KEY + CONTACT)

    def test_of_nobody_is_for_a_person_to_look_at(self) -> None:
        """No event page lacks it."""
        with pytest.raises(Undeliverable, match="contact_unknown"):
            side().open(event("NoteCreate", NOTE, contactId=None))


class TestTask:
    @pytest.mark.parametrize("search_shows_body", [True, False])
    def test_is_found_though_its_event_says_nothing_of_whose_it_is(self, search_shows_body: bool) -> None:
        """Which is what events do; nor do they say its text."""
        here = side(tasks_of={CONTACT: [TASK]}, search_shows_body=search_shows_body)
        lead = here.open(event("TaskCreate", TOLD))
        due = dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC).timestamp()
        assert lead.copied == CopiedTask(title="Call Ada", body="Ask for the budget", due_at=due)
        assert (lead.ledger_key, lead.form, lead.contact_key) == (KEY + "task-t1", "tasks", KEY + CONTACT)
        assert lead.answers["EMAIL"] == "ada@example.com"

    def test_is_read_by_its_contact_when_the_event_names_it(self) -> None:
        """As its page says; it is done already."""
        here = side(tasks_of={CONTACT: [TASK | {"completed": True}]})
        lead = here.open(event("TaskCreate", TASK))
        assert isinstance(lead.copied, CopiedTask)
        assert lead.copied.completed
        assert here.records.asked == ["task", "contact"]

    @pytest.mark.parametrize("told", [TOLD, TASK])
    @pytest.mark.parametrize("search_shows_body", [True, False])
    def test_that_leadrelay_wrote_is_no_news(self, told: dict[str, Any], search_shows_body: bool) -> None:
        """Its text has to be seen for that."""
        marked = TASK | {"body": "Call\n\nlead ref: leadconnector/task-t9"}
        with pytest.raises(Unwanted, match="echo"):
            side(tasks_of={CONTACT: [marked]}, search_shows_body=search_shows_body).open(event("TaskCreate", told))

    def test_the_search_may_not_know_it_yet(self) -> None:
        """Half an hour later it was deleted."""
        here = side()
        (envelope,) = here.read(event("TaskCreate", TOLD)).envelopes
        here.now = later(hours=0.4)
        with pytest.raises(TryAgain, match="record_not_there_yet") as caught:
            here.open_later(envelope)
        assert (caught.value.retry_after, caught.value.counts) == (30, False)
        here.now = later(hours=0.6)
        with pytest.raises(Unwanted, match="deleted_at_source"):
            here.open_later(envelope)

    def test_is_not_waited_for_when_nobody_knows_since_when(self) -> None:
        """Such waiting uses up no attempt, so it would have no end."""
        here = side()
        (envelope,) = here.read(event("TaskCreate", TOLD)).envelopes
        with pytest.raises(Unwanted, match="deleted_at_source"):
            here.open_later(msgspec.structs.replace(envelope, received_at="x"))

    @pytest.mark.parametrize("told", [TOLD, {"id": "t1", "contactId": CONTACT, "title": "Call Ada"}])
    def test_without_a_token_cannot_be_told_from_an_echo(self, told: dict[str, Any]) -> None:
        """The sentence says which token is missing."""
        with pytest.raises(Misconfigured, match=PLACE):
            side(has_token=False).open(event("TaskCreate", told))

    def test_without_a_token_is_what_was_sent_when_that_is_all_there_is_to_it(self) -> None:
        """As its page says."""
        lead = side(has_token=False).open(event("TaskCreate", TASK))
        assert isinstance(lead.copied, CopiedTask)
        assert lead.copied.body == "Ask for the budget"


class TestRemoval:
    @pytest.mark.parametrize(
        ("type_", "name", "form"), [("NoteDelete", "note", "notes"), ("TaskDelete", "task", "tasks")]
    )
    def test_names_the_copy_that_is_to_go(self, type_: str, name: str, form: str) -> None:
        """Nothing has to be read for it."""
        here = side(has_token=False)
        lead = here.open(event(type_, {"id": "x1", "contactId": CONTACT, "body": "secret"}))
        assert (lead.lead_id, lead.removes, lead.form) == (f"{name}-x1-removed", f"{KEY}{name}-x1", form)
        assert (lead.answers, lead.contact_key, lead.copied) == ({}, KEY + CONTACT, None)
        assert here.open(event(type_, {"id": "x1"})).contact_key == ""
        assert here.records.asked == []


class TestQueue:
    @pytest.mark.parametrize("raw", [None, 5, [], {}, {"type": "InvoicePaid", "id": "1"}, {"type": "NoteCreate"}])
    def test_what_is_no_event_is_for_a_person_to_look_at(self, raw: Any) -> None:
        """Nothing here made it."""
        source = side().source
        with pytest.raises(Undeliverable, match="unknown_event"):
            source.open(source.wrap(raw, received_at=RECEIVED), deadline=NOW)

    def test_what_was_sealed_and_is_no_event_is_for_a_person_to_look_at(self) -> None:
        """Nor did that."""
        here = side()
        sealed = here.read(event()).envelopes[0].raw | {"sealed": here.source._seal.close("text")}
        with pytest.raises(Undeliverable, match="unreadable_content"):
            here.source.open(here.source.wrap(sealed, received_at=RECEIVED), deadline=NOW)
