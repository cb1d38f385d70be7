"""The Facebook sender: what it posts must be what Meta would post, to the byte."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.local import facebook_sender
from infra.local.facebook_sender import CannotSend, add_leads, encoded, example_lead, main, notification, send, signed
from infra.local.graph.examples import QUESTIONS, example_form, form_of
from infra.local.graph_sandbox import GraphSandbox

PAGE, APP_SECRET = "104857600000001", "test_app_secret"
VECTOR = (
    rb'{"object":"page","entry":[{"id":"153125381133","time":1438292065,"changes":[{"field":"leadgen","value":'
    rb'{"leadgen_id":"123123123123","page_id":"123123123","form_id":"12312312312",'
    rb'"note":"Jos\u00e9 \u00e4\u00f6\u00e5 a\/b"}}]}]}'
)
VECTOR_DIGEST = "5707d3bfe51d65d8960fdd5c4068f69000b5c354c55db3cbd154c4250dddd585"


class TestSignature:
    def test_the_known_vector(self) -> None:
        """Body and app secret of the facts give the digest of the facts."""
        assert signed(VECTOR, APP_SECRET)["X-Hub-Signature-256"] == f"sha256={VECTOR_DIGEST}"

    def test_bodies_are_written_as_meta_writes_them(self) -> None:
        """Reading the vector and writing it again gives the same bytes: escaped unicode, escaped slashes, no spaces."""
        assert encoded(json.loads(VECTOR)) == VECTOR


class TestNotification:
    def test_ids_alone_make_a_notification(self) -> None:
        """Numbers or texts; an id goes out as text, and no ad is named where none is known."""
        body = notification(["444", 555], page="1")
        [entry] = body["entry"]
        assert body["object"] == "page"
        assert entry["id"] == "1"
        assert [change["field"] for change in entry["changes"]] == ["leadgen"] * 2
        values = [change["value"] for change in entry["changes"]]
        assert [value["leadgen_id"] for value in values] == ["444", "555"]
        assert set(values[0]) == {"leadgen_id", "page_id", "created_time"}

    def test_what_the_sandbox_knows_of_a_lead_is_told_but_nothing_of_the_person(self) -> None:
        """Ids and the time the lead was left; never an answer."""
        lead = {**example_lead(), "id": "4", "form_id": "3", "created_time": "2026-11-21T12:00:00+0000"}
        [entry] = notification([lead], page="1")["entry"]
        assert entry["changes"][0]["value"] == {
            "adgroup_id": lead["ad_id"],
            "ad_id": lead["ad_id"],
            "created_time": 1_795_262_400,
            "leadgen_id": "4",
            "page_id": "1",
            "form_id": "3",
        }

    def test_leads_of_several_pages_share_a_post(self) -> None:
        """One entry a page."""
        leads = [{"id": str(number), "page_id": str(number % 3)} for number in range(9)]
        entries = notification(leads)["entry"]
        assert [(entry["id"], len(entry["changes"])) for entry in entries] == [("0", 3), ("1", 3), ("2", 3)]


class TestExamples:
    def test_an_example_answers_the_example_form(self) -> None:
        """Every question by its key, multiple choice by an option's key, and both consents."""
        lead, form = example_lead(), example_form(PAGE)
        assert [answer["name"] for answer in lead["field_data"]] == [question["key"] for question in QUESTIONS]
        [choice] = [question for question in form["questions"] if "options" in question]
        [answer] = [answer for answer in lead["field_data"] if answer["name"] == choice["key"]]
        assert answer["values"][0] in [option["key"] for option in choice["options"]]
        boxes = form["legal_content"]["custom_disclaimer"]["checkboxes"]
        assert [box["key"] for box in boxes] == [it["checkbox_key"] for it in lead["custom_disclaimer_responses"]]

    def test_numbered_examples_are_different_people(self) -> None:
        """1000 examples would become 1000 contacts: no e-mail and no phone occurs twice."""
        people = [{it["name"]: it["values"][0] for it in example_lead(number)["field_data"]} for number in range(1000)]
        for question in ("email", "phone_number"):
            assert len({person[question] for person in people}) == 1000


class Webhook(HTTPServer):
    """Remembers what is posted and answers 200 with a count."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.posts: list[tuple[bytes, str]] = []
        self.status = 200


class _Post(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((body, self.headers["X-Hub-Signature-256"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"accepted": 1}' if self.server.status == 200 else b"no")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def graph() -> Iterator[GraphSandbox]:
    with GraphSandbox({PAGE: "EAAG-one"}, app_secret=APP_SECRET) as sandbox:
        yield sandbox


class TestSend:
    def test_what_arrives_is_signed(self, webhook: Webhook) -> None:
        """The signature is over the very bytes that are sent, and holds by plain HMAC."""
        url = f"http://127.0.0.1:{webhook.server_address[1]}/webhooks/facebook/t"
        assert send(url, notification(["1"]), APP_SECRET) == (200, {"accepted": 1})
        [(body, signature)] = webhook.posts
        assert signature == "sha256=" + hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        webhook.status = 401
        assert send(url, VECTOR, "another") == (401, "no")
        assert webhook.posts[1][0] == VECTOR


class TestAddLeads:
    def test_nothing_goes_to_the_real_graph(self) -> None:
        """Only a sandbox on this machine is filled."""
        with pytest.raises(CannotSend, match="no sandbox on this machine"):
            add_leads("https://graph.facebook.com/v26.0", [example_lead()])

    def test_no_sandbox_is_a_sentence(self, webhook: Webhook) -> None:
        """Neither where nobody answers nor where somebody else does."""
        for port in (9, webhook.server_address[1]):
            with pytest.raises(CannotSend, match="no Graph sandbox at 127"):
                add_leads(f"http://127.0.0.1:{port}/v26.0", [example_lead()])


class TestCommand:
    @pytest.fixture
    def state_dir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: Webhook, graph: GraphSandbox) -> Path:
        """A running stack, as far as the sender looks at it."""
        url = f"http://127.0.0.1:{webhook.server_address[1]}/webhooks/facebook/t"
        stack = {"ready": True, "webhooks": {"facebook": url}, "graph_api_url": graph.url}
        (tmp_path / "stack.json").write_text(json.dumps(stack))
        secret = {"app_secret": APP_SECRET, "pages": {PAGE: {"token": "EAAG-one"}}}
        monkeypatch.setattr(facebook_sender, "_facebook_secret", lambda _: secret)
        return tmp_path

    def test_leads_are_made_and_announced(
        self, state_dir: Path, webhook: Webhook, graph: GraphSandbox, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Each in the Graph sandbox, all in one POST."""
        assert main(["--state-dir", str(state_dir), "--count", "3", "--first", "7", "--answer", "city=Salem"]) == 0
        assert "200" in capsys.readouterr().out
        leads = graph.leads()
        assert [lead["form_id"] for lead in leads] == [form_of(PAGE)] * 3
        assert {"name": "email", "values": ["zoe+7@example.com"]} in leads[0]["field_data"]
        assert {"name": "city", "values": ["Salem"]} in leads[0]["field_data"]
        [entry] = json.loads(webhook.posts[0][0])["entry"]
        assert [change["value"]["leadgen_id"] for change in entry["changes"]] == [lead["id"] for lead in leads]

    def test_leads_can_stay_unannounced(self, state_dir: Path, webhook: Webhook, graph: GraphSandbox) -> None:
        """For a reconciliation to find."""
        assert main(["--state-dir", str(state_dir), "--unannounced"]) == 0
        assert len(graph.leads()) == 1
        assert webhook.posts == []

    def test_print_gives_a_body_to_post(
        self, state_dir: Path, webhook: Webhook, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The very bytes, and nothing is sent."""
        assert main(["--state-dir", str(state_dir), "--print"]) == 0
        body = capsys.readouterr().out.strip().encode()
        assert encoded(json.loads(body)) == body
        assert webhook.posts == []

    def test_test_leads_hold_dummy_data(self, state_dir: Path, graph: GraphSandbox) -> None:
        """Every answer, and no ad."""
        assert main(["--state-dir", str(state_dir), "--test"]) == 0
        [lead] = graph.leads()
        assert all(answer["values"][0].startswith("<test lead: dummy data") for answer in lead["field_data"])
        assert "ad_id" not in lead
        assert lead["is_organic"] is True

    def test_a_refusal_is_1_and_nothing_to_send_to_is_2(
        self, state_dir: Path, tmp_path: Path, webhook: Webhook, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With a sentence where there is no stack."""
        webhook.status = 401
        assert main(["--state-dir", str(state_dir)]) == 1
        assert main(["--state-dir", str(tmp_path / "none")]) == 2
        assert "make run" in capsys.readouterr().err
