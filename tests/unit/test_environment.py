"""What the functions are told by their environment."""

import pytest

from leads.adapters.environment import settings
from leads.core.errors import Misconfigured

NEEDED = {
    "LEDGER_TABLE_NAME": "ledger",
    "FAILED_LEADS_QUEUE_URL": "failed",
    "PINTEREST_KEYS_SECRET_ARN": "keys",
    "CONTACTS_SECRET_ARN": "contacts",
}


def test_a_function_that_tells_nobody_of_outcomes_needs_no_setting_for_it() -> None:
    """Seven days is what Pinterest is said to take."""
    found = settings(NEEDED)
    assert (found.conversions_queue_url, found.conversion_days) == ("", 7)


def test_the_settings_of_outcomes_are_read() -> None:
    """By the names that the template gives them."""
    found = settings({**NEEDED, "CONVERSIONS_QUEUE_URL": "queue", "CONVERSION_DAYS": "28"})
    assert (found.conversions_queue_url, found.conversion_days) == ("queue", 28)


def test_a_setting_that_cannot_be_read_is_named() -> None:
    """So that whoever deployed it finds it."""
    with pytest.raises(Misconfigured, match="CONVERSION_DAYS"):
        settings({**NEEDED, "CONVERSION_DAYS": "a week"})


def test_settings_that_are_missing_are_named() -> None:
    """All of them at once."""
    with pytest.raises(Misconfigured, match="LEDGER_TABLE_NAME, FAILED_LEADS_QUEUE_URL"):
        settings({})
