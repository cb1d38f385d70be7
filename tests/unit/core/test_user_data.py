"""What of a person is hashed for Pinterest: the rule of each field, and what must never be hashed."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.regions import region_code
from leads.core.user_data import NAMES, hashed, of_contact
from tests.unit.core.strategies import any_text

NOTHING = hashlib.sha256(b"").hexdigest()
# SHA-256 as `printf ada@example.com | sha256sum` makes it; so are the others.
ADA = "b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72"
FIXED = [
    ("email", "ada@example.com", "em", ADA),
    ("phone", "+1 212 555 0123", "ph", "53ed517fa8e01227bd3ebdc60c78b3f7a7f3a199decdf492af61584ed4ac608d"),
    ("zip", "99999", "zp", "fd5f56b40a79a385708428e7b32ab996a681080a166a2206e750eb4819186145"),
    ("gender", "Female", "ge", "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"),
    ("gender", "male", "ge", "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a"),
    ("country", "US", "country", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
    ("state", "California", "st", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
]

PLAIN = [
    # e-mail addresses: trimmed and in lower case, and nothing else
    ("email", " Ada.Lovelace+Ads@Example.COM\n", "ada.lovelace+ads@example.com"),
    ("email", "\u200bADA@example.com\ufeff", "ada@example.com"),
    ("email", "Zoë@EXÄMPLE.com", "zoë@exämple.com"),
    ("email", "Zoe\u0308@example.com", "zoë@example.com"),
    ("email", "ada.example.com", None),
    ("email", "ada lovelace@example.com", None),
    ("email", "@example.com", None),
    ("email", "ada@", None),
    ("email", "-", None),
    # telephone numbers: digits with country code, without leading zeros
    ("phone", "+1 (212) 555-0123", "12125550123"),
    ("phone", "(212) 555-0123", "12125550123"),
    ("phone", "212.555.0123 ext. 5", "12125550123"),
    ("phone", "12125550123", "12125550123"),
    ("phone", "001 212 555 0123", "12125550123"),
    ("phone", "+44 (0)20 7946 0958", "442079460958"),
    ("phone", "+44020 7946 0958", "442079460958"),
    ("phone", "0044 20 7946 0958", "442079460958"),
    ("phone", "442079460958", "442079460958"),
    ("phone", "＋４４ ２０ 7946 0958", "442079460958"),
    ("phone", "+٤٤٢٠٧٩٤٦٠٩٥٨", "442079460958"),
    ("phone", "\u202a+49 30 901820\u202c", "4930901820"),
    ("phone", "020 7946 0958", "2079460958"),
    ("phone", "+00 12 345", "12345"),
    ("phone", "01234", None),
    ("phone", "0000000000", None),
    ("phone", "1" * 16, None),
    ("phone", "call me", None),
    ("phone", "+", None),
    # names: in lower case; what is written inside stays
    ("first_name", "  Mary-Ann ", "mary-ann"),
    ("first_name", "Mary \t Ann", "mary ann"),
    ("first_name", "D'Arcy", "d'arcy"),
    ("first_name", "ÉMILIE", "émilie"),
    ("first_name", "E\u0301milie", "émilie"),
    ("first_name", "ΑΛΈΞΗΣ", "αλέξης"),
    ("first_name", "太郎", "太郎"),
    ("first_name", "\u200e\u200b", None),
    ("last_name", "VAN DER BERG", "van der berg"),
    ("last_name", "O’Neill, Jr.", "o’neill, jr."),
    ("last_name", "Łukasz\x00", "łukasz"),
    ("last_name", " \u00a0 ", None),
    # towns: neither blanks nor punctuation
    ("city", "New York", "newyork"),
    ("city", "St. John's", "stjohns"),
    ("city", "Winston-Salem", "winstonsalem"),
    ("city", " São  Paulo ", "sãopaulo"),
    ("city", "L\u2019Haÿ-les-Roses", "lhaÿlesroses"),
    ("city", "東京　都", "東京都"),
    ("city", "दिल्ली", "दिल्ली"),
    ("city", "29 Palms", "29palms"),
    ("city", "--", None),
    # states: two letters
    ("state", "CA", "ca"),
    ("state", " ny ", "ny"),
    ("state", "N.Y.", "ny"),
    ("state", "US-CA", "ca"),
    ("state", "CA_QC", "qc"),
    ("state", "California", "ca"),
    ("state", "new  YORK", "ny"),
    ("state", "West Virginia", "wv"),
    ("state", "D.C.", "dc"),
    ("state", "Washington, D.C.", "dc"),
    ("state", "Hawai‘i", "hi"),
    ("state", "U.S. Virgin Islands", "vi"),
    ("state", "Puerto Rico", "pr"),
    ("state", "Quebec", "qc"),
    ("state", "Québec", "qc"),
    ("state", "QUE\u0301BEC", "qc"),
    ("state", "Newfoundland & Labrador", "nl"),
    ("state", "Île-du-Prince-Édouard", "pe"),
    ("state", "SP", "sp"),
    ("state", "ZZ-CA", None),
    ("state", "Bayern", None),
    ("state", "NSW", None),
    ("state", "1", None),
    ("state", "東京", None),
    # postcodes: digits only, leading zeros and all
    ("zip", "02134", "02134"),
    ("zip", "99999-1234", "999991234"),
    ("zip", " 10 115 ", "10115"),
    ("zip", "１０００００１", "1000001"),
    ("zip", "SW1A 1AA", "11"),
    ("zip", "n/a", None),
    # countries: two letters
    ("country", "US", "us"),
    ("country", "usa", "us"),
    ("country", "U.S.A.", "us"),
    ("country", "United States", "us"),
    ("country", "Österreich", "at"),
    ("country", "UK", "gb"),
    ("country", "CW", "cw"),
    ("country", "Atlantis", None),
    # genders: one letter
    ("gender", "F", "f"),
    ("gender", "female", "f"),
    ("gender", " Woman", "f"),
    ("gender", "M.", "m"),
    ("gender", "MAN", "m"),
    ("gender", "n", "n"),
    ("gender", "Non-Binary", "n"),
    ("gender", "non binary", "n"),
    ("gender", "prefer not to say", None),
    # dates of birth: eight digits
    ("date_of_birth", "1990-12-10", "19901210"),
    ("date_of_birth", "19901210", "19901210"),
    ("date_of_birth", "10 December 1990", "19901210"),
    ("date_of_birth", "12/25/1990", "19901225"),
    ("date_of_birth", "10 December", None),
    ("date_of_birth", "03/04/1990", None),
    ("date_of_birth", "19901310", None),
    # the advertiser's own ids: as they are
    ("external_id", " User-007 ", "User-007"),
    ("external_id", "00042", "00042"),
    ("external_id", "a  b", "a  b"),
    ("external_id", "Zoë#1\u200b", "Zoë#1"),
    ("external_id", " \u200b", None),
]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def one(name: str, text: str, region: str = "US") -> list[str] | None:
    return hashed({name: text}, phone_region=region).get(NAMES[name])


@pytest.mark.parametrize(("name", "text", "plain"), PLAIN)
def test_a_value_is_brought_into_its_form_and_hashed(name: str, text: str, plain: str | None) -> None:
    """One form per field, whatever somebody typed; what says nothing is left out."""
    assert one(name, text) == (None if plain is None else [sha256(plain)])


def test_every_field_has_its_rows() -> None:
    """A field that is added needs its examples."""
    assert {name for name, _, plain in PLAIN if plain} == {name for name, _, plain in PLAIN if not plain} == set(NAMES)


@pytest.mark.parametrize(("name", "text", "key", "digest"), FIXED)
def test_hashes_are_those_that_anybody_computes(name: str, text: str, key: str, digest: str) -> None:
    """Fixed points that no code of ours has made."""
    assert hashed({name: text}, phone_region="US") == {key: [digest]}


class TestPhone:
    @pytest.mark.parametrize(
        ("region", "country", "plain"),
        [
            ("GB", None, "442079460958"),
            ("US", "GB", "442079460958"),
            ("US", "United Kingdom", "442079460958"),
            ("GB", "US", "442079460958"),
            ("US", sha256("gb"), "2079460958"),
            ("", None, "2079460958"),
            ("nowhere", "Atlantis", "2079460958"),
        ],
    )
    def test_a_number_without_country_code_is_read_at_home(self, region: str, country: str | None, plain: str) -> None:
        """The person's own country comes before the default region; what exists in neither stays its digits."""
        raw = {"phone": "020 7946 0958"} | ({"country": country} if country else {})
        assert hashed(raw, phone_region=region)["ph"] == [sha256(plain)]


class TestStates:
    @pytest.mark.parametrize("code", ["AL", "WY", "DC", "GU", "AE", "BC", "YT"])
    def test_a_code_is_its_own_name(self, code: str) -> None:
        """In any case."""
        assert region_code(code) == region_code(code.lower()) == region_code(f"{code[0]}. {code[1]}.") == code

    def test_names_that_begin_alike_are_kept_apart(self) -> None:
        """Virginia is not West Virginia, and Washington not its namesake."""
        assert [region_code(name) for name in ("Virginia", "West Virginia", "Washington", "Washington DC")] == [
            "VA",
            "WV",
            "WA",
            "DC",
        ]


class TestSeveralValues:
    def test_each_once_and_in_order(self) -> None:
        """Two spellings of one address are one hash; what comes to nothing leaves no gap."""
        emails = ["b@example.com", "ADA@example.com", "", "ada@example.com ", "nobody"]
        assert hashed({"email": emails}, phone_region="US") == {"em": [sha256("b@example.com"), ADA]}

    def test_what_is_absent_is_absent(self) -> None:
        """No key, rather than an empty list or the hash of nothing; other names are nobody's."""
        assert hashed({"email": "", "city": [], "zip": [" "], "shoe_size": "42"}, phone_region="US") == {}


class TestHashesThatCome:
    @pytest.mark.parametrize("name", NAMES)
    def test_pass_through_the_plain_interface(self, name: str) -> None:
        """64 hex digits are a hash already, in every field."""
        assert one(name, ADA) == [ADA]
        assert one(name, f" {ADA.upper()} ") == [ADA.upper()]

    def test_of_nothing_are_nothing(self) -> None:
        """Who has no e-mail address is not the same person as everybody else without one."""
        assert hashed({"email": NOTHING, "external_id": [NOTHING.upper()]}, phone_region="US") == {}

    @pytest.mark.parametrize("text", [ADA[:-1], ADA + "0", ADA[:-1] + "g", ADA[:32] + " " + ADA[32:]])
    def test_must_be_whole(self, text: str) -> None:
        """What only looks like one is an id like any other."""
        assert one("external_id", text) == [sha256(text)]

    def test_are_not_expected_of_a_person(self) -> None:
        """Who types 64 hex digits as a name has that name."""
        assert of_contact({"firstName": ADA, "phone": "+12125550123"}) == {
            "fn": [sha256(ADA)],
            "ph": [sha256("12125550123")],
        }


class TestContact:
    def test_of_every_field(self) -> None:
        """By the names that the CRM has for them; what Pinterest has no use for is left out."""
        fields = {
            "email": "Ada@example.com",
            "phone": "+442079460958",
            "firstName": "Ada",
            "lastName": "Lovelace",
            "name": "Somebody Else",
            "city": "St. Albans",
            "state": "California",
            "postalCode": "01234",
            "country": "GB",
            "dateOfBirth": "1915-12-10",
            "gender": "female",
            "companyName": "Analytical Engines",
            "address1": "12 St James's Square",
        }
        plain = {
            "em": "ada@example.com",
            "ph": "442079460958",
            "fn": "ada",
            "ln": "lovelace",
            "ct": "stalbans",
            "st": "ca",
            "zp": "01234",
            "country": "gb",
            "db": "19151210",
            "ge": "f",
        }
        assert of_contact(fields) == {key: [sha256(text)] for key, text in plain.items()}

    @pytest.mark.parametrize(
        ("name", "first", "last"),
        [("Ada Lovelace", "ada", "lovelace"), ("Ada King Noel", "ada", "king noel"), ("Ada", "ada", None)],
    )
    def test_a_whole_name_is_split(self, name: str, first: str, last: str | None) -> None:
        """As it is for the CRM: the first word, and the rest."""
        found = of_contact({"name": name})
        assert found == {"fn": [sha256(first)]} | ({"ln": [sha256(last)]} if last else {})

    def test_nothing_of_nobody(self) -> None:
        """A contact without anything to match by."""
        assert of_contact({}) == of_contact({"name": " ", "companyName": "Engines", "email": ""}) == {}


@given(
    raw=st.dictionaries(st.sampled_from(sorted(NAMES)), any_text | st.lists(any_text, max_size=3)),
    region=st.sampled_from(["US", "GB", "", "??"]),
)
def test_any_text_becomes_hashes_or_nothing(raw: dict[str, str | list[str]], region: str) -> None:
    """Nothing that somebody types raises, is sent in clear, or becomes the hash of nothing."""
    found = hashed(raw, phone_region=region)
    assert set(found) <= {NAMES[name] for name in raw}
    for hashes in found.values():
        assert hashes
        assert len(set(hashes)) == len(hashes)
        assert all(re.fullmatch("[0-9a-f]{64}", one) and one != NOTHING for one in hashes)


@given(fields=st.dictionaries(st.sampled_from(("email", "phone", "name", "firstName", "state", "city")), any_text))
def test_any_contact_becomes_hashes_or_nothing(fields: dict[str, str]) -> None:
    """Likewise of a lead's contact."""
    found = of_contact(fields)
    assert all(re.fullmatch("[0-9a-f]{64}", one) and one != NOTHING for hashes in found.values() for one in hashes)
