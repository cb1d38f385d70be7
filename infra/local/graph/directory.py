"""Pages with their tokens, forms and leads, as the sandbox keeps them."""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local.graph.grants import Grant

_GRAPH_TIME = "%Y-%m-%dT%H:%M:%S%z"
_FORM_KEYS = frozenset(
    (
        *("page", "id", "name", "questions", "legal_content", "status", "locale", "created_time"),
        *("tracking_parameters", "privacy_policy_url"),
    )
)
_LEAD_KEYS = frozenset(
    (
        *("form", "id", "field_data", "custom_disclaimer_responses", "created_time", "is_organic", "platform"),
        *("ad_id", "ad_name", "adset_id", "adset_name", "campaign_id", "campaign_name", "partner_name"),
    )
)
_STATUSES = ("ACTIVE", "ARCHIVED", "DELETED", "DRAFT")


@dataclass
class Page:
    """A page and the one token that opens it."""

    id: str
    token: str
    subscribed_fields: list[str] = field(default_factory=lambda: ["leadgen"])
    grant: Grant = field(default_factory=Grant)


@dataclass(frozen=True)
class Lead:
    """A lead as Graph shows it with every field; `number` orders leads of the same second."""

    number: int
    at: int
    node: dict[str, Any]
    is_test: bool = False

    @property
    def place(self) -> tuple[int, int]:
        return self.at, self.number


@dataclass(frozen=True)
class Form:
    """A form as Graph shows it with every field but its counts."""

    number: int
    page: str
    node: dict[str, Any]
    leads: dict[str, Lead] = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, int]:
        return 0, self.number

    def whole(self) -> dict[str, Any]:
        """The node with its counts; test leads are not counted."""
        real = [lead for lead in self.leads.values() if not lead.is_test]
        organic = sum(bool(lead.node["is_organic"]) for lead in real)
        return {**self.node, "leads_count": len(real), "organic_leads_count": organic, "expired_leads_count": 0}


class Directory:
    """Everything by id; ids are texts of digits, one name-space for all kinds, as in Graph."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.pages = {page: Page(page, token) for page, token in tokens.items()}
        self.forms: dict[str, Form] = {}
        self._form_of_lead: dict[str, Form] = {}
        self.dead_tokens: set[str] = set()
        self._number = 0

    def replace_token(self, page: str, token: str, grant: Grant | None = None) -> None:
        """`token` opens the page from now on and the one before is dead; a page not known yet comes into being."""
        if any(other.token == token and other.id != page for other in self.pages.values()):
            raise ValueError("That token belongs to another page.")
        if page in self.pages and self.pages[page].token != token:
            self.dead_tokens.add(self.pages[page].token)
        self.dead_tokens.discard(token)
        known = self.pages.setdefault(page, Page(page, token))
        known.token, known.grant = token, grant or Grant()

    def page_of_token(self, token: str) -> Page | None:
        return next((page for page in self.pages.values() if page.token == token), None)

    def tokens(self) -> set[str]:
        """Every token that opens or has opened a page."""
        return self.dead_tokens | {page.token for page in self.pages.values()}

    def form_of_lead(self, lead_id: str) -> Form | None:
        return self._form_of_lead.get(lead_id)

    def leads(self) -> Iterator[Lead]:
        for form in self.forms.values():
            yield from form.leads.values()

    def add_form(self, order: Mapping[str, Any]) -> Form:
        """The form an order describes, in place of one with the same id; ValueError for one that makes no sense."""
        _check(order, _FORM_KEYS, "form", "page")
        page = str(order["page"])
        if page not in self.pages:
            raise ValueError(f"There is no page {page}; the pages are {', '.join(self.pages) or 'none'}.")
        form_id = self._id(order.get("id"))
        before = self.forms.get(form_id)
        if (before and before.page != page) or form_id in self.pages or form_id in self._form_of_lead:
            raise ValueError(f"The id {form_id} is taken: by a form of another page, by a page or by a lead.")
        if order.get("status", "ACTIVE") not in _STATUSES:
            raise ValueError(f"A form's status is one of {', '.join(_STATUSES)}.")
        node = {
            "name": f"Form {form_id}",
            "locale": "en_US",
            "status": "ACTIVE",
            "questions": [],
            **{name: value for name, value in order.items() if name != "page"},
            "id": form_id,
            "created_time": graph_time(moment(order.get("created_time"))),
            "page_id": page,
            "page": {"id": page, "name": f"Page {page}"},
        }
        form = Form(before.number if before else self._next(), page, node, before.leads if before else {})
        self.forms[form_id] = form
        self._form_of_lead.update(dict.fromkeys(form.leads, form))
        return form

    def add_lead(self, order: Mapping[str, Any], *, is_test: bool = False) -> Lead:
        """The lead an order describes; `created_time` is Graph's text or epoch seconds, now when left out.

        ValueError for an order that makes no sense or an id that is taken.
        """
        _check(order, _LEAD_KEYS, "lead", "form")
        form = self.forms.get(str(order["form"]))
        if form is None:
            raise ValueError(f"There is no form {order['form']}: add it first.")
        lead_id = self._id(order.get("id"))
        if lead_id in self._form_of_lead or lead_id in self.forms or lead_id in self.pages:
            raise ValueError(f"The id {lead_id} is taken.")
        at = moment(order.get("created_time"))
        texts = {name: str(value) for name, value in order.items() if name.endswith("_id") and value is not None}
        node = {
            "field_data": [],
            "platform": "fb",
            "is_organic": "ad_id" not in texts,
            **{name: value for name, value in order.items() if name != "form"},
            **texts,
            "id": lead_id,
            "form_id": str(form.node["id"]),
            "created_time": graph_time(at),
        }
        lead = Lead(self._next(), at, node, is_test)
        form.leads[lead_id] = lead
        self._form_of_lead[lead_id] = form
        return lead

    def remove_lead(self, lead_id: str) -> None:
        del self._form_of_lead.pop(lead_id).leads[lead_id]

    def _id(self, given: Any) -> str:
        text = str(secrets.randbelow(9 * 10**14) + 10**14 if given is None else given)
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"An id is made of digits, which {text!r} is not.")
        return text

    def _next(self) -> int:
        self._number += 1
        return self._number


def moment(given: Any) -> int:
    """Epoch seconds of Graph's text, of epoch seconds, or of now for None; ValueError for anything else."""
    if given is None:
        return int(time.time())
    if isinstance(given, int | float) and not isinstance(given, bool):
        return int(given)
    try:
        return int(datetime.strptime(given, _GRAPH_TIME).timestamp())
    except (TypeError, ValueError):
        raise ValueError(f"{given!r} is no time: write 2026-11-21T08:49:14+0000 or epoch seconds.") from None


def graph_time(at: int) -> str:
    """`2026-11-21T08:49:14+0000`: without a colon in the offset, as Graph writes it."""
    return datetime.fromtimestamp(at, UTC).strftime(_GRAPH_TIME)


def _check(order: Mapping[str, Any], allowed: frozenset[str], kind: str, parent: str) -> None:
    if not isinstance(order, Mapping) or parent not in order:
        raise ValueError(f"A {kind} is an object that names its {parent!r}.")
    if unknown := sorted(set(order) - allowed):
        raise ValueError(f"A {kind} has no {unknown[0]!r}; it takes {', '.join(sorted(allowed))}.")
