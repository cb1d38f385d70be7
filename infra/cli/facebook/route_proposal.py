"""The routes.toml that fits pages' lead forms: the proposal for Pinterest's, in Facebook's terms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infra.cli.pinterest import route_proposal
from infra.cli.vendors.pinterest_api import Form, Question

# Whole lines of a proposal, which no form's name or question can be.
_LINES = {
    'source = "pinterest"': 'source = "facebook"',
    f"tags = {route_proposal.TAGS}": 'tags = ["facebook", "campaign: {campaign_name}"]',
}


def proposal(forms: Sequence[tuple[str, Mapping[str, Any]]], locations: Sequence[str]) -> str:
    """A valid routes.toml with a route for each (page, form) that is ACTIVE; "" when none is."""
    active = [_form(page, form) for page, form in forms if form.get("status") == "ACTIVE"]
    if not active:
        return ""
    lines = route_proposal.proposal(active, locations).split("\n")
    return "\n".join(_LINES.get(line, line) for line in lines)


def asked(form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The questions of a form."""
    found = form.get("questions")
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


def _form(page: str, form: Mapping[str, Any]) -> Form:
    return Form(str(form.get("id")), page, str(form.get("name") or ""), "ACTIVE", tuple(_questions(asked(form))))


def _questions(rows: Iterable[Mapping[str, Any]]) -> Iterable[Question]:
    for row in rows:
        yield Question(str(row.get("type") or ""), str(row.get("label") or ""))
