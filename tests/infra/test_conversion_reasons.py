"""The command line knows every reason of a conversion that the documents know."""

import re
from pathlib import Path

from infra.cli.conversions.reasons import UNKNOWN, known, meaning_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "conversions.md").read_text("utf-8")


def told() -> set[str]:
    """The reasons in the first column of the table."""
    section = re.split(
        r"^## ", DOCUMENT.partition("\n## Why an event was not told")[2], maxsplit=1, flags=re.MULTILINE
    )[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_reason_in_the_document_is_explained() -> None:
    """And no other is made up, but that of test leads, which are told where routes are written."""
    assert len(told()) > 20
    assert set(known()) - {"test_lead"} == told()


def test_a_reason_that_leads_share_means_the_same() -> None:
    """What the CRM or a bug may do; and what nobody knows is not explained away."""
    assert "DynamoDB" in meaning_of("ledger_unavailable").means
    assert "does not know" in meaning_of("of_tomorrow").means
    assert meaning_of("").means == meaning_of(UNKNOWN).means == ""
    assert "redrive" in meaning_of("pinterest_5xx", is_dead=True).remedy
