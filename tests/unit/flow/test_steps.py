"""A lead's steps: each is done once, whatever dies in between, and what went wrong is said."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from leads.core.errors import TryAgain, Undeliverable
from leads.core.ledger import UNKNOWN, Progress
from leads.core.routes import Condition, Route, RouteTable, TagRule, Task
from tests import leads_made
from tests.fakes import LOCATION
from tests.unit.flow.test_deliver import World

ROUTE = Route(
    name="Spring",
    location=LOCATION,
    stage="lead",
    tags=["Pinterest", "campaign: {campaign_name}"],
    assign=["user-a", "user-b"],
    custom_fields={"contact.budget": "What is your budget?"},
    tag_rules=[TagRule(when=Condition(answer="What is your budget?", matches="over"), tags=["hot"])],
    tasks=[
        Task(title="Call {first_name}", body="Ask for the budget", due_in="2h"),
        Task(title="Write", due_in="1d", assigned_to="user-z"),
    ],
)
TAGS = {"pinterest", "campaign: spring campaign", "stage: lead", "hot"}
OPERATIONS = ("search", "custom fields", "upsert", "tags", "note", "task")
SECONDS_DEAD = 31
UNANSWERED: dict[str, Callable[[], Exception]] = {
    "time-out": lambda: TryAgain("contacts_api_timeout", ambiguous=True),
    "500": lambda: TryAgain("contacts_api_5xx", ambiguous=True),
    "429": lambda: TryAgain("rate_limited", retry_after=3, counts=False),
    "unforeseen": ZeroDivisionError,
}


def lead(email: str = "ada@example.com", **answers: Any) -> dict[str, Any]:
    """A lead that takes every step."""
    person = {"FULL_NAME": "Ada Lovelace", "EMAIL": email, "What is your budget?": "over 10k"}
    return leads_made.lead(answers=person | answers)


@pytest.fixture
def world() -> World:
    return World(RouteTable(routes=[ROUTE]))


def is_complete(contact: dict[str, Any], lead_id: str) -> None:
    """One note, one of each task, all tags, and all of them carry the lead's reference."""
    marker = f"lead ref: pinterest/{lead_id}"
    assert [note["body"].splitlines()[-1] for note in contact["notes"]] == [marker]
    assert sorted(task["title"] for task in contact["tasks"]) == ["Call Ada", "Write"]
    assert {task["body"].splitlines()[-1] for task in contact["tasks"]} == {marker}
    assert set(contact["tags"]) == TAGS
    assert contact["customFields"] == [{"id": "sandboxFieldBudget01", "value": "over 10k"}]


def test_every_step_is_taken_and_recorded(world: World) -> None:
    """Seven calls, two of them for tasks; the ledger knows what each has made."""
    item = lead()
    outcome = world.attempt(item)
    assert (outcome.status, outcome.remarks) == ("delivered", ())
    contact = world.contact()
    is_complete(contact, item["lead_id"])
    assert sorted(world.wire.calls) == sorted([*OPERATIONS, "task"])
    tasks = {task["title"]: task for task in contact["tasks"]}
    assert tasks["Call Ada"]["assignedTo"] == contact["assignedTo"] in ("user-a", "user-b")
    assert tasks["Write"]["assignedTo"] == "user-z"
    assert tasks["Call Ada"]["dueDate"] == "2027-01-15T09:59:50.000Z"
    assert world.item(item["lead_id"])["progress"].steps == {
        "contact": contact["id"],
        "tags": "done",
        "note": contact["notes"][0]["id"],
        "task 1": tasks["Call Ada"]["id"],
        "task 2": tasks["Write"]["id"],
    }


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_dying_at_any_call_doubles_nothing_and_loses_nothing(operation: str, moment: str, number: int) -> None:
    """The function dies before a call or before its answer; then once more, elsewhere; the third one finishes."""
    world = World(RouteTable(routes=[ROUTE]))
    item = lead()
    deaths = world.wire.before if moment == "before" else world.wire.after
    deaths[operation] = [Died() for _ in range(number)]
    with pytest.raises(Died):
        world.attempt(item)
    world.clock.time += SECONDS_DEAD
    # The second life may find that the deadly call need not be made again.
    with suppress(Died):
        world.attempt(item)
    world.clock.time += SECONDS_DEAD
    deaths.clear()
    assert world.attempt(item).status in ("delivered", "duplicate")
    is_complete(world.contact(), item["lead_id"])


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("failure", "moment"),
    # A throttled call has done nothing.
    [("429", "before"), *((name, moment) for name in UNANSWERED if name != "429" for moment in ("before", "after"))],
)
def test_an_unanswered_call_doubles_nothing_and_loses_nothing(operation: str, moment: str, failure: str) -> None:
    """The CRM has done it or not, and does not say; the lead is parked and tried again."""
    world = World(RouteTable(routes=[ROUTE]))
    item = lead()
    error = UNANSWERED[failure]()
    (world.wire.before if moment == "before" else world.wire.after)[operation] = [error]
    assert world.attempt(item).status == "parked"
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


@pytest.mark.parametrize("operation", ["upsert", "tags", "note", "task"])
def test_a_refusal_that_did_it_all_the_same_is_recognised(world: World, operation: str) -> None:
    """The CRM has been seen to answer 422 and to create anyway."""
    path = {"upsert": "/contacts/upsert"}.get(operation, "")
    item = lead()
    contains = {"tags": '"tags"', "note": "lead ref", "task": "dueDate", "upsert": "ada@"}[operation]
    order = {"path": path, "contains": contains, "method": "POST"}
    world.wire.sandbox.add_fault(match=order, status=422, after=True, times=1)
    outcome = world.attempt(item)
    assert outcome.status == "delivered"
    contact = world.contact()
    assert (len(contact["notes"]), len(contact["tasks"])) == (1, 2)


def test_a_retry_does_only_what_is_missing(world: World) -> None:
    """The note failed; the rest is not asked for again, and the contact is read instead of written."""
    world.wire.before["note"] = [TryAgain("contacts_api_5xx")]
    item = lead()
    world.attempt(item)
    world.wire.calls.clear()
    assert world.attempt(item, message_id="m1").status == "delivered"
    assert world.wire.calls == ["read", "note"]


def test_a_step_that_may_have_happened_is_looked_up_before_it_is_repeated(world: World) -> None:
    """And the ledger says so meanwhile."""
    world.wire.after["note"] = [TryAgain("contacts_api_timeout", ambiguous=True)]
    item = lead()
    world.attempt(item)
    assert world.item(item["lead_id"])["progress"].steps["note"] == UNKNOWN
    world.wire.calls.clear()
    assert world.attempt(item, message_id="m1").status == "delivered"
    assert world.wire.calls == ["read", "notes"]


def test_a_delivery_that_only_lacked_its_record_asks_the_crm_nothing(world: World) -> None:
    """All steps are done, the last write to the ledger failed."""
    world.ledger.breaks_on_finish = True
    item = lead()
    assert world.attempt(item).reason == "ledger_unavailable"
    world.ledger.breaks_on_finish = False
    world.wire.calls.clear()
    assert world.attempt(item).status == "delivered"
    assert world.wire.calls == []


def test_a_contact_that_was_deleted_in_between_is_written_anew(world: World) -> None:
    """Somebody tidied up in the CRM; the lead still becomes a contact, with everything on it."""
    world.wire.before["note"] = [TryAgain("contacts_api_5xx")]
    item = lead()
    world.attempt(item)
    directory = world.wire.sandbox.api.directory
    directory.remove(next(iter(directory.contacts.values())))
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_a_lead_that_another_route_takes_now_starts_anew_in_its_location(world: World) -> None:
    """What was written elsewhere says nothing about the new place."""
    world.wire.before["search"] = [TryAgain("contacts_api_5xx")]
    item = lead()
    world.attempt(item)
    steps = dict.fromkeys(("contact", "tags", "note", "task 1", "task 2"), "elsewhere")
    world.item(item["lead_id"])["progress"] = Progress(contact_id="c", location_id="another", steps=steps)
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_a_refused_step_is_left_to_a_person_and_the_others_are_done(world: World) -> None:
    """The note is refused for good: everything else is there, and a redrive writes just the note."""
    world.refuse(match={"contains": "lead ref: ", "method": "POST"}, times=3)
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, tags=["a"])])
    item = lead()
    outcome = world.attempt(item, message_id="m1")
    assert (outcome.status, outcome.reason) == ("undeliverable", "rejected_by_contacts_api")
    assert outcome.contact_id == world.contact()["id"]
    assert world.contact()["tags"] == ["a"]
    world.wire.sandbox.clear_faults()
    assert world.attempt(item, message_id="m2").status == "delivered"
    assert len(world.contact()["notes"]) == 1


def test_as_long_as_one_step_may_still_pass_the_lead_is_tried_again(world: World) -> None:
    """A refused note beside a busy tag: the tag comes first, then the verdict."""
    world.wire.before["tags"] = [TryAgain("contacts_api_5xx")]
    world.wire.before["note"] = [Undeliverable("rejected_by_contacts_api")]
    assert world.attempt(lead(), message_id="m1").reason == "contacts_api_5xx"


def test_a_refused_field_is_left_out_and_named(world: World) -> None:
    """The lead counts more than its field; ledger, log and note say what is missing."""
    fault = {"path": "/contacts/upsert", "contains": "gender"}
    body = {"statusCode": 422, "message": ["gender must be a valid enum value"], "error": "Unprocessable Entity"}
    world.wire.sandbox.add_fault(match=fault, status=422, body=body)
    outcome = world.attempt(lead(GENDER="female"))
    assert outcome.status == "delivered"
    [remark] = outcome.remarks
    assert "gender" in remark
    assert remark in world.contact()["notes"][0]["body"]


def test_two_people_in_one_lead_land_on_one_and_the_other_is_named(world: World) -> None:
    """The e-mail address is one contact's and the phone number another's."""
    by_mail = world.add_contact(email="ada@example.com")
    by_phone = world.add_contact(phone="+12128675309")
    outcome = world.attempt(lead(PHONE_NUMBER="+1 212 867 5309"))
    assert (outcome.status, outcome.contact_id) == ("delivered", by_mail)
    [remark] = outcome.remarks
    assert by_phone in remark
    assert "867" not in remark
    [contact] = [contact for contact in world.wire.contacts() if contact["id"] == by_mail]
    assert by_phone in contact["notes"][0]["body"]


def test_a_new_address_does_not_silently_replace_the_old_one(world: World) -> None:
    """Known by phone, written with another e-mail: the note keeps the address that the CRM forgets."""
    world.add_contact(email="old@example.com", phone="+12128675309")
    outcome = world.attempt(lead(PHONE_NUMBER="+1 212 867 5309"))
    assert len(outcome.remarks) == 1
    assert "example.com" not in outcome.remarks[0]
    assert "old@example.com" in world.contact()["notes"][0]["body"]


def test_an_unknown_custom_field_and_a_value_that_does_not_fit_are_said(world: World) -> None:
    """Both answers are in the note."""
    fields = {"contact.nonsense": "Shoe size", "contact.age": "AGE"}
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, custom_fields=fields)])
    outcome = world.attempt(lead(AGE="young", **{"Shoe size": "42"}))
    assert len(outcome.remarks) == 2
    note = world.contact()["notes"][0]["body"]
    assert all(word in note for word in ("young", "42", "contact.nonsense"))


def test_custom_fields_that_may_not_be_read_cost_the_fields_not_the_lead(world: World) -> None:
    """The token lacks a scope: somebody has to know, and the lead is delivered."""
    body = {"statusCode": 401, "message": "The token is not authorized for this scope."}
    world.wire.sandbox.add_fault(match={"path": "/locations"}, status=401, body=body)
    outcome = world.attempt(lead())
    assert (outcome.status, len(outcome.remarks)) == ("delivered", 1)
    assert "over 10k" in world.contact()["notes"][0]["body"]


def test_of_the_stage_tags_only_the_new_one_stays(world: World) -> None:
    """A lifecycle stage is one at a time; other tags are left alone."""
    world.add_contact(email="ada@example.com", tags=["stage: customer", "vip"])
    world.attempt(lead())
    assert set(world.contact()["tags"]) == TAGS | {"vip"}


def test_a_second_lead_of_the_same_person_adds_to_the_contact(world: World) -> None:
    """Another lead id: new note, new tasks, the contact's source and owner stay."""
    first, second = lead(), lead()
    world.attempt(first)
    before = world.contact()
    assert world.attempt(second).status == "delivered"
    contact = world.contact()
    assert (contact["source"], contact["assignedTo"]) == (before["source"], before["assignedTo"])
    assert (len(contact["notes"]), len(contact["tasks"])) == (2, 4)
    assert world.wire.count("tags") == 1


def test_steps_that_no_longer_fit_the_time_are_taken_by_the_next_attempt(world: World) -> None:
    """The contact is written, then the budget is used up: nothing is begun that could not be answered."""
    world.wire.clock, world.wire.seconds = world.clock, 1.0
    item = lead()
    outcome = world.attempt(item, deadline=world.clock() + 3)
    assert (outcome.status, outcome.reason, outcome.counts) == ("parked", "out_of_time", False)
    assert set(world.item(item["lead_id"])["progress"].steps) == {"contact"}
    world.wire.seconds = 0.0
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_a_contact_that_was_merged_in_between_keeps_what_it_brought_along(world: World) -> None:
    """Our contact is gone, and another one has its address, its note and its tasks now."""
    world.wire.before["tags"] = [TryAgain("contacts_api_5xx")]
    item = lead()
    world.attempt(item)
    contacts = world.wire.sandbox.api.directory.contacts
    old = next(iter(contacts.values()))
    world.wire.sandbox.api.directory.remove(old)
    merged = world.wire.sandbox.api.directory.create(LOCATION, {"email": "ada@example.com"})
    merged.notes.update(old.notes)
    merged.tasks.update(old.tasks)
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_a_contact_that_goes_in_the_middle_is_looked_up_anew(world: World) -> None:
    """The CRM no longer knows the contact when the note comes; the next attempt writes another."""
    body = {"statusCode": 400, "message": "Contact not found"}
    world.wire.sandbox.add_fault(match={"contains": "lead ref: ", "method": "POST"}, status=400, body=body, times=1)
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION)])
    item = lead()
    outcome = world.attempt(item, message_id="m1")
    assert (outcome.status, outcome.reason, outcome.counts) == ("parked", "contacts_api_not_found", True)
    assert world.attempt(item, message_id="m1").status == "delivered"
    assert len(world.contact()["notes"]) == 1


def test_an_unforeseen_error_in_the_middle_leaves_every_open_step_in_doubt(world: World) -> None:
    """What was done is known, the rest is looked up."""
    world.wire.after["note"] = [ZeroDivisionError()]
    item = lead()
    assert world.attempt(item).reason == "unexpected_error"
    steps = world.item(item["lead_id"])["progress"].steps
    assert steps["note"] == UNKNOWN
    assert steps["tags"] == "done"
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_tasks_with_one_title_are_told_apart_by_their_time(world: World) -> None:
    """A call today and a call tomorrow; the process dies between them."""
    calls = [Task(title="Call", due_in="1h"), Task(title="Call", due_in="1d")]
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, tasks=calls)])
    item = lead()
    world.wire.before["task"] = [Died()]
    with pytest.raises(Died):
        world.attempt(item)
    world.clock.time += SECONDS_DEAD
    assert world.attempt(item).status == "delivered"
    assert len({task["dueDate"] for task in world.contact()["tasks"]}) == 2
    assert len(world.contact()["tasks"]) == 2


@pytest.mark.parametrize("change", ["turned round", "one more in front", "one less"])
def test_a_route_whose_tasks_are_edited_between_two_attempts_doubles_none(world: World, change: str) -> None:
    """The recorded steps count the old route's tasks; the CRM shows which are there."""
    first, second, new = ROUTE.tasks[0], ROUTE.tasks[1], Task(title="Send flowers", due_in="3d")
    item = lead()
    world.wire.before["task"] = [TryAgain("contacts_api_5xx")]
    world.attempt(item)
    tasks = {"turned round": [second, first], "one more in front": [new, first, second], "one less": [first]}[change]
    world.routes = RouteTable(routes=[msgspec.structs.replace(ROUTE, tasks=tasks)])
    assert world.attempt(item, message_id="m1").status == "delivered"
    titles = [task["title"] for task in world.contact()["tasks"]]
    assert len(titles) == len(set(titles))
    assert {task.title.format(first_name="Ada") for task in tasks} <= set(titles)


def test_a_location_that_was_mistyped_for_a_while_changes_nothing_elsewhere(world: World) -> None:
    """No token for the wrong one: what had been done in the right one is still known afterwards."""
    world.wire.before["note"] = [TryAgain("contacts_api_5xx")]
    item = lead()
    world.attempt(item)
    world.routes = RouteTable(routes=[msgspec.structs.replace(ROUTE, location="mistyped")])
    assert world.attempt(item, message_id="m1").reason == "misconfigured"
    world.routes = RouteTable(routes=[ROUTE])
    assert world.attempt(item, message_id="m1").status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_two_leads_of_one_new_person_at_once_agree_on_the_owner(world: World) -> None:
    """In one container they take turns: the second finds the contact of the first."""
    leads = [lead() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(world.attempt, leads))
    assert {outcome.status for outcome in outcomes} == {"delivered"}
    assert [outcome.remarks for outcome in outcomes] == [()] * 8
    sent = [request["body"] for request in world.wire.sandbox.requests() if request["path"] == "/contacts/upsert"]
    assert sum("assignedTo" in body for body in sent) == 1
    assert len(world.contact()["notes"]) == 8


def test_an_owner_that_may_have_been_replaced_is_said(world: World) -> None:
    """Another container wrote the same person between our look and our upsert."""
    once = iter([True])

    def meet(operation: str) -> None:
        if operation == "upsert" and next(once, False):
            world.add_contact(email="ada@example.com", source="Trade fair")

    world.wire.meet = meet
    outcome = world.attempt(lead())
    assert outcome.status == "delivered"
    assert "source" in outcome.remarks[0]


def test_tasks_that_cannot_be_looked_up_do_not_hold_up_the_note(world: World) -> None:
    """What is certain is done meanwhile."""
    item = lead()
    world.wire.before["upsert"] = [Died()]
    with pytest.raises(Died):
        world.attempt(item)
    world.clock.time += SECONDS_DEAD
    world.add_contact(email="ada@example.com")
    world.wire.before["tasks"] = [TryAgain("contacts_api_5xx")]
    assert world.attempt(item).reason == "contacts_api_5xx"
    assert (len(world.contact()["notes"]), world.contact()["tasks"]) == (1, [])
    assert world.attempt(item).status == "delivered"
    is_complete(world.contact(), item["lead_id"])


def test_a_stage_that_somebody_else_took_away_is_set_again(world: World) -> None:
    """Two leads with two stages at once, each taking the other's for the old one: one of them stays."""
    world.add_contact(email="ada@example.com", tags=["stage: customer"])

    def meet(operation: str) -> None:
        if operation == "tags off":
            [contact] = world.wire.sandbox.api.directory.contacts.values()
            contact.tags = [tag for tag in contact.tags if tag != "stage: lead"]

    world.wire.meet = meet
    assert world.attempt(lead()).status == "delivered"
    assert [tag for tag in world.contact()["tags"] if tag.startswith("stage")] == ["stage: lead"]


def test_a_tag_that_is_refused_costs_only_itself(world: World) -> None:
    """The other tags are set, and the ledger says that one is missing; all refused are a person's to look at."""
    order = {"contains": "campaign: spring", "method": "POST"}
    world.routes = RouteTable(routes=[msgspec.structs.replace(ROUTE, note="", tasks=[])])
    world.wire.sandbox.add_fault(match=order, status=422)
    outcome = world.attempt(lead())
    assert (outcome.status, outcome.remarks) == ("delivered", ("The CRM did not keep 1 of the tags.",))
    assert set(world.contact()["tags"]) == TAGS - {"campaign: spring campaign"}
    world.wire.sandbox.add_fault(match={"contains": '"tags"', "method": "POST"}, status=422)
    assert world.attempt(lead("grace@example.com"), message_id="m1").status == "undeliverable"


def test_a_task_whose_user_has_left_is_nobodys(world: World) -> None:
    """The task counts more than its owner; the ledger says what is missing."""
    body = {"message": ["assignedTo must be a user of the location"]}
    world.wire.sandbox.add_fault(match={"contains": "user-z"}, status=422, body=body)
    outcome = world.attempt(lead())
    assert outcome.status == "delivered"
    assert "user-z" in outcome.remarks[0]
    [task] = [task for task in world.contact()["tasks"] if task["title"] == "Write"]
    assert "assignedTo" not in task


@pytest.mark.parametrize("failure", [TryAgain("contacts_api_5xx"), TryAgain("rate_limited", counts=False)])
@pytest.mark.parametrize(("operation", "look"), [("note", "notes"), ("task", "tasks")])
def test_refused_and_not_to_be_looked_up_is_in_doubt(
    world: World, operation: str, look: str, failure: TryAgain
) -> None:
    """The CRM refused, wrote all the same, and cannot be asked: the next attempt looks first."""
    contains = {"note": "lead ref", "task": "dueDate"}[operation]
    world.routes = RouteTable(routes=[Route(name="all", location=LOCATION, tasks=[ROUTE.tasks[0]])])
    order = {"contains": contains, "path": "/contacts/", "method": "POST"}
    world.wire.sandbox.add_fault(match=order, status=422, after=True, times=1 if operation == "task" else 2)
    world.wire.before[look] = [failure]
    item = lead()
    assert world.attempt(item).status == "parked"
    world.wire.sandbox.clear_faults()
    assert world.attempt(item, message_id="m1").status == "delivered"
    assert (len(world.contact()["notes"]), len(world.contact()["tasks"])) == (1, 1)


class Died(BaseException):
    """The process ends here: nothing catches it, nothing is tidied up."""
