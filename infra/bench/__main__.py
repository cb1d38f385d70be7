"""`make bench`: builds the package, measures cold start and warm cost, prints a table, writes bench.json."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RUNS = 15
GOALS = {"cold": 1.15, "warm": 1.25}


def main() -> None:
    """Runs every benchmark; exits 1 when one could not be measured, never for being slow."""
    console = Console()
    state = Path(os.environ.get("STATE_DIR", ".local"))
    state.mkdir(parents=True, exist_ok=True)
    with console.status("building the functions for this machine"):
        package = build(state.resolve() / "bench-build", "build-Bench")
        stock = build(state.resolve() / "bench-stock", "install")
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(stock)], check=True)
    sides = subprocess.Popen(
        [sys.executable, "-m", "infra.bench.remote_sides"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert sides.stdout is not None
        endpoint = f"http://127.0.0.1:{sides.stdout.readline().strip()}"
        environment = function_environment(package, endpoint)
        with console.status("cold start: fresh interpreters, one after the other"):
            cold = cold_start(environment, stock)
        with console.status("warm cost: CPU a lead"):
            warm = warm_cost(environment, endpoint)
    finally:
        sides.kill()
        sides.wait()
    result = {"cold_start": cold, **warm}
    (state / "bench.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    console.print(table_of(result))


def build(folder: Path, target: str) -> Path:
    """What functions/Makefile makes of a target, for this interpreter: the package, or its libraries as they come."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = f"{ROOT / '.tools' / 'uv' / 'bin'}:{os.environ['PATH']}"
    command = ["make", "--directory", str(ROOT / "functions"), "--no-print-directory", target]
    settings = [f"ARTIFACTS_DIR={folder}", f"TARGET_INTERPRETER={sys.executable}"]
    if subprocess.run([*command, *settings], env=os.environ | {"PATH": path}, check=False).returncode:
        raise SystemExit("the functions could not be built; the message above says why")
    return folder


def function_environment(package: Path, endpoint: str) -> dict[str, str]:
    """What Lambda and the template put around a function, with the benchmark's remote sides."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "LEDGER_TABLE_NAME": "ledger",
        "FAILED_LEADS_QUEUE_URL": endpoint + "/000000000000/failed",
        "WEBHOOK_TOKEN_SECRET_ARN": "webhook-token",
        "PINTEREST_KEYS_SECRET_ARN": "pinterest-keys",
        "CONTACTS_SECRET_ARN": "contacts",
        "CONTACTS_API_URL": endpoint,
    }


def cold_start(environment: dict[str, str], stock: Path) -> dict[str, Any]:
    """Milliseconds from process start to ready, median of alternating runs.

    The floor runs on the libraries as they come (`stock`), and once more on the package as we ship it, which shows
    how much of a ratio is due to the package and how much to the code.
    """
    programs = {
        "floor": ([HERE / "floor.py"], environment | {"PYTHONPATH": str(stock)}),
        "floor in our package": ([HERE / "floor.py"], environment),
        "webhook": ([HERE / "ready.py", "webhook"], environment),
        "retry": ([HERE / "ready.py", "retry"], environment),
    }
    took: dict[str, list[float]] = {name: [] for name in programs}
    for run in range(RUNS + 2):
        for name, (program, variables) in programs.items():
            seconds = seconds_to_ready([sys.executable, "-S", *map(str, program)], variables)
            if run >= 2:
                took[name].append(seconds * 1000)
    ratios = {
        name: statistics.median(ours / floor for ours, floor in zip(took[name], took["floor"], strict=True))
        for name in programs
    }
    return {"ms": {name: statistics.median(all_) for name, all_ in took.items()}, "ratio": ratios}


def seconds_to_ready(command: list[str], environment: dict[str, str]) -> float:
    """Wall time until the child says that it is ready."""
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        elapsed = time.perf_counter() - started
    if not line.startswith("ready"):
        raise SystemExit(f"{' '.join(command[2:])} did not start; run it by hand to see why")
    return elapsed


def warm_cost(environment: dict[str, str], endpoint: str) -> dict[str, Any]:
    """CPU milliseconds and remote calls a lead, of the bare script and of the function."""
    command = [sys.executable, "-S", str(HERE / "warm_lead.py"), "--endpoint", endpoint]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit("the warm benchmark failed; its error is above")
    *log, last = done.stdout.splitlines()
    measured: dict[str, Any] = json.loads(last)
    if sum('"lead delivered"' in line for line in log) < measured["leads"]:
        raise SystemExit("the warm benchmark measured leads that were not delivered")
    return {
        "warm_cpu_ms": measured["cpu_ms"],
        "warm_ratio": measured["ratio"],
        "remote_calls_per_lead": measured["calls"],
    }


def table_of(result: dict[str, Any]) -> Table:
    """The same figures for a person."""
    table = Table("measure", "floor", "ours", "ratio", "goal", title="LeadRelay benchmarks (one run, this machine)")
    cold, warm = result["cold_start"], result["warm_cpu_ms"]
    for name in ("webhook", "retry", "floor in our package"):
        row = (f"{cold['ms']['floor']:.0f} ms", f"{cold['ms'][name]:.0f} ms", f"{cold['ratio'][name]:.2f}")
        table.add_row(f"cold start, {name}", *row, "" if "floor" in name else f"≤ {GOALS['cold']}")
    row = (f"{warm['bare']:.2f} ms", f"{warm['function']:.2f} ms", f"{result['warm_ratio']:.2f}")
    table.add_row("warm CPU a lead (known contact)", *row, f"≤ {GOALS['warm']}")
    calls = result["remote_calls_per_lead"]
    for name in sorted(set(calls["bare"]) | set(calls["function"])):
        table.add_row(
            f"calls a lead: {name}", *(f"{calls[way].get(name, 0):g}" for way in ("bare", "function")), "", ""
        )
    return table


if __name__ == "__main__":
    main()
