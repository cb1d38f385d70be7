"""Who was erased: known by salted hashes, and told from who comes later."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from leads.core.answers import Answers
from leads.core.contact import Given, contact_from
from leads.core.erasure import Erased, hash_of, is_of, lead_name, name_of, names_of, outlived, was_left_before

SALT, OTHER_SALT = "00" * 16, "01" * 16
TODAY = dt.date(2026, 11, 21)


def names(answers: dict[str, Any], given: dict[str, Given] | None = None) -> frozenset[str]:
    read = Answers(answers)
    return names_of(read, contact_from(read, phone_region="US", today=TODAY, given=given))


def test_a_person_goes_by_every_email_and_phone_that_is_asked_for() -> None:
    """Also by those that lost the contact's only field to another, in the words of the CRM."""
    assert names(
        {
            "FULL_NAME": "Ada Lovelace",
            "EMAIL": " Ada@Example.com",
            "WORK_EMAIL": "ada.lovelace@example.com",
            "PHONE_NUMBER": "(212) 867-5309",
            "WHATSAPP_NUMBER": "+44 20 7946 0018",
            "USER_PROVIDED_PHONE_NUMBER": "none of your business",
        }
    ) >= {
        "email:ada@example.com",
        "email:ada.lovelace@example.com",
        "phone:+12128675309",
        "phone:+442079460018",
    }


def test_an_address_in_any_other_answer_may_be_somebody_elses() -> None:
    """Who recommended us is not who left the lead."""
    assert names({"EMAIL": "ada@example.com", "Who sent you?": "bob@example.com"}) == {"email:ada@example.com"}


def test_a_question_that_a_route_makes_the_email_of_counts() -> None:
    """The contact has it, wherever it came from."""
    given = {"email": Given("carol@example.com", ("Where do we reach you?",))}
    assert names({"Where do we reach you?": "carol@example.com"}, given) == {"email:carol@example.com"}


def test_nobody_goes_by_nothing() -> None:
    """A lead without e-mail and phone is nobody's."""
    assert names({"FULL_NAME": "Ada Lovelace"}) == frozenset()


@pytest.mark.parametrize(
    ("one", "other"), [("Ada@Example.com", " ada@example.com "), ("ADA@EXAMPLE.COM", "ada@example.com")]
)
def test_case_and_blanks_make_no_difference(one: str, other: str) -> None:
    """Forms and people differ in them."""
    assert name_of("email", one) == name_of("email", other)


def test_a_hash_says_nothing_without_its_salt() -> None:
    """Another salt, another hash; an e-mail and a phone are never the same; 128 bits."""
    name = name_of("email", "ada@example.com")
    hashes = {hash_of(name, SALT), hash_of(name, OTHER_SALT), hash_of(name_of("phone", "ada@example.com"), SALT)}
    assert len(hashes) == 3
    assert all(len(one) == 32 and int(one, 16) for one in hashes)
    assert hash_of(name, SALT) == hash_of(name, SALT)


def test_the_latest_erasure_of_any_of_the_names_counts() -> None:
    """Somebody may be erased by e-mail first, and by phone after they came back."""
    email, phone = "email:ada@example.com", "phone:+12128675309"
    erased = Erased(SALT, {hash_of(email, SALT): 100.0, hash_of(phone, SALT): 200.0})
    assert erased.at([email]) == 100.0
    assert erased.at([email, phone]) == 200.0
    assert erased.at(["email:bob@example.com"]) is None
    assert erased.at([]) is None


def test_a_name_that_only_a_contact_had_counts_where_it_is_all_that_there_is() -> None:
    """Beside a name of its own, a lead may be somebody else's: of the family that shares a phone."""
    asked, phone, other = "email:ada@example.com", "phone:+12128675309", "email:bob@example.com"
    erased = Erased(SALT, {hash_of(asked, SALT): 100.0}, {hash_of(phone, SALT): 200.0})
    expected = [([phone], 200.0), ([phone, asked], 100.0), ([phone, other], None), ([asked, other], 100.0)]
    for names, at in expected:
        assert erased.at(names) == at
        is_theirs = is_of(frozenset(names), asked=frozenset([asked]), known_with=frozenset([phone]))
        assert is_theirs is (at is not None)
    assert not is_of(frozenset(), asked=frozenset([asked]), known_with=frozenset([phone]))


def test_a_lead_is_known_by_its_key_whatever_names_are_in_it() -> None:
    """On its way to a second location it is the same lead."""
    key = "leadconnector#srcLocation#c1"
    erased = Erased(SALT, leads={hash_of(lead_name(f"{key}>secondLocation"), SALT): 100.0})
    assert erased.lead_at(key) == erased.at(["email:new@example.com"], key) == 100.0
    assert erased.lead_at("leadconnector#srcLocation#c2") is None
    assert erased.at([], "") is None


@pytest.mark.parametrize(("created_at", "before"), [(99.0, True), (100.0, False), (101.0, False), (None, True)])
def test_what_was_left_before_belongs_to_what_was_erased(created_at: float | None, before: bool) -> None:
    """Nobody knows how old a lead without a time is, so it does not come back."""
    assert was_left_before(created_at, 100.0) is before


def test_nobody_is_remembered_for_longer_than_a_platform_can_send() -> None:
    """At the limit they are."""
    assert outlived({"a": 10.0, "b": 19.9, "c": 20.0}, now=120.0, kept_seconds=100.0) == ["a", "b"]


def test_a_name_of_odd_letters_can_be_hashed() -> None:
    """A lone surrogate is no reason to lose a lead."""
    assert len(hash_of("email:\ud800@example.com", SALT)) == 32
