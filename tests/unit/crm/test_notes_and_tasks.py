"""Tags, notes and tasks of a contact: what is sent, and how one of ours is known again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.errors import TryAgain, Undeliverable
from leads.core.marker import is_of
from leads.crm.notes import Notes
from leads.crm.reading import moment
from leads.crm.tags import Tags
from leads.crm.tasks import Tasks
from tests.unit.crm.canned_http import BASE_URL, DEADLINE, LOCATION, Canned, CannedHttp, client

REFERENCE = "pinterest/2680000000001"
MARKER = f"lead ref: {REFERENCE}"
TASK = {"title": "Call Ada", "body": f"Soon\n\n{MARKER}", "dueDate": "2027-01-15T08:00:00.250Z", "completed": False}
DUE_AT = 1_800_000_000.25
GONE = Canned(400, {"message": "Contact not found"})
NO_SUCH_USER = Canned(422, {"message": ["assignedTo must be a valid user"]})


def create_task(http: CannedHttp, assigned_to: str = "user-a") -> str:
    return Tasks(client(http)).create(
        LOCATION, "c1", title=str(TASK["title"]), body=str(TASK["body"]), due_at=DUE_AT, assigned_to=assigned_to,
        deadline=DEADLINE,
    )  # fmt: skip


class TestTags:
    @pytest.mark.parametrize(("verb", "method"), [("add", "POST"), ("remove", "DELETE")])
    def test_are_changed_by_name_and_the_others_stay(self, verb: str, method: str) -> None:
        """Both take a JSON body, also the DELETE."""
        http = CannedHttp(Canned(201, {"tags": ["vip", "hot", 5]}))
        assert getattr(Tags(client(http)), verb)(LOCATION, "c1", ["hot"], deadline=DEADLINE) == ("vip", "hot")
        (asked,) = http.asked
        assert (asked.method, asked.url) == (method, f"{BASE_URL}/contacts/c1/tags")
        assert asked.json == {"tags": ["hot"]}
        assert asked.headers["Content-Type"] == "application/json"

    @pytest.mark.parametrize("tags", [(), ("",), (" ", "")])
    def test_no_tags_are_no_call(self, tags: tuple[str, ...]) -> None:
        """The API wants at least one."""
        http = CannedHttp()
        assert Tags(client(http)).add(LOCATION, "c1", tags, deadline=DEADLINE) == ()
        assert http.asked == []

    @pytest.mark.parametrize("body", [{}, b"", {"tags": None}, {"tags": "hot"}])
    def test_an_answer_without_tags_is_success_all_the_same(self, body: Any) -> None:
        """The status decides."""
        assert Tags(client(CannedHttp(Canned(201, body)))).add(LOCATION, "c1", ["hot"], deadline=DEADLINE) == ()


class TestNotes:
    def test_are_written_with_a_body_and_nothing_else(self) -> None:
        """No location, no user."""
        http = CannedHttp(Canned(201, {"note": {"id": "n1"}}))
        assert Notes(client(http)).create(LOCATION, "c1", f"Hello\n{MARKER}", deadline=DEADLINE) == "n1"
        (asked,) = http.asked
        assert (asked.method, asked.url) == ("POST", f"{BASE_URL}/contacts/c1/notes")
        assert asked.json == {"body": f"Hello\n{MARKER}"}

    @pytest.mark.parametrize("body", [{}, b"", {"note": None}, {"note": {"id": ""}}, {"note": "n1"}, {"id": "n1"}])
    def test_success_without_an_id_leaves_it_open_whether_it_is_there(self, body: Any) -> None:
        """It is looked for before another is written."""
        with pytest.raises(TryAgain) as caught:
            Notes(client(CannedHttp(Canned(201, body)))).create(LOCATION, "c1", "x", deadline=DEADLINE)
        assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_unexpected", True)

    def test_are_found_by_their_marker(self) -> None:
        """Among other leads' notes and people's own."""
        notes = [
            {"id": "n0", "body": f"They quoted {MARKER}\nand went on"},
            {"id": "n1", "body": f"x\nlead ref: {REFERENCE}0"},
            {"id": "n2", "body": None},
            {"body": MARKER},
            "junk",
            {"id": "n3", "body": f"x\n{MARKER}"},
        ]
        http = CannedHttp(Canned(200, {"notes": notes}))
        assert Notes(client(http)).find(LOCATION, "c1", REFERENCE, deadline=DEADLINE) == "n3"
        assert (http.asked[0].method, http.asked[0].url) == ("GET", f"{BASE_URL}/contacts/c1/notes")

    def test_none_are_none(self) -> None:
        """An empty list says so."""
        http = CannedHttp(Canned(200, {"notes": []}))
        assert Notes(client(http)).find(LOCATION, "c1", REFERENCE, deadline=DEADLINE) is None

    @pytest.mark.parametrize("body", [{}, b"", b"<html>", {"notes": None}, {"notes": {}}, {"notes": "n1"}])
    def test_an_answer_without_a_list_does_not_say_that_there_are_none(self, body: Any) -> None:
        """Taken for none, ours would be written twice."""
        with pytest.raises(TryAgain) as caught:
            Notes(client(CannedHttp(Canned(200, body)))).find(LOCATION, "c1", REFERENCE, deadline=DEADLINE)
        assert (caught.value.reason, caught.value.ambiguous) == ("contacts_api_unexpected", False)


class TestMarker:
    @pytest.mark.parametrize(
        "body",
        [
            MARKER, f"a\n{MARKER}", f"a\r\n{MARKER}\r\n", f"a\n  lead  ref:   {REFERENCE}  \n\n \n", f"a<br>{MARKER}",
            f"<p>a</p><p>{MARKER}</p>", f"<p>a</p>\n<p>{MARKER}<br /></p>", f'<div dir="ltr"><b>{MARKER}</b></div>',
            f"a<BR/>{MARKER}&nbsp;", f"<p>a</p><p>{MARKER.replace('/', '&#x2F;')}</p><p>&nbsp;</p>",
            f"a\xa0\n\xa0{MARKER}", f"{MARKER}\nmore", f"<p>a</p><p>{MARKER}</p><p>more</p>",
        ],
    )  # fmt: skip
    def test_is_known_however_the_crm_gives_it_back(self, body: str) -> None:
        """As text, as HTML after somebody has edited it, with blanks, and with what people wrote below."""
        assert is_of(REFERENCE, body)

    @pytest.mark.parametrize(
        "body",
        [
            f"{MARKER}0", f"{MARKER}/2", f"x{MARKER}", f"see {MARKER}", f"{MARKER} too", f"{MARKER} too\nmore",
            f"<p>{MARKER}0</p><p>more</p>", f"<p>{MARKER}<b>0</b></p>", REFERENCE, f"Lead Ref: {REFERENCE}",
            "lead ref: facebook/2680000000001", "", None, 5, [MARKER],
        ],
    )  # fmt: skip
    def test_is_a_whole_line_or_nothing(self, body: Any) -> None:
        """Another lead's longer id, or a colleague quoting ours, is not ours."""
        assert not is_of(REFERENCE, body)

    @given(text=st.text(max_size=60), lead_id=st.from_regex(r"[\w-]{1,30}", fullmatch=True))
    def test_is_found_below_any_text(self, text: str, lead_id: str) -> None:
        """Whatever a person answered, in HTML or not; and a longer id never matches."""
        reference = f"pinterest/{lead_id}"
        assert is_of(reference, f"{text}\nlead ref: {reference}")
        assert not is_of(reference, f"{text}\nlead ref: {reference}7")


class TestTasks:
    def test_are_written_open_with_the_time_in_utc(self) -> None:
        """ISO 8601 with milliseconds and Z; nobody's unless somebody is named."""
        http = CannedHttp(Canned(201, {"task": {"id": "t1"}}))
        assert create_task(http, "") == "t1"
        (asked,) = http.asked
        assert (asked.method, asked.url, asked.json) == ("POST", f"{BASE_URL}/contacts/c1/tasks", TASK)

    def test_are_somebody_s_when_one_is_named(self) -> None:
        """By the user's id."""
        http = CannedHttp(Canned(201, {"task": {"id": "t1"}}))
        assert create_task(http) == "t1"
        assert http.asked[0].json == TASK | {"assignedTo": "user-a"}

    @pytest.mark.parametrize("refusal", [GONE, NO_SUCH_USER, Canned(422, {"message": ["title must be a string"]})])
    def test_refused_are_refused(self, refusal: Canned) -> None:
        """What then is the flow's to decide; the field that was named is told."""
        http = CannedHttp(refusal)
        with pytest.raises(Undeliverable) as caught:
            create_task(http)
        assert len(http.asked) == 1
        assert caught.value.fields == (("assignedTo",) if refusal is NO_SUCH_USER else caught.value.fields)

    def test_are_found_by_marker_with_their_titles(self) -> None:
        """A lead may have several."""
        tasks = [
            {"id": "t1", "title": "Call", "body": MARKER, "dueDate": "2027-01-15T08:00:00.250Z"},
            {"id": "t2", "title": "Write", "body": f"<p>x</p><p>{MARKER}</p>"},
            {"id": "t3", "title": "Call", "body": f"{MARKER}0"},
            {"id": "t4", "title": "Call"},
            {"id": "t5", "title": None, "body": MARKER},
        ]
        http = CannedHttp(Canned(200, {"tasks": tasks}))
        found = Tasks(client(http)).find(LOCATION, "c1", REFERENCE, deadline=DEADLINE)
        assert [(task.title, task.task_id) for task in found] == [("Call", "t1"), ("Write", "t2"), ("", "t5")]
        assert [task.due_at for task in found] == [DUE_AT, None, None]
        assert (http.asked[0].method, http.asked[0].url) == ("GET", f"{BASE_URL}/contacts/c1/tasks")

    @pytest.mark.parametrize("body", [{}, {"tasks": None}, {"tasks": {}}, b"<html>"])
    def test_an_answer_that_lists_none_does_not_say_that_there_are_none(self, body: Any) -> None:
        """Else what is there would be written again."""
        with pytest.raises(TryAgain, match="contacts_api_unexpected"):
            Tasks(client(CannedHttp(Canned(200, body)))).find(LOCATION, "c1", REFERENCE, deadline=DEADLINE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2027-01-15T08:00:00.250Z", DUE_AT), ("2027-01-15T09:00:00.250+01:00", DUE_AT),
        ("2027-01-15T08:00:00.250", DUE_AT), ("2027-01-15", 1_799_971_200.0),
        ("yesterday", None), ("", None), (None, None), (5, None),
    ],
)  # fmt: skip
def test_a_moment_is_read_as_it_comes(value: Any, expected: float | None) -> None:
    """UTC where no zone is named; junk is no moment."""
    assert moment(value) == expected
