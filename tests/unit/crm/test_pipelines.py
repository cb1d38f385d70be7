"""The names of a location's pipeline stages: how they are read, and how seldom they are asked for."""

from collections.abc import Mapping
from typing import Any

import pytest

from leads.core.errors import TryAgain
from leads.crm.admission import Admission
from leads.crm.pipelines import Pipelines
from tests.fakes import Clock
from tests.unit.crm.canned_http import BASE_URL, LOCATION, Canned, CannedHttp, client

SALES = {"id": "p1", "name": "Sales", "stages": [{"id": "s1", "name": "New"}, {"id": "s2", "name": "Closed"}]}
CARE = {"id": "p2", "name": "Care", "stages": [{"id": "s3", "name": "New", "position": 0}]}
LISTED = Canned(200, {"pipelines": [SALES, CARE]})
NAMES = {"s1": "New", "s2": "Closed", "s3": "New"}
NO_SCOPE = Canned(401, {"message": "The token is not authorized for this scope."})
REFUSED = Canned(401, {"message": "Invalid JWT"})


class Stages:
    """The resource with a clock that moves when told to."""

    def __init__(self, *answers: Canned | Exception) -> None:
        self.http = CannedHttp(*answers)
        self.clock = Clock()
        self.resource = Pipelines(client(self.http, now=self.clock), now=self.clock)

    def names(self) -> Mapping[str, str]:
        return self.resource.stage_names(LOCATION, deadline=self.clock() + 5)

    @property
    def calls(self) -> int:
        return len(self.http.asked)


def test_are_those_of_every_pipeline() -> None:
    """By their ids, as two pipelines may have a stage of one name."""
    stages = Stages(LISTED)
    assert stages.names() == NAMES
    (asked,) = stages.http.asked
    assert (asked.method, asked.url) == ("GET", f"{BASE_URL}/opportunities/pipelines?locationId={LOCATION}")
    assert asked.headers["Version"] == "2021-07-28"


@pytest.mark.parametrize("stages", [None, "s9", [None, 5, [], {}, {"id": "s9"}, {"name": "x"}, {"id": 5, "name": "x"}]])
def test_what_is_no_stage_is_left_out(stages: Any) -> None:
    """The schema says nothing of what they are."""
    assert Stages(Canned(200, {"pipelines": [SALES, {"stages": stages}, "x", CARE]})).names() == NAMES


def test_are_asked_for_every_ten_minutes() -> None:
    """And in between not once more."""
    stages = Stages(LISTED, Canned(200, {"pipelines": []}))
    for _ in range(50):
        assert stages.names() == NAMES
    stages.clock.time += 599
    assert (stages.names(), stages.calls) == (NAMES, 1)
    stages.clock.time += 2
    assert (stages.names(), stages.calls) == ({}, 2)


@pytest.mark.parametrize("refusal", [NO_SCOPE, REFUSED, Canned(400, {"message": "no"}), Canned(404)])
def test_are_none_where_they_may_not_be_listed(refusal: Canned) -> None:
    """Somebody has to grant it; until then a minute passes between two questions."""
    stages = Stages(refusal, LISTED)
    for _ in range(20):
        assert stages.names() == {}
    asked = stages.calls
    stages.clock.time += 61
    assert (stages.names(), stages.calls) == (NAMES, asked + 1)


@pytest.mark.parametrize(
    "failure", [Canned(500), Canned(429), Canned(200, b"<html>"), Canned(200, {}), TryAgain("contacts_api_timeout")]
)
def test_a_failure_is_not_remembered(failure: Canned | Exception) -> None:
    """The next change asks again; old names are better than none."""
    stages = Stages(failure, LISTED, failure)
    with pytest.raises(TryAgain):
        stages.names()
    assert stages.names() == NAMES
    stages.clock.time += 601
    for _ in range(20):
        assert stages.names() == NAMES
    assert stages.calls == 3


def test_a_missing_scope_does_not_stop_the_location() -> None:
    """No lead needs that right."""
    clock = Clock()
    admission = Admission(now=clock, sleep=clock.sleep, patience=0.0)
    pipelines = Pipelines(client(CannedHttp(NO_SCOPE), now=clock, admission=admission), now=clock)
    assert pipelines.stage_names(LOCATION, deadline=clock() + 5) == {}
    admission.check(LOCATION)


def test_whoever_cannot_wait_for_the_list_is_told_so() -> None:
    """Several changes come at once, and one of them asks."""
    stages = Stages(LISTED)
    stages.names()
    known = stages.resource._known[LOCATION]
    with known.lock, pytest.raises(TryAgain) as caught:
        stages.resource.stage_names(LOCATION, deadline=stages.clock())
    assert (caught.value.reason, caught.value.counts) == ("out_of_time", False)
