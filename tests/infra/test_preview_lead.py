"""The preview of a lead: what it shows is what a delivery would send, and nothing is sent."""

import json
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest

from infra.lead_file import CannotPreview, leads_in
from infra.preview_lead import main, preview, show
from leads.core.lead import Lead
from leads.core.routes import RouteTable, parse_routes
from leads.sources import REGISTRY
from tests.leads_made import ACCOUNT, KEY, keys_secret, lead

LOCATION = "ve9EPM428h8vShlRW1KT"
NOW = 1_795_167_060.0
ADA = {"FULL_NAME": "Ada Lovelace", "EMAIL": "ada@example.com", "Budget?": "over 10"}


def table(more: str = "", *, head: str = "") -> RouteTable:
    return parse_routes(tomllib.loads(f'{head}\n[[routes]]\nname = "All"\nlocation = "{LOCATION}"\n{more}'))


def plain(tmp_path: Path, item: Any) -> list[Lead]:
    file = tmp_path / "lead.json"
    file.write_text(item if isinstance(item, str) else json.dumps(item), "utf-8")
    return leads_in(file, None)


def ada(tmp_path: Path, **changes: Any) -> Lead:
    [found] = plain(tmp_path, {"account": ACCOUNT, "lead_id": "7", "answers": ADA} | changes)
    return found


def bodies(shown: dict[str, Any], end: str) -> list[Any]:
    return [request["body"] for request in shown["requests"] if request["path"].endswith(end)]


class TestWhatItShows:
    def test_every_request_in_the_order_of_the_steps(self, tmp_path):
        """Tags, note and tasks go out side by side; the preview shows them the same way every time."""
        tasks = "".join(f'[[routes.tasks]]\ntitle = "Task {number}"\n' for number in range(8))
        routes = table('tags = ["a"]\n' + tasks)
        for _ in range(5):
            shown = preview(ada(tmp_path), routes, now=NOW)
            ends = [request["path"].partition("?")[0].rpartition("/")[2] for request in shown["requests"]]
            assert ends == ["duplicate", "upsert", "tags", "notes", *["tasks"] * 8]
            assert [body["title"] for body in bodies(shown, "/tasks")] == [f"Task {number}" for number in range(8)]

    def test_custom_fields_are_taken_to_exist_those_of_a_stage_too(self, tmp_path):
        """The CRM is not asked, so nothing is said to be missing there."""
        routes = table(
            'stage = "lead"\n[routes.custom_fields]\n"contact.budget" = "Budget?"\n',
            head='[defaults]\nstage_as = "custom_field:contact.stage"',
        )
        shown = preview(ada(tmp_path), routes, now=NOW)
        [upsert] = bodies(shown, "/upsert")
        assert upsert["customFields"] == [
            {"id": "contact.budget", "field_value": "over 10"},
            {"id": "contact.stage", "field_value": "lead"},
        ]
        [note] = bodies(shown, "/notes")
        assert "Not taken over" not in note["body"]

    def test_times_count_from_when_the_lead_was_left(self, tmp_path):
        """A time without a zone is in UTC, wherever the command runs."""
        routes = table('[[routes.tasks]]\ntitle = "Call"\ndue_in = "2h"')
        for left in ("2026-11-20T09:30:00", "2026-11-20T10:30:00+01:00", "1795167000000", 1_795_167_000_000):
            [task] = bodies(preview(ada(tmp_path, created_at=left), routes, now=NOW), "/tasks")
            assert task["dueDate"] == "2026-11-20T11:30:00.000Z"

    def test_a_lead_that_would_not_be_delivered_is_told_with_the_reason(self, tmp_path):
        """No route takes it, its route does not want it, or nothing in it fits a contact."""
        reasons = [
            (table('form = "1"'), {}, ("no_route", "")),
            (table('only_if = [{ answer = "COUNTRY", equals = "US" }]'), {}, ("", "filtered_out")),
            (table('tests = "ignore"'), {"lead_id": "TEST_API"}, ("", "test_lead")),
            (table(), {"answers": {"AGE": "36"}}, ("no_usable_answer", "")),
        ]
        for routes, changes, reason in reasons:
            shown = preview(ada(tmp_path, **changes), routes, now=NOW)
            assert (shown["problem"], shown["ignored"], shown["requests"]) == (*reason, [])

    def test_consents_and_what_follows_from_them(self, tmp_path):
        """With when they were given, and the channels on which nobody may write or call."""
        consents = [
            {"key": "sms", "text": "You may send me text messages.", "given": False},
            {"key": "email", "text": "You may send me e-mails.", "given": True, "at": "2026-11-20T09:30:00Z"},
        ]
        routes = table('[[routes.dnd_rules]]\nwhen = { answer = "consent:sms", not = "yes" }\nchannels = ["SMS"]')
        shown = preview(ada(tmp_path, consents=consents), routes, now=NOW)
        assert bodies(shown, "/upsert")[0]["dndSettings"] == {"SMS": {"status": "active"}}
        assert (
            "Consent:\nnot given: You may send me text messages.\n"
            "given 2026-11-20 09:30 UTC: You may send me e-mails.\n"
        ) in bodies(shown, "/notes")[0]["body"]

    def test_national_ids_are_masked_wherever_they_would_go(self, tmp_path):
        """The screen of whoever writes routes is no place for them; the rest stays readable."""
        answers = ADA | {"ID_CPF": "123.456.789-09", "ID_AR_DNI": ["1", "30123456"]}
        routes = table(
            'note = "{answers}"\n[routes.custom_fields]\n"contact.cpf" = "ID_CPF"\n'
            '[[routes.tasks]]\ntitle = "Check {ID_CPF}"'
        )
        text = json.dumps(preview(ada(tmp_path, answers=answers), routes, now=NOW)["requests"])
        assert "456" not in text
        assert text.count("************09") == 3
        assert "******56" in text
        assert "over 10" in text

    def test_records_of_another_location_with_their_notes_and_tasks(self, tmp_path):
        """As they would arrive, each by itself; what the route does not copy is told as ignored."""
        routes = table('copies = ["contacts", "notes", "tasks"]\ntags = ["{TAGS}"]')
        record = {"source": "leadconnector", "account": "other", "answers": ADA | {"TAGS": ["vip", "hot"]}}
        [contact] = plain(tmp_path, record | {"form": "contacts"})
        assert bodies(preview(contact, routes, now=NOW), "/tags") == [{"tags": ["vip", "hot"]}]
        [note] = plain(tmp_path, record | {"form": "notes", "lead_id": "note-1", "copied": {"text": "Called."}})
        assert bodies(preview(note, routes, now=NOW), "/notes") == [
            {"body": "Called.\n\nlead ref: leadconnector/note-1"}
        ]
        copied = {"title": "Send offer", "due_at": "2026-11-22T09:00:00Z", "completed": True}
        [task] = plain(tmp_path, record | {"form": "tasks", "copied": copied})
        [sent] = bodies(preview(task, routes, now=NOW), "/tasks")
        assert (sent["title"], sent["dueDate"], sent["completed"]) == ("Send offer", "2026-11-22T09:00:00.000Z", True)
        assert preview(task, table('copies = ["contacts"]'), now=NOW)["ignored"] == "not_copied"

    @pytest.mark.parametrize("source", REGISTRY)
    def test_a_lead_of_any_source_under_the_name_of_the_source(self, source, tmp_path):
        """As the contact would say where it came from."""
        shown = preview(ada(tmp_path, source=source), table(), now=NOW)
        assert bodies(shown, "/upsert")[0]["source"] not in ("", source)

    def test_what_pinterest_would_be_told(self, tmp_path):
        """Of the person only which identifiers there are; and of what it would hear later."""
        routes = table(
            '[routes.conversions]\nwon = "checkout"\n'
            'delivered = { event = "lead", value = "25", currency = "usd", order_id = "{lead_id}" }'
        )
        told = preview(ada(tmp_path, created_at=1_795_167_000_000), routes, now=NOW)["conversion"]
        event = told["event"]
        assert (told["why_not"], told["later"], event["name"]) == ("", ["won"], "lead")
        assert (event["action_source"], event["at"]) == ("offline", "2026-11-20 09:30 UTC")
        assert (event["value"], event["currency"], event["order_id"]) == ("25", "USD", "7")
        assert event["identifiers"] == ["em", "fn", "ln"]
        assert preview(ada(tmp_path), table(), now=NOW)["conversion"] is None

    @pytest.mark.parametrize(
        ("changes", "conversions", "why_not"),
        [
            ({"source": "facebook"}, 'delivered = "lead"', "other_source"),
            ({"lead_id": "TEST_API"}, 'delivered = "lead"', "test_lead"),
            ({"account": "mine"}, 'delivered = "lead"', "bad_account"),
            ({"answers": {"FULL_NAME": "Ada"}}, 'delivered = "lead"', "no_identifier"),
            ({}, 'won = "checkout"', "only_later"),
        ],
    )
    def test_why_pinterest_would_be_told_nothing(self, tmp_path, capsys, changes, conversions, why_not):
        """As a code, and in a sentence."""
        routes = table(f"[routes.conversions]\n{conversions}")
        shown = preview(ada(tmp_path, **changes), routes, now=NOW)
        assert shown["conversion"]["why_not"] == why_not
        show(shown)
        [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Pinterest")]
        assert line.startswith("Pinterest would be told nothing: ")

    def test_nothing_is_sent(self, tmp_path, monkeypatch):
        """No connection is opened, to nobody."""

        def refuse(*_: Any, **__: Any) -> None:
            raise AssertionError("a connection was opened")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        assert preview(ada(tmp_path), table('tags = ["a"]'), now=NOW)["requests"]


class TestWhatItReads:
    def test_a_sealed_delivery_is_opened_with_the_keys_given(self, tmp_path):
        """All its leads, with the account of the key."""
        (tmp_path / "keys.json").write_text(json.dumps(keys_secret(KEY)), "utf-8")
        (tmp_path / "delivery.json").write_text(json.dumps([lead("Ada"), lead("Grace")]), "utf-8")
        found = leads_in(tmp_path / "delivery.json", tmp_path / "keys.json")
        assert [each.answers["FULL_NAME"] for each in found] == ["Ada", "Grace"]
        assert {each.account for each in found} == {ACCOUNT}

    def test_a_sealed_lead_without_keys_says_where_keys_come_from(self, tmp_path, monkeypatch):
        """Neither given nor those of a stack that is running."""
        monkeypatch.setenv("STATE_DIR", str(tmp_path / "nothing"))
        with pytest.raises(CannotPreview, match="--keys"):
            plain(tmp_path, lead())

    def test_a_lead_of_graph_in_the_words_of_its_form(self, tmp_path):
        """As `GET /{lead}` shows it, with the form beside it."""
        form = {
            "name": "Kitchens",
            "questions": [
                {"key": "mail", "type": "WORK_EMAIL", "label": "Work e-mail"},
                {"key": "b", "type": "CUSTOM", "label": "Budget?", "options": [{"key": "k1", "value": "over 10"}]},
            ],
            "legal_content": {"custom_disclaimer": {"checkboxes": [{"key": "sms", "text": "You may text me."}]}},
        }
        item = {
            "id": "99", "page_id": 555, "form_id": "777", "created_time": "2026-11-20T09:30:00+0000", "form": form,
            "field_data": [{"name": "mail", "values": ["ada@example.com"]}, {"name": "b", "values": ["k1"]}],
            "custom_disclaimer_responses": [{"checkbox_key": "sms", "is_checked": ""}], "is_organic": True,
        }  # fmt: skip
        [found] = plain(tmp_path, item)
        assert (found.source, found.account, found.form, found.lead_id) == ("facebook", "555", "777", "99")
        [note] = bodies(preview(found, table(), now=NOW), "/notes")
        assert "Form: Kitchens (777)\nOrganic: yes\nLeft: 2026-11-20 09:30 UTC\n\n" in note["body"]
        assert "Budget?: over 10\n\nConsent:\nnot given: You may text me.\n" in note["body"]

    def test_a_contact_of_the_crm(self, tmp_path):
        """As `GET /contacts/{id}` shows it, or a webhook."""
        record = {
            "id": "c1", "locationId": "other", "firstName": "Ada", "email": "ada@example.com", "tags": ["vip"],
            "dateAdded": "2026-11-20T09:30:00.000Z",
        }  # fmt: skip
        [found] = plain(tmp_path, record)
        assert (found.source, found.account, found.form, found.lead_id) == ("leadconnector", "other", "contacts", "c1")
        shown = preview(found, table('tags = ["{TAGS}"]'), now=NOW)
        assert bodies(shown, "/upsert")[0]["firstName"] == "Ada"
        assert bodies(shown, "/tags") == [{"tags": ["vip"]}]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("{", "is not JSON"),
            ("[]", "there is no lead in it"),
            ("[1]", 'an object with "answers"'),
            ('{"questions": []}', 'an object with "answers"'),
            ('{"answers": ["Ada"]}', 'an object with "answers"'),
            ('{"answers": {}, "source": "nobody"}', "unknown source 'nobody'; there is pinterest"),
            ('{"answers": {}, "created_at": "yesterday"}', "created_at is milliseconds"),
            ('{"answers": {}, "created_at": []}', "created_at is milliseconds"),
            ('{"answers": {}, "consents": {"sms": true}}', '"consents" is a list of'),
            ('{"answers": {}, "consents": [{"key": "sms"}]}', '"consents" is a list of'),
            ('{"answers": {}, "consents": [{"key": "sms", "given": "yes"}]}', '"consents" is a list of'),
            ('{"answers": {}, "copied": "Hello"}', '"copied" is a note'),
            ('{"answers": {}, "copied": {"title": 5}}', '"copied" is a note'),
        ],
    )
    def test_an_unusable_file_is_named_with_what_is_wrong(self, tmp_path, content, said):
        """In one sentence."""
        with pytest.raises(CannotPreview) as caught:
            plain(tmp_path, content)
        assert str(caught.value).startswith(str(tmp_path / "lead.json"))
        assert said in str(caught.value)


class TestTheCommand:
    def run(self, tmp_path: Path, *options: str, routes: str = "", item: Any = None) -> int:
        (tmp_path / "routes.toml").write_text(routes or f'[[routes]]\nname = "All"\nlocation = "{LOCATION}"\n', "utf-8")
        content = {"lead_id": "7", "answers": ADA} if item is None else item
        (tmp_path / "lead.json").write_text(json.dumps(content), "utf-8")
        return main([str(tmp_path / "lead.json"), "--routes", str(tmp_path / "routes.toml"), *options])

    def test_it_prints_requests_as_they_are(self, tmp_path, capsys):
        """Long lines stay whole, and what looks like a colour, a smiley or a link to a terminal is only text."""
        odd = {"FULL_NAME": "[bold]Ada[/bold] :smile:", "EMAIL": f"{'a' * 60}@{'b' * 60}.example.com"}
        routes = f'[[routes]]\nname = "[red]All[/]"\nlocation = "{LOCATION}"\n'
        assert self.run(tmp_path, routes=routes, item={"lead_id": "7", "answers": odd}) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"Lead 7: route [red]All[/], location {LOCATION}\n")
        assert "\n  name: [bold]Ada[/bold] :smile:\n" in out
        assert f"\n  email: {'a' * 60}@{'b' * 60}.example.com\n" in out
        assert "\nPOST /contacts/CONTACT_ID/notes\n" in out

    def test_it_prints_what_pinterest_would_be_told(self, tmp_path, capsys):
        """Below the requests, without a word of the person."""
        routes = (
            f'[[routes]]\nname = "All"\nlocation = "{LOCATION}"\n[routes.conversions]\n'
            'delivered = { event = "lead", value = 25, currency = "USD" }\n"stage:qualified" = "qualified_lead"\n'
        )
        item = {"account": ACCOUNT, "lead_id": "7", "answers": ADA, "created_at": "2026-11-20T09:30:00Z"}
        assert self.run(tmp_path, routes=routes, item=item) == 0
        _, _, told = capsys.readouterr().out.partition("\nPinterest would be told: ")
        head, at, *rest = told.splitlines()
        assert (head, at.partition(":")[0]) == ("lead (offline)", "  at")
        assert rest == ["  value: 25 USD", "  identifiers: em, fn, ln", "  It would hear later of: stage:qualified"]

    def test_it_prints_json_on_request(self, tmp_path, capsys):
        """One object a lead, for programs."""
        assert self.run(tmp_path, "--json", item=[{"answers": ADA}, {"answers": ADA}]) == 0
        shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [each["route"] for each in shown] == ["All", "All"]
        assert shown[0]["requests"][1]["body"]["email"] == "ada@example.com"

    def test_it_says_in_one_sentence_why_it_cannot(self, tmp_path, capsys):
        """And ends with an error."""
        assert self.run(tmp_path, routes="[[routes]]\nname = 'a'\n") == 1
        assert capsys.readouterr().err == "routes.toml: route 1 (a): `location` is missing; it is required\n"
        assert self.run(tmp_path, "--keys", str(tmp_path / "lead.json"), item=lead()) == 1
        assert "cannot_decrypt" in capsys.readouterr().err

    def test_it_says_what_would_become_of_a_lead_that_is_not_delivered(self, tmp_path, capsys):
        """In words that the README explains."""
        self.run(tmp_path, routes=f'[[routes]]\nname = "All"\nlocation = "{LOCATION}"\nform = "1"\n')
        self.run(tmp_path, item={"answers": {"AGE": "36"}})
        out = capsys.readouterr().out
        assert "(no_route)" in out
        assert "(no_usable_answer)" in out
