"""The note that goes with a lead: where it came from, what the person answered, what the CRM did not take."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leads.core.answers import text_of
from leads.core.lead import Consent, Lead
from leads.core.readback import Remark
from leads.core.routes import CRM_SOURCES

if TYPE_CHECKING:
    from leads.core.plan import Plan

MARKER = "lead ref: "
# How long a note may be is not documented; what is longer than this no form asks for.
LONGEST = 60_000

_CUT = "(The rest did not fit.)"
_ORIGIN = (
    ("Campaign", "campaign_name", "campaign_id"),
    ("Ad group", "ad_group_name", "ad_group_id"),
    ("Ad", "ad_name", "ad_id"),
    ("Location", "location_id", ""),
    ("Form", "form_name", "form_id"),
    ("Platform", "platform", ""),
    ("Organic", "is_organic", ""),
)


def note_text(plan: Plan, remarks: Sequence[Remark]) -> str:
    """The whole note, the marker line last; "" when there is nothing to say.

    What the route's own template leaves out and no field keeps follows it, so that no answer is lost. Once something
    went wrong with the contact, that is every answer which cannot be read in the note. Consents are in it in full,
    wherever the template puts them. A copied note is what it was and no more; an update of a contact leaves none.
    """
    if plan.is_update:
        return ""
    if plan.is_copy:
        return with_marker(plan.note, plan.reference) if plan.note else ""
    parts: list[str] = []
    if plan.consents and plan.consents not in _cut(plan.note, LONGEST // 2 - 2):
        parts.append("Consent:\n" + plan.consents)
    if answers := (plan.unshown or plan.leftovers) if remarks else plan.leftovers:
        parts.append("Also answered:\n" + answer_list(answers))
    if remarks:
        parts.append("\n".join(["Not taken over as sent:", *(f"- {_sentence(remark)}" for remark in remarks)]))
    # What is said nowhere else is the last to be cut.
    rest = _cut("\n\n".join(parts), LONGEST // 2)
    start = _cut(plan.note, LONGEST - len(rest) - 2)
    text = "\n\n".join(part for part in (start, rest) if part)
    return with_marker(text, plan.reference) if text else ""


def default_note(lead: Lead, route: str, source_label: str, answers: str) -> str:
    """Source, route, campaign, ad, form or location, platform and time, then every answer."""
    lines = [f"{source_label} · {text_of(route)}"]
    origin = {
        **lead.campaign,
        **({"location_id": lead.account} if lead.source in CRM_SOURCES else {"form_id": lead.form}),
    }
    if origin.get("is_organic") == "no":
        del origin["is_organic"]
    for label, name, number in _ORIGIN:
        known = [text for key in (name, number) if (text := text_of(origin.get(key)))]
        if known:
            lines.append(f"{label}: {known[0]}" + (f" ({known[1]})" if len(known) > 1 else ""))
    if left := moment(lead.created_at):
        lines.append(f"Left: {left}")
    return "\n".join(lines) + (f"\n\n{answers}" if answers else "")


def answer_list(answers: Iterable[tuple[str, str]], layout: Mapping[str, str] | None = None) -> str:
    """`question: answer`, one a line. layout: an answer's text → how it is shown after the colon instead."""
    return "\n".join(f"{key}:{(layout or {}).get(text, f' {text}')}" for key, text in answers)


def consent_list(consents: Iterable[Consent]) -> str:
    """What was asked and whether it was agreed to, one a line: `given 2026-11-21 05:21 UTC: <text>`."""
    return "\n".join(f"{_verdict(consent)}: {text_of(consent.text) or text_of(consent.key)}" for consent in consents)


def paragraphs(answers: Mapping[str, Any]) -> dict[str, str]:
    """The lines that people wrote, for each answer of more than one: its clean text → its lines, indented."""
    found: dict[str, str] = {}
    for answer in answers.values():
        lines = [line for each in answer.splitlines() if (line := text_of(each))] if isinstance(answer, str) else []
        if len(lines) > 1:
            found[text_of(answer)] = "".join(f"\n    {line}" for line in lines)
    return found


def moment(seconds: float | None) -> str:
    """Seconds since the epoch as `2026-11-21 05:21 UTC`; "" for None and for what no calendar has."""
    try:
        return "" if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def with_marker(text: str, reference: str) -> str:
    """`text` with the marker as its last line, by which a read-back recognises it."""
    lines = (f"> {line}" if _looks_like_ours(line) else line for line in text.strip("\n").splitlines())
    body = _cut("\n".join(lines), LONGEST)
    return f"{body}\n\n{MARKER}{reference}" if body else f"{MARKER}{reference}"


def _verdict(consent: Consent) -> str:
    if not consent.given:
        return "not given"
    return " ".join(filter(None, ("given", moment(consent.at))))


def _looks_like_ours(line: str) -> bool:
    """A person can type anything, also a line like the marker."""
    return "".join(line.split()).casefold().startswith("".join(MARKER.split()))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - len(_CUT) - 1].rstrip()}\n{_CUT}"


def _sentence(remark: Remark) -> str:
    return f"{remark.text} ({remark.value})" if remark.value else remark.text
