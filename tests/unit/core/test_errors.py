"""What an error may say of itself."""

from leads.core.errors import LeadError, Misconfigured, RejectedRequest, TryAgain, Undeliverable, place_of


def test_fates_share_a_tree_and_misconfiguration_is_outside() -> None:
    """Whoever catches a fate must not swallow a broken deployment."""
    assert all(issubclass(fate, LeadError) for fate in (RejectedRequest, TryAgain, Undeliverable))
    assert not issubclass(Misconfigured, LeadError)


def test_an_error_without_detail_is_its_reason() -> None:
    """No dangling colon in a log line."""
    assert str(TryAgain("rate_limited")) == "rate_limited"
    assert str(TryAgain("rate_limited", "soon")) == "rate_limited: soon"


def test_what_is_not_said_is_certain_and_names_nothing() -> None:
    """Ambiguity and fields are told by those who know of them."""
    assert not TryAgain("rate_limited").ambiguous
    assert TryAgain("contacts_api_5xx", ambiguous=True).ambiguous
    assert Undeliverable("rejected").fields == ()
    assert Undeliverable("rejected", fields=("email",)).fields == ("email",)


def test_an_unforeseen_error_is_named_by_place_and_never_by_text() -> None:
    """Its message may quote a lead; type, function, file and line cannot."""

    def deep() -> None:
        {}["ada@example.com"]

    try:
        deep()
    except KeyError as error:
        place = place_of(error)
    assert place.startswith("KeyError in deep (test_errors.py:")
    assert "ada" not in place
    assert place_of(ValueError("ada@example.com")) == "ValueError"
