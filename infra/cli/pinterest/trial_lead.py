"""Pinterest's test call: answers of a person who does not exist, and where in the ledger the test lead turns up."""

import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.pinterest.comparison import LIVE, Line, compare
from infra.cli.pinterest.desk import Desk, chosen
from infra.cli.place import Place
from infra.cli.setup.steps import stored_token
from infra.cli.story.ledger import LedgerLead, lead_of
from infra.cli.vendors.contacts_api import ContactsApi
from infra.cli.vendors.pinterest_api import Form, Question
from infra.cli.vendors.pinterest_refusals import PinterestRefused
from leads.core.iso_time import iso_time
from leads.core.plan import TEST_LEAD

EMAIL, CUSTOM = "EMAIL", "CUSTOM"
# A test lead's key ends in a hash of its seal, everybody else's in Pinterest's own id.
_TEST_KEY = re.compile(r"pinterest#[^#]*#[0-9a-f]{64}")
# How far this machine's clock may be from the functions'.
_CLOCKS_APART = 600.0
# A read of the whole ledger may last as long as this many pauses between two.
_PAUSES_PER_READ = 3.0
_ANY = "Test"
_AREA_CODES = ("212", "213", "305", "312", "415", "503", "512", "617", "702", "713", "808", "907")


@dataclass(frozen=True)
class Call:
    """One test call that was made. answers: (question, answer), as they were asked."""

    account: str
    form: Form
    subscription_id: str
    answers: tuple[tuple[str, str], ...]
    email: str


def form_of(desk: Desk, account: str, given: str) -> Form:
    """The form that was given, else the only active one. Raises CommandFailed when one has to be chosen."""
    if given:
        return desk.api.lead_form(account, given)
    forms = [form for form in desk.api.lead_forms(account) if form.status == "ACTIVE"]
    if len(forms) == 1:
        return forms[0]
    if not forms:
        raise CommandFailed(f"Ad account {account} has no active lead form: make one in Pinterest's Ads Manager.")
    names = ", ".join(f"{form.id} ({form.name})" for form in forms)
    raise CommandFailed(f"Choose one of the lead forms with --form: {names}.", exit_code=2)


def check_subscribed(desk: Desk, account: str, form: str) -> str:
    """What may keep a lead of the form from coming here, "" for nothing.

    Raises CommandFailed, with the remedy, when none can come here, or could be read.
    """
    lines = [
        line for line in compare(desk, [account], is_all=False) if line.lead_form_id in (None, form) and line.address
    ]
    others = [line for line in lines if line.state != LIVE]
    if not lines:
        raise CommandFailed(
            f"Nothing subscribes to the leads of form {form}: `leadrelay pinterest subscribe {chosen(account, '')}` "
            "has those of the whole ad account sent here."
        )
    if len(others) == len(lines):
        raise CommandFailed(_fault(others[0]))
    # Which of two subscriptions gets a form's leads, or whether both do, Pinterest does not say.
    own = next((line for line in others if line.lead_form_id == form), None)
    return f"{_fault(own)} The test lead may come by that one only." if own else ""


def _fault(line: Line) -> str:
    return f"Subscription {line.subscription_id} {line.meaning}. {line.fix}."


def fire(desk: Desk, form: Form) -> Call:
    """Have Pinterest send a test lead of the form.

    Raises CommandFailed; a refusal of the call itself says nothing of its cause, so the likely ones are looked at.
    """
    answers, email = invented(form.questions)
    try:
        subscription = desk.api.test_lead(form.account, form.id, answers)
    except PinterestRefused as refused:
        if refused.status == 400 and not desk.api.active_ads(form.account, form.id):
            raise CommandFailed(
                f"No active ad uses lead form {form.id}, and Pinterest sends test leads of such forms only: make an "
                f"ad with it in Ads Manager, and let it run. ({refused})"
            ) from None
        raise
    asked = tuple((question.key, answer) for question, answer in zip(form.questions, answers, strict=True))
    return Call(form.account, form, subscription, asked, email)


def invented(questions: Sequence[Question], tag: str = "") -> tuple[list[str], str]:
    """An answer to each question, and the e-mail among them: nobody's, and another one each time."""
    tag = tag or secrets.token_hex(4)
    number = int(tag, 16)
    person = {
        "FULL_NAME": f"Ada Test {tag}",
        "FIRST_NAME": "Ada",
        "LAST_NAME": f"Test {tag}",
        EMAIL: f"test.lead.{tag}@example.com",
        # 555-01xx is kept free for this (North American Numbering Plan).
        "PHONE_NUMBER": f"({_AREA_CODES[number // 100 % len(_AREA_CODES)]}) 555-01{number % 100:02}",
        "ZIP_CODE": "10001",
        "GENDER": "Female",
        "CITY": "New York",
        "COUNTRY": "US",
        "STATE_PROVINCE": "New York",
        "ADDRESS": "12 Engine Street",
        "DATE_OF_BIRTH": "1990-12-10",
        "AGE": "35",
        "PREFERRED_CONTACT_METHOD": "Email",
    }
    answers = [
        next(iter(question.options), _ANY) if question.type == CUSTOM else person.get(question.type, _ANY)
        for question in questions
    ]
    return answers, person[EMAIL] if person[EMAIL] in answers else ""


@dataclass
class Arrivals:
    """The test leads of an ad account that the ledger did not know when this was made.

    Which of several is ours, the contact's e-mail tells. `contact_email` gives that of a delivered lead, None where it
    cannot be had.
    """

    client: Any
    table: str
    account: str
    contact_email: Callable[[LedgerLead], str | None]
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    _before: frozenset[str] = frozenset()
    _told: dict[str, bool] = field(default_factory=dict)
    _next_read: float = 0.0
    _since: str = ""

    def __post_init__(self) -> None:
        self._since = iso_time(self.now() - _CLOCKS_APART)
        self._before = frozenset(lead.key for lead in self._test_leads())

    def find(self, email: str) -> LedgerLead | None:
        """Ours, else one that may be; None while there is none. A large ledger is not read all the time."""
        began = self.clock()
        if began < self._next_read:
            return None
        found = sorted(self._test_leads(), key=lambda lead: (lead.first_seen_at, lead.key))
        took = self.clock() - began
        self._next_read = began + took * (1 + _PAUSES_PER_READ)
        fresh = [(lead, self._is_ours(lead, email)) for lead in found if lead.key not in self._before]
        ours, open_ = ([lead for lead, is_ours in fresh if is_ours is wanted] for wanted in (True, None))
        return next(iter((*ours, *open_)), None)

    def _is_ours(self, lead: LedgerLead, email: str) -> bool | None:
        """Whether it is our test lead, or somebody else's of the same time; None while nothing tells."""
        if lead.key not in self._told and email and lead.contact_id:
            own = self.contact_email(lead)
            if own is not None:
                self._told[lead.key] = own.lower() == email
        return self._told.get(lead.key)

    def _test_leads(self) -> list[LedgerLead]:
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table,
            ConsistentRead=True,
            FilterExpression="begins_with(pk, :own) AND first_seen_at >= :since",
            ExpressionAttributeValues={
                ":own": {"S": f"pinterest#{self.account}#"},
                ":since": {"S": self._since},
            },
        )
        found = [lead_of(item) for page in pages for item in page["Items"] if "status" in item]
        return [lead for lead in found if _TEST_KEY.fullmatch(lead.key)]


def contact_of(place: Place, lead: LedgerLead) -> dict[str, Any] | None:
    """The contact that the CRM has now; None when there is none, or when it cannot be asked."""
    token = stored_token(place, lead.location_id)
    if not (lead.contact_id and token):
        return None
    try:
        return ContactsApi(place.contacts_api_url, lead.location_id, token).contact(lead.contact_id)
    except CommandFailed:
        return None


def said(lead: LedgerLead) -> str:
    """What is special about how a test lead ended; "" for nothing."""
    if lead.status == "ignored" and lead.reason == TEST_LEAD:
        return (
            'The route that takes this form has tests = "ignore", so its test leads end here. Write tests = "tag" in '
            "routes.toml and deploy it, or look at a real lead."
        )
    return ""
