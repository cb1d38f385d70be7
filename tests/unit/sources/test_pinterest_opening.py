"""Opening what Pinterest sealed: which key, which sizes, and what never opens."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.lead import Lead
from leads.sources.pinterest import Pinterest
from tests.unit.sources.sealing import (
    ACCOUNT,
    ADA,
    DEADLINE,
    FORM,
    KEY,
    NOW,
    OTHER_KEY,
    Keys,
    base64_of,
    key_of,
    lead_item,
    request,
    sealed_answers,
    source,
    subscription,
    wrapped,
)

PAYLOADS = sorted((Path(__file__).parents[2] / "payloads" / "pinterest").glob("*.json"))


def opened(item: Any, *entries: dict[str, Any]) -> Lead:
    return source(*entries).open(wrapped(item), deadline=DEADLINE)


def refused(item: Any, *entries: dict[str, Any]) -> LeadError:
    with pytest.raises((TryAgain, Undeliverable)) as caught:
        opened(item, *entries)
    error: LeadError = caught.value
    return error


class TestPayloads:
    @pytest.mark.parametrize("file", PAYLOADS, ids=lambda file: file.stem)
    def test_every_recorded_delivery_opens_to_its_answers(self, file: Path) -> None:
        """Sealed by Node's crypto or Python's, in any base64, with nonces of 8 to 128 bytes."""
        payload = json.loads(file.read_text())
        pinterest = source(subscription(payload["key"]))
        envelopes = pinterest.read(request(payload["body"]), received_at=NOW).envelopes
        assert len(envelopes) == len(payload["answers"])
        for envelope, answers in zip(envelopes, payload["answers"], strict=True):
            if answers is not None:
                assert pinterest.open(envelope, deadline=DEADLINE).answers == answers
            elif file.stem == "deeply_nested_answer":
                _opens_or_is_undeliverable(pinterest, envelope)
            else:
                with pytest.raises((TryAgain, Undeliverable)):
                    pinterest.open(envelope, deadline=DEADLINE)

    @pytest.mark.parametrize(
        ("name", "fate", "reason"),
        [
            ("wrong_key", TryAgain, "cannot_decrypt"),
            ("truncated_tag", TryAgain, "cannot_decrypt"),
            ("plaintext_is_a_list", Undeliverable, "unreadable_answers"),
        ],
    )
    def test_what_does_not_open_has_its_fate(self, name: str, fate: type[LeadError], reason: str) -> None:
        """A key may still come, a plaintext will not change."""
        payload = json.loads(next(file for file in PAYLOADS if file.stem == name).read_text())
        error = refused(payload["body"][0], subscription(payload["key"]))
        assert type(error) is fate
        assert error.reason == reason


def _opens_or_is_undeliverable(pinterest: Pinterest, envelope: Any) -> None:
    """How deep an interpreter follows is its own business, but there are only these two ends."""
    reason = "unreadable_answers"
    try:
        pinterest.open(envelope, deadline=DEADLINE)
    except Undeliverable as error:
        reason = error.reason
    assert reason == "unreadable_answers"


class TestLead:
    def test_carries_everything_that_is_known(self) -> None:
        """Answers, where it came from, and when it was left."""
        item = lead_item(campaign_id="62", campaign_name="Spring", ad_group_id=7, ad_group_name=None, ad_name="")
        envelope = wrapped(item)
        assert source().open(envelope, deadline=DEADLINE) == Lead(
            source="pinterest",
            account=ACCOUNT,
            form=FORM,
            lead_id="687195905986",
            ledger_key=f"pinterest#{ACCOUNT}#687195905986",
            seal=envelope.seal,
            is_test=False,
            created_at=1_700_000_000.0,
            answers=ADA,
            campaign={
                "ad_id": "222254831001",
                "campaign_id": "62",
                "campaign_name": "Spring",
                "ad_group_id": "7",
                "ad_name": "",
            },
        )

    def test_a_test_lead_stays_one(self) -> None:
        """Whoever routes it must know."""
        lead = opened(lead_item(lead_id="TEST_API"))
        assert lead.is_test
        assert lead.ledger_key == f"pinterest#{ACCOUNT}#{lead.seal}"

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("1700000000000", 1_700_000_000.0), (1700000000000, 1_700_000_000.0), (1700000000123.0, 1_700_000_000.123),
            ("1700000000123", 1_700_000_000.123), (" 1700000000000 ", 1_700_000_000.0), ("1.7e12", 1_700_000_000.0),
        ],
    )  # fmt: skip
    def test_created_at_is_milliseconds(self, value: Any, seconds: float) -> None:
        """Pinterest sends a string; a number means the same."""
        assert opened(lead_item(created_at=value)).created_at == pytest.approx(seconds)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "soon",
            "2023-11-14T22:13:20Z",
            "0",
            0,
            "-5",
            -1,
            "nan",
            "inf",
            "1e400",
            float("inf"),
            [],
            {},
            ["1"],
            "\ud800",
            "9" * 5000,
            10**400,
        ],
    )
    def test_an_impossible_created_at_is_unknown(self, value: Any) -> None:
        """The time is not authenticated and not worth a lead."""
        assert opened(lead_item(created_at=value)).created_at is None

    def test_a_missing_created_at_is_unknown(self) -> None:
        """As above."""
        item = lead_item()
        del item["created_at"]
        assert opened(item).created_at is None

    @pytest.mark.parametrize(
        "answers", [{}, {"EMAIL": None}, {"a": [1, {"b": 2.5}]}, {"予算": "10万円"}, {"": "\ud800"}, {"a": 10**30}]
    )
    def test_answers_may_be_any_json_object(self, answers: dict[str, Any]) -> None:
        """In any script, with any values."""
        assert opened(lead_item(answers)).answers == answers

    @pytest.mark.parametrize(
        "plaintext",
        [b"", b"null", b"[]", b'"x"', b"1", b"ada@example.com", b'{"a": 1', b"\xff", b"[" * 100_000],
        ids=lambda text: text[:20],
    )
    def test_anything_else_is_undeliverable(self, plaintext: bytes) -> None:
        """It was sealed with the right key, so it is Pinterest's, and stays as it is. Nothing of it is quoted."""
        error = refused(lead_item(plaintext))
        assert isinstance(error, Undeliverable)
        assert error.reason == "unreadable_answers"
        assert "ada@" not in str(error)


class TestChoiceOfKey:
    OWN_FORM = subscription(account=ACCOUNT, form=FORM)
    OWN_ACCOUNT = subscription(account=ACCOUNT, form=None)
    OTHER_FORM = subscription(account=ACCOUNT, form="2")
    OTHER_ACCOUNT = subscription(account="9", form=None)
    RETIRED_FORM = subscription(account=ACCOUNT, form=FORM, retired_at="2026-01-01T00:00:00Z")
    RETIRED_OTHER = subscription(account="8", form="3", retired_at="2026-01-01T00:00:00Z")

    @pytest.mark.parametrize("is_reversed", [False, True])
    @pytest.mark.parametrize(
        ("entries", "account", "form"),
        [
            ([OWN_FORM, OWN_ACCOUNT, OTHER_ACCOUNT, RETIRED_OTHER], ACCOUNT, FORM),
            ([OWN_ACCOUNT, OTHER_FORM, OTHER_ACCOUNT], ACCOUNT, FORM),
            ([OTHER_FORM, RETIRED_FORM], ACCOUNT, "2"),
            ([OTHER_ACCOUNT, RETIRED_FORM], "9", FORM),
            ([RETIRED_FORM, RETIRED_OTHER], ACCOUNT, FORM),
            ([RETIRED_OTHER], "8", "3"),
        ],
    )
    def test_goes_from_form_to_account_to_others_to_retired(
        self, entries: list[dict[str, Any]], account: str, form: str, is_reversed: bool
    ) -> None:
        """Every entry here holds a key that fits, so whose account the lead gets tells which one was tried first."""
        lead = opened(lead_item(), *(entries[::-1] if is_reversed else entries))
        assert (lead.account, lead.form) == (account, form)

    def test_a_form_s_key_of_another_account_is_no_better_than_any(self) -> None:
        """Form ids are compared within their account."""
        entries = [subscription(account="9", form=FORM), self.OWN_ACCOUNT]
        assert opened(lead_item(), *entries).account == ACCOUNT

    def test_a_lead_without_form_takes_the_account_s_key(self) -> None:
        """No form is not the form of an account-level subscription."""
        lead = opened(lead_item(lead_form_id=None), self.OTHER_FORM, self.OWN_ACCOUNT)
        assert (lead.account, lead.form) == (ACCOUNT, "")

    @pytest.mark.parametrize("position", range(5))
    def test_the_one_that_fits_is_found_wherever_it_is(self, position: int) -> None:
        """Also when every other is nearer by account and form."""
        entries = [subscription(key_of(str(number)), ACCOUNT, FORM) for number in range(4)]
        entries.insert(position, subscription(KEY, "77", "88", retired_at="2020-01-01T00:00:00Z"))
        lead = opened(lead_item(), *entries)
        assert (lead.account, lead.form, lead.answers) == ("77", "88", ADA)

    @pytest.mark.parametrize(("change", "account", "form"), [
        ({"advertiser_id": "666", "lead_form_id": "667"}, ACCOUNT, FORM),
        ({"advertiser_id": None, "lead_form_id": None}, ACCOUNT, FORM),
        ({"advertiser_id": {"a": 1}, "lead_form_id": [1]}, ACCOUNT, FORM),
    ])  # fmt: skip
    def test_account_and_form_are_the_key_s(self, change: dict[str, Any], account: str, form: str) -> None:
        """Only the answers are authenticated: a forged account cannot send them down another customer's route."""
        lead = opened(lead_item(**change), self.OWN_FORM)
        assert (lead.account, lead.form) == (account, form)

    def test_a_key_without_account_leaves_what_the_lead_says(self) -> None:
        """A hand-made secret may hold nothing but the key."""
        lead = opened(lead_item(), {"cryptographic_key": base64_of(KEY)})
        assert (lead.account, lead.form) == (ACCOUNT, FORM)

    def test_ids_in_the_secret_may_be_numbers(self) -> None:
        """Whoever pastes them without quotes means the same."""
        assert opened(lead_item(), subscription(account=int(ACCOUNT), form=int(FORM))).form == FORM  # type: ignore[arg-type]


class TestKeysSecret:
    def test_is_not_read_again_when_a_key_fits(self) -> None:
        """The ordinary lead costs one look at the cached secret."""
        keys = Keys(subscription())
        Pinterest(keys).open(wrapped(lead_item()), deadline=DEADLINE)
        assert keys.reads == ["current"]

    def test_is_read_again_once_when_none_fits(self) -> None:
        """A key stored a minute ago opens the lead now."""
        keys = Keys(subscription(OTHER_KEY), later=[subscription(OTHER_KEY), subscription(KEY)])
        assert Pinterest(keys).open(wrapped(lead_item()), deadline=DEADLINE).answers == ADA
        assert keys.reads == ["current", "reread"]

    def test_is_not_read_a_third_time(self) -> None:
        """Then the lead waits, and the reason says how many keys were tried and for whom."""
        keys = Keys(subscription(OTHER_KEY), subscription(key_of("third")))
        with pytest.raises(TryAgain) as caught:
            Pinterest(keys).open(wrapped(lead_item()), deadline=DEADLINE)
        assert keys.reads == ["current", "reread"]
        assert caught.value.reason == "cannot_decrypt"
        assert caught.value.detail == f"none of 2 keys opens it; account {ACCOUNT}, form {FORM}"

    @pytest.mark.parametrize("damage", [{"nonce": "AA=="}, {"tag": "AA=="}, {"nonce": None}, {"cipher_msg": 5}])
    def test_is_not_read_at_all_for_what_cannot_be_sealed(self, damage: dict[str, Any]) -> None:
        """Junk must not cost a call."""
        keys = Keys(subscription())
        with pytest.raises(TryAgain, match="cannot_decrypt"):
            Pinterest(keys).open(wrapped(lead_item(answers=sealed_answers(ADA) | damage)), deadline=DEADLINE)
        assert keys.reads == []

    def test_a_new_version_takes_the_place_of_the_old(self) -> None:
        """A key that was removed no longer opens anything."""
        keys = Keys(subscription(KEY), later=[subscription(OTHER_KEY)])
        pinterest = Pinterest(keys)
        pinterest.open(wrapped(lead_item()), deadline=DEADLINE)
        pinterest.open(wrapped(lead_item(key=OTHER_KEY)), deadline=DEADLINE)
        with pytest.raises(TryAgain):
            pinterest.open(wrapped(lead_item()), deadline=DEADLINE)

    def test_missing_is_like_a_missing_key(self) -> None:
        """The lead waits sealed until somebody stores the secret; the detail names it."""
        with pytest.raises(TryAgain) as caught:
            Pinterest(Keys.holding(None)).open(wrapped(lead_item()), deadline=DEADLINE)
        assert caught.value.reason == "cannot_decrypt"
        assert "arn:keys" in caught.value.detail
        assert caught.value.counts

    @pytest.mark.parametrize(
        "secret",
        [
            {},
            {"subscriptions": None},
            {"subscriptions": {}},
            {"subscriptions": "x"},
            {"subscriptions": []},
            {"subscriptions": [None, 1, [], "x", {}]},
        ],
    )
    def test_of_another_shape_holds_no_key(self, secret: dict[str, Any]) -> None:
        """It is parked, never an unforeseen error."""
        with pytest.raises(TryAgain, match="none of 0 keys"):
            Pinterest(Keys.holding(secret)).open(wrapped(lead_item()), deadline=DEADLINE)

    @pytest.mark.parametrize(
        "key",
        [
            KEY[:16],
            KEY[:24],
            KEY[:31],
            KEY + b"x",
            b"",
            "not base64!",
            None,
            5,
            ["x"],
            "é",
            base64_of(KEY) + "=" * 8 + "A",
        ],
    )
    def test_a_key_of_wrong_size_is_skipped(self, key: Any) -> None:
        """One damaged entry does not disable the others, and is not used as AES-128 either."""
        damaged = subscription(OTHER_KEY) | {"cryptographic_key": base64_of(key) if isinstance(key, bytes) else key}
        assert opened(lead_item(), damaged, subscription()).answers == ADA
        assert "none of 0 keys" in str(refused(lead_item(), damaged))

    @pytest.mark.parametrize(
        "spell",
        [
            lambda text: text.rstrip("="),
            lambda text: text.replace("+", "-").replace("/", "_"),
            lambda text: f" {text}\r\n",
            lambda text: text[:20] + "\n" + text[20:],
        ],
    )
    def test_a_key_may_be_spelled_in_any_base64(self, spell: Any) -> None:
        """Older documentation shows it unpadded, and consoles add line breaks."""
        assert opened(lead_item(), subscription(spell(base64_of(KEY)))).answers == ADA


class TestSizes:
    @pytest.mark.parametrize("size", [8, 12, 16, 17, 64, 128])
    def test_a_nonce_is_used_as_sent(self, size: int) -> None:
        """Pinterest's has 16 bytes, where most would expect 12."""
        assert opened(lead_item(answers=sealed_answers(ADA, nonce_bytes=size))).answers == ADA

    @pytest.mark.parametrize("size", [0, 1, 7, 129, 1000])
    def test_an_impossible_nonce_is_refused(self, size: int) -> None:
        """Before the library would raise something of its own."""
        error = refused(lead_item(answers=sealed_answers(ADA) | {"nonce": base64_of(b"n" * size)}))
        assert error.reason == "cannot_decrypt"
        assert error.detail == f"answers.nonce has {size} bytes, 8 to 128 are possible"

    @pytest.mark.parametrize("size", [0, 4, 8, 12, 15])
    def test_a_truncated_tag_is_refused(self, size: int) -> None:
        """GCM allows shorter tags, and they can be guessed."""
        answers = sealed_answers(ADA)
        tag = base64.b64decode(answers["tag"])[:size]
        error = refused(lead_item(answers=answers | {"tag": base64_of(tag)}))
        assert error.reason == "cannot_decrypt"
        assert error.detail == f"answers.tag has {size} bytes instead of 16"

    def test_a_tag_shifted_into_the_text_is_refused(self) -> None:
        """Text and tag are joined for the library, yet each keeps its own size."""
        answers = sealed_answers(ADA)
        text, tag = (base64.b64decode(answers[name]) for name in ("cipher_msg", "tag"))
        moved = answers | {"cipher_msg": base64_of(text[:-1]), "tag": base64_of(text[-1:] + tag)}
        assert "answers.tag has 17 bytes" in refused(lead_item(answers=moved)).detail


class TestTampering:
    @given(part=st.sampled_from(["cipher_msg", "nonce", "tag"]), at=st.integers(0, 15), bit=st.integers(0, 7))
    def test_a_flipped_bit_never_opens(self, part: str, at: int, bit: int) -> None:
        """Text, nonce and tag are all authenticated."""
        answers = sealed_answers(ADA)
        data = bytearray(base64.b64decode(answers[part]))
        data[at] ^= 1 << bit
        error = refused(lead_item(answers=answers | {part: base64_of(bytes(data))}))
        assert error.reason == "cannot_decrypt"

    def test_parts_of_two_leads_never_open(self) -> None:
        """Neither a foreign tag nor a foreign nonce."""
        first, second = sealed_answers(ADA), sealed_answers({"EMAIL": "grace@example.com"})
        for part in first:
            assert refused(lead_item(answers=first | {part: second[part]})).reason == "cannot_decrypt"

    @pytest.mark.parametrize("text", ["", "AAAA"])
    def test_a_cut_text_never_opens(self, text: str) -> None:
        """An empty ciphertext is possible in principle, and its tag would be another."""
        assert refused(lead_item(answers=sealed_answers(ADA) | {"cipher_msg": text})).reason == "cannot_decrypt"

    @pytest.mark.parametrize("part", ["cipher_msg", "nonce", "tag"])
    @pytest.mark.parametrize("value", [None, 5, [], {}, "a", "ab=c", "äöü", "!!!!", "\ud800", "AA==AA==", "A" * 5])
    def test_what_is_not_base64_is_named_and_not_quoted(self, part: str, value: Any) -> None:
        """The operator learns which part is damaged."""
        error = refused(lead_item(answers=sealed_answers(ADA) | {part: value}))
        assert error.reason == "cannot_decrypt"
        assert error.detail == f"answers.{part} is missing or not base64"

    @pytest.mark.parametrize("answers", [None, [], "x", 5, {}])
    def test_answers_of_another_shape_wait(self, answers: Any) -> None:
        """A newer version of this app may be able to open them."""
        assert isinstance(refused(lead_item(answers=answers)), TryAgain)


any_text = st.text(st.characters(), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
parts = st.sampled_from(["cipher_msg", "nonce", "tag"])
seals = (
    json_values
    | st.dictionaries(parts, json_values | st.binary(max_size=140).map(base64_of))
    | st.binary(max_size=60).map(sealed_answers)
    | json_values.map(sealed_answers)
)
fields = st.sampled_from(
    ["advertiser_id", "ad_account_id", "lead_form_id", "lead_id", "created_at", "campaign_id", "campaign_name", "ad_id"]
)
items = json_values | st.builds(
    lambda fields, answers: fields | {"answers": answers}, st.dictionaries(fields, json_values), seals
)


@given(item=items)
@settings(deadline=None)
def test_any_item_is_opened_or_has_a_fate(item: Any) -> None:
    """Whatever was parked or sent, the result is a lead, another try, or a person's look: never another error."""
    pinterest = source(subscription(OTHER_KEY), subscription())
    envelope = pinterest.wrap(item, received_at=NOW)
    reason = None
    try:
        lead = pinterest.open(envelope, deadline=DEADLINE)
    except (TryAgain, Undeliverable) as error:
        lead, reason = None, error.reason
    if lead is None:
        assert reason in ("cannot_decrypt", "unreadable_answers")
    else:
        assert lead.account == ACCOUNT
        assert lead.ledger_key.startswith(f"pinterest#{ACCOUNT}#")
        assert isinstance(lead.answers, dict)
