"""The file of a Pinterest leads export → leads, by the names of its columns."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from leads.core.errors import TryAgain, Undeliverable
from leads.core.lead import plain_id
from leads.sources.pinterest_file import tables_in

LEAD_ID, CREATED_AT, FORM_ID = "lead_id", "created_at", "lead_form_id"
_IGNORED = "ignore"

# What a column means → its headers, without case, blanks and punctuation. The file's format is documented nowhere:
# these are the webhook's names and what comes near. A bare "id" could be anything's, so it must be mapped by hand.
_ABOUT_THE_LEAD: Mapping[str, tuple[str, ...]] = {
    LEAD_ID: ("leadid", "leadsid", "leadidentifier", "submissionid"),
    CREATED_AT: (
        "createdat", "createdtime", "created", "createddate", "creationtime", "creationdate", "leadcreatedat",
        "leadcreatedtime", "submittedat", "submittedtime", "submitted", "submissiontime", "submissiondate",
        "submissiontimestamp", "createdtimestamp", "timestamp",
    ),
    FORM_ID: ("leadformid", "formid"),
    "form_name": ("leadformname", "formname", "leadform"),
    "campaign_id": ("campaignid",),
    "campaign_name": ("campaignname", "campaign"),
    "ad_group_id": ("adgroupid",),
    "ad_group_name": ("adgroupname", "adgroup"),
    "ad_id": ("adid",),
    "ad_name": ("adname", "ad"),
    _IGNORED: ("adaccountid", "advertiserid", "adaccountname", "advertisername", "version", "leadformversion"),
}  # fmt: skip
# The question types of the webhook's answers → the headers that mean them, besides their own names.
_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "FULL_NAME": ("name",),
    "FIRST_NAME": (),
    "LAST_NAME": ("surname",),
    "EMAIL": ("emailaddress",),
    "PHONE_NUMBER": ("phone",),
    "ADDRESS": ("streetaddress", "street"),
    "CITY": (),
    "STATE_PROVINCE": ("state", "province", "stateorprovince"),
    "ZIP_CODE": ("zip", "postalcode", "postcode", "zippostalcode", "ziporpostalcode"),
    "COUNTRY": (),
    "DATE_OF_BIRTH": ("birthday", "birthdate", "dob"),
    "GENDER": (),
    "AGE": (),
    "PREFERRED_CONTACT_METHOD": (),
}
_DELIMITERS = (",", ";", "\t", "|")
# A time without a zone may be any zone's.
_ZONE_SLACK = 86_400.0
_MANY_DIGITS = re.compile(r"\d\D{0,2}" * 6)


class ExportedLead(msgspec.Struct, frozen=True, kw_only=True):
    """One row. created_at: epoch seconds, None when the file does not say; facts: form, campaign, ad group and ad."""

    lead_id: str
    created_at: float | None
    has_zone: bool
    facts: dict[str, str]
    answers: dict[str, str]

    def was_left(self, since: float, until: float) -> bool:
        """Whether that was from `since` until before `until`; a row that may have been counts, too."""
        slack = 0.0 if self.has_zone else _ZONE_SLACK
        return self.created_at is None or since - slack <= self.created_at < until + slack


def leads_in(file: bytes, columns: Mapping[str, str]) -> tuple[ExportedLead, ...]:
    """The leads of an export, each once; rows without an id are left out.

    file: CSV, in a gzip or zip archive or bare, in UTF-8 or UTF-16, with commas, semicolons, tabs or bars. A zip may
        hold several, each with a first row of its own.
    columns: header → meaning, where ours are wrong: `lead_id`, `created_at`, `lead_form_id`, `form_name`,
        `campaign_id`, `campaign_name`, `ad_group_id`, …, `ignore`, or else the key of an answer.
    Raises Undeliverable(export_has_no_lead_ids) when no column holds the ids: what is there already would be delivered
    anew. Raises TryAgain(pinterest_export_unreadable) for what is no such file.
    """
    found: dict[str, ExportedLead] = {}
    for table in tables_in(file):
        rows = list(_rows(table, columns))
        if len(rows) < 2:
            continue
        headers = [header.strip() for header in rows[0]]
        meanings = _meanings(headers, columns)
        if LEAD_ID not in meanings:
            raise Undeliverable("export_has_no_lead_ids", _complaint(headers))
        for row in rows[1:]:
            # Tables that were put together one after the other have their first row in between once more.
            lead = _lead(headers, meanings, row) if row != rows[0] else None
            if lead and lead.lead_id:
                found.setdefault(lead.lead_id, lead)
    return tuple(found.values())


def folded(header: str) -> str:
    """A header as it is compared: `Lead ID`, `lead_id` and `LeadId` are the same."""
    return "".join(letter for letter in header.casefold() if letter.isalnum())


_KNOWN = {
    **{alias: key for key, aliases in _QUESTIONS.items() for alias in (folded(key), *aliases)},
    **{alias: meaning for meaning, aliases in _ABOUT_THE_LEAD.items() for alias in aliases},
}


def _meanings(headers: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """What each column means; a question of the form's own keeps its label."""
    own = {folded(header): meaning.strip() for header, meaning in columns.items()}
    return [
        own.get(folded(header)) or _KNOWN.get(folded(header)) or header or f"Column {number}"
        for number, header in enumerate(headers, start=1)
    ]


def _lead(headers: Sequence[str], meanings: Sequence[str], row: Sequence[str]) -> ExportedLead:
    facts: dict[str, str] = {}
    answers: dict[str, str] = {}
    for meaning, header, cell in zip(meanings, headers, row, strict=False):
        value = cell.strip()
        if not value or meaning == _IGNORED:
            continue
        if meaning in _ABOUT_THE_LEAD:
            facts.setdefault(meaning, value)
        else:
            key = meaning if meaning not in answers else header
            answers[key if key not in answers else f"{key} ({len(answers) + 1})"] = value
    created_at, has_zone = moment(facts.pop(CREATED_AT, ""))
    lead_id = plain_id(facts.pop(LEAD_ID, "").strip("='\""))
    return ExportedLead(lead_id=lead_id, created_at=created_at, has_zone=has_zone, facts=facts, answers=answers)


def moment(text: str) -> tuple[float | None, bool]:
    """Epoch seconds of a time as the file may write it, and whether its zone is certain; None when it cannot be read.

    Seconds or milliseconds since the epoch, or ISO 8601; without a zone it is taken for UTC, as the export's dates are.
    """
    if re.fullmatch(r"\d{9,14}(\.\d+)?", text):
        number = float(text)
        return (number / 1000 if number > 1e11 else number), True
    try:
        found = dt.datetime.fromisoformat(re.sub(r"\s*(?:UTC|GMT)$", "+00:00", text, flags=re.IGNORECASE))
    except ValueError:
        return None, False
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp(), found.tzinfo is not None


def _rows(text: str, columns: Mapping[str, str]) -> Iterator[list[str]]:
    """The rows that are not blank, taken apart at the delimiter that gives the first one a column of lead ids.

    If several do, or none, at the one of them that gives it the most cells.
    """
    import csv
    import io

    def read(delimiter: str) -> Iterator[list[str]]:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        return (row for row in lines if any(cell.strip() for cell in row))

    def fitness(delimiter: str) -> tuple[bool, int]:
        headers = [header.strip() for header in next(read(delimiter), [])]
        return LEAD_ID in _meanings(headers, columns), len(headers)

    try:
        yield from read(max(_DELIMITERS, key=fitness))
    except csv.Error:
        # Its text quotes nothing, but tells nothing either.
        raise TryAgain("pinterest_export_unreadable", "the export's file is no table of columns") from None


def _complaint(headers: Sequence[str]) -> str:
    """Names the columns, unless the first line looks like a lead's own."""
    remedy = 'name the one with the lead\'s id in routes.toml: [defaults.export_columns] "<column>" = "lead_id"'
    if any("@" in header or _MANY_DIGITS.search(header) for header in headers):
        return f"the export's file has no column names, but {len(headers)} columns"
    named = ", ".join(header[:60] for header in headers[:40])
    return f"the export's file has no column with lead ids, but {named}; {remedy}"
