"""Our own seal around what would wait in the queue in the clear."""

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.core.errors import Misconfigured, TryAgain
from leads.sources.own_seal import OwnSeal
from tests.unit.sources.leadconnector_made import Tokens

CONTENT = {"email": "ada@example.com", "tags": ["vip"], "note": None}


class NoTokens:
    def current(self) -> tuple[str, ...]:
        raise Misconfigured("the webhook token secret has no token")

    reread = current


def sealed(content: Any = CONTENT) -> dict[str, str]:
    return OwnSeal(Tokens("token")).close(content)


class TestOwnSeal:
    @given(st.recursive(st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(), st.lists, max_leaves=5))
    @settings(max_examples=25, deadline=None)
    def test_gives_back_what_was_put_in(self, content: Any) -> None:
        """Any JSON value, after the queue's own JSON too."""
        assert OwnSeal(Tokens("token")).open(json.loads(json.dumps(sealed(content)))) == content

    def test_shows_nothing_and_is_never_the_same_twice(self) -> None:
        """Each has a nonce of its own."""
        one, two = sealed(), sealed()
        assert one["nonce"] != two["nonce"]
        assert one["cipher_msg"] != two["cipher_msg"]
        assert b"ada" not in b64decode(one["cipher_msg"])

    def test_opens_with_the_previous_token(self) -> None:
        """While URLs are being changed the queue may hold both kinds."""
        assert OwnSeal(Tokens("next", "token")).open(sealed()) == CONTENT

    def test_closes_with_the_current_token(self) -> None:
        """The previous one is about to go."""
        assert OwnSeal(Tokens("next")).open(OwnSeal(Tokens("next", "token")).close(CONTENT)) == CONTENT

    def test_opens_with_a_token_stored_a_moment_ago(self) -> None:
        """The secret is read again."""
        assert OwnSeal(Tokens("next", later=("next", "token"))).open(sealed()) == CONTENT

    def test_waits_for_the_token_that_opens_it(self) -> None:
        """And says what to do."""
        with pytest.raises(TryAgain, match="cannot_decrypt") as caught:
            OwnSeal(Tokens("next")).open(sealed())
        assert '"previous"' in caught.value.detail

    @pytest.mark.parametrize(
        "damaged",
        [
            None, 5, "text", [], {}, {"nonce": "AAAA"}, {"nonce": None, "cipher_msg": None},
            {"nonce": "ä", "cipher_msg": ""}, {"nonce": "", "cipher_msg": ""},
            {"nonce": "AAAAAAAAAAAAAAAA", "cipher_msg": "AAAA"}, {**sealed(), "cipher_msg": sealed()["cipher_msg"]},
        ],
    )  # fmt: skip
    def test_waits_with_what_nothing_opens(self, damaged: Any) -> None:
        """It may be of a version to come."""
        with pytest.raises(TryAgain, match="cannot_decrypt"):
            OwnSeal(Tokens("token")).open(damaged)

    def test_without_any_token_is_the_operators_to_correct(self) -> None:
        """Nothing can be sealed."""
        with pytest.raises(Misconfigured):
            OwnSeal(NoTokens()).close(CONTENT)
        with pytest.raises(Misconfigured):
            OwnSeal(NoTokens()).open(sealed())
