"""A location's records as a source reads them: what is asked, and what each answer means."""

from typing import Any

import pytest

from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.crm.custom_fields import CustomFields
from leads.crm.records import Records
from tests.unit.crm.canned_http import BASE_URL, DEADLINE, LOCATION, NOW, Canned, CannedHttp, Tokens, client

CONTACT = {"id": "c1", "locationId": LOCATION, "email": "ada@example.com"}
NO_RIGHT = Canned(401, {"message": "The token is not authorized for this scope."})
REFUSED = Canned(401, {"message": "Invalid JWT"})
SINCE = 1_795_000_000.0

READS: dict[str, tuple[tuple[str, ...], str]] = {
    "contact": (("c1",), "contacts/c1"),
    "note": (("c1", "n1"), "contacts/c1/notes/n1"),
    "task": (("c1", "t1"), "contacts/c1/tasks/t1"),
    "opportunity": (("o1",), "opportunities/o1"),
}


def records(*answers: Canned | Exception, tokens: Tokens | None = None) -> tuple[Records, CannedHttp]:
    http = CannedHttp(*answers)
    over = client(http, tokens)
    return Records(over, CustomFields(over, now=lambda: NOW)), http


def read(name: str, *answers: Canned | Exception) -> Any:
    return getattr(records(*answers)[0], name)(LOCATION, *READS[name][0], deadline=DEADLINE)


class TestOneRecord:
    @pytest.mark.parametrize("name", READS)
    def test_is_read_by_its_ids(self, name: str) -> None:
        """And given as the API shows it."""
        side, http = records(Canned(200, {name: CONTACT}))
        ids, path = READS[name]
        assert getattr(side, name)(LOCATION, *ids, deadline=DEADLINE) == CONTACT
        (asked,) = http.asked
        assert (asked.method, asked.url, asked.body) == ("GET", f"{BASE_URL}/{path}", None)

    @pytest.mark.parametrize("name", READS)
    @pytest.mark.parametrize(
        "answer",
        [
            Canned(400, {"message": "Contact not found"}), Canned(404, {"message": "Not Found"}),
            Canned(422, {"message": ["id must be a valid id"]}),
            Canned(400, {"message": "Note with id x does not exist"}),
        ],
    )  # fmt: skip
    def test_that_the_api_refuses_is_not_there(self, name: str, answer: Canned) -> None:
        """In whatever words: only the id can be wrong."""
        assert read(name, answer) is None

    @pytest.mark.parametrize("name", READS)
    @pytest.mark.parametrize("body", [b"", {}, {"contact": None}, {"contact": "c1"}, {"contact": {}, "note": []}])
    def test_that_an_answer_lacks_is_asked_for_again(self, name: str, body: Any) -> None:
        """A success that says nothing is not the same as no record."""
        with pytest.raises(TryAgain, match="contacts_api_unexpected"):
            read(name, Canned(200, body))

    @pytest.mark.parametrize(
        ("answer", "error", "reason"),
        [
            (Canned(500), TryAgain, "contacts_api_5xx"),
            (Canned(429), TryAgain, "rate_limited"),
            (Canned(404, b""), Undeliverable, "contacts_api_unknown_operation"),
        ],
    )
    def test_fails_by_the_table_of_fates(self, answer: Canned, error: type[LeadError], reason: str) -> None:
        """As every other call."""
        with pytest.raises(error, match=reason):
            read("contact", answer)

    @pytest.mark.parametrize("answers", [(NO_RIGHT,), (REFUSED,), (Canned(403, {"message": "Forbidden resource"}),)])
    def test_that_the_token_may_not_read_is_the_operators_to_allow(self, answers: tuple[Canned, ...]) -> None:
        """The sentence names the location and no token."""
        with pytest.raises(Misconfigured, match=LOCATION) as caught:
            read("contact", *answers)
        assert "pit-now" not in str(caught.value)

    def test_of_a_location_without_a_token_is_the_operators_to_give_one(self) -> None:
        """Nothing is sent."""
        side, http = records(tokens=Tokens.holding({"locations": {}}))
        with pytest.raises(Misconfigured, match=LOCATION):
            side.contact(LOCATION, "c1", deadline=DEADLINE)
        assert http.asked == []


class TestOfAContact:
    @pytest.mark.parametrize("name", ["notes", "tasks"])
    def test_all_are_listed(self, name: str) -> None:
        """None of a contact that is gone."""
        side, http = records(Canned(200, {name: [{"id": "1"}, None]}), Canned(400, {"message": "Contact not found"}))
        assert getattr(side, name)(LOCATION, "c1", deadline=DEADLINE) == [{"id": "1"}]
        assert getattr(side, name)(LOCATION, "c2", deadline=DEADLINE) == []
        assert [asked.url for asked in http.asked] == [f"{BASE_URL}/contacts/{owner}/{name}" for owner in ("c1", "c2")]

    @pytest.mark.parametrize("name", ["notes", "tasks"])
    def test_an_answer_without_a_list_is_asked_for_again(self, name: str) -> None:
        """It is not an empty one."""
        with pytest.raises(TryAgain, match=f"lists no {name}"):
            getattr(records(Canned(200, {}))[0], name)(LOCATION, "c1", deadline=DEADLINE)


def page_of(number: int, start: int = 0) -> Canned:
    return Canned(200, {"tasks": [{"_id": f"t{at}", "title": "Call"} for at in range(start, start + number)]})


class TestTasks:
    def test_are_searched_by_title_and_known_by_id(self) -> None:
        """Titles repeat, so a full page leads to the next; an id goes by either of its names."""
        side, http = records(page_of(100), page_of(3, start=100))
        found = side.task_anywhere(LOCATION, "t102", " Call " + "x" * 90, deadline=DEADLINE)
        assert found == {"_id": "t102", "id": "t102", "title": "Call"}
        assert [(asked.method, asked.url) for asked in http.asked] == [
            ("POST", f"{BASE_URL}/locations/{LOCATION}/tasks/search")
        ] * 2
        query = "Call " + "x" * 69
        assert [asked.json for asked in http.asked] == [
            {"limit": 100, "skip": skip, "query": query} for skip in (0, 100)
        ]

    def test_that_the_search_does_not_know_are_none(self) -> None:
        """It goes no further than five pages."""
        assert records(page_of(7), page_of(0))[0].task_anywhere(LOCATION, "other", "", deadline=DEADLINE) is None
        side, http = records(*[page_of(100)] * 5)
        assert side.task_anywhere(LOCATION, "other", "", deadline=DEADLINE) is None
        assert http.asked[0].json == {"limit": 100, "skip": 0}

    def test_of_a_location_come_as_many_at_a_time_as_the_api_likes(self) -> None:
        """A hundred are asked for; pages overlap, as a task that goes would move another one out of sight."""
        side, http = records(page_of(100), page_of(60, start=90), page_of(10, start=140))
        tasks, cursor = side.tasks_page(LOCATION, "", deadline=DEADLINE) or ([], "")
        assert (len(tasks), cursor) == (100, "90:100")
        tasks, cursor = side.tasks_page(LOCATION, cursor, deadline=DEADLINE) or ([], "")
        assert ([task["id"] for task in tasks][-1], cursor) == ("t149", "140:150")
        tasks, cursor = side.tasks_page(LOCATION, cursor, deadline=DEADLINE) or ([], "x")
        assert (len(tasks), cursor) == (10, "")
        assert [asked.json["skip"] for asked in http.asked] == [0, 90, 140]

    def test_are_looked_for_beyond_a_page_that_is_not_full(self) -> None:
        """How many the API gives at most, nobody says."""
        side, _ = records(page_of(50), page_of(50, start=50))
        assert side.task_anywhere(LOCATION, "t70", "", deadline=DEADLINE)

    def test_may_be_listed_with_a_right_of_their_own_only(self) -> None:
        """Without it they are read contact by contact."""
        assert records(NO_RIGHT)[0].tasks_page(LOCATION, "", deadline=DEADLINE) is None
        with pytest.raises(TryAgain, match="unauthorized_scope"):
            records(NO_RIGHT)[0].task_anywhere(LOCATION, "t1", "", deadline=DEADLINE)
        with pytest.raises(Misconfigured):
            records(REFUSED)[0].tasks_page(LOCATION, "", deadline=DEADLINE)


def found(*ids: str, **more: Any) -> Canned:
    contacts = [{"id": one, "searchAfter": [1_795_000_000_000, one], **more} for one in ids]
    return Canned(200, {"contacts": contacts, "total": 9})


class TestContacts:
    def page(self, side: Records, cursor: str = "", since: float | None = SINCE) -> list[tuple[dict[str, Any], str]]:
        return side.contacts_page(LOCATION, cursor, changed_since=since, limit=2, deadline=DEADLINE)

    def test_changed_since_come_with_the_cursor_to_what_follows_each(self) -> None:
        """Also from a page that is not full: how many the API gives at most is its own business."""
        side, http = records(found("a", "b"), found("c"))
        first = self.page(side)
        assert [(contact["id"], bool(cursor)) for contact, cursor in first] == [("a", True), ("b", True)]
        assert [(contact["id"], bool(cursor)) for contact, cursor in self.page(side, first[0][1])] == [("c", True)]
        body = {
            "locationId": LOCATION, "pageLimit": 2, "sort": [{"field": "dateUpdated", "direction": "asc"}],
            "filters": [{"field": "dateUpdated", "operator": "range", "value": {"gte": "2026-11-18T11:06:40.000Z"}}],
        }  # fmt: skip
        assert [asked.json for asked in http.asked] == [body, body | {"searchAfter": [1_795_000_000_000, "a"]}]
        assert {asked.url for asked in http.asked} == {f"{BASE_URL}/contacts/search"}

    def test_of_all_times_come_the_oldest_first(self) -> None:
        """An order that no change disturbs."""
        side, http = records(found())
        assert self.page(side, since=None) == []
        assert http.asked[0].json == {
            "locationId": LOCATION, "pageLimit": 2, "sort": [{"field": "dateAdded", "direction": "asc"}],
        }  # fmt: skip

    @pytest.mark.parametrize("after", [None, [], "x", {}])
    def test_that_lead_nowhere_are_asked_for_again(self, after: Any) -> None:
        """What follows a full page would be left out; after another it is the end."""
        with pytest.raises(TryAgain, match="searchAfter"):
            self.page(records(found("a", "b", searchAfter=after))[0])
        assert [cursor for _, cursor in self.page(records(found("a", searchAfter=after))[0])] == [""]

    def test_at_a_cursor_of_somebody_elses_are_not_asked_for(self) -> None:
        """It cannot be repaired by trying."""
        for cursor in ("x", "5", "{}"):
            with pytest.raises(Undeliverable, match="unreadable_cursor"):
                self.page(records()[0], cursor)

    def test_a_search_that_broke_has_written_nothing(self) -> None:
        """Though it is a POST."""
        with pytest.raises(TryAgain) as caught:
            self.page(records(TryAgain("contacts_api_timeout", ambiguous=True))[0])
        assert not caught.value.ambiguous


class TestCustomFieldKeys:
    def test_are_kept_by_id(self) -> None:
        """Asked for once in a while."""
        listed = [{"id": "f1", "fieldKey": "contact.budget", "model": "contact"}, {"id": "f2", "model": "contact"}]
        side, http = records(Canned(200, {"customFields": listed}))
        for _ in range(2):
            assert side.custom_field_keys(LOCATION, deadline=DEADLINE) == {"f1": "contact.budget"}
        assert len(http.asked) == 1

    @pytest.mark.parametrize("answer", [NO_RIGHT, REFUSED, Canned(404, b""), Canned(422, {"message": ["model"]})])
    def test_are_none_where_they_may_not_be_listed(self, answer: Canned) -> None:
        """A field then goes by its id."""
        assert records(answer)[0].custom_field_keys(LOCATION, deadline=DEADLINE) == {}

    def test_are_none_without_a_token(self) -> None:
        """As everything."""
        side, _ = records(tokens=Tokens.holding({"locations": {}}))
        assert side.custom_field_keys(LOCATION, deadline=DEADLINE) == {}

    def test_are_waited_for_while_the_api_does_not_answer(self) -> None:
        """Or a mapped field would be left out for good."""
        with pytest.raises(TryAgain, match="contacts_api_5xx"):
            records(Canned(503))[0].custom_field_keys(LOCATION, deadline=DEADLINE)
