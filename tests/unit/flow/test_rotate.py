"""The rotation of the Contacts secret: against the sandbox's token endpoints, with deaths and edits in between."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.sandbox.web import Call
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.tokens import expiry
from leads.crm.oauth import OAuth
from leads.flow.rotate import Finding, Rotate
from tests.fakes import Clock, FakeVersions
from tests.unit.crm.canned_http import CannedAnswer

# Reconnecting is described in the vendor's help and in none of its files that recorded traffic is held against.
pytestmark = pytest.mark.unrecorded

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
APP = {"client_id": "app-1", "client_secret": "hush", "company_id": "co1"}
HOUR = 3600.0


class Died(BaseException):
    """The function's end in the middle of something."""


@dataclass
class SandboxHttp:
    """Asks the sandbox without a network. `before` and `after` may raise: nothing sent, or the answer lost."""

    crm: ContactsSandbox
    before: Callable[[str], None] = lambda path: None
    after: Callable[[str], None] = lambda path: None
    asked: list[str] = field(default_factory=list)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> CannedAnswer:
        parts = urlsplit(url)
        self.before(parts.path)
        self.asked.append(parts.path)
        lowered = {name.lower(): value for name, value in headers.items()}
        answer = self.crm._answer(Call(method, parts.path, dict(parse_qsl(parts.query)), lowered, body or b""))
        self.after(parts.path)
        return CannedAnswer(answer.status, answer.headers, json.dumps(answer.body).encode())

    def count(self, path: str) -> int:
        return self.asked.count(path)


class World:
    """One secret, one CRM, one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.crm = ContactsSandbox({"pit-1": "pit-location"})
        self.crm.api.oauth.clock = self.clock
        self.http = SandboxHttp(self.crm)
        self.versions = FakeVersions()
        self._numbers = itertools.count(1)

    def install(self, *, location_id: str = "", **order: Any) -> dict[str, Any]:
        """An entry of the secret, as a user writes it down after installing the app."""
        given = self.crm.install_app(**APP, location_id=location_id, **order)
        return {
            "client_id": APP["client_id"],
            "client_secret": APP["client_secret"],
            "access_token": given["access_token"],
            "refresh_token": given["refresh_token"],
            "expires_at": self.clock() + given["expires_in"],
        }

    def store(self, value: dict[str, Any]) -> None:
        """What put-secret-value does."""
        version = f"edit-{next(self._numbers)}"
        self.versions.put(value, version_id=version, label="AWSCURRENT")

    def begin(self) -> str:
        """What Secrets Manager does first: a version without a value under AWSPENDING."""
        token = f"rotation-{next(self._numbers)}"
        self.versions.held.setdefault("AWSPENDING", token)
        return token

    def step(self, name: str, token: str, remaining: float = 300) -> list[Finding]:
        rotate = Rotate(
            versions=self.versions,
            tokens=OAuth(self.http, "https://crm.example", now=self.clock),
            now=self.clock,
            sleep=self.clock.sleep,
            new_id=lambda: f"ours-{next(self._numbers)}",
        )
        return rotate(name, token, remaining=remaining)

    def rotate(self, *steps: str, token: str = "") -> list[Finding]:
        """All four steps, or some; what they found."""
        token = token or self.begin()
        return [finding for name in steps or STEPS for finding in self.step(name, token)]

    @property
    def current(self) -> dict[str, Any]:
        return self.versions.read(self.versions.held["AWSCURRENT"]) or {}

    def location(self, key: str = "loc1") -> dict[str, Any]:
        found: dict[str, Any] = self.current["locations"][key]
        return found

    def works(self, key: str = "loc1") -> bool:
        """Whether the CRM takes the location's token."""
        self.crm.api.oauth.expire()
        return self.crm.api.tokens.get(self.location(key)["access_token"]) == key

    def is_over(self) -> bool:
        """AWSPENDING is nowhere."""
        return "AWSPENDING" not in self.versions.held


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.crm.stop()


@contextmanager
def dying(world: World, *, before: str = "", after: str = "", times: int = 1) -> Iterator[None]:
    """The function dies before or after a call to a path, or an own write (`put`, `move`)."""
    left = itertools.repeat(None, times)

    def die(path: str, wanted: str) -> None:
        if path == wanted and next(left, 0) is None:
            raise Died

    world.http.before, world.http.after = (lambda path: die(path, before)), (lambda path: die(path, after))
    with pytest.raises(Died):
        yield
    world.http.before = world.http.after = lambda path: None


def test_a_token_that_is_due_is_replaced(world: World) -> None:
    """All four steps; the new pair works, its refresh token too."""
    world.store({"locations": {"loc1": world.install(location_id="loc1"), "other": {"token": "pit-1"}}})
    before = world.location()
    world.clock.time += 13 * HOUR
    assert world.rotate() == []
    assert world.location()["access_token"] != before["access_token"]
    assert expiry(world.location()) > world.clock() + 23 * HOUR
    assert world.location("other") == {"token": "pit-1"}
    assert world.works()
    assert world.is_over()
    world.clock.time += 13 * HOUR
    assert world.rotate() == []
    assert world.works()


def test_nothing_due_ends_at_once_and_changes_nothing(world: World) -> None:
    """No call to the CRM, no new version: AWSPREVIOUS stays what a user could go back to."""
    world.store({"locations": {"loc1": world.install(location_id="loc1"), "other": {"token": "pit-1"}}})
    held, writes = dict(world.versions.held), list(world.versions.writes)
    assert world.rotate() == []
    assert world.versions.held == held
    assert world.versions.writes == writes
    assert world.http.asked == []


def test_a_secret_without_a_value_is_left_alone(world: World) -> None:
    """As a new stack has it."""
    assert world.rotate() == []
    assert world.versions.values == {}
    assert "AWSPENDING" not in world.versions.held


def test_trying_out_a_schedule_finds_nothing_to_test(world: World) -> None:
    """Secrets Manager calls testSecret alone when a schedule is deployed."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    assert world.rotate("testSecret") == []


def test_an_unknown_step_is_told(world: World) -> None:
    """Not taken for success."""
    with pytest.raises(Misconfigured, match="dropSecret"):
        world.rotate("dropSecret")


def test_the_old_token_stays_current_until_the_end(world: World) -> None:
    """Functions read AWSCURRENT."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    before = world.current
    world.clock.time += 13 * HOUR
    world.rotate("createSecret", "setSecret", "testSecret")
    assert world.current == before


@pytest.mark.parametrize("step", STEPS)
def test_each_step_may_be_repeated(world: World, step: str) -> None:
    """The second time nothing is refreshed again."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    token = world.begin()
    for name in STEPS:
        world.step(name, token)
        if name == step:
            world.step(name, token)
    assert world.http.count("/oauth/token") == 1
    assert world.works()
    assert world.is_over()


def test_every_pair_is_stored_before_the_next_is_asked_for(world: World) -> None:
    """A write between any two uses of a refresh token, and one before the first, which proves that it can be stored."""
    world.store({"locations": {f"loc{n}": world.install(location_id=f"loc{n}") for n in range(3)}})
    world.clock.time += 13 * HOUR
    order: list[str] = []
    world.http.before = order.append
    real_put = world.versions.put

    def put(value: Any, *, version_id: str, label: str) -> None:
        order.append(label)
        real_put(value, version_id=version_id, label=label)

    world.versions.put = put  # type: ignore[method-assign]
    world.rotate("createSecret")
    assert order == ["LEADRELAY_REFRESHED", *["/oauth/token", "LEADRELAY_REFRESHED"] * 3, "AWSPENDING"]


# ---- deaths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_a_death_after_a_pair_was_stored_loses_nothing(world: World, times: int) -> None:
    """The next run takes it from the journal, and refreshes only the rest."""
    world.store({"locations": {f"loc{n}": world.install(location_id=f"loc{n}") for n in range(3)}})
    world.clock.time += 13 * HOUR
    token = world.begin()
    for _ in range(times):
        calls = itertools.count()

        def die_on_second(path: str, calls: Iterator[int] = calls) -> None:
            if path == "/oauth/token" and next(calls) == 1:
                raise Died

        world.http.before = die_on_second
        with pytest.raises(Died):
            world.rotate("createSecret", token=token)
    world.http.before = lambda path: None
    assert world.rotate(token=token) == []
    assert world.http.count("/oauth/token") == 3
    assert world.http.count("/oauth/reconnect") == 0
    assert all(world.works(f"loc{n}") for n in range(3))


def test_a_death_between_the_answer_and_storing_it_is_mended_by_reconnecting(world: World) -> None:
    """The refresh token was used up for a pair that nobody has; the app is still installed."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    with dying(world, after="/oauth/token"):
        world.rotate("createSecret")
    assert world.rotate() == []
    assert world.http.count("/oauth/reconnect") == 1
    assert world.works()


def test_a_lost_answer_is_asked_for_again_with_the_same_token(world: World) -> None:
    """Where the CRM still takes it, nothing else is needed; where it does not, the app is reconnected."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    lost = iter([TryAgain("contacts_api_timeout", ambiguous=True)])

    def lose(path: str) -> None:
        if path == "/oauth/token" and (error := next(lost, None)):
            raise error

    world.http.after = lose
    assert world.rotate() == []
    assert world.http.asked[:4] == ["/oauth/token", "/oauth/token", "/oauth/reconnect", "/oauth/token"]
    assert world.works()


@pytest.mark.parametrize("method", ["put", "move", "unlabel"])
@pytest.mark.parametrize("number", range(6))
def test_a_death_around_any_write_is_mended_by_the_next_rotation(world: World, method: str, number: int) -> None:
    """Whatever was written so far."""
    world.store({"locations": {f"loc{n}": world.install(location_id=f"loc{n}") for n in range(2)}})
    world.clock.time += 13 * HOUR
    real, calls = getattr(world.versions, method), itertools.count()

    def die(*arguments: Any, **named: Any) -> Any:
        call = next(calls)
        result = real(*arguments, **named) if call != number or number % 2 else None
        if call == number:
            raise Died
        return result

    setattr(world.versions, method, die)
    token = world.begin()
    try:
        world.rotate(token=token)
    except Died:
        assert world.rotate(token=token) == []
    assert all(world.works(f"loc{n}") for n in range(2))
    assert world.is_over()


@pytest.mark.parametrize("call", range(3))
def test_two_rotations_at_once_lose_nothing(world: World, call: int) -> None:
    """A person runs a second one while the first is at its `call`th refresh; both know the tokens of both."""
    world.store({"locations": {f"loc{n}": world.install(location_id=f"loc{n}") for n in range(3)}})
    world.clock.time += 13 * HOUR
    calls = itertools.count()

    def run_another(path: str) -> None:
        if path == "/oauth/token" and next(calls) == call:
            world.rotate("createSecret", token=f"second-{'x' * 32}")

    world.http.before = run_another
    assert world.rotate() == []
    assert world.http.count("/oauth/reconnect") == 0
    assert all(world.works(f"loc{n}") for n in range(3))


def test_the_journal_of_a_removed_location_goes_with_it(world: World) -> None:
    """A secret's version takes 64 KiB."""
    world.store({"locations": {f"loc{n}": world.install(location_id=f"loc{n}") for n in range(2)}})
    world.clock.time += 13 * HOUR
    world.rotate()
    world.store({"locations": {"loc0": world.location("loc0")}})
    world.clock.time += 13 * HOUR
    world.rotate()
    journal = world.versions.read(world.versions.held["LEADRELAY_REFRESHED"]) or {}
    assert [grant["refresh_token"] for grant in journal["grants"]] == [world.location("loc0")["refresh_token"]]


# ---- edits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_an_edit_in_the_middle_is_not_lost(world: World, step: str) -> None:
    """A location added after any step is there in the end, and so are the new tokens."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    token = world.begin()
    for name in STEPS:
        if name == step:
            edited = world.current
            edited["locations"]["added"] = {"token": "pit-1"}
            world.store(edited)
        world.step(name, token)
    assert world.location("added") == {"token": "pit-1"}
    assert world.works()
    assert world.is_over()


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("is_edited_before", [False, True])
def test_an_edit_while_the_rotation_finishes_is_not_lost(world: World, number: int, is_edited_before: bool) -> None:
    """After any of its calls: the label moves away from the version that was read, or not at all."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    token = world.begin()
    world.rotate("createSecret", token=token)

    def edit(key: str) -> None:
        edited = world.current
        edited["locations"][key] = {"token": "pit-1"}
        world.store(edited)

    if is_edited_before:
        edit("before")
    calls = itertools.count()

    def edited_after(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            result = real(*arguments, **named)
            if next(calls) == number:
                edit("added")
            return result

        return call

    for name in ("labels", "read", "put", "move", "unlabel"):
        setattr(world.versions, name, edited_after(getattr(world.versions, name)))
    world.rotate("finishSecret", token=token)
    added = next(calls) > number
    assert set(world.current["locations"]) == {
        "loc1", *(["added"] if added else []), *(["before"] if is_edited_before else []),
    }  # fmt: skip
    assert world.works()


def test_a_secret_that_changes_all_the_time_is_left_for_another_attempt(world: World) -> None:
    """Secrets Manager repeats the step."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    world.rotate("createSecret")
    world.versions.move = lambda *_, **__: False  # type: ignore[method-assign]
    with pytest.raises(TryAgain, match="secret_busy"):
        world.rotate("finishSecret")


def test_a_label_that_was_left_behind_is_no_obstacle(world: World) -> None:
    """AWSPENDING at a version whose tokens nobody uses any more: nothing of it is tested or taken over."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    world.rotate("createSecret")
    world.store({"locations": {"loc1": {"token": "pit-1"}}})
    asked = len(world.http.asked)
    assert world.rotate() == []
    assert world.http.asked[asked:] == []
    assert world.location() == {"token": "pit-1"}
    assert world.is_over()


def test_new_tokens_that_a_user_stores_are_kept(world: World) -> None:
    """They are of another installation; the rotation's are dropped."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    token = world.begin()
    world.rotate("createSecret", token=token)
    own = world.install(location_id="loc1")
    world.store({"locations": {"loc1": own}})
    world.rotate("finishSecret", token=token)
    assert world.location() == own
    assert world.is_over()


def test_an_old_copy_of_the_secret_is_mended(world: World) -> None:
    """Its refresh token was used up; the next rotation knows what became of it, without asking the CRM."""
    old = {"locations": {"loc1": world.install(location_id="loc1")}}
    world.store(old)
    world.clock.time += 13 * HOUR
    world.rotate()
    world.store(old)
    asked = len(world.http.asked)
    assert world.rotate() == []
    assert world.works()
    assert "/oauth/token" not in world.http.asked[asked:]


def test_a_refused_token_that_a_user_has_just_replaced_is_no_failure(world: World) -> None:
    """The newest version of the secret is read again before giving up."""
    stale = world.install(location_id="loc1") | {"refresh_token": "revoked"}
    world.store({"locations": {"loc1": stale}})
    world.clock.time += 13 * HOUR
    fresh = world.install(location_id="loc1")

    def replace(path: str) -> None:
        if path == "/oauth/token":
            world.http.after = lambda path: None
            world.store({"locations": {"loc1": fresh}})

    world.http.after = replace
    assert world.rotate() == []
    assert world.location() == fresh
    assert world.http.count("/oauth/reconnect") == 0


# ---- failures ------------------------------------------------------------------------------------------------


def uninstall(world: World) -> None:
    """The user removes the app."""
    world.crm.api.oauth._installs.clear()
    world.crm.api.oauth._refresh.clear()


def test_one_entrys_failure_holds_up_no_other(world: World) -> None:
    """It is named, and keeps its old token, which still works for a while."""
    world.store({"locations": {"gone": world.install(location_id="gone")}})
    uninstall(world)
    lame = {"client_id": "app-1", "refresh_token": "r"}
    world.store(
        {"locations": {"gone": world.location("gone"), "lame": lame, "loc1": world.install(location_id="loc1")}}
    )
    old = world.location("gone")
    world.clock.time += 13 * HOUR
    findings = {finding.about: finding for finding in world.rotate()}
    assert set(findings) == {"location gone", "location lame"}
    assert all(finding.is_failure for finding in findings.values())
    assert findings["location gone"].reason == "token_refused"
    assert "reconnecting" in findings["location gone"].detail
    assert "client_secret" in findings["location lame"].detail
    assert world.location("gone") == old
    assert world.works("gone")
    assert world.works("loc1")


@pytest.mark.parametrize(("hours", "is_failure"), [(13, False), (20, True), (30, True)])
def test_an_outage_of_the_crm_is_a_failure_only_when_time_runs_out(
    world: World, hours: float, is_failure: bool
) -> None:
    """The next rotation comes in four hours."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += hours * HOUR
    world.crm.add_fault(match={"path": "/oauth/token"}, status=503)
    [finding] = world.rotate()
    assert (finding.reason, finding.is_failure) == ("contacts_api_5xx", is_failure)
    assert world.is_over()
    world.crm.clear_faults()
    assert world.rotate() == []
    assert world.works()


def test_what_cannot_be_stored_is_not_refreshed(world: World) -> None:
    """Otherwise the pair would be lost."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    world.versions.failures["put"] = [TryAgain("secret_unavailable", "it cannot be written")] * 5
    with pytest.raises(Misconfigured, match="cannot be written"):
        world.rotate("createSecret")
    assert world.http.asked == []


def test_a_pair_that_cannot_be_stored_at_once_is_stored_later(world: World) -> None:
    """Secrets Manager answers again after a few seconds."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR

    def fail(path: str) -> None:
        world.versions.failures["put"] = [TryAgain("secret_unavailable")] * 4

    world.http.after = fail
    world.rotate("createSecret")
    world.http.after = lambda path: None
    assert world.rotate() == []
    assert world.http.count("/oauth/reconnect") == 0
    assert world.works()


def test_a_rotation_that_got_stuck_for_days_refreshes_anew(world: World) -> None:
    """Its own version has a value that cannot be changed and whose tokens have expired."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    token = world.begin()
    world.rotate("createSecret", token=token)
    world.clock.time += 72 * HOUR
    assert world.rotate(token=token) == []
    assert world.works()
    assert world.is_over()


def test_no_refresh_token_is_used_up_when_the_time_is_nearly_over(world: World) -> None:
    """The rest is for the next rotation."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    world.clock.time += 13 * HOUR
    [finding] = world.step("createSecret", world.begin(), remaining=30)
    assert finding.reason == "out_of_time"
    assert world.http.asked == []


def test_tokens_that_are_all_refused_end_the_rotation(world: World) -> None:
    """Something greater is wrong; the old tokens stay current."""
    world.store({"locations": {"loc1": world.install(location_id="loc1")}})
    before = world.current
    world.clock.time += 13 * HOUR
    world.crm.add_fault(match={"path": "/locations"}, status=401, body={"message": "Invalid token"})
    with pytest.raises(Undeliverable, match=r"new_tokens_refused.*location loc1"):
        world.rotate()
    assert world.current == before


def test_one_refused_token_among_good_ones_is_told(world: World) -> None:
    """And the good ones become current."""
    world.store({"locations": {f"loc{n}": world.install(location_id=f"loc{n}") for n in range(2)}})
    world.clock.time += 13 * HOUR
    refusal = {"message": "Invalid token: access token is invalid"}
    world.crm.add_fault(match={"path": "/locations/loc0"}, status=401, body=refusal)
    [finding] = world.rotate()
    assert (finding.about, finding.reason) == ("location loc0", "contacts_api_unauthorized")
    assert world.works("loc1")


# ---- companies -----------------------------------------------------------------------------------------------


def test_locations_get_their_tokens_from_their_companys(world: World) -> None:
    """One refresh for the company, one exchange for each location."""
    company = world.install(locations=("loc1", "loc2"))
    world.store(
        {
            "companies": {"co1": company},
            "locations": {"loc1": {"company_id": "co1"}, "loc2": {"company_id": "co1"}, "pit": {"token": "pit-1"}},
        }
    )
    assert world.rotate() == []
    assert world.works("loc1")
    assert world.works("loc2")
    assert world.http.count("/oauth/token") == 0
    world.clock.time += 13 * HOUR
    assert world.rotate() == []
    assert world.http.count("/oauth/token") == 1
    assert world.http.count("/oauth/locationToken") == 4
    assert world.current["companies"]["co1"]["refresh_token"] != company["refresh_token"]
    assert world.works("loc1")


def test_a_location_of_no_company_is_told(world: World) -> None:
    """By its id and the company's."""
    world.store({"locations": {"loc1": {"company_id": "co9"}}})
    [finding] = world.rotate()
    assert (finding.about, finding.reason) == ("location loc1", "company_token_expired")
    assert "co9" in finding.detail


def test_a_location_the_company_does_not_have_is_told(world: World) -> None:
    """And the others get their tokens."""
    company = world.install(locations=("loc1",))
    locations = {"loc1": {"company_id": "co1"}, "loc7": {"company_id": "co1"}}
    world.store({"companies": {"co1": company}, "locations": locations})
    [finding] = world.rotate()
    assert finding.about == "location loc7"
    assert world.works("loc1")


def test_a_companys_tokens_stored_as_a_locations_are_exchanged(world: World) -> None:
    """Installing an app from the company's view gives a company's tokens, whatever the app is for."""
    company = world.install(locations=("loc1", "loc2"))
    world.store({"locations": {"loc1": company, "loc2": dict(company)}})
    world.clock.time += 13 * HOUR
    assert world.rotate() == []
    assert world.http.count("/oauth/token") == 1
    assert world.works("loc1")
    assert world.works("loc2")
    world.clock.time += 13 * HOUR
    assert world.rotate() == []
    assert world.works("loc2")


def test_no_finding_holds_a_token(world: World) -> None:
    """Findings are logged as they are."""
    world.store({"locations": {"gone": world.install(location_id="gone")}})
    uninstall(world)
    world.clock.time += 13 * HOUR
    found = str(world.rotate())
    assert not [value for value in world.location("gone").values() if str(value) in found and value != "app-1"]


def test_what_ends_soon_is_told_at_the_end_of_a_rotation(world: World) -> None:
    """A token that nothing renews, and the version of Graph; neither is a failure."""
    world.store({"locations": {"loc1": {"token": "pit-1", "expires_at": world.clock() + 6 * 86_400}}})
    rotate = Rotate(
        versions=world.versions,
        tokens=OAuth(world.http, "https://crm.example", now=world.clock),
        now=world.clock,
        sleep=world.clock.sleep,
        graph_api_url="https://graph.facebook.com/v20.0",
    )
    token = world.begin()
    found = {step: rotate(step, token, remaining=300) for step in STEPS}
    assert [step for step, findings in found.items() if findings] == ["finishSecret"]
    told = [(finding.about, finding.reason, finding.is_failure) for finding in found["finishSecret"]]
    assert told == [
        ("location loc1", "token_ends_soon", False),
        ("Graph v20.0", "graph_version_ends_soon", False),
    ]
    assert "pit-1" not in repr(found)
