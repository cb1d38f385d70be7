"""The rotation of the Pinterest app secret: against the sandbox's token endpoint, with deaths and edits in between."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from infra.local.pinterest_sandbox import PinterestSandbox
from infra.local.sandbox.web import Call
from leads.core.errors import Misconfigured, TryAgain, Undeliverable
from leads.core.iso_time import epoch_of
from leads.core.pinterest_token import merged
from leads.core.tokens import Journal, Tokens, expiry
from leads.flow.refresh_tokens import Finding
from leads.flow.rotate_pinterest import RotatePinterest
from leads.sources.pinterest_oauth import PinterestOAuth
from tests.fakes import Clock, FakeVersions
from tests.unit.crm.canned_http import Canned, CannedAnswer, CannedHttp

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
APP = {"app_id": "1500000", "app_secret": "hush"}
DAY = 86_400.0
API = "https://pinterest.example/v5"


class Died(BaseException):
    """The function's end in the middle of something."""


class World:
    """One secret, one token endpoint, one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sandbox = PinterestSandbox([])
        self.sandbox.api.tokens.clock = self.clock
        self.versions = FakeVersions()
        self.asked = 0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self._numbers = itertools.count(1)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> CannedAnswer:
        self.before()
        self.asked += 1
        lowered = {name.lower(): value for name, value in headers.items()}
        answer = self.sandbox._answer(
            Call(method, url.removeprefix("https://pinterest.example"), {}, lowered, body or b"")
        )
        self.after()
        return CannedAnswer(answer.status, answer.headers, json.dumps(answer.body).encode())

    def connect(self, **more: Any) -> dict[str, Any]:
        """The secret as a user writes it down after connecting the app."""
        given = self.sandbox.connect_app(**APP)
        kept = {name: given[name] for name in ("access_token", "refresh_token")}
        return {
            **APP,
            **kept,
            "expires_at": self.clock() + given["expires_in"],
            "conversion_tokens": {"1": "c"},
            **more,
        }

    def store(self, value: dict[str, Any]) -> None:
        """What put-secret-value does."""
        self.versions.put(value, version_id=f"edit-{next(self._numbers)}", label="AWSCURRENT")

    def step(self, name: str, token: str, remaining: float = 300) -> list[Finding]:
        rotate = RotatePinterest(
            versions=self.versions,
            tokens=PinterestOAuth(self, API, now=self.clock),
            now=self.clock,
            sleep=self.clock.sleep,
            new_id=lambda: f"ours-{next(self._numbers)}",
        )
        return rotate(name, token, remaining=remaining)

    def rotate(self, *steps: str, token: str = "", remaining: float = 300) -> list[Finding]:
        """All four steps, or some, after what Secrets Manager does first."""
        token = token or f"rotation-{next(self._numbers)}"
        self.versions.held.setdefault("AWSPENDING", token)
        return [finding for name in steps or STEPS for finding in self.step(name, token, remaining)]

    @property
    def current(self) -> dict[str, Any]:
        return self.versions.read(self.versions.held["AWSCURRENT"]) or {}

    def works(self) -> bool:
        """Whether Pinterest takes both tokens of the secret."""
        usable = self.current["refresh_token"] in self.sandbox.api.tokens._refresh
        return usable and self.sandbox.api.tokens.is_valid(self.current["access_token"])

    def is_over(self) -> bool:
        return "AWSPENDING" not in self.versions.held


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.sandbox.stop()


@contextmanager
def dying(world: World, when: str) -> Iterator[None]:
    """The function dies before or after its call (`before`, `after`), or at its n-th own write (`put-2`, `move-1`)."""
    real = {name: getattr(world.versions, name) for name in ("put", "move")}
    counts = dict.fromkeys(real, 0)

    def die(*_: Any, **__: Any) -> None:
        raise Died

    def counted(name: str) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            counts[name] += 1
            if when == f"{name}-{counts[name]}":
                raise Died
            return real[name](*args, **more)

        return write

    for name in real:
        setattr(world.versions, name, counted(name))
    if when in ("before", "after"):
        setattr(world, when, die)
    with pytest.raises(Died):
        yield
    world.before = world.after = lambda: None
    for name, method in real.items():
        setattr(world.versions, name, method)


def test_a_token_that_is_due_is_replaced(world: World) -> None:
    """All four steps; the pair works, and whatever else is in the secret stays."""
    world.store(world.connect())
    before = world.current
    world.clock.time += 21 * DAY
    assert world.rotate() == []
    assert world.works()
    assert world.is_over()
    assert {k: v for k, v in world.current.items() if before.get(k) == v} == {**APP, "conversion_tokens": {"1": "c"}}
    assert expiry(world.current) == int(world.clock() + 30 * DAY)
    assert str(world.current["expires_at"]).endswith("Z")
    world.clock.time += 21 * DAY
    assert world.rotate() == []
    assert world.works()


def test_the_call_is_as_documented(world: World) -> None:
    """Form-encoded, the app by HTTP Basic; no token in the address."""
    http = CannedHttp(Canned(200, {"access_token": "pina_2", "expires_in": 60, "refresh_token": "pinr_2"}))
    secret = {"app_id": "15", "app_secret": "s:", "refresh_token": "pinr_1"}
    tokens = PinterestOAuth(http, API + "/", now=lambda: 1000.0).refresh(secret, deadline=2000)
    assert tokens == Tokens(access_token="pina_2", expires_at=1060.0, refresh_token="pinr_2")
    [asked] = http.asked
    assert (asked.method, asked.url) == ("POST", f"{API}/oauth/token")
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"15:s:").decode()
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.body == b"grant_type=refresh_token&refresh_token=pinr_1"


@pytest.mark.parametrize(
    ("answer", "fate", "reason"),
    [
        (Canned(401, {"code": 2, "message": "pinr_1"}), Undeliverable, "token_refused"),
        (Canned(400, {"code": 1}), Undeliverable, "token_refused"), (Canned(403), Undeliverable, "token_refused"),
        (Canned(429, {"code": 8}), TryAgain, "pinterest_throttled"), (Canned(500), TryAgain, "pinterest_5xx"),
        (Canned(200), TryAgain, "pinterest_unexpected"), (Canned(200, b"<html>"), TryAgain, "pinterest_unexpected"),
        (Canned(200, {"access_token": "a\nb"}), TryAgain, "pinterest_unexpected"),
    ],
)  # fmt: skip
def test_every_answer_of_the_endpoint_has_its_fate(answer: Canned, fate: type[Exception], reason: str) -> None:
    """No token in the text."""
    secret = {**APP, "refresh_token": "pinr_1"}
    with pytest.raises(fate) as caught:
        PinterestOAuth(CannedHttp(answer), API, now=lambda: 0.0).refresh(secret, deadline=2000)
    assert str(caught.value).startswith(reason)
    assert "pinr_1" not in str(caught.value)


@pytest.mark.parametrize("lifetime", [None, "soon", [7]])
def test_a_lifetime_that_is_not_told_is_30_days(lifetime: Any) -> None:
    """As documented."""
    http = CannedHttp(Canned(200, {"access_token": "a", "expires_in": lifetime}))
    tokens = PinterestOAuth(http, API, now=lambda: 0.0).refresh({**APP, "refresh_token": "r"}, deadline=2000)
    assert (tokens.expires_at, tokens.refresh_token) == (30 * DAY, "")


def test_nothing_due_ends_at_once_and_changes_nothing(world: World) -> None:
    """No call, no version."""
    world.store(world.connect())
    held, writes = dict(world.versions.held), list(world.versions.writes)
    world.clock.time += 19 * DAY
    assert world.rotate() == []
    assert (world.versions.held, world.versions.writes, world.asked) == (held, writes, 0)


@pytest.mark.parametrize(
    "secret", [{}, APP, {"access_token": "pina_1"}, {**APP, "access_token": "a", "refresh_token": ""}, {"x": 1}]
)
def test_without_a_refresh_token_there_is_nothing_to_rotate(world: World, secret: dict[str, Any]) -> None:
    """As a new stack has it, or somebody who stores tokens by hand."""
    world.store(secret)
    assert world.rotate() == []
    assert (world.current, world.asked) == (secret, 0)
    assert world.is_over()


def test_a_secret_without_a_value_is_left_alone(world: World) -> None:
    """Not a failure."""
    assert world.rotate() == []
    assert world.versions.values == {}


@pytest.mark.parametrize("when", [None, "", "soon"])
def test_a_token_that_does_not_say_when_it_ends_is_replaced(world: World, when: Any) -> None:
    """It may end today."""
    world.store(world.connect(expires_at=when))
    assert world.rotate() == []
    assert world.works()
    assert expiry(world.current) == int(world.clock() + 30 * DAY)


def test_an_entry_that_lacks_the_app_is_told(world: World) -> None:
    """By the names of what is missing."""
    world.store({k: v for k, v in world.connect(expires_at=0).items() if k not in APP})
    [finding] = world.rotate()
    assert (finding.about, finding.reason, finding.is_failure) == ("the Pinterest app", "incomplete_entry", True)
    assert finding.detail == "it lacks app_id, app_secret"


def test_a_refusal_is_a_failure_and_changes_nothing(world: World) -> None:
    """The user has to connect the app anew."""
    world.store(world.connect(app_secret="wrong", expires_at=0))
    before = world.current
    [finding] = world.rotate()
    assert (finding.reason, finding.is_failure) == ("token_refused", True)
    assert finding.detail == "/oauth/token answered 401 code 2"
    assert world.current == before
    assert world.is_over()


@pytest.mark.parametrize(("age", "is_failure"), [(21, False), (28, True)])
def test_silence_is_a_failure_only_when_time_runs_out(world: World, age: int, is_failure: bool) -> None:
    """The next rotation may be in time."""
    world.store(world.connect())
    world.clock.time += age * DAY
    world.sandbox.add_fault(match={"path": "/v5/oauth"}, status=503)
    [finding] = world.rotate()
    assert (finding.reason, finding.is_failure) == ("pinterest_5xx", is_failure)
    assert world.asked == 3
    world.sandbox.clear_faults()
    assert world.rotate() == []
    assert world.works()


def test_an_answer_that_is_lost_is_told(world: World) -> None:
    """A refresh token that works once is gone with it: the app has to be connected anew, while the old token lives."""
    world.store(world.connect())
    world.clock.time += 21 * DAY
    world.sandbox.add_fault(match={"path": "/v5/oauth"}, status=502, after=True, times=1)
    [finding] = world.rotate()
    assert (finding.reason, finding.is_failure) == ("token_refused", True)
    assert world.sandbox.api.tokens.is_valid(world.current["access_token"])
    anew = world.connect()
    world.store(anew)
    assert world.rotate() == []
    assert world.current == anew


def test_no_refresh_token_is_used_up_without_time_to_store_its_successor(world: World) -> None:
    """A minute is kept."""
    world.store(world.connect(expires_at=0))
    [finding] = world.rotate(remaining=50)
    assert (finding.reason, world.asked) == ("out_of_time", 0)


def test_no_refresh_token_is_used_up_while_nothing_can_be_stored(world: World) -> None:
    """The step fails instead."""
    world.store(world.connect(expires_at=0))
    world.versions.failures["put"] = [TryAgain("secret_unavailable", "AWS is down")] * 5
    with pytest.raises(Misconfigured, match="AWS is down"):
        world.rotate("createSecret")
    assert world.asked == 0
    assert world.rotate() == []
    assert world.works()


@pytest.mark.parametrize("when", ["before", "put-1", "put-3", "move-1"])
def test_a_death_costs_no_token(world: World, when: str) -> None:
    """The next attempt, or the next rotation, does what is missing; nobody has to connect the app anew."""
    world.store(world.connect(expires_at=0))
    with dying(world, when):
        world.rotate(token="first")
    assert world.rotate(token="first" if when == "move-1" else "second") == []
    assert world.works()
    assert world.is_over()
    assert world.asked == 1


def test_the_label_of_a_value_that_never_became_current_may_be_lost(world: World) -> None:
    """The pair is kept elsewhere, too."""
    world.store(world.connect(expires_at=0))
    world.rotate("createSecret", token="first")
    world.versions.held.pop("AWSPENDING")
    assert world.rotate(token="second") == []
    assert world.works()
    assert world.asked == 1


def test_an_edit_during_the_rotation_is_kept(world: World) -> None:
    """With the new tokens in it."""
    world.store(world.connect(expires_at=0))
    world.rotate("createSecret", token="first")
    world.store({**world.current, "conversion_tokens": {"2": "d"}})
    assert world.rotate("setSecret", "testSecret", "finishSecret", token="first") == []
    assert world.current["conversion_tokens"] == {"2": "d"}
    assert world.works()


def test_tokens_that_a_user_stores_meanwhile_win(world: World) -> None:
    """The app was connected anew."""
    world.store(world.connect(expires_at=0))
    world.rotate("createSecret", token="first")
    anew = world.connect()
    world.store(anew)
    assert world.rotate("finishSecret", token="first") == []
    assert world.current == anew
    assert world.is_over()


def test_an_old_copy_that_comes_back_is_mended(world: World) -> None:
    """Its refresh token is used up; what it brought is known."""
    world.store(world.connect(expires_at=0))
    old = world.current
    assert world.rotate() == []
    world.store(old)
    assert world.rotate() == []
    assert world.works()
    assert world.asked == 1


def test_two_rotations_at_once_lose_nothing(world: World) -> None:
    """The one that comes late finds what the other has stored."""
    world.store(world.connect(expires_at=0))

    def other() -> None:
        world.before = lambda: None
        world.rotate("createSecret", token="other")

    world.before = other
    assert world.rotate() == []
    assert world.works()


def test_a_refresh_token_that_is_not_replaced_stays(world: World) -> None:
    """Some answers bring an access token only."""
    secret = {**APP, "refresh_token": "pinr_1", "access_token": "pina_1", "expires_at": 10}
    journal = Journal().after("pinr_1", Tokens(access_token="pina_2", expires_at=2_000_000_000.5))
    found = merged(secret, journal)
    assert found == {**secret, "access_token": "pina_2", "expires_at": "2033-05-18T03:33:20Z"}
    assert merged(found, journal) == found


def test_an_unknown_step_is_told(world: World) -> None:
    """Not taken for success."""
    with pytest.raises(Misconfigured, match="dropSecret"):
        world.rotate("dropSecret")


def test_a_token_that_nothing_renews_is_told_a_week_before_it_ends(world: World) -> None:
    """Once a rotation, at its end; the rotation itself has not failed."""
    connected = {name: value for name, value in world.connect().items() if name != "refresh_token"}
    world.store(connected)
    world.clock.time += 22 * DAY
    assert world.rotate() == []
    world.clock.time += 2 * DAY
    [finding] = world.rotate()
    assert (finding.about, finding.reason, finding.is_failure) == ("the Pinterest app", "token_ends_soon", False)
    assert connected["access_token"] not in repr(finding)


def test_the_end_of_the_refresh_token_is_kept_beside_it(world: World) -> None:
    """A new one lives for sixty days more."""
    world.store(world.connect(refresh_token_expires_at=world.clock() + 60 * DAY))
    world.clock.time += 21 * DAY
    assert world.rotate() == []
    assert epoch_of(world.current["refresh_token_expires_at"]) == int(world.clock() + 60 * DAY)


@pytest.mark.parametrize(("successor", "kept"), [("pinr_2", False), ("", True)])
def test_the_end_of_a_refresh_token_goes_with_it(successor: str, kept: bool) -> None:
    """Where the endpoint gives another and does not tell its end; the same one ends when it did."""
    secret = {**APP, "access_token": "pina_1", "refresh_token": "pinr_1", "refresh_token_expires_at": 2_000_000_000}
    tokens = Tokens(access_token="pina_2", expires_at=1_900_000_000, refresh_token=successor)
    journal = Journal().after("pinr_1", tokens)
    assert ("refresh_token_expires_at" in merged(secret, journal)) == kept
