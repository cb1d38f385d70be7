"""Writes tests/payloads/pinterest/*.json: Pinterest deliveries with fixed keys, each named for what it shows.

Run from the root as `python -m tests.payloads.make_pinterest_payloads`; the same files come out every time.
Those whose name begins with node_made_ come from make_pinterest_payloads.mjs beside it.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from infra.local.pinterest_sender import EXAMPLE_ANSWERS, build_lead

FOLDER = Path(__file__).parent / "pinterest"
CREATED_AT_MS = 1_700_000_000_000
NESTING = 10_000

ADA = {
    "FULL_NAME": "Ada Lovelace",
    "EMAIL": "ada@example.com",
    "PHONE_NUMBER": "(212) 555-0123",
    "COUNTRY": "US",
    "What is your budget?": "1000",
}
GRACE = {"FULL_NAME": "Grace Hopper", "EMAIL": "grace@example.com", "PHONE_NUMBER": "+1 617 555 0142"}
MARY = {"FIRST_NAME": "Mary", "LAST_NAME": "Shelley", "EMAIL": "mary@example.com", "COUNTRY": "GB"}
SCRIPTS = {
    "FULL_NAME": "山田 花子",
    "EMAIL": "hanako@example.com",
    "CITY": "القاهرة",
    "ご予算はいくらですか？": "10万円",
    "ما هي ميزانيتك؟": "١٠٠٠ جنيه",
    "Anything else?": "Thank you 🙏🏽 👩‍👩‍👧 ñ",
}
MIXED = {
    "EMAIL": "ada@example.com",
    "AGE": 28,
    "What is your budget?": 1000.5,
    "Which rooms?": ["Kitchen", "Bath"],
    "May we call you?": True,
    "Anything else?": None,
    "Which colours?": [],
}

Payload = dict[str, Any]


def key_of(name: str) -> bytes:
    """The file's own key: fixed, and never one that seals anything real."""
    return hashlib.sha256(f"test key of {name}".encode()).digest()


def sealed(name: str, answers: Any, at: int = 0, *, key: bytes | None = None, **more: Any) -> Payload:
    """Lead number `at` of the file, with a nonce and an id that follow from the file's name."""
    digest = hashlib.shake_256(f"{name} {at}".encode()).digest(256)
    size = more.pop("nonce_bytes", 16)
    more.setdefault("lead_id", str(680_000_000_000 + int.from_bytes(digest[-4:])))
    return build_lead(answers, key=key or key_of(name), nonce=digest[:size], created_at_ms=CREATED_AT_MS + at, **more)


def payload(name: str, about: str, people: list[Any], **more: Any) -> Payload:
    leads = [sealed(name, person, at, **more) for at, person in enumerate(people)]
    return {"about": about, "key": base64.b64encode(key_of(name)).decode(), "body": leads, "answers": people}


def respelled(file: Payload, about: str, spell: Callable[[str], str]) -> Payload:
    """The same leads with each base64 text of their answers written differently."""
    for lead in file["body"]:
        lead["answers"] = {name: spell(text) for name, text in lead["answers"].items()}
    return {**file, "about": about}


def url_safe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")


def broken_lines(text: str) -> str:
    """Lines of 20 characters, so that even a nonce and a tag are broken; both kinds of line end occur."""
    lines = [text[at : at + 20] for at in range(0, len(text), 20)]
    return "\r\n".join(lines[:2]) + "".join(f"\n{line}" for line in lines[2:]) + "\n"


def tag_cut(lead: Payload, size: int) -> Payload:
    tag = base64.b64decode(lead["answers"]["tag"])[:size]
    return {**lead, "answers": {**lead["answers"], "tag": base64.b64encode(tag).decode()}}


def payloads() -> Iterator[tuple[str, Payload]]:
    """Each file's name and content; an answer of null marks a lead that must not, or need not, be read."""
    plain = [
        ("one_lead", "The commonest delivery: an array of one.", [ADA]),
        ("all_question_types", "Every question type, and a custom question.", [dict(EXAMPLE_ANSWERS)]),
        ("two_leads", "Two people in one delivery.", [ADA, GRACE]),
        ("answers_in_other_scripts", "Japanese, Arabic and emoji, in questions and answers.", [SCRIPTS]),
        ("answers_as_numbers_and_lists", "Answers that are not texts.", [MIXED]),
        (
            "birthday_without_year",
            "A birth date as Pinterest's own sample has it.",
            [{**MARY, "DATE_OF_BIRTH": "12 January"}],
        ),
        ("empty_array", "A delivery of nothing.", []),
    ]
    for name, about, people in plain:
        yield name, payload(name, about, people)

    for size in (12, 8, 128):
        name = f"nonce_of_{size}_bytes"
        yield name, payload(name, f"The nonce has {size} bytes instead of 16.", [ADA], nonce_bytes=size)

    name = "test_lead"
    yield name, payload(name, "A lead of Pinterest's test call: its id is TEST_API.", [ADA], test=True)

    name = "single_object_without_array"
    one = payload(name, "A lead that no array surrounds.", [ADA])
    yield name, {**one, "body": one["body"][0]}

    spellings: list[tuple[str, str, Callable[[str], str]]] = [
        ("base64_unpadded", "Base64 without its = signs.", lambda text: text.rstrip("=")),
        ("base64_url_safe", "Base64 with - and _ for + and /.", url_safe),
        ("base64_with_line_breaks", "Base64 broken into lines, some ended by CR LF.", broken_lines),
    ]
    for name, about, spell in spellings:
        yield name, respelled(payload(name, "", [ADA, GRACE]), about, spell)

    name = "key_unpadded"
    file = payload(name, "The key's base64 lacks its = sign.", [ADA])
    yield name, {**file, "key": file["key"].rstrip("=")}

    name = "truncated_tag"
    file = payload(name, "A true tag cut to 12 bytes: OpenSSL would take it, a receiver must not.", [ADA])
    yield name, {**file, "body": [tag_cut(file["body"][0], 12)], "answers": [None]}

    name = "wrong_key"
    yield (
        name,
        {
            **payload(name, "Sealed with a key that is not the one given here.", [ADA], key=key_of("another")),
            "answers": [None],
        },
    )

    name = "plaintext_is_a_list"
    yield name, {**payload(name, "It opens, but to a list.", [["Ada", "ada@example.com"]]), "answers": [None]}

    name = "poison_among_good"
    file = payload(name, "Three leads, the second with a foreign tag.", [ADA, MARY, GRACE])
    file["body"][1]["answers"]["tag"] = file["body"][0]["answers"]["tag"]
    yield name, {**file, "answers": [ADA, None, GRACE]}

    name = "lone_surrogate_in_answer"
    yield (
        name,
        payload(
            name,
            "Half a surrogate pair, which JSON allows and UTF-8 does not.",
            [{**ADA, "CITY": "Pa\ud800ris"}],
        ),
    )

    name = "deeply_nested_answer"
    deep = b'{"EMAIL": "ada@example.com", "Deep": ' + b"[" * NESTING + b"]" * NESTING + b"}"
    yield (
        name,
        {
            **payload(name, f"An answer of {NESTING} levels, that need not be read.", [deep]),
            "answers": [None],
        },
    )


def written(file: Payload) -> str:
    """The file's text; escapes instead of half characters keep it valid UTF-8."""
    return json.dumps(file, indent=2) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file_name, content in payloads():
        (FOLDER / f"{file_name}.json").write_text(written(content))
