"""The LeadConnector sender: events and signatures proven with plain cryptography, and what its command sends where."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.local import leadconnector_sender as sender
from infra.local.contacts_sandbox import DEFAULT_LOCATION, ContactsSandbox
from infra.local.sandbox.web import Answer, Call, LoopbackServer

HERE = DEFAULT_LOCATION
SECRET = {"locations": [HERE], "workflow_secret": "shared"}
CONTACT = {"id": "c1", "firstName": "Ada", "email": "ada@example.com", "phone": "", "tags": [], "gender": "female"}


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[Call]]]:
    """A front door that accepts everything and keeps it."""
    calls: list[Call] = []
    server = LoopbackServer(0, lambda call: calls.append(call) or Answer(200, {"accepted": 1}), "front door")
    server.start()
    yield f"{server.url}/webhooks/leadconnector/t", calls
    server.stop()


@pytest.fixture
def crm() -> Iterator[ContactsSandbox]:
    with ContactsSandbox(tokens={"pit": HERE}) as sandbox:
        yield sandbox


@pytest.fixture
def state_dir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: tuple[str, list[Call]], crm: ContactsSandbox
) -> Path:
    """A running stack, as far as the sender looks at it."""
    stack = {"ready": True, "webhooks": {"leadconnector": webhook[0]}, "contacts_api_url": crm.url}
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    monkeypatch.setattr(sender, "_leadconnector_secret", lambda stack: SECRET)
    return tmp_path


def run(state_dir: Path, *arguments: str) -> int:
    return sender.main(["--state-dir", str(state_dir), *arguments])


class TestEvent:
    def test_an_event_shows_what_its_page_lists_and_nothing_empty(self) -> None:
        """Of a contact neither gender nor an empty phone; two events of one record have two webhookIds."""
        first, second = (sender.event("ContactCreate", HERE, CONTACT) for _ in range(2))
        shown = {key: first[key] for key in first if key not in ("timestamp", "webhookId", "versionId", "appId")}
        assert shown == {"type": "ContactCreate", "locationId": HERE, "id": "c1", "firstName": "Ada"} | {
            "email": "ada@example.com"
        }
        assert first["webhookId"] != second["webhookId"]

    def test_an_event_that_does_not_exist_is_an_error(self) -> None:
        """A typo in a test is no event."""
        with pytest.raises(KeyError):
            sender.event("ContactCreated", HERE, CONTACT)

    def test_a_signature_covers_the_very_bytes(self) -> None:
        """Ed25519 in padded base64, under the vendor's header."""
        key, body = Ed25519PrivateKey.generate(), b'{"type":"ContactCreate" }'
        headers = sender.signed(body, key)
        key.public_key().verify(base64.b64decode(headers["X-GHL-Signature"], validate=True), body)

    def test_other_numbers_are_other_people(self) -> None:
        """With an e-mail and an E.164 phone of their own, so that nobody is taken for somebody else."""
        people = [sender.example_contact(number) for number in range(3)]
        assert len({person["email"] for person in people}) == len({person["phone"] for person in people}) == 3
        assert all(person["phone"].startswith("+1") and len(person["phone"]) == 12 for person in people)


class TestCommand:
    def test_it_makes_contacts_in_the_source_location(
        self, state_dir: Path, crm: ContactsSandbox, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Each another person, with the note and the task asked for; the sandbox does the telling."""
        assert run(state_dir, "--count", "2", "--email", "first@example.com", "--note", "called", "--task", "Call") == 0
        first, second = crm.contacts()
        assert (first["locationId"], first["email"]) == (HERE, "first@example.com")
        assert second["email"] != first["email"]
        assert ([n["body"] for n in first["notes"]], [t["title"] for t in second["tasks"]]) == (["called"], ["Call"])
        assert capsys.readouterr().out.count("201 ") == 2

    def test_a_field_of_the_contact_can_be_given(self, state_dir: Path, crm: ContactsSandbox) -> None:
        """What the CRM would not take is refused there, and the exit code says so."""
        assert run(state_dir, "--field", "city=Paris", "--location", "elsewhere") == 0
        assert (crm.contacts()[0]["city"], crm.contacts()[0]["locationId"]) == ("Paris", "elsewhere")
        assert run(state_dir, "--field", "nickname=A") == 1
        assert len(crm.contacts()) == 1

    def test_a_workflow_posts_without_a_signature(self, state_dir: Path, webhook: tuple[str, list[Call]]) -> None:
        """Our own header holds the secret, the URL the location, the body the few fields a workflow sends."""
        assert run(state_dir, "--workflow") == 0
        [call] = webhook[1]
        assert call.headers["x-leadrelay-secret"] == "shared"
        assert "x-ghl-signature" not in call.headers
        assert call.query == {"location": HERE}
        assert set(call.json()) == {"name", "email", "phone", "tags"}
        assert "shared" not in call.path + call.text

    @pytest.mark.parametrize(
        ("secret", "arguments", "said"),
        [
            ({}, [], "--location"),
            ({"locations": [HERE]}, ["--workflow"], "workflow_secret"),
        ],
    )
    def test_what_is_missing_in_the_secret_is_said(
        self,
        state_dir: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        secret: dict[str, Any],
        arguments: list[str],
        said: str,
    ) -> None:
        """One sentence and exit code 2."""
        monkeypatch.setattr(sender, "_leadconnector_secret", lambda stack: secret)
        assert run(state_dir, *arguments) == 2
        assert said in capsys.readouterr().err

    def test_a_crm_that_is_no_sandbox_is_said(
        self, state_dir: Path, webhook: tuple[str, list[Call]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A stricter emulator has no such side; nothing can be made there from here."""
        server = LoopbackServer(0, lambda call: Answer(404, {"message": "Cannot POST"}), "other CRM")
        server.start()
        stack = json.loads((state_dir / "stack.json").read_text()) | {"contacts_api_url": server.url}
        (state_dir / "stack.json").write_text(json.dumps(stack))
        assert run(state_dir) == 2
        assert "not the built-in sandbox" in capsys.readouterr().err
        server.stop()
        assert run(state_dir) == 2

    def test_without_a_stack_one_sentence_says_what_to_do(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """No stack.json is no traceback."""
        assert run(tmp_path) == 2
        assert "make run" in capsys.readouterr().err
