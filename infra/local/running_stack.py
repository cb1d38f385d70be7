"""What the senders need of a running stack: its file, its secrets, its webhook, and what their commands share."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import urllib3


class CannotSend(Exception):
    """There is no running stack, no sandbox, or nothing to sign or encrypt with; the text says which."""


def running_stack(state_dir: str) -> dict[str, Any]:
    """What stack.json in that folder says; CannotSend when no stack is ready there."""
    try:
        stack = json.loads((Path(state_dir) / "stack.json").read_text())
    except (OSError, ValueError):
        stack = {}
    if not stack.get("ready"):
        raise CannotSend(f"No stack is ready in {state_dir}: start one with `make run`.")
    return dict(stack)


def stored_secret(stack: Mapping[str, Any], output: str, name: str) -> dict[str, Any]:
    """The JSON object of the secret whose ARN stands in that output; CannotSend, which calls it `name`."""
    import boto3  # here, because it takes a second that building and sending a lead need not wait
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "secretsmanager",
        endpoint_url=stack["aws_endpoint_url"],
        region_name=stack["region"],
        aws_access_key_id=stack.get("aws_access_key_id", "test"),
        aws_secret_access_key=stack.get("aws_secret_access_key", "test"),
    )
    arn = stack["outputs"].get(output, "")
    try:
        text = client.get_secret_value(SecretId=arn).get("SecretString")
    except (BotoCoreError, ClientError) as error:
        raise CannotSend(f"The {name} secret cannot be read from {stack['aws_endpoint_url']}: {error}") from None
    try:
        return dict(json.loads(text or ""))
    except (TypeError, ValueError):
        raise CannotSend(f"The {name} secret {arn} is empty or no JSON object: fill it first.") from None


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[int, Any]:
    """POST `body` as it is: the status, and the answer, parsed if it is JSON, else its text.

    Raises urllib3.exceptions.HTTPError when nobody answers within `timeout` seconds.
    """
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        answer = pool.request("POST", url, body=body, headers=dict(headers))
        try:
            return answer.status, json.loads(answer.data)
        except ValueError:
            return answer.status, answer.data.decode("utf-8", "replace")


def exit_code(send: Callable[[], bool]) -> int:
    """0 when `send` says that everything was accepted, 1 when it was not, 2 when there is nothing to send to."""
    try:
        return 0 if send() else 1
    except CannotSend as error:
        print(error, file=sys.stderr)
    except urllib3.exceptions.HTTPError as error:
        print(f"Nobody answered ({type(error).__name__}): is `make run` still up?", file=sys.stderr)
    return 2


def print_answer(status: int, answer: Any, began: float, sent: int | None = None) -> None:
    """One line: the answer, how many leads it is for, and the time since `began` (of time.perf_counter)."""
    taken = (time.perf_counter() - began) * 1000
    count = "" if sent is None else f"{sent} sent, "
    print(f"{status} {json.dumps(answer)}  ({count}{taken:.0f} ms)")


def sender_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """A sender's command line, with the folder of the stack."""
    parser = argparse.ArgumentParser(prog=f"python -m infra.local.{module}", description=description)
    parser.add_argument("--state-dir", default=os.environ.get("STATE_DIR", ".local"), help="where stack.json is")
    return parser


def key_value(text: str) -> tuple[str, str]:
    """KEY=VALUE of a command line, apart."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
