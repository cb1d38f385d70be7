"""The Pinterest sender and the payload files, proven with plain cryptography instead of our receiver."""

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.local import pinterest_sender
from infra.local.pinterest_sender import (
    EXAMPLE_ANSWERS,
    CannotSend,
    build_lead,
    example_answers,
    live_key,
    main,
)

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"
FILES = sorted((PAYLOADS / "pinterest").glob("*.json"))
KEY = bytes(range(32))
QUESTION_TYPES = {
    *(
        "FULL_NAME",
        "FIRST_NAME",
        "LAST_NAME",
        "EMAIL",
        "PHONE_NUMBER",
        "ZIP_CODE",
        "AGE",
        "GENDER",
        "COUNTRY",
    ),
    *("CITY", "STATE_PROVINCE", "ADDRESS", "DATE_OF_BIRTH", "PREFERRED_CONTACT_METHOD"),
}


def from_base64(text: str) -> bytes:
    bare = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def opened(lead: dict[str, Any], key: str | bytes) -> bytes:
    """The plaintext, or ValueError or InvalidTag."""
    parts = {name: from_base64(text) for name, text in lead["answers"].items()}
    if len(parts["tag"]) != 16:
        raise ValueError("the tag has not 16 bytes")
    aes = AESGCM(from_base64(key) if isinstance(key, str) else key)
    return aes.decrypt(parts["nonce"], parts["cipher_msg"] + parts["tag"], None)


def read(lead: dict[str, Any], key: str) -> dict[str, Any] | None:
    try:
        answers = json.loads(opened(lead, key))
    except (ValueError, InvalidTag, RecursionError):
        return None
    return answers if isinstance(answers, dict) else None


class TestBuildLead:
    def test_a_lead_opens_to_its_answers(self) -> None:
        """Ciphertext, 16-byte nonce and 16-byte tag in padded base64, as the documentation's sample."""
        lead = build_lead(EXAMPLE_ANSWERS, key=KEY)
        assert json.loads(opened(lead, KEY)) == EXAMPLE_ANSWERS
        assert [len(base64.b64decode(lead["answers"][name], validate=True)) for name in ("nonce", "tag")] == [
            16,
            16,
        ]

    def test_the_envelope_is_pinterests(self) -> None:
        """Exactly the documented members, all of them texts but the answers; the time in milliseconds."""
        lead = build_lead({}, key=KEY, created_at_ms=1_700_000_000_000)
        assert set(lead) == {
            *("advertiser_id", "lead_form_id", "ad_id", "ad_name", "campaign_id", "campaign_name"),
            *("ad_group_id", "ad_group_name", "lead_id", "created_at", "version", "answers"),
        }
        assert all(isinstance(value, str) for name, value in lead.items() if name != "answers")
        assert (lead["created_at"], lead["version"]) == ("1700000000000", "v5")
        assert lead["lead_id"].isdigit()

    def test_two_leads_share_neither_id_nor_nonce(self) -> None:
        """Each lead is fresh unless told otherwise."""
        one, two = build_lead({}, key=KEY), build_lead({}, key=KEY)
        assert one["lead_id"] != two["lead_id"]
        assert one["answers"]["nonce"] != two["answers"]["nonce"]

    def test_everything_can_be_given(self) -> None:
        """Ids, nonce size, test mark, and any member of the envelope; None leaves a member out."""
        lead = build_lead({}, key=KEY, account="1", form="2", lead_id="3", nonce_bytes=8, ad_name="x", ad_id=None)
        assert [lead[name] for name in ("advertiser_id", "lead_form_id", "lead_id", "ad_name")] == [*"123x"]
        assert "ad_id" not in lead
        assert len(base64.b64decode(lead["answers"]["nonce"])) == 8
        assert build_lead({}, key=KEY, test=True)["lead_id"] == "TEST_API"

    def test_bytes_are_encrypted_as_they_are(self) -> None:
        """So that a test can seal what is no JSON at all."""
        assert opened(build_lead(b"\xff{", key=KEY), KEY) == b"\xff{"


class TestExamples:
    def test_the_example_covers_every_question_type(self) -> None:
        """All question types, and one custom question."""
        assert set(EXAMPLE_ANSWERS) > QUESTION_TYPES
        assert len(EXAMPLE_ANSWERS) == len(QUESTION_TYPES) + 1

    def test_numbered_examples_are_different_people(self) -> None:
        """1000 examples would become 1000 contacts: no e-mail and no phone occurs twice."""
        people = [example_answers(number) for number in range(1000)]
        for question in ("EMAIL", "PHONE_NUMBER"):
            assert len({person[question] for person in people}) == 1000


class TestLiveKey:
    def subscription(self, key: bytes, **more: Any) -> dict[str, Any]:
        text = base64.b64encode(key).decode().rstrip("=")
        return {
            "ad_account_id": "1",
            "lead_form_id": None,
            "cryptographic_key": text,
            "retired_at": None,
            **more,
        }

    def test_the_forms_own_key_goes_before_the_accounts(self) -> None:
        """A form with a subscription of its own is sealed with that one's key, others with the account's."""
        secret = {
            "subscriptions": [
                self.subscription(bytes(32)),
                self.subscription(KEY, lead_form_id="2"),
                self.subscription(b"r" * 32, lead_form_id="3", retired_at="2026-01-01T00:00:00Z"),
            ]
        }
        assert live_key(secret, "1", "2") == KEY
        assert live_key(secret, "1", "3") == bytes(32)
        with pytest.raises(CannotSend, match="ad account 9"):
            live_key(secret, "9", "2")

    @pytest.mark.parametrize("text", ["", "A", "not base64 at all!", base64.b64encode(bytes(16)).decode(), None])
    def test_a_key_of_the_wrong_size_is_named(self, text: Any) -> None:
        """AES would take 16 bytes too, but Pinterest's keys have 32."""
        secret = {"subscriptions": [self.subscription(KEY, cryptographic_key=text)]}
        with pytest.raises(CannotSend, match="32 bytes"):
            live_key(secret, "1", "2")


class TestCommand:
    @pytest.fixture
    def state_dir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A running stack, as far as the sender looks at it."""
        stack = {"ready": True, "webhooks": {"pinterest": "http://127.0.0.1:1/webhooks/pinterest/t"}}
        (tmp_path / "stack.json").write_text(json.dumps(stack))
        secret = {
            "subscriptions": [
                {
                    "ad_account_id": pinterest_sender.ACCOUNT,
                    "cryptographic_key": base64.b64encode(KEY).decode(),
                }
            ]
        }
        monkeypatch.setattr(pinterest_sender, "_keys_secret", lambda _: secret)
        return tmp_path

    def test_print_gives_a_body_to_post(self, state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """--print sends nothing, and answers can be set by question."""
        arguments = ["--print", "--count", "2", "--answer", "CITY=Ur=Uruk", "--email", "x@example.com"]
        assert main(["--state-dir", str(state_dir), *arguments]) == 0
        people = [json.loads(opened(lead, KEY)) for lead in json.loads(capsys.readouterr().out)]
        assert [(p["CITY"], p["EMAIL"]) for p in people] == [("Ur=Uruk", "x@example.com")] * 2
        assert people[0]["PHONE_NUMBER"] != people[1]["PHONE_NUMBER"]

    @pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
    def test_the_answer_is_printed_and_decides_the_exit_code(
        self,
        state_dir: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        status: int,
        code: int,
    ) -> None:
        """0 only when the webhook took the leads."""
        sent: list[Any] = []

        def record(*delivery: Any) -> tuple[int, dict[str, int]]:
            sent.append(delivery)
            return status, {"n": 1}

        monkeypatch.setattr(pinterest_sender, "send", record)
        assert main(["--state-dir", str(state_dir), "--test"]) == code
        ((url, (lead,)),) = sent
        assert url.endswith("/webhooks/pinterest/t")
        assert lead["lead_id"] == "TEST_API"
        assert capsys.readouterr().out.startswith(f'{status} {{"n": 1}}')

    def test_without_a_stack_one_sentence_says_what_to_do(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """No stack.json, or half of one, is no traceback."""
        for text in (None, "{", '{"ready": false}'):
            if text:
                (tmp_path / "stack.json").write_text(text)
            assert main(["--state-dir", str(tmp_path)]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert "make run" in line

    def test_a_webhook_that_does_not_answer(self, state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A stack that died is named as such."""
        assert main(["--state-dir", str(state_dir)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "make run" in line


class TestPayloads:
    def test_there_is_a_file_for_everything_to_be_shown(self) -> None:
        """Both makers are represented, and an e-mail is never a real person's."""
        names = {file.stem for file in FILES}
        assert len(names) >= 28
        assert len([name for name in names if name.startswith("node_made_")]) >= 5

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_a_file_opens_to_the_answers_it_states(self, file: Path) -> None:
        """Every lead whose answers are given opens to them; no other does."""
        content = json.loads(file.read_text())
        body = content["body"]
        leads = body if isinstance(body, list) else [body]
        if file.stem == "deeply_nested_answer":  # how deep Python reads depends on its version
            assert opened(leads[0], content["key"]).count(b"[") == 10_000
            return
        assert [read(lead, content["key"]) for lead in leads] == content["answers"]
        for answers in content["answers"]:
            assert answers is None or answers["EMAIL"].endswith("@example.com")

    @pytest.mark.parametrize(
        ("name", "sign", "there"),
        [
            ("base64_unpadded", "=", False),
            ("base64_url_safe", "-", True),
            ("base64_url_safe", "_", True),
            ("base64_url_safe", "+", False),
            ("base64_with_line_breaks", "\r\n", True),
        ],
    )
    def test_the_spellings_are_really_there(self, name: str, sign: str, there: bool) -> None:
        """A file named for a spelling of base64 is no good without it."""
        body = json.loads((PAYLOADS / "pinterest" / f"{name}.json").read_text())["body"]
        assert any(sign in text for lead in body for text in lead["answers"].values()) is there

    def test_the_truncated_tag_is_a_true_one_cut_short(self) -> None:
        """Some ciphers accept it, so refusing it takes a check of its length."""
        content = json.loads((PAYLOADS / "pinterest" / "truncated_tag.json").read_text())
        (lead,) = content["body"]
        assert len(from_base64(lead["answers"]["tag"])) == 12
        with pytest.raises(ValueError, match="16 bytes"):
            opened(lead, content["key"])

    def test_the_python_made_files_are_what_their_script_makes(self) -> None:
        """A file changed by hand, or a script changed without running it, is found out."""
        spec = importlib.util.spec_from_file_location("maker", PAYLOADS / "make_pinterest_payloads.py")
        assert spec is not None
        assert spec.loader is not None
        maker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(maker)
        made = {name: maker.written(content) for name, content in maker.payloads()}
        kept = {file.stem: file.read_text() for file in FILES if not file.stem.startswith("node_made_")}
        assert made == kept
