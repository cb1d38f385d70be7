"""Which answers are masked wherever they do not go to the CRM."""

import pytest

from leads.core.national_ids import is_national_id, masked


@pytest.mark.parametrize(
    "key",
    [
        "ID_CPF",
        "ID_AR_DNI",
        "ID_CL_RUT",
        "ID_CO_CC",
        "ID_EC_CI",
        "ID_PE_DNI",
        "ID_MX_RFC",
        "id_cpf",
        "ID_CPF (2)",
        "cpf",
    ],
)
def test_numbers_by_which_a_state_knows_a_person(key: str) -> None:
    """By Facebook's types, however they are spelled and numbered."""
    assert is_national_id(key)


@pytest.mark.parametrize("key", ["", "EMAIL", "ID", "What is your budget?", "VIDEO", "ID_", "FACEBOOK_LEAD_ID", "IDEA"])
def test_other_questions(key: str) -> None:
    """They are none."""
    assert not is_national_id(key)


@pytest.mark.parametrize(
    ("text", "shown"), [("123.456.789-09", "************09"), ("123", "*23"), ("12", "**"), ("1", "*"), ("", "")]
)
def test_the_last_two_characters_stay(text: str, shown: str) -> None:
    """Enough to compare, too little to know."""
    assert masked(text) == shown
