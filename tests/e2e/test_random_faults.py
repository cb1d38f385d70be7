"""A thousand leads while one in ten answers of the CRM goes wrong, in every way it can; nobody lifts a finger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import Deployment, Stacks, until

pytestmark = pytest.mark.e2e

LEADS = 1000
IN_ONE_POST = 20
# Ten per cent in all. A time-out is one for the webhook function, whose patience is shorter than this silence; to the
# retry function it is a connection that breaks late.
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429, "headers": {"Retry-After": "1"}, "probability": 0.02},
    {"status": 500, "probability": 0.02},
    {"status": 500, "after": True, "probability": 0.01},
    {"drop_connection": True, "probability": 0.02},
    {"drop_connection": True, "after": True, "probability": 0.02},
    {"drop_connection": True, "after": True, "delay_seconds": 1.5, "probability": 0.01},
)
PATIENCE = "1"
ROUTES = """
[[routes]]
name = "Thousand"
source = "pinterest"
location = "ve9EPM428h8vShlRW1KT"
tags = ["pinterest"]
  [[routes.tasks]]
  title = "Call {first_name}"
  due_in = "2h"
"""


@pytest.fixture(scope="module")
def stormy(stacks: Stacks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack of its own whose CRM has a generous limit and fails at random."""
    routes = tmp_path_factory.mktemp("routes") / "routes.toml"
    routes.write_text(ROUTES)
    parameters = {
        "RetryWaits": ",".join("1" * 11),
        "InlineBudgetSeconds": PATIENCE,
        "RetryConcurrency": "4",
    }
    options = ("--burst", "100000", "--seed", "7")
    with stacks(parameters=parameters, routes=routes, sandbox_options=options) as stack:
        yield Deployment(stack)


def test_a_thousand_leads_take_effect_once_each(stormy: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """As many contacts, notes and tasks as leads, no dead letter, nothing left in the queue."""
    leads = [stormy.lead(f"storm{number}@example.com") for number in range(LEADS)]
    for fault in FAULTS:
        stormy.crm.break_with(**fault)
    posts = [leads[start : start + IN_ONE_POST] for start in range(0, LEADS, IN_ONE_POST)]
    with ThreadPoolExecutor(2) as pool:
        # As the platform does: what is answered with a 5xx is sent again.
        assert all(pool.map(lambda post: until(lambda: stormy.send(*post)[0] == 200, 30), posts))
    until(lambda: stormy.statuses() == {"delivered": LEADS} or None, 420)
    until(lambda: stormy.waiting(stormy.failed_leads) == 0 or None, 60)
    assert stormy.waiting(stormy.dead_letters) == 0

    contacts = stormy.crm.contacts()
    assert len(contacts) == len({contact["email"] for contact in contacts}) == LEADS
    written = Counter(note["body"].splitlines()[-1] for contact in contacts for note in contact["notes"])
    assert written == {f"lead ref: pinterest/{lead['lead_id']}": 1 for lead in leads}
    assert [contact["email"] for contact in contacts if [t["title"] for t in contact["tasks"]] != ["Call Ada"]] == []
    assert [contact["email"] for contact in contacts if contact["tags"] != ["pinterest"]] == []

    struck = stormy.crm.faults()
    assert all(fault["hits"] > LEADS / 100 for fault in struck)
    with capsys.disabled():
        print(f"\nrandom faults: {LEADS} leads, {sum(fault['hits'] for fault in struck)} calls that went wrong")
