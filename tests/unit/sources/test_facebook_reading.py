"""Verifying a Facebook delivery and taking it apart, before anything is fetched."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.core.errors import Misconfigured, RejectedRequest
from leads.core.parked_lead import body_of, parse
from leads.core.request import Answer, Reading, Request
from tests.unit.sources.facebook_made import (
    FORM,
    LEAD,
    OTHER_PAGE,
    PAGE,
    RECEIVED_AT,
    FacebookSecret,
    change,
    facebook,
    notification,
    request,
    secret_value,
    signature,
)

# The facts' vector: the escapes are in the body as they stand here.
VECTOR = (
    rb'{"object":"page","entry":[{"id":"153125381133","time":1438292065,"changes":[{"field":"leadgen","value":'
    rb'{"leadgen_id":"123123123123","page_id":"123123123","form_id":"12312312312",'
    rb'"note":"Jos\u00e9 \u00e4\u00f6\u00e5 a\/b"}}]}]}'
)
VECTOR_SIGNATURE = "sha256=5707d3bfe51d65d8960fdd5c4068f69000b5c354c55db3cbd154c4250dddd585"


def read(body: Any, secret: FacebookSecret | None = None, **how: Any) -> Reading:
    return facebook(secret=secret).read(request(body, **how), received_at=RECEIVED_AT)


def rejection(body: Any, secret: FacebookSecret | None = None, **how: Any) -> RejectedRequest:
    with pytest.raises(RejectedRequest) as caught:
        read(body, secret, **how)
    return caught.value


def outcome(body: Any) -> tuple[Reading, int]:
    """What was read, and the status that goes with it; any other error passes."""
    try:
        return read(body), 200
    except RejectedRequest as refused:
        return Reading(envelopes=()), refused.status


class TestSignature:
    def test_the_known_vector_passes(self) -> None:
        """Over the bytes as they came, with their escapes."""
        (envelope,) = read(VECTOR, signed=VECTOR_SIGNATURE).envelopes
        assert (envelope.source, envelope.account, envelope.lead_id) == ("facebook", "123123123", LEAD)

    @pytest.mark.parametrize(
        "again",
        [
            json.dumps(json.loads(VECTOR)).encode(),
            json.dumps(json.loads(VECTOR), separators=(",", ":")).encode(),
            json.dumps(json.loads(VECTOR), separators=(",", ":"), ensure_ascii=False).encode(),
            VECTOR + b"\n",
            b"\xef\xbb\xbf" + VECTOR,
        ],
    )
    def test_the_same_json_written_again_has_another_signature(self, again: bytes) -> None:
        """Which is why nothing may decode the body before."""
        assert rejection(again, signed=VECTOR_SIGNATURE).status == 401

    @pytest.mark.parametrize(
        "signed",
        [
            "",
            "sha256=",
            "sha256=00",
            VECTOR_SIGNATURE.removeprefix("sha256="),
            VECTOR_SIGNATURE.replace("sha256", "sha1"),
            VECTOR_SIGNATURE[:-1] + "4",
            VECTOR_SIGNATURE + "0",
            "sha256=é\ud800",
        ],
    )
    def test_a_missing_or_wrong_signature_is_refused(self, signed: str) -> None:
        """With 401, and never with an exception of another kind."""
        refused = rejection(VECTOR, signed=signed)
        assert (refused.status, refused.reason) == (401, "bad_signature")

    def test_the_older_header_is_no_substitute(self) -> None:
        """SHA-1 is broken."""
        body = json.dumps(notification(change())).encode()
        older = Request(source="facebook", token="t", body=body, headers={"x-hub-signature": signature(body)})
        with pytest.raises(RejectedRequest):
            facebook().read(older, received_at=RECEIVED_AT)

    def test_both_secrets_count_while_the_app_secret_is_replaced(self) -> None:
        """Facebook may use either for a while."""
        secret = FacebookSecret(secret_value(app_secret="new", previous_app_secret="old"))
        for app_secret in ("new", "old"):
            assert read(notification(change()), secret, app_secret=app_secret).envelopes
        assert rejection(notification(change()), secret, app_secret="older").status == 401

    def test_a_secret_replaced_a_moment_ago_is_read_again(self) -> None:
        """Once, before the delivery is refused."""
        secret = FacebookSecret(later=secret_value(app_secret="new"))
        assert read(notification(change()), secret, app_secret="new").envelopes
        assert secret.rereads == 1

    def test_an_unsigned_request_costs_no_look_at_the_secret(self) -> None:
        """Whoever sends junk must not make us ask."""
        secret = FacebookSecret()
        rejection(b"{}", secret, signed="")
        assert secret.rereads == 0

    @pytest.mark.parametrize("app_secret", [None, "", 5, []])
    def test_without_an_app_secret_nothing_can_be_believed(self, app_secret: Any) -> None:
        """It is our fault, so that Facebook sends again."""
        with pytest.raises(Misconfigured, match="app_secret"):
            read(b"{}", FacebookSecret(secret_value(app_secret=app_secret)), signed="sha256=00")


class TestRead:
    def test_every_change_of_every_entry_is_a_lead(self) -> None:
        """Of several pages in one delivery, in the order in which they came."""
        body = notification(change("1"), change("2"))
        body["entry"] += notification(change("3", page_id=OTHER_PAGE), page=OTHER_PAGE)["entry"]
        reading = read(body)
        assert [(each.account, each.lead_id) for each in reading.envelopes] == [
            (PAGE, "1"), (PAGE, "2"), (OTHER_PAGE, "3"),
        ]  # fmt: skip
        assert (reading.rejected, reading.faults) == (0, ())
        assert reading.size == len(json.dumps(body))

    def test_more_than_a_thousand_updates_are_accepted(self) -> None:
        """The documented limit is theirs to keep."""
        assert len(read(notification(*(change(str(number)) for number in range(1500)))).envelopes) == 1500

    @pytest.mark.parametrize("lead", [444444444444444444, "444444444444444444"])
    def test_ids_come_as_numbers_or_text(self, lead: Any) -> None:
        """And are the same lead either way."""
        (envelope,) = read(notification(change(lead, page_id=int(PAGE)), page=int(PAGE))).envelopes
        assert envelope.ledger_key == f"facebook#{PAGE}#444444444444444444"

    def test_the_page_is_the_entry_when_the_change_does_not_say(self) -> None:
        """An entry is one page's."""
        (envelope,) = read(notification({"field": "leadgen", "value": {"leadgen_id": "1"}})).envelopes
        assert envelope.account == PAGE

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"object": "page"},
            {"object": "page", "entry": []},
            {"object": "user", "entry": [{"changes": [change()]}]},
            {"object": "whatsapp_business_account", "entry": "x"},
            notification({"field": "feed", "value": {"message": "x"}}),
            notification({"field": "leadgen_update", "value": {"leadgen_id": "1"}}),
            notification({"field": "leadgen_fat", "value": {"leadgen_id": "1"}}),
            {"object": "page", "entry": [{"id": PAGE, "messaging": [{}]}]},
            {"object": "page", "entry": [{"id": PAGE, "changed_fields": ["feed"]}]},
        ],
    )
    def test_what_is_nothing_of_ours_is_accepted(self, body: Any) -> None:
        """An error would have it resent for a day and a half."""
        reading = read(body)
        assert (reading.envelopes, reading.rejected, reading.faults) == ((), 0, ())

    @pytest.mark.parametrize(
        "item",
        [
            None, 5, "x", [], {"field": "leadgen"}, {"field": "leadgen", "value": None},
            {"field": "leadgen", "value": {}}, {"field": "leadgen", "value": {"leadgen_id": True}},
            {"field": "leadgen", "value": {"leadgen_id": ""}},
        ],
    )  # fmt: skip
    def test_a_broken_item_does_not_cost_the_others(self, item: Any) -> None:
        """It is counted."""
        reading = read(notification(change("1"), item, change("2")))
        assert [envelope.lead_id for envelope in reading.envelopes] == ["1", "2"]
        assert reading.rejected == 1

    def test_a_broken_entry_does_not_cost_the_others(self) -> None:
        """It is counted, too."""
        body = notification(change())
        body["entry"] = [None, *body["entry"], "x"]
        reading = read(body)
        assert (len(reading.envelopes), reading.rejected) == (1, 2)

    def test_a_notice_without_values_names_the_remedy(self) -> None:
        """Once for each page; the leads themselves can only be found by asking."""
        entry = {"id": PAGE, "time": 1, "changed_fields": ["leadgen"]}
        reading = read({"object": "page", "entry": [entry, entry, {**entry, "id": OTHER_PAGE}]})
        assert reading.envelopes == ()
        assert len(reading.faults) == 2
        for word in (PAGE, "Include Values", "switch it on", "reconcile"):
            assert word in reading.faults[0]

    @pytest.mark.parametrize("body", [b"", b"x", b"{", b"\xff", b'{"a":1}{}', b"[" * 100_000])
    def test_what_is_not_json_is_refused(self, body: bytes) -> None:
        """A signature does not make it a delivery."""
        assert (rejection(body).status, rejection(body).reason) == (400, "not_json")

    @pytest.mark.parametrize("body", [b"[]", b"null", b'"page"', b"5", b"NaN"])
    def test_what_is_no_object_is_refused(self, body: bytes) -> None:
        """Facebook sends objects."""
        assert (rejection(body).status, rejection(body).reason) == (400, "not_a_lead")


class TestRaw:
    def test_the_queue_keeps_ids_and_times_only(self) -> None:
        """What else a change may hold one day could be the person's."""
        extra = {"field_data": [{"name": "email", "values": ["ada@example.com"]}], "full_name": "Ada Lovelace"}
        body = notification(change(ad_id="7", adgroup_id=8, **extra), user="Ada Lovelace")
        (envelope,) = read(body).envelopes
        assert envelope.raw == {
            "id": PAGE,
            "time": 1_799_999_950,
            "changes": [
                {
                    "field": "leadgen",
                    "value": {
                        "leadgen_id": LEAD, "page_id": PAGE, "form_id": FORM, "ad_id": "7", "adgroup_id": 8,
                        "created_time": 1_799_999_940,
                    },
                }
            ],
        }  # fmt: skip
        assert envelope.content is None

    def test_not_even_in_the_place_of_an_id(self) -> None:
        """What is no id goes by its hash."""
        body = notification(
            change("ada@example.com", form_id={"a": "ada"}, ad_id="Ada L", created_time="Ada"), page="ada@x", time="Ada"
        )
        (envelope,) = read(body).envelopes
        assert "ada" not in body_of(envelope).lower().replace("leadgen", "")

    def test_what_was_parked_is_the_same_lead(self) -> None:
        """Through the queue and back."""
        (before,) = read(notification(change(ad_id=5))).envelopes
        parked = parse(body_of(before))
        assert facebook().wrap(parked.envelope, received_at=parked.received_at) == before

    @pytest.mark.parametrize(
        "raw",
        [
            None, 5, "x", [], {}, {"changes": None}, {"changes": 5}, {"changes": [None]}, {"changes": [{"value": 5}]},
            {"changes": [{"value": {"leadgen_id": []}}]}, {"id": {}, "changes": [{}]},
        ],
    )  # fmt: skip
    def test_anything_can_be_wrapped(self, raw: Any) -> None:
        """It is told apart from other junk by a hash."""
        assert facebook().wrap(raw, received_at=RECEIVED_AT).lead_id.startswith("unnamed-")

    @settings(max_examples=60, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ("object", "entry", "id", "changes", "field", "value", "leadgen_id", "changed_fields")
                    )
                    | st.text(max_size=4),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        )
    )
    def test_signed_junk_is_read_or_refused(self, junk: Any) -> None:
        """And nothing else; whatever comes out of it can be parked."""
        for body in (junk, {"object": "page", "entry": junk}, notification(junk), notification(change(junk))):
            reading, status = outcome(body)
            assert status in (200, 400)
            assert all(parse(body_of(each)).lead_id == each.lead_id for each in reading.envelopes)

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=60))
    def test_signed_bytes_are_read_or_refused(self, body: bytes) -> None:
        """Whatever they are."""
        assert outcome(body)[1] in (200, 400)


QUERY = {"hub.mode": "subscribe", "hub.verify_token": "open sesame", "hub.challenge": "00115820144401234567890"}


class TestConfirm:
    def ask(self, secret: FacebookSecret | None = None, **changes: str) -> Answer:
        query = {name: value for name, value in (QUERY | changes).items() if value != "(missing)"}
        return facebook(secret=secret).confirm(
            Request(source="facebook", token="t", body=b"", method="GET", query=query)
        )

    def test_the_challenge_comes_back_verbatim(self) -> None:
        """As text: larger than any integer type, with its zeros."""
        assert self.ask() == Answer(200, "00115820144401234567890")

    @pytest.mark.parametrize(
        "changes",
        [
            {"hub.mode": "unsubscribe"},
            {"hub.mode": "(missing)"},
            {"hub.verify_token": "open Sesame"},
            {"hub.verify_token": ""},
            {"hub.verify_token": "(missing)"},
            {"hub.verify_token": "é\ud800"},
            {"hub.challenge": "(missing)"},
        ],
    )
    def test_everybody_else_is_refused(self, changes: dict[str, str]) -> None:
        """With 403, and without a word of the challenge."""
        with pytest.raises(RejectedRequest) as caught:
            self.ask(**changes)
        assert caught.value.status == 403
        assert "0011" not in caught.value.detail

    @pytest.mark.parametrize("known", ["", None, 5])
    @pytest.mark.parametrize("given", ["", "None", "5", "(missing)"])
    def test_a_secret_without_a_verify_token_matches_nothing(self, known: Any, given: str) -> None:
        """Neither does an empty one."""
        with pytest.raises(RejectedRequest):
            self.ask(FacebookSecret(secret_value(verify_token=known)), **{"hub.verify_token": given})

    def test_a_token_stored_a_moment_ago_is_found(self) -> None:
        """People store it and press the button at once."""
        secret = FacebookSecret(secret_value(verify_token="old"), later=secret_value())
        assert self.ask(secret).status == 200

    def test_a_secret_that_cannot_be_used_is_our_fault(self) -> None:
        """Not the caller's."""
        with pytest.raises(Misconfigured):
            self.ask(FacebookSecret("unreadable"))
