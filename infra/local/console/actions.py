"""What the console's buttons do, by name: send a lead, break the CRM, mend it, redrive the dead letters."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from infra.cli.dead.dead_letters import Held
from infra.cli.dead.redrive import Redrive, Redriven
from infra.local.console import crm_faults
from infra.local.console.state import Stack
from infra.local.example_leads import SENDERS, Send, fresh_email, send_pinterest_test
from infra.local.running_stack import CannotSend
from infra.local.vendor_accounts import SOURCE_LOCATION

REDRIVEN_PER_SECOND = 50
TITLES = {"pinterest": "Pinterest", "facebook": "Facebook", "leadconnector": "LeadConnector"}
_BROKEN = {
    "429": "The CRM now answers every request with 429: leads wait, and use up no attempt.",
    "500": "The CRM now answers every request with 500: leads are parked and tried again.",
    "slow": f"The CRM now takes {crm_faults.SLOW_SECONDS} seconds to answer, longer than anybody waits for it.",
    "422": "The CRM now refuses every contact with 422: leads become dead letters.",
}

# Source → the output of the secret that it is set up with, what of it a lead needs, and the command that stores it.
_SET_UP = {
    "pinterest": ("PinterestKeysSecretArn", "subscriptions", "leadrelay pinterest subscribe"),
    "facebook": ("FacebookSecretArn", "app_secret", "leadrelay init"),
    "leadconnector": ("LeadConnectorSecretArn", "locations", "leadrelay leadconnector setup"),
}

# What was done, in a sentence. Raises NotDone.
Action = Callable[[Stack], str]


class NotDone(Exception):
    """The action did not do what was asked; the text says why."""


def act(stack: Stack, name: str) -> str:
    """Do what that button says; the sentence to show. Raises NotDone, KeyError for a button that there is not."""
    action = ACTIONS[name]
    try:
        return action(stack)
    except (CannotSend, crm_faults.NoSandbox) as error:
        raise NotDone(str(error)) from None
    except urllib3.exceptions.HTTPError as error:
        raise NotDone(f"Nobody answered ({type(error).__name__}).") from None
    except (BotoCoreError, ClientError) as error:
        raise NotDone(f"The emulated AWS did not do it ({type(error).__name__}).") from None


def _send(source: str, title: str, send: Send, stack: Stack) -> str:
    _needs_set_up(stack, source)
    began = time.monotonic()
    status, _ = send(stack, fresh_email())
    taken = f"{(time.monotonic() - began) * 1000:.0f} ms"
    if status >= 300:
        raise NotDone(f"{title} lead sent: refused with {status} after {taken}.")
    return f"{title} lead sent: answered {status} after {taken}."


def _needs_set_up(stack: Stack, source: str) -> None:
    """Raises NotDone when nobody would tell the webhook of the lead, or nobody there could take it."""
    output, needed, command = _SET_UP[source]
    stored = _stored(stack, output).get(needed)
    if not stored:
        raise NotDone(f"LeadRelay is not set up for {TITLES[source]} yet: `{command}`.")
    if source != "leadconnector" or not stack.built_in_crm:
        return
    if SOURCE_LOCATION not in stored:
        raise NotDone(f"LeadRelay takes no contacts of the sandbox's location {SOURCE_LOCATION} yet: `{command}`.")
    receivers = crm_faults.order(stack.contacts_api_url, "GET", "webhooks")["webhooks"]
    if not any(SOURCE_LOCATION in (receiver["locations"] or (SOURCE_LOCATION,)) for receiver in receivers):
        raise NotDone(
            f"The Contacts sandbox tells nobody of location {SOURCE_LOCATION} yet: "
            f"order a webhook at {stack.contacts_api_url}/_sandbox/webhooks."
        )


def _stored(stack: Stack, output: str) -> dict[str, Any]:
    """The secret's JSON object; {} when it holds nothing yet, as a deployment leaves it."""
    try:
        return dict(stack.secret(output))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return {}
        raise


def _break(name: str, stack: Stack) -> str:
    _needs_sandbox(stack)
    crm_faults.break_with(stack.contacts_api_url, name)
    return _BROKEN[name]


def _mend(stack: Stack) -> str:
    _needs_sandbox(stack)
    crm_faults.mend(stack.contacts_api_url)
    return "The CRM answers again. Parked leads are delivered at their next attempt."


def _needs_sandbox(stack: Stack) -> None:
    if not stack.built_in_crm:
        raise NotDone("The CRM of this stack is not the built-in sandbox: break and mend it where it runs.")


def _redrive(stack: Stack) -> str:
    sqs = stack.client("sqs")
    moved: list[Redriven] = []
    run = Redrive(
        sqs,
        stack.outputs["FailedLeadsQueueUrl"],
        look=lambda _: {},
        who="console",
        rate=REDRIVEN_PER_SECOND,
        patience=0,
        audit=moved.append,
    )
    with Held(sqs, stack.outputs["DeadLetterQueueUrl"]) as held:
        held.take()
        run.run(held, held.letters, canary=False)
    if not moved:
        return "No lead waits in the dead-letter queue."
    return f"{len(moved)} dead letter{'s' if len(moved) > 1 else ''} brought back into the failed-leads queue."


ACTIONS: Mapping[str, Action] = {
    **{f"send-{source}": partial(_send, source, TITLES[source], send) for source, (_, send) in SENDERS.items()},
    "send-pinterest-test": partial(_send, "pinterest", "Pinterest test", send_pinterest_test),
    **{f"break-{name}": partial(_break, name) for name in crm_faults.FAULTS},
    "mend": _mend,
    "redrive": _redrive,
}
