"""Taking a LeadConnector delivery apart: who sent it, whose it is, and which leads are in it."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.core.errors import Misconfigured, RejectedRequest
from leads.core.parked_lead import body_of, parse
from leads.core.request import Reading, Request
from leads.sources import leadconnector_signature
from tests.fakes import FakeSecret
from tests.unit.sources.leadconnector_made import (
    APP,
    CONTACT,
    KEY,
    OTHER_KEY,
    OTHER_PLACE,
    PLACE,
    RECEIVED,
    WORKFLOW_SECRET,
    Side,
    event,
    pem_of,
    secret,
    signed,
)

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
GUIDE_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=
-----END PUBLIC KEY-----
"""


def ids(reading: Reading) -> list[str]:
    return [envelope.lead_id for envelope in reading.envelopes]


def refused(side: Side, body: Any, **how: Any) -> tuple[int, str]:
    with pytest.raises(RejectedRequest) as caught:
        side.read(body, **how)
    assert "ada" not in caught.value.detail.lower()
    return caught.value.status, caught.value.reason


def status_of(call: Callable[[], object]) -> int:
    """What the delivery would be answered."""
    try:
        call()
    except RejectedRequest as rejected:
        return rejected.status
    return 200


class TestSignature:
    def test_holds_over_the_bytes_as_they_came(self) -> None:
        """Blanks and the order of keys are part of what was signed."""
        body = json.dumps(event(), indent=3).encode() + b"\n"
        assert ids(Side().read(body)) == [CONTACT]

    @pytest.mark.parametrize("key", [OTHER_KEY, RSA_KEY])
    def test_of_somebody_else_is_refused(self, key: Any) -> None:
        """The newest secret is looked at before."""
        side = Side()
        assert refused(side, event(), key=key) == (401, "bad_signature")
        assert side.secret.rereads == 1

    def test_over_another_body_is_refused(self) -> None:
        """One byte is enough."""
        headers = signed(json.dumps(event()).encode())
        assert refused(Side(), event(id="another"), headers=headers) == (401, "bad_signature")

    @pytest.mark.parametrize(
        "headers", [{}, {"x-ghl-signature": "N/A"}, {"x-ghl-signature": " n/a "}, {"x-other": "1"}]
    )
    def test_that_is_missing_is_refused_without_looking_at_the_secret(self, headers: dict[str, str]) -> None:
        """`N/A` is how the platform says that it has not signed."""
        side = Side(secret=FakeSecret(None))
        assert refused(side, event(), headers=headers) == (401, "bad_signature")

    @pytest.mark.parametrize("signature", ["x", "====", "ä", "AAAA", "A" * 88, "A" * 100_000])
    def test_that_is_none_is_refused(self, signature: str) -> None:
        """Whatever it is."""
        assert refused(Side(), event(), headers={"x-ghl-signature": signature}) == (401, "bad_signature")

    def test_that_is_wrong_is_not_helped_by_any_other_proof(self) -> None:
        """The current header decides alone."""
        side = Side(secret=FakeSecret(secret(legacy_signatures=True, public_keys=[pem_of(KEY), pem_of(RSA_KEY)])))
        body = json.dumps(event()).encode()
        headers = signed(body, OTHER_KEY) | signed(body, RSA_KEY) | {"x-leadrelay-secret": WORKFLOW_SECRET}
        assert refused(side, body, headers=headers) == (401, "bad_signature")

    @pytest.mark.parametrize("keys", [[OTHER_KEY, KEY], [KEY, OTHER_KEY]])
    def test_by_any_of_several_keys_holds(self, keys: list[Any]) -> None:
        """While keys are being changed both sign."""
        side = Side(secret=FakeSecret(secret(public_keys=["damaged", *map(pem_of, keys)])))
        assert ids(side.read(event(), key=KEY)) == ids(side.read(event(), key=OTHER_KEY)) == [CONTACT]

    def test_by_a_key_stored_a_moment_ago_holds(self) -> None:
        """The secret is read again before a delivery is refused."""
        side = Side(secret=FakeSecret(secret(), next_value=secret(public_keys=[pem_of(OTHER_KEY)])))
        assert ids(side.read(event(), key=OTHER_KEY)) == [CONTACT]

    @pytest.mark.parametrize("own", [None, [], "none", [pem_of(RSA_KEY)]])
    def test_is_checked_with_the_published_key_where_the_secret_has_none(self, own: Any) -> None:
        """Its own RSA keys say nothing about the other kind."""
        assert refused(Side(secret=FakeSecret(secret(public_keys=own))), event()) == (401, "bad_signature")
        (key,) = leadconnector_signature._keys("ed25519", ())
        assert key.public_bytes_raw() == load_pem_public_key(GUIDE_KEY.encode()).public_bytes_raw()  # type: ignore[union-attr]

    def test_keys_that_cannot_be_read_are_the_operators_to_correct(self) -> None:
        """Going back to the published key would hide it."""
        with pytest.raises(Misconfigured, match="public_keys"):
            Side(secret=FakeSecret(secret(public_keys=["damaged"]))).read(event())

    def test_an_unusable_secret_is_the_operators_to_correct(self) -> None:
        """The platform sends again what is answered 503."""
        with pytest.raises(Misconfigured):
            Side(secret=FakeSecret(None)).read(event())


class TestLegacySignature:
    ON: ClassVar = {"legacy_signatures": True, "public_keys": [pem_of(RSA_KEY)]}

    def test_counts_when_it_is_switched_on(self) -> None:
        """And nothing else came."""
        side = Side(secret=FakeSecret(secret(**self.ON)))
        assert ids(side.read(event(), key=RSA_KEY)) == [CONTACT]

    @pytest.mark.parametrize("switch", [{}, {"legacy_signatures": False}, {"legacy_signatures": "true"}])
    def test_counts_for_nothing_else(self, switch: dict[str, Any]) -> None:
        """It is past its published end."""
        side = Side(secret=FakeSecret(secret(public_keys=[pem_of(RSA_KEY)], **switch)))
        assert refused(side, event(), key=RSA_KEY) == (401, "bad_signature")

    def test_has_a_published_key_too(self) -> None:
        """Of 4,096 bits; it has not signed this."""
        side = Side(secret=FakeSecret(secret(legacy_signatures=True, public_keys=[])))
        assert refused(side, event(), key=RSA_KEY) == (401, "bad_signature")
        (key,) = leadconnector_signature._keys("rsa", ())
        assert key.key_size == 4096
        assert b"AwEAAQ==" in key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class TestTenant:
    @pytest.mark.parametrize("change", [{"locationId": OTHER_PLACE}, {"locationId": None}, {"appId": "anotherApp"}])
    def test_an_event_of_somebody_else_is_no_lead(self, change: dict[str, Any]) -> None:
        """The keys are the platform's: everybody's events are signed with them."""
        reading = Side().read([event(**change), event(**change)])
        assert (reading.envelopes, reading.rejected) == ((), 0)
        (fault,) = reading.faults
        assert str(next(iter(change.values())) or "unknown") in fault
        assert "add it to its" in fault
        assert "reconcile" in fault

    def test_a_location_added_a_moment_ago_is_known(self) -> None:
        """Its event would not come again after a success."""
        side = Side(secret=FakeSecret(secret(locations=[]), next_value=secret()))
        assert ids(side.read(event())) == [CONTACT]

    @pytest.mark.parametrize(("event_app", "apps"), [(None, [APP]), ("any", []), ("any", None), (APP, [APP])])
    def test_the_app_is_looked_at_where_both_sides_name_one(self, event_app: Any, apps: Any) -> None:
        """Event pages do not mention it; real deliveries have it."""
        side = Side(secret=FakeSecret(secret(app_ids=apps)))
        assert ids(side.read(event(appId=event_app))) == [CONTACT]


class TestEvents:
    @pytest.mark.parametrize(
        ("type_", "lead_id"),
        [
            ("ContactCreate", "r1"), ("ContactUpdate", "r1"), ("ContactTagUpdate", "r1"), ("ContactDndUpdate", "r1"),
            ("ContactDelete", "r1-removed"), ("NoteCreate", "note-r1"), ("NoteDelete", "note-r1-removed"),
            ("TaskCreate", "task-r1"), ("TaskDelete", "task-r1-removed"), ("OpportunityCreate", CONTACT),
            ("OpportunityUpdate", CONTACT), ("OpportunityStatusUpdate", CONTACT), ("OpportunityStageUpdate", CONTACT),
        ],
    )  # fmt: skip
    def test_go_by_the_record_they_are_about(self, type_: str, lead_id: str) -> None:
        """Whether they came flat or under `data`; the queue's copy goes by the same name."""
        payload = event(type_, {"id": "r1", "contactId": CONTACT})
        side = Side()
        for body in (payload, {"type": type_, "data": payload}, {"data": payload}, [payload]):
            (envelope,) = side.read(body).envelopes
            assert (envelope.source, envelope.account, envelope.lead_id) == ("leadconnector", PLACE, lead_id)
            assert envelope.ledger_key == f"leadconnector#{PLACE}#{lead_id}"
            again = side.source.wrap(parse(body_of(envelope)).envelope, received_at=RECEIVED)
            assert again.ledger_key == envelope.ledger_key

    @pytest.mark.parametrize(
        "type_",
        ["INSTALL", "UNINSTALL", "NoteUpdate", "TaskComplete", "InboundMessage", "Workflow", "", None, 5, [], {}],
    )
    def test_that_are_not_taken_are_a_success(self, type_: Any) -> None:
        """Also of a location that nobody listed."""
        reading = Side().read(event(type_, locationId=OTHER_PLACE))
        assert (reading.envelopes, reading.faults, reading.rejected) == ((), (), 0)

    @pytest.mark.parametrize("type_", ["NoteCreate", "TaskDelete", "OpportunityCreate"])
    def test_that_name_no_record_are_nothing(self, type_: str) -> None:
        """There is nothing to go by."""
        assert Side().read(event(type_, {})).envelopes == ()

    def test_a_contact_without_an_id_goes_by_its_content(self) -> None:
        """Nothing is lost for want of an id."""
        bare = {"email": "ada@example.com"}
        first, again = (Side().read(event("ContactCreate", bare)) for _ in range(2))
        assert ids(first) == ids(again)
        assert ids(first)[0].startswith("content-")

    def test_several_in_one_delivery_are_all_taken(self) -> None:
        """What is none costs its neighbours nothing."""
        reading = Side().read([event(id="a"), None, "x", {}, event("NoteCreate", {"id": "n"}), event(id="b")])
        assert ids(reading) == ["a", "note-n", "b"]
        assert reading.rejected == 3

    def test_nothing_of_a_person_is_in_what_the_queue_keeps(self) -> None:
        """Ids in the clear, the rest sealed."""
        (envelope,) = Side().read(event()).envelopes
        assert set(envelope.raw) == {"type", "locationId", "id", "contactId", "webhookId", "timestamp", "sealed"}
        kept = body_of(envelope)
        assert not [word for word in ("ada@", "Lovelace", "2125550123", "over 10k", 'lead"') if word in kept]

    @pytest.mark.parametrize("body", [b"", b"{", b"ada@example.com", b"\xff\xfe", b"[" * 100_000])
    def test_what_is_not_json_is_refused(self, body: bytes) -> None:
        """With a signature that fits, as without it nothing is read at all."""
        assert refused(Side(), body) == (400, "not_json")

    @pytest.mark.parametrize("body", [b"null", b"5", b'"ContactCreate"', b"[null]", b"[[]]", b"{}"])
    def test_what_is_no_object_is_refused(self, body: bytes) -> None:
        """It cannot be an event."""
        assert refused(Side(), body) == (400, "not_a_lead")

    def test_an_empty_list_is_a_delivery_of_nothing(self) -> None:
        """An error would have it sent again for days."""
        assert Side().read([]) == Reading(envelopes=(), size=2)


class TestWorkflow:
    ADA: ClassVar = {"contact_id": CONTACT, "first_name": "Ada", "email": "ada@example.com", "location": {"id": PLACE}}

    def test_comes_with_the_secret_in_a_header(self) -> None:
        """There is no signature, no type and no time."""
        (envelope,) = Side().workflow(self.ADA).envelopes
        assert (envelope.account, envelope.lead_id) == (PLACE, CONTACT)

    @pytest.mark.parametrize("given", ["", "wrong", WORKFLOW_SECRET + "x", "ä", "\udcff"])
    def test_with_another_secret_is_refused(self, given: str) -> None:
        """Also with one that no header could carry."""
        assert refused(Side(), self.ADA, headers={"x-leadrelay-secret": given}) == (401, "bad_signature")

    def test_with_the_previous_secret_is_taken(self) -> None:
        """While workflows are being changed."""
        side = Side(secret=FakeSecret(secret(workflow_secret="next", previous_workflow_secret=WORKFLOW_SECRET)))
        assert ids(side.workflow(self.ADA)) == [CONTACT]

    def test_with_a_secret_stored_a_moment_ago_is_taken(self) -> None:
        """The secret is read again first."""
        side = Side(secret=FakeSecret(secret(workflow_secret=None), next_value=secret()))
        assert ids(side.workflow(self.ADA)) == [CONTACT]

    @pytest.mark.parametrize("stored", [None, "", 5, [""]])
    def test_without_a_stored_secret_nothing_is_taken(self, stored: Any) -> None:
        """An empty header equals no secret."""
        side = Side(secret=FakeSecret(secret(workflow_secret=stored)))
        for sent in ("", " ", "None", "5"):
            assert refused(side, self.ADA, headers={"x-leadrelay-secret": sent}) == (401, "bad_signature")

    def test_is_a_contact_whatever_type_it_claims(self) -> None:
        """Only the platform tells of events."""
        assert ids(Side().workflow({"type": "NoteDelete", "id": "c9", "email": "ada@example.com"})) == ["c9"]

    def test_the_same_content_without_an_id_is_the_same_lead(self) -> None:
        """In any order of its fields."""
        one, two = {"email": "ada@example.com", "name": "Ada"}, {"name": "Ada", "email": "ada@example.com"}
        other = {"email": "ada@example.com", "name": "Ada L."}
        assert ids(Side().workflow(one)) == ids(Side().workflow(two)) != ids(Side().workflow(other))

    @pytest.mark.parametrize(
        ("locations", "query", "body", "account"),
        [
            ([PLACE], {}, {}, PLACE),
            ([PLACE], {}, {"location": {"id": OTHER_PLACE}}, PLACE),
            ([PLACE, OTHER_PLACE], {"location": OTHER_PLACE}, {"location": {"id": PLACE}}, OTHER_PLACE),
            ([PLACE, OTHER_PLACE], {}, {"location": {"id": PLACE}}, PLACE),
            ([PLACE, OTHER_PLACE], {}, {"locationId": OTHER_PLACE}, OTHER_PLACE),
        ],
    )
    def test_belongs_to_the_location_that_its_address_or_the_secret_names(
        self, locations: list[str], query: dict[str, str], body: dict[str, Any], account: str
    ) -> None:
        """The body is asked last."""
        side = Side(secret=FakeSecret(secret(locations=locations)))
        reading = side.workflow({"id": "c1", **body}, query)
        assert [envelope.account for envelope in reading.envelopes] == [account]
        assert reading.faults == ()

    @pytest.mark.parametrize("locations", [[PLACE], [PLACE, "srcLocation0000000003"]])
    def test_that_names_a_location_of_nobody_is_of_no_other(self, locations: list[str]) -> None:
        """Taken for another's, one customer's person would end up with the next."""
        side = Side(secret=FakeSecret(secret(locations=locations)))
        reading = side.workflow(self.ADA, {"location": OTHER_PLACE})
        assert [envelope.ledger_key for envelope in reading.envelopes] == [f"leadconnector##{CONTACT}"]
        (fault,) = reading.faults
        assert OTHER_PLACE in fault

    def test_names_a_location_that_was_added_a_moment_ago(self) -> None:
        """The secret is read again first."""
        side = Side(secret=FakeSecret(secret(), next_value=secret(locations=[PLACE, OTHER_PLACE])))
        reading = side.workflow(self.ADA, {"location": OTHER_PLACE})
        assert [envelope.account for envelope in reading.envelopes] == [OTHER_PLACE]
        assert reading.faults == ()

    def test_of_no_known_location_is_kept_and_reported(self) -> None:
        """It waits for a route; the sentence says what to change."""
        side = Side(secret=FakeSecret(secret(locations=[PLACE, OTHER_PLACE])))
        reading = side.workflow({"id": "c1", "location": {"id": "elsewhere"}})
        assert [envelope.ledger_key for envelope in reading.envelopes] == ["leadconnector##c1"]
        (fault,) = reading.faults
        assert "?location=" in fault

    def test_nothing_of_a_person_is_in_what_the_queue_keeps(self) -> None:
        """An e-mail in the place of an id becomes a hash."""
        (envelope,) = Side().workflow({"id": "ada@example.com", "name": "Ada"}).envelopes
        assert "example" not in body_of(envelope)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_payloads = st.dictionaries(
    st.sampled_from(["type", "id", "contactId", "locationId", "appId", "data", "location", "tags", "webhookId"]),
    _json | st.sampled_from(["ContactCreate", "NoteCreate", "TaskDelete", PLACE]),
)
_headers = st.dictionaries(
    st.sampled_from(["x-ghl-signature", "x-wh-signature", "x-leadrelay-secret"]),
    st.text(max_size=20) | st.sampled_from(["N/A", WORKFLOW_SECRET]),
)


class TestAnything:
    @given(body=st.binary(max_size=60) | _json.map(lambda value: json.dumps(value).encode()), headers=_headers)
    @settings(max_examples=60, deadline=None)
    def test_from_anybody_is_read_or_refused(self, body: bytes, headers: dict[str, str]) -> None:
        """Nothing else comes out of it."""
        source = Side(secret=FakeSecret(secret(legacy_signatures=True))).source
        request = Request(source="leadconnector", token="t", body=body, headers=headers)
        assert status_of(lambda: source.read(request, received_at=RECEIVED)) in (200, 400, 401)

    @given(payload=_payloads)
    @settings(max_examples=60, deadline=None)
    def test_that_is_signed_is_read_or_refused(self, payload: dict[str, Any]) -> None:
        """Every envelope goes by the same name after the queue."""
        side, readings = Side(), list[Reading]()
        assert status_of(lambda: readings.append(side.read(payload))) in (200, 400)
        for envelope in (envelope for reading in readings for envelope in reading.envelopes):
            assert side.source.wrap(envelope.raw, received_at=RECEIVED).ledger_key == envelope.ledger_key

    @given(raw=_json | _payloads)
    @settings(max_examples=60, deadline=None)
    def test_out_of_a_queue_is_wrapped(self, raw: Any) -> None:
        """And named."""
        assert Side().source.wrap(raw, received_at=RECEIVED).lead_id
