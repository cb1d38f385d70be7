"""`make bench-drain`: how much of the CRM's rate limit the retry function uses while it drains a backlog."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.bench.backlog import LOCATION, TOKEN, backlog_left, client, emulated_aws, furnish, park
from infra.local.children import Children
from infra.local.contacts_sandbox import ContactsSandbox
from infra.local.sandbox.web import Answer, Call
from infra.local.settings import ACCESS_KEY, REGION, ROOT

# What a delivery of an ordinary lead asks of the CRM: two requests for the contact, its tags, its note, a task.
ROUTES = f"""
[[routes]]
name = "drained"
location = "{LOCATION}"
tags = ["pinterest", "campaign: {{campaign_name}}"]
[[routes.tasks]]
title = "Call {{first_name}}"
"""
LATENCY_SECONDS = 0.03
INTERVAL, BURST = 10.0, 100
WINDOWS = 8
BACKLOG = 700
GOALS = {"used": 0.95, "refused": 0.02}


class CountingSandbox(ContactsSandbox):
    """The Contacts sandbox, keeping when it took or refused which request."""

    def __init__(self) -> None:
        super().__init__({TOKEN: LOCATION}, burst=BURST, interval_ms=int(INTERVAL * 1000))
        self.answers: list[tuple[float, int]] = []

    def _answer(self, call: Call) -> Answer:
        time.sleep(LATENCY_SECONDS / 2)
        answer = super()._answer(call)
        self.answers.append((time.time(), answer.status))
        time.sleep(LATENCY_SECONDS / 2)
        return answer


def main() -> int:
    """Measures one container, then two; 1 when a goal was missed."""
    console = Console()
    state = (ROOT / os.environ.get("STATE_DIR", ".local")).resolve() / "bench-drain"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    functions = state / "functions"
    shutil.copytree(ROOT / "functions", functions, ignore=shutil.ignore_patterns("__pycache__"))
    (functions / "routes.toml").write_text(ROUTES, "utf-8")
    results = {}
    for containers in (1, 2):
        with console.status(f"{containers} container(s) drain a backlog, {WINDOWS * INTERVAL:.0f} s"):
            results[str(containers)] = measure(containers, functions, state)
    (state.parent / "bench-drain.json").write_text(json.dumps({"containers": results}, indent=2) + "\n", "utf-8")
    console.print(table_of(results))
    return int(any(r["used"] < GOALS["used"] or r["refused"] >= GOALS["refused"] for r in results.values()))


def measure(containers: int, functions: Path, state: Path) -> dict[str, float]:
    """Of the requests allowed in whole windows, how many were made; of those made, how many were refused."""
    children = Children(state)
    with CountingSandbox() as crm, emulated_aws(children, state) as endpoint:
        environment = function_environment(functions, endpoint, crm.url)
        aws = {service: client(service, endpoint) for service in ("sqs", "dynamodb", "secretsmanager")}
        environment["FAILED_LEADS_QUEUE_URL"] = queue = furnish(aws)
        park(aws["sqs"], queue, BACKLOG)
        worker = [sys.executable, "-m", "infra.bench.container"]
        workers = [children.start(f"container-{n}", worker, environment) for n in range(containers)]
        windows: list[list[tuple[float, int]]] = []
        until = time.monotonic() + (WINDOWS + 2) * INTERVAL + 20
        while len(windows) <= WINDOWS:
            time.sleep(0.5)
            windows = list(windows_of(list(crm.answers)))
            if time.monotonic() > until or any(child.poll() is not None for child in workers):
                raise SystemExit(
                    "a container stopped, or stopped asking the CRM; its log: " + children.tail("container-0")
                )
        left = backlog_left(aws["sqs"], queue)
    if left < BACKLOG / 10:
        raise SystemExit(f"the backlog was nearly drained ({left} left) before the end: measure with a larger one")
    whole = [answer for window in windows[:WINDOWS] for answer in window]
    seconds = windows[WINDOWS][0][0] - windows[0][0][0]
    taken = sum(status != 429 for _, status in whole)
    return {
        "windows": WINDOWS,
        "seconds": round(seconds, 2),
        "requests": len(whole),
        "used": taken / (seconds * BURST / INTERVAL),
        "refused": 1 - taken / len(whole),
        "failed": sum(status >= 500 for _, status in whole),
    }


def windows_of(answers: Sequence[tuple[float, int]]) -> Iterator[list[tuple[float, int]]]:
    """The answers by window of the limit, which begins with the first request taken after the last one's end."""
    window: list[tuple[float, int]] = []
    for at, status in answers:
        if window and at - window[0][0] >= INTERVAL and status != 429:
            yield window
            window = []
        window.append((at, status))
    if window:
        yield window


def table_of(results: Mapping[str, Mapping[str, float]]) -> Table:
    """The same figures for a person."""
    title = f"Draining a backlog ({BURST} requests in {INTERVAL:.0f} s allowed, {LATENCY_SECONDS * 1000:.0f} ms a call)"
    table = Table("containers", "windows", "requests", "of the allowed rate", "answered 429", title=title)
    for containers, result in results.items():
        used, refused = f"{result['used']:.1%}", f"{result['refused']:.2%}"
        table.add_row(containers, f"{result['windows']:.0f}", f"{result['requests']:.0f}", used, refused)
    table.add_row("goal", "", "", f"≥ {GOALS['used']:.0%}", f"< {GOALS['refused']:.0%}")
    return table


def function_environment(functions: Path, endpoint: str, crm_url: str) -> dict[str, str]:
    """What Lambda and the template put around the retry function."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": f"{functions}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "LEDGER_TABLE_NAME": "ledger",
        "PINTEREST_KEYS_SECRET_ARN": "pinterest-keys",
        "CONTACTS_SECRET_ARN": "contacts",
        "CONTACTS_API_URL": crm_url,
    }


if __name__ == "__main__":
    sys.exit(main())
