"""The file of a leads export: whatever its columns, order, delimiter and encoding, leads come out by the names."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.sources.pinterest_api import LARGEST_FILE
from leads.sources.pinterest_export import ExportedLead, leads_in, moment

ROW = "687195905986,2026-11-20T10:00:00Z,65300871001,Ada Lovelace,ada@example.com"
HEADER = "lead_id,created_at,lead_form_id,FULL_NAME,EMAIL"
FILE = f"{HEADER}\n{ROW}\n"
ADA = ExportedLead(
    lead_id="687195905986",
    created_at=1_795_168_800.0,
    has_zone=True,
    facts={"lead_form_id": "65300871001"},
    answers={"FULL_NAME": "Ada Lovelace", "EMAIL": "ada@example.com"},
)


def read(text: str | bytes, columns: Mapping[str, str] | None = None) -> tuple[ExportedLead, ...]:
    return leads_in(text if isinstance(text, bytes) else text.encode(), columns or {})


def one(text: str | bytes, columns: Mapping[str, str] | None = None) -> ExportedLead:
    [lead] = read(text, columns)
    return lead


def refused(text: str | bytes) -> LeadError:
    with pytest.raises(LeadError) as caught:
        read(text)
    return caught.value


def zipped(*texts: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.mkdir("leads")
        for number, text in enumerate(texts):
            archive.writestr(f"leads/{number}.csv", text)
    return packed.getvalue()


class TestShape:
    @pytest.mark.parametrize(
        "file",
        [
            FILE.encode(), FILE.replace("\n", "\r\n").encode(), FILE.encode("utf-8-sig"), FILE.encode("utf-16"),
            FILE.replace(",", ";").encode(), FILE.replace(",", "\t").encode(), FILE.replace(",", "|").encode(),
            gzip.compress(FILE.encode()), zipped(FILE), f"\n\n{HEADER}\n\n , ,\n{ROW}".encode(),
        ],
        ids=["plain", "crlf", "bom", "utf-16", "semicolons", "tabs", "bars", "gzip", "zip", "blank lines"],
    )  # fmt: skip
    def test_every_usual_file_gives_the_same_lead(self, file: bytes) -> None:
        """Encoding, line ends, delimiter and archive are nobody's business."""
        assert one(file) == ADA

    @pytest.mark.parametrize(
        "header",
        [
            "Lead ID,Created at,Lead form ID,Full name,Email", "LEAD_ID,CREATED_TIME,FORM_ID,FullName,E-Mail",
            " lead id , Submission Time ,leadFormId,full_name,email address", "Lead-Id,Timestamp,Form ID,Name,email",
        ],
    )  # fmt: skip
    def test_headers_may_be_spelled_in_many_ways(self, header: str) -> None:
        """Case, blanks and punctuation do not count."""
        assert one(f"{header}\n{ROW}") == ADA

    @pytest.mark.parametrize(
        "file",
        [
            zipped(FILE, "City,Lead ID\nOslo,8\n", "lead_id\n", ""),
            gzip.compress(FILE.encode()) + gzip.compress(b"8,,,Alan,alan@example.com\n"),
            gzip.compress(FILE.encode()) + gzip.compress(f"{HEADER}\n8,,,Alan,".encode()) + b"\0\0",
        ],
        ids=["zip of several tables", "gzip in two parts", "gzip of two tables"],
    )
    def test_an_archive_is_read_to_its_end(self, file: bytes) -> None:
        """Each file in a zip is a table of its own; the parts of a gzip are one."""
        found = read(file)
        assert found[0] == ADA
        assert [lead.lead_id for lead in found] == [ADA.lead_id, "8"]

    @pytest.mark.parametrize("delimiter", [";", "\t", "|"])
    def test_the_delimiter_is_the_one_that_leads_to_ids(self, delimiter: str) -> None:
        """A question may hold more commas than the file has columns."""
        question = "What, when, where and why, roughly?"
        rows = (("lead_id", "EMAIL", f'"{question}"'), ("1", "ada@example.com", "soon"))
        lead = one("\n".join(delimiter.join(row) for row in rows))
        assert (lead.lead_id, lead.answers) == ("1", {"EMAIL": "ada@example.com", question: "soon"})
        assert one(f"{delimiter.join(('Nr', 'a,b,c,d'))}\n7{delimiter}x", {"nr": "lead_id"}).lead_id == "7"

    def test_columns_may_stand_in_any_order(self) -> None:
        """Only names count."""
        assert one("EMAIL,lead_id\nada@example.com,7").answers == {"EMAIL": "ada@example.com"}

    def test_quoted_answers_keep_commas_quotes_and_lines(self) -> None:
        """A free text may hold anything."""
        lead = one('lead_id,"Anything, else?"\n7,"Yes, ""please"".\nSoon; or\tlater\u2028then"\n')
        assert lead.answers == {"Anything, else?": 'Yes, "please".\nSoon; or\tlater\u2028then'}

    def test_other_scripts_survive(self) -> None:
        """UTF-8, and what an older program writes."""
        assert one("lead_id,City\n7,Zürich 東京").answers == {"CITY": "Zürich 東京"}
        assert one("lead_id,City\n7,Zürich".encode("cp1252")).answers == {"CITY": "Zürich"}

    def test_short_and_long_rows_are_read_as_far_as_they_go(self) -> None:
        """A missing cell is no answer, one too many has no name."""
        short, long = read("lead_id,Email,City\n1,ada@example.com\n2,alan@example.com,Wilmslow,more")
        assert short.answers == {"EMAIL": "ada@example.com"}
        assert long.answers == {"EMAIL": "alan@example.com", "CITY": "Wilmslow"}

    @pytest.mark.parametrize("file", ["", "\n \n", "lead_id,EMAIL\n", "Somebody's column\n"])
    def test_a_file_without_rows_has_no_leads(self, file: str) -> None:
        """An ad that nobody answered."""
        assert read(file) == ()

    def test_rows_without_an_id_and_repeated_ids_are_left_out(self) -> None:
        """Of the same id the first counts."""
        leads = read("lead_id,City\n,Oslo\n7,Bergen\n7,Tromso\n ,Bodo")
        assert [(lead.lead_id, lead.answers) for lead in leads] == [("7", {"CITY": "Bergen"})]


class TestMeaning:
    def test_questions_become_their_types_and_others_keep_their_label(self) -> None:
        """As the webhook's answers are keyed."""
        header = "lead_id,First name,Last Name,Phone,Zip code,State,Date of birth,What is your budget?"
        lead = one(f"{header}\n7,Ada,Lovelace,+12125550123,10001,NY,1815-12-10,1000")
        assert lead.answers == {
            "FIRST_NAME": "Ada", "LAST_NAME": "Lovelace", "PHONE_NUMBER": "+12125550123", "ZIP_CODE": "10001",
            "STATE_PROVINCE": "NY", "DATE_OF_BIRTH": "1815-12-10", "What is your budget?": "1000",
        }  # fmt: skip

    def test_campaign_and_account_are_no_answers(self) -> None:
        """They say where the lead came from."""
        header = "lead_id,Campaign ID,Campaign name,Ad group,Ad ID,Ad name,Form name,Ad account ID,Version,City"
        lead = one(f"{header}\n7,62,Spring,Homeowners,687,Pin,Kitchen,111,v5,Oslo")
        assert lead.answers == {"CITY": "Oslo"}
        assert lead.facts == {
            "campaign_id": "62", "campaign_name": "Spring", "ad_group_name": "Homeowners", "ad_id": "687",
            "ad_name": "Pin", "form_name": "Kitchen",
        }  # fmt: skip

    def test_two_columns_that_mean_the_same_both_survive(self) -> None:
        """Neither answer may hide the other."""
        lead = one("lead_id,Email,Email address,Email address\n7,a@example.com,b@example.com,c@example.com")
        assert sorted(lead.answers.values()) == ["a@example.com", "b@example.com", "c@example.com"]
        assert lead.answers["EMAIL"] == "a@example.com"

    def test_a_column_without_a_name_is_kept(self) -> None:
        """By its place."""
        assert one("lead_id,,City\n7,hm,Oslo").answers == {"Column 2": "hm", "CITY": "Oslo"}

    def test_the_users_own_table_comes_first(self) -> None:
        """For ids, for questions, and for what shall be left out; spelled as loosely as ours."""
        columns = {"entry no": "lead_id", "Mail": "EMAIL", "City": "Where do you live?", "Internal": "ignore"}
        lead = one("Entry No,mail,City,Internal\n7,ada@example.com,Oslo,x", columns)
        assert lead.lead_id == "7"
        assert lead.answers == {"EMAIL": "ada@example.com", "Where do you live?": "Oslo"}

    @pytest.mark.parametrize("cell", ['="687195905986"', "'687195905986", " 687195905986 "])
    def test_ids_that_were_protected_from_a_spreadsheet_are_the_same_ids(self, cell: str) -> None:
        """They are the ledger's keys."""
        quoted = cell.replace('"', '""')
        assert one(f'lead_id,City\n"{quoted}",Oslo').lead_id == "687195905986"

    def test_an_id_that_is_none_is_hashed(self) -> None:
        """A wrong column must not bring a person's data into keys and logs."""
        assert one("lead_id,City\nada@example.com,Oslo").lead_id.startswith("hashed-")


class TestRefusals:
    def test_without_lead_ids_nothing_is_delivered(self) -> None:
        """What is there already would come again; the columns are named, and how to map one."""
        error = refused("Id,Email,City\n7,ada@example.com,Oslo")
        assert isinstance(error, Undeliverable)
        assert error.reason == "export_has_no_lead_ids"
        assert "Id, Email, City" in error.detail
        assert '"lead_id"' in error.detail
        assert "ada@example.com" not in str(error)

    @pytest.mark.parametrize(
        "row", ["Ada Lovelace,ada@example.com", "Ada Lovelace,+1 (212) 555-0123", "Ada Lovelace,687195905986"]
    )
    def test_a_first_line_that_is_a_lead_is_not_quoted(self, row: str) -> None:
        """A file without a header: its first line is a person."""
        error = refused(f"{row}\nAlan,alan@example.com")
        assert error.reason == "export_has_no_lead_ids"
        assert "Ada" not in str(error)
        assert "2 columns" in error.detail

    @pytest.mark.parametrize(
        "file",
        [
            b"<!DOCTYPE html><title>Log in</title>", b"\x1f\x8bnothing", b"PK\x03\x04nothing",
            gzip.compress(FILE.encode() * 9)[:-30], b'lead_id,City\n7,"' + b"x" * 200_000,
            gzip.compress(FILE.encode()) + gzip.compress(FILE.encode())[:9], zipped(),
        ],
        ids=["page", "gzip", "zip", "half a gzip", "open quote", "half a part of a gzip", "empty zip"],
    )  # fmt: skip
    def test_what_is_no_whole_table_is_asked_for_again(self, file: bytes) -> None:
        """Half a file must not pass for all of it."""
        error = refused(file)
        assert isinstance(error, TryAgain)
        assert error.reason == "pinterest_export_unreadable"

    def test_an_archive_of_more_than_20_mb_is_refused(self) -> None:
        """However small it is packed."""
        half = b"x" * (LARGEST_FILE // 2 + 1)
        assert refused(gzip.compress(half, 1) * 2).reason == "export_too_large"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in ("a", "b"):
                archive.writestr(name, half)
        assert refused(packed.getvalue()).reason == "export_too_large"

    @given(
        st.binary(max_size=300) | st.text(alphabet='ab,;"\n\r\t@7', max_size=80).map(lambda t: b"lead id," + t.encode())
    )
    def test_no_file_breaks_it(self, file: bytes) -> None:
        """Leads, or an error with a fate."""
        try:
            read(file)
        except LeadError:
            pass


class TestTime:
    @pytest.mark.parametrize(
        ("text", "seconds", "has_zone"),
        [
            ("1700000000", 1_700_000_000.0, True), ("1700000000000", 1_700_000_000.0, True),
            ("2023-11-14T22:13:20Z", 1_700_000_000.0, True), ("2023-11-14 22:13:20 UTC", 1_700_000_000.0, True),
            ("2023-11-14T17:13:20-05:00", 1_700_000_000.0, True), ("2023-11-14 22:13:20", 1_700_000_000.0, False),
            ("2023-11-14", 1_699_920_000.0, False), ("soon", None, False), ("", None, False), ("14/11/23", None, False),
        ],
    )  # fmt: skip
    def test_times_are_read_as_far_as_they_are_certain(self, text: str, seconds: float | None, has_zone: bool) -> None:
        """Epochs in both units, ISO 8601; a guess is marked as one."""
        assert moment(text) == (seconds, has_zone)

    @pytest.mark.parametrize(
        ("created", "is_in"),
        [
            ("2023-11-14T22:13:19Z", False), ("2023-11-14T22:13:20Z", True), ("2023-11-14T22:14:59Z", True),
            ("2023-11-14T22:15:00Z", False), ("2023-11-14 10:00", True), ("2023-11-12", False), ("unknown", True),
        ],
    )  # fmt: skip
    def test_a_lead_counts_when_it_was_left_in_the_span_or_may_have_been(self, created: str, is_in: bool) -> None:
        """From `since` until before `until`; a time without a zone is off by a day at most."""
        lead = one(f"lead_id,created_at\n7,{created}")
        assert lead.was_left(1_700_000_000.0, 1_700_000_100.0) is is_in
