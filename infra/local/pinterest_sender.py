"""Builds leads encrypted as Pinterest encrypts them, and posts them to a webhook as Pinterest does."""

import argparse
import base64
import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.local.running_stack import (
    CannotSend,
    exit_code,
    key_value,
    post,
    print_answer,
    running_stack,
    sender_parser,
    stored_secret,
)

ACCOUNT = "111764359001"
FORM = "65300871001"
KEY_BYTES = 32
TAG_BYTES = 16

# Every question type that Pinterest offers or has offered, and one custom question, keyed by its label.
EXAMPLE_ANSWERS: Mapping[str, Any] = {
    "FULL_NAME": "Ada Lovelace",
    "FIRST_NAME": "Ada",
    "LAST_NAME": "Lovelace",
    "EMAIL": "ada@example.com",
    "PHONE_NUMBER": "(212) 555-0100",
    "ZIP_CODE": "10001",
    "AGE": "35",
    "GENDER": "Female",
    "COUNTRY": "US",
    "CITY": "New York",
    "STATE_PROVINCE": "New York",
    "ADDRESS": "12 Engine Street",
    "DATE_OF_BIRTH": "1990-12-10",
    "PREFERRED_CONTACT_METHOD": "Email",
    "What is your budget?": "1000",
}
_AREA_CODES = ("212", "213", "305", "312", "415", "503", "512", "617", "702", "713", "808", "907")


def build_lead(
    answers: Any,
    *,
    key: bytes,
    lead_id: str | None = None,
    account: str = ACCOUNT,
    form: str = FORM,
    created_at_ms: int | None = None,
    test: bool = False,
    nonce: bytes | None = None,
    nonce_bytes: int = 16,
    **envelope_overrides: Any,
) -> dict[str, Any]:
    """One lead as it stands in the webhook's array: AES-256-GCM without AAD, 16-byte nonce, padded base64.

    `answers` is the object to encrypt, or bytes to encrypt as they are. `key` has 32 bytes. A fresh
    `lead_id`, the present time and a random nonce are taken unless given. `test` makes it a lead of
    Pinterest's test call. `envelope_overrides` replace what stands outside the ciphertext; None removes it.
    Source: developers.pinterest.com/docs/work-with-ads/lead-ads/
    """
    created_at = int(time.time() * 1000) if created_at_ms is None else created_at_ms
    envelope = {
        "advertiser_id": account,
        "lead_form_id": form,
        "ad_id": "687195905986",
        "ad_name": "Spring kitchen pin",
        "campaign_id": "626735565838",
        "campaign_name": "Spring campaign",
        "ad_group_id": "2680060704746",
        "ad_group_name": "Homeowners",
        "lead_id": "TEST_API" if test else lead_id or _fresh_id(),
        "created_at": str(created_at),
        "version": "v5",
        "answers": encrypted(answers, key, nonce or secrets.token_bytes(nonce_bytes)),
        **envelope_overrides,
    }
    return {name: value for name, value in envelope.items() if value is not None}


def encrypted(answers: Any, key: bytes, nonce: bytes) -> dict[str, str]:
    """The `answers` member of a lead: ciphertext, nonce and tag, each in padded standard base64."""
    plain = answers if isinstance(answers, bytes) else json.dumps(answers).encode()
    sealed = AESGCM(key).encrypt(nonce, plain, None)
    parts = {"cipher_msg": sealed[:-TAG_BYTES], "nonce": nonce, "tag": sealed[-TAG_BYTES:]}
    return {name: base64.b64encode(part).decode() for name, part in parts.items()}


def send(
    url: str, leads: Any, *, content_type: str = "application/json", timeout: float = 30
) -> tuple[int, dict[str, Any] | str]:
    """POST `leads` (bytes as they are, anything else as JSON): the status, and the answer, parsed if JSON.

    Raises urllib3.exceptions.HTTPError when nobody answers within `timeout` seconds.
    """
    body = leads if isinstance(leads, bytes) else json.dumps(leads).encode()
    return post(url, body, {"Content-Type": content_type}, timeout)


def live_key(secret: Mapping[str, Any], account: str, form: str) -> bytes:
    """The key of the form's own subscription, else of the ad account's; CannotSend when there is neither."""
    live = [
        subscription
        for subscription in secret.get("subscriptions", [])
        if subscription["ad_account_id"] == account
        and subscription.get("lead_form_id") in (form, None)
        and not subscription.get("retired_at")
    ]
    if not live:
        raise CannotSend(f"No live key for ad account {account}, form {form} is in the Pinterest keys secret.")
    chosen = next((found for found in live if found.get("lead_form_id")), live[0])
    key = _decoded(str(chosen["cryptographic_key"]))
    if len(key) != KEY_BYTES:
        raise CannotSend(f"The key for ad account {account}, form {form} is not base64 of {KEY_BYTES} bytes.")
    return key


def example_answers(number: int = 0) -> dict[str, Any]:
    """The example lead; numbers from 1 on give other people, with an e-mail and a phone of their own."""
    if number == 0:
        return dict(EXAMPLE_ANSWERS)
    area = _AREA_CODES[number // 100 % len(_AREA_CODES)]
    return {
        **EXAMPLE_ANSWERS,
        "FULL_NAME": f"Ada Lovelace {number}",
        "LAST_NAME": f"Lovelace {number}",
        "EMAIL": f"ada+{number}@example.com",
        "PHONE_NUMBER": f"({area}) 555-01{number % 100:02}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every lead was accepted, 1 when the webhook refused, 2 when there is nothing to send to."""
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _send_all(options))


def _send_all(options: argparse.Namespace) -> bool:
    stack = running_stack(options.state_dir)
    key = live_key(_keys_secret(stack), options.account, options.form)
    leads = [_lead(number, key, options) for number in range(options.count)]
    if options.print:
        print(json.dumps(leads))
        return True
    began = time.perf_counter()
    status, answer = send(stack["webhooks"]["pinterest"], leads)
    print_answer(status, answer, began, len(leads))
    return status == 200


def _lead(number: int, key: bytes, options: argparse.Namespace) -> dict[str, Any]:
    answers = {**example_answers(number), **dict(options.answer)}
    if options.email:
        answers["EMAIL"] = options.email
    return build_lead(answers, key=key, account=options.account, form=options.form, test=options.test)


def _keys_secret(stack: Mapping[str, Any]) -> dict[str, Any]:
    return stored_secret(stack, "PinterestKeysSecretArn", "Pinterest keys")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))  # Pinterest has shown keys without their padding
    except ValueError:
        return b""


def _fresh_id() -> str:
    return str(secrets.randbelow(9 * 10**17) + 10**17)


def _parser() -> argparse.ArgumentParser:
    parser = sender_parser("pinterest_sender", __doc__)
    parser.add_argument("--count", type=int, default=1, help="leads in one POST, each another person")
    parser.add_argument("--test", action="store_true", help="a test lead (lead_id TEST_API)")
    parser.add_argument("--answer", action="append", type=key_value, default=[], metavar="KEY=VALUE")
    parser.add_argument("--email", help="the e-mail of every lead")
    parser.add_argument("--account", default=ACCOUNT, help="ad account id")
    parser.add_argument("--form", default=FORM, help="lead form id")
    parser.add_argument("--print", action="store_true", help="print the POST's body instead of sending it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
