"""Our country table against the CRM's own list."""

import re
from collections import Counter
from pathlib import Path

import pytest

from leads.core import countries

DOCS = Path(__file__).resolve().parents[2].parent / "shared" / "specs" / "contacts-api" / "docs"
PAGE = DOCS / "country list" / "Country.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the vendor's country list is not beside this checkout")


def listed() -> dict[str, str]:
    """Code → name, as the page has them."""
    return dict(re.findall(r"^\|\s*([A-Z]{2})\s*\|\s*([^|]+?)\s*\|", PAGE.read_text("utf-8"), re.MULTILINE))


def test_the_codes_are_the_crm_s() -> None:
    """No code too many, which it would refuse, and none too few."""
    ours = {line.split(" ", 1)[0] for line in countries._TABLE.splitlines()}
    assert len(ours) == 247
    assert ours == set(listed())


def test_the_crm_s_own_name_of_a_country_is_never_another_country_s() -> None:
    """Three names stand for two countries each on the page itself; every other is the country it names, or unknown."""
    names = Counter(listed().values())
    assert {name for name, times in names.items() if times > 1} == {"Congo", "Korea", "Virgin Islands"}
    own = {code: name for code, name in listed().items() if names[name] == 1}
    found = {code: countries.country_code(name) for code, name in own.items()}
    assert {code: other for code, other in found.items() if other not in (code, None)} == {}


def test_every_unambiguous_name_of_the_page_is_known() -> None:
    """Whoever copies a country's name from the CRM, written out, means that country."""
    names = Counter(listed().values())
    assert [name for name, times in names.items() if times == 1 and countries.country_code(name) is None] == []
