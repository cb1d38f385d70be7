"""Identifiers that are safe as keys and in logs."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.lead import Envelope, plain_id

SAFE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def envelope(**changes: Any) -> Envelope:
    values: dict[str, Any] = {
        "source": "pinterest", "account": "111", "lead_id": "222", "raw": {}, "received_at": "2026-03-01T00:00:00Z",
        "seal": "5ea1",
    }  # fmt: skip
    return Envelope(**values | changes)


class TestPlainId:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("687195905986", "687195905986"),
            (687195905986, "687195905986"),
            (0, "0"),
            ("0", "0"),
            ("007", "007"),
            ("TEST_API", "TEST_API"),
            ("a.b:c-d_E", "a.b:c-d_E"),
            ("x" * 128, "x" * 128),
            (10**18, "1" + "0" * 18),
        ],
    )
    def test_an_id_is_kept(self, value: Any, expected: str) -> None:
        """Strings and numbers of the usual shape are themselves."""
        assert plain_id(value) == expected

    @pytest.mark.parametrize("value", [None, "", True, False, 1.5, float("nan"), [], ["1"], {}, {"a": 1}, b"1"])
    def test_what_is_no_id_is_empty(self, value: Any) -> None:
        """A wrong type is not turned into text: true is not an id, and neither is 1.5."""
        assert plain_id(value) == ""

    @pytest.mark.parametrize(
        "value",
        [
            "ada@example.com",
            "Ada Lovelace",
            "a#b",
            "a/b",
            "1\n",
            "\n1",
            " 1",
            "é",
            "١٢٣",
            "\x00",
            "\ud800",
            "x" * 129,
            "x" * 10**6,
            10**200,
        ],
    )
    def test_anything_else_is_hashed(self, value: Any) -> None:
        """It stays distinct, has a fixed length and tells nothing."""
        hashed = plain_id(value)
        assert re.fullmatch(r"hashed-[0-9a-f]{32}", hashed)
        assert hashed == plain_id(value)
        assert plain_id(str(value) + "x") != hashed

    @given(st.text(st.characters()))
    def test_any_text_is_safe(self, text: str) -> None:
        """No separator of ours, no blank, no more than 128 characters."""
        assert text == "" or SAFE.fullmatch(plain_id(text))

    @given(st.text(st.characters()), st.text(st.characters()))
    def test_two_texts_stay_two(self, one: str, other: str) -> None:
        """Hashing never merges two leads."""
        assert (plain_id(one) == plain_id(other)) == (one == other)


class TestLedgerKey:
    def test_is_source_account_and_lead(self) -> None:
        """The key that interfaces and operators know."""
        assert envelope().ledger_key == "pinterest#111#222"

    def test_a_test_lead_goes_by_its_seal(self) -> None:
        """All test leads share an id; the second is not the first again."""
        first, second = (envelope(lead_id="TEST_API", is_test=True, seal=seal) for seal in ("aa", "bb"))
        assert first.ledger_key == "pinterest#111#aa"
        assert second.ledger_key == "pinterest#111#bb"

    def test_a_test_lead_of_a_platform_without_seals_keeps_its_id(self) -> None:
        """Without a seal there is nothing better."""
        assert envelope(is_test=True, seal="").ledger_key == "pinterest#111#222"

    def test_an_ordinary_lead_keeps_its_id_whatever_its_seal(self) -> None:
        """A lead sealed anew on resending is still the same lead."""
        assert envelope(seal="aa").ledger_key == envelope(seal="bb").ledger_key

    def test_other_accounts_and_sources_have_other_keys(self) -> None:
        """Ids are unique within one account of one source only."""
        keys = {envelope(**change).ledger_key for change in ({}, {"source": "x"}, {"account": "9"}, {"lead_id": "9"})}
        assert len(keys) == 4
