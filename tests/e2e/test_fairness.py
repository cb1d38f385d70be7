"""One location's backlog, however long, does not hold up another location's lead."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Deployment, Stacks

pytestmark = pytest.mark.e2e

BACKLOG = 1000
SECONDS = 20
THROTTLED, HEALTHY = "throttledLocation001", "healthyLocation00001"
ROUTES = f"""
[[routes]]
name = "Throttled"
source = "pinterest"
campaign = "Crowd"
location = "{THROTTLED}"

[[routes]]
name = "Healthy"
source = "pinterest"
location = "{HEALTHY}"
"""


@pytest.fixture(scope="module")
def shared(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack of its own with two locations."""
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(ROUTES)
    with stacks(parameters={"RetryWaits": ",".join("1" * 11)}, routes=routes) as stack:
        yield Deployment(stack)


def test_a_lead_passes_a_thousand_of_a_throttled_location(
    shared: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails once, goes through the same queue, and is a contact within seconds; none of the others is lost."""
    shared.crm.break_with(match={"location": THROTTLED}, status=429)
    shared.crm.break_with(match={"location": HEALTHY}, status=500, times=1)
    crowd = [shared.lead(f"crowd{number}@example.com", campaign_name="Crowd") for number in range(BACKLOG)]
    shared.parked(*crowd)
    assert shared.waiting(shared.failed_leads) >= BACKLOG

    lead = shared.lead("passing@example.com")
    began = time.monotonic()
    assert shared.send(lead) == (200, {"accepted": 1})
    assert shared.ledger(lead)["status"] == "parked"
    shared.delivered(lead, SECONDS)
    taken = time.monotonic() - began
    assert [contact["email"] for contact in shared.crm.contacts()] == ["passing@example.com"]

    assert shared.waiting(shared.failed_leads) >= BACKLOG
    assert shared.waiting(shared.dead_letters) == 0
    asked = sum(request["location"] == THROTTLED for request in shared.crm.requests())
    assert asked < BACKLOG / 10, "a throttled location must be skipped, not asked for each lead"
    with capsys.disabled():
        print(f"\nfairness: {BACKLOG} leads of a throttled location were passed in {taken:.1f} s")
