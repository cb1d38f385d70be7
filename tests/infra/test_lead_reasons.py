"""The command line says of a reason what the README says."""

import re
from pathlib import Path

from infra.cli.story.reasons import known, meaning_of

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
# The tables of reasons that a lead may have, by the header of their first column.
OF_LEADS = ("reason", "a Facebook lead's reason", "a LeadConnector record's reason")


def told() -> dict[str, tuple[str, str]]:
    """Reason → what it means and what to do, links without their targets."""
    found = {}
    for block in re.findall(r"(?:^\|.*\n)+", README.partition("\n## When something is wrong")[2], re.MULTILINE):
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()]
        if rows[0][0] in OF_LEADS:
            for reasons, means, remedy in rows[2:]:
                plain = [re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text) for text in (means, remedy)]
                found |= dict.fromkeys(re.findall(r"`(\w+)`", reasons), tuple(plain))
    return found


def test_every_reason_means_what_the_readme_says():
    """And what to do is the same, in the same words."""
    assert len(told()) > 40
    assert {reason: (it.means, it.remedy) for reason, it in known().items()} == told()


def test_a_reason_of_another_version_is_not_explained_away():
    """And no reason needs no explanation."""
    assert "does not know" in meaning_of("of_tomorrow").means
    assert meaning_of("").means == ""
