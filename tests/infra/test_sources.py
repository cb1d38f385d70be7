"""A registered source is known everywhere: what it still lacks is named by the test that fails."""

import re
from pathlib import Path

import pytest

from infra.local.demo import SENDERS
from leads.core import routes_check
from leads.sources import REGISTRY

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")

every_source = pytest.mark.parametrize("name", REGISTRY)


@every_source
def test_a_source_can_be_named_in_a_route(name):
    """So that a typing error in it is noticed."""
    assert name in routes_check.SOURCES, f"add {name!r} to SOURCES of leads/core/routes_check.py"


@every_source
@pytest.mark.parametrize(
    ("header", "tells"), [("source | `form`", "what is reconciled"), ("source | account", "its ids")]
)
def test_a_source_has_its_line_in_the_readmes_tables(name, header, tells):
    """What reconcile compares, and under which ids the ledger knows the leads."""
    [rows] = re.findall(rf"^\| {re.escape(header)}.*\n((?:\|.*\n)+)", README, re.MULTILINE)
    known = re.findall(r"^\| `?(\w+)`? \|", rows, re.MULTILINE)
    assert name in known, f"README.md lacks the row of {name!r} in the table {header!r}, which tells {tells}"


@every_source
def test_a_source_says_how_it_proves_who_sent_a_lead(name):
    """In the first table of SECURITY.md."""
    rows = re.findall(r"^\| · ([\w ]+)", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
    assert any(row.lower().startswith(name) for row in rows), f"SECURITY.md lacks the row of {name!r}"


@every_source
def test_a_source_is_shown_by_the_demo(name):
    """One lead of each, at the end of `make run`."""
    assert name in SENDERS, f"add the sender of {name!r} to SENDERS of infra/local/demo.py"


def test_contributing_names_what_a_source_needs():
    """The files in which a source has a line of its own."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("\n## Add a source\n")[2].partition("\n## ")[0]
    for needed in ("REGISTRY", "PULLERS", "_SOURCES", "CASES", "SENDERS", "wiring/sources.py", "template", "README.md"):
        assert needed.replace("REGISTRY", "registry") in text, f"CONTRIBUTING.md, Add a source, does not name {needed}"
