"""Taking a Pinterest delivery apart, before anything is opened."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.errors import RejectedRequest
from leads.core.parked_lead import body_of, parse
from leads.core.request import Reading
from tests.unit.sources.sealing import ACCOUNT, NOW, lead_item, request, sealed_answers, source, wrapped


def read(body: Any) -> Reading:
    return source().read(request(body), received_at=NOW)


class TestRead:
    def test_an_array_holds_any_number_of_leads(self) -> None:
        """In the order in which they came, each with its raw item unchanged."""
        items = [lead_item(lead_id=str(number)) for number in range(3)]
        reading = read(items)
        assert [envelope.lead_id for envelope in reading.envelopes] == ["0", "1", "2"]
        assert [envelope.raw for envelope in reading.envelopes] == items
        assert {envelope.received_at for envelope in reading.envelopes} == {NOW}
        assert reading.rejected == 0
        assert reading.size == len(request(items).body)

    def test_a_single_object_is_one_lead(self) -> None:
        """The sample has an array; an object would be a lead as well."""
        assert [envelope.lead_id for envelope in read(lead_item()).envelopes] == ["687195905986"]

    def test_an_empty_array_is_a_delivery_of_nothing(self) -> None:
        """Answering it with an error would have it resent for ever."""
        assert read(b"[]") == Reading(envelopes=(), size=2, rejected=0)

    def test_what_is_no_lead_is_counted_among_those_that_are(self) -> None:
        """One piece of junk costs no neighbour its delivery."""
        reading = read([None, lead_item(lead_id="1"), {}, [lead_item()], "x", 5, {"a": 1}, lead_item(lead_id="2")])
        assert [envelope.lead_id for envelope in reading.envelopes] == ["1", "2"]
        assert reading.rejected == 6

    @pytest.mark.parametrize("item", [{"answers": None}, {"lead_id": None}, {"lead_id": "1"}, {"answers": "new form"}])
    def test_half_a_lead_is_kept(self, item: dict[str, Any]) -> None:
        """Refusing what a later version could open would lose it: Pinterest does not send again after a 4xx."""
        assert [envelope.raw for envelope in read([item]).envelopes] == [item]

    @pytest.mark.parametrize(
        "body",
        [
            b"", b" ", b"ada@example.com", b"{", b'[{"lead_id": "1"}', b"\xff\xfe\x00", b"\x00" * 100, b"<xml/>",
            b"lead_id=1&answers=2", b'{"lead_id": "1"}{"lead_id": "2"}', b'{"lead_id": "\xed\xa0\x80"}', b"[" * 100_000,
        ],
        ids=lambda body: body[:30],
    )  # fmt: skip
    def test_what_is_not_json_is_refused(self, body: bytes) -> None:
        """With one sentence that does not repeat the body."""
        with pytest.raises(RejectedRequest) as caught:
            read(body)
        assert (caught.value.status, caught.value.reason) == (400, "not_json")
        assert "ada" not in caught.value.detail
        assert caught.value.detail.startswith("The body is no Pinterest delivery")

    @pytest.mark.parametrize(
        "body",
        [
            b"null",
            b"true",
            b"0",
            b'"lead_id"',
            b"{}",
            b'{"Lead_ID": 1}',
            b"[null]",
            b"[[]]",
            b"[{}]",
            b'["answers"]',
            b"NaN",
        ],
    )
    def test_json_without_a_lead_is_refused(self, body: bytes) -> None:
        """It cannot be a delivery."""
        with pytest.raises(RejectedRequest) as caught:
            read(body)
        assert (caught.value.status, caught.value.reason) == (400, "not_a_lead")

    @pytest.mark.parametrize(
        "body", [b'[{"lead_id": NaN}]', b'{"lead_id": "\\ud800"}', b'[{"lead_id": 1' + b"0" * 5000 + b"}]"]
    )
    def test_odd_json_around_a_lead_is_read(self, body: bytes) -> None:
        """A strict parser's refusal must not cost a lead."""
        assert len(read(body).envelopes) == 1

    def test_a_byte_order_mark_does_not_cost_a_lead(self) -> None:
        """A gateway in between may add one."""
        assert len(read(b"\xef\xbb\xbf" + json.dumps([lead_item()]).encode()).envelopes) == 1

    @pytest.mark.parametrize(
        "shape", ['[{"lead_id":"1","answers":%s}]', '[{"answers":{"nonce":%s}}]', '{"lead_id":"1","x":%s}']
    )
    def test_whatever_is_read_can_be_parked(self, shape: str) -> None:
        """A lead nested just less deeply than the reader follows must still fit through the queue, or be refused."""
        for levels in (*range(50, 300), *range(900, 1010), 2000, *range(9_980, 10_010), 50_000):
            for opening, closing in (("[", "]"), ('{"a":', "}")):
                body = (shape % (opening * levels + "1" + closing * levels)).encode()
                reason = "not_json"
                try:
                    envelopes = read(body).envelopes
                except RejectedRequest as refused:
                    envelopes, reason = (), refused.reason
                assert reason == "not_json"
                for envelope in envelopes:
                    assert parse(body_of(envelope)).lead_id == envelope.lead_id

    @given(
        body=st.binary(max_size=80)
        | st.from_regex(rb'\[?\{"(lead_id|answers)": ?[\[\]{}",:\\0-9a-zu\x80-\xff -]{0,20}\}?\]?', fullmatch=True)
    )
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        """Nobody without the key can make the reader fail."""
        refusal = None
        try:
            reading = read(body)
        except RejectedRequest as refused:
            reading, refusal = Reading(envelopes=(), size=len(body)), (refused.status, refused.reason)
        assert refusal in (None, (400, "not_json"), (400, "not_a_lead"))
        assert reading.size == len(body)
        for envelope in reading.envelopes:
            assert envelope.lead_id
            assert body_of(envelope).isascii()


class TestWrap:
    @pytest.mark.parametrize(
        ("lead_id", "expected"),
        [("687195905986", "687195905986"), (687195905986, "687195905986"), (0, "0"), ("a:b-c.d", "a:b-c.d")],
    )
    def test_the_lead_s_id_is_kept(self, lead_id: Any, expected: str) -> None:
        """As text, whether it came as text or as a number."""
        assert wrapped(lead_item(lead_id=lead_id)).lead_id == expected

    @pytest.mark.parametrize("lead_id", ["ada@example.com", "1#2", "x" * 1000, "1\n", "\ud800"])
    def test_an_odd_id_is_hashed(self, lead_id: str) -> None:
        """Whoever writes a person into the unauthenticated id does not get it into our logs and keys."""
        envelope = wrapped(lead_item(lead_id=lead_id))
        assert envelope.lead_id.startswith("hashed-")
        assert "ada" not in envelope.ledger_key
        assert envelope.raw["lead_id"] == lead_id

    @pytest.mark.parametrize("lead_id", [None, "", True, 1.5, [], {"a": 1}])
    def test_a_lead_without_id_goes_by_its_seal(self, lead_id: Any) -> None:
        """The same one again is the same, another is another."""
        item = lead_item(lead_id=lead_id)
        assert wrapped(item).lead_id == wrapped(dict(item)).lead_id
        assert wrapped(item).lead_id.startswith("unnamed-")
        assert wrapped(item).lead_id != wrapped(lead_item(lead_id=lead_id)).lead_id
        del item["lead_id"]
        assert wrapped(item).lead_id.startswith("unnamed-")

    @pytest.mark.parametrize(
        ("change", "account"),
        [
            ({}, ACCOUNT),
            ({"advertiser_id": 42}, "42"),
            ({"advertiser_id": None, "ad_account_id": "7"}, "7"),
            ({"advertiser_id": "1", "ad_account_id": "7"}, "1"),
            ({"advertiser_id": None}, ""),
            ({"advertiser_id": ["1"]}, ""),
        ],
    )
    def test_the_account_has_two_names(self, change: dict[str, Any], account: str) -> None:
        """The webhook says advertiser_id where the rest of the API says ad_account_id."""
        assert wrapped(lead_item(**change)).account == account

    @pytest.mark.parametrize("raw", [None, [], "x", 5, True, {}, {"answers": []}])
    def test_any_value_can_be_wrapped(self, raw: Any) -> None:
        """What comes back from the queue is trusted no more than what comes from outside."""
        envelope = wrapped(raw)
        assert envelope.raw == raw
        assert envelope.source == "pinterest"
        assert envelope.lead_id


class TestTestLeads:
    def test_are_known_by_their_id(self) -> None:
        """TEST_API, exactly."""
        assert wrapped(lead_item(lead_id="TEST_API")).is_test
        assert not any(
            wrapped(lead_item(lead_id=other)).is_test for other in ("test_api", "TEST_API ", "TEST_API2", None)
        )

    def test_stay_distinct(self) -> None:
        """The second is not swallowed as a duplicate of the first, the same one again is."""
        first, second = lead_item(lead_id="TEST_API"), lead_item(lead_id="TEST_API")
        assert wrapped(first).ledger_key != wrapped(second).ledger_key
        assert wrapped(first).ledger_key == wrapped(json.loads(json.dumps(first))).ledger_key
        assert wrapped(first).lead_id == wrapped(second).lead_id == "TEST_API"


class TestSeal:
    def test_is_equal_for_every_spelling_of_the_same_base64(self) -> None:
        """A replay in url-safe, unpadded or broken base64 is still the same ciphertext."""
        nonce, tag = bytes(range(240, 256)), hashlib.sha256(b"tag").digest()[:16]

        def spelled(encode: Any) -> str:
            return wrapped({"answers": {"nonce": encode(nonce), "tag": encode(tag)}}).seal

        def standard(data: bytes) -> str:
            return base64.b64encode(data).decode()

        seals = {
            spelled(standard),
            spelled(lambda data: base64.urlsafe_b64encode(data).decode()),
            spelled(lambda data: standard(data).rstrip("=")),
            spelled(lambda data: base64.encodebytes(data).decode()),
            spelled(lambda data: "\r\n".join(standard(data))),
            spelled(lambda data: " " + standard(data) + "\n"),
            # The last character has bits that carry nothing.
            spelled(lambda data: standard(data)[:-3] + chr(ord(standard(data)[-3]) + 1) + "=="),
        }
        assert len(seals) == 1
        assert len(seals.pop()) == 64

    @pytest.mark.parametrize("part", ["nonce", "tag"])
    def test_differs_with_the_nonce_and_with_the_tag(self, part: str) -> None:
        """Both belong to the ciphertext."""
        item = lead_item()
        other = lead_item(answers=item["answers"] | {part: sealed_answers("x")[part]})
        assert wrapped(item).seal != wrapped(other).seal

    def test_does_not_depend_on_what_can_be_forged(self) -> None:
        """A replay under another id, account, form or ciphertext text has the seal of the original."""
        item = lead_item()
        forged = item | {"lead_id": "1", "advertiser_id": "2", "lead_form_id": "3", "created_at": "4"}
        forged["answers"] = item["answers"] | {"cipher_msg": "", "x": 1}
        assert wrapped(item).seal == wrapped(forged).seal

    def test_a_part_moved_across_the_border_is_another_seal(self) -> None:
        """Nonce and tag are not merely joined."""
        seals = {
            wrapped({"answers": {"nonce": nonce, "tag": tag}}).seal
            for nonce, tag in (("YWJj", "ZGVm"), ("YWJjZGVm", ""), ("", "YWJjZGVm"), ("YWI=", "Y2RlZg=="))
        }
        assert len(seals) == 4

    @pytest.mark.parametrize(
        "answers", [None, "x", [], {}, {"nonce": None}, {"nonce": 1, "tag": [1]}, {"nonce": "\ud800", "tag": "é"}]
    )
    def test_exists_for_junk_too(self, answers: Any) -> None:
        """Junk needs a name as well."""
        assert len(wrapped({"lead_id": "1", "answers": answers}).seal) == 64
