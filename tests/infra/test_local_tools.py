"""The local stack's settings, programs and ports: clear refusals, and nothing left running."""

import os
import re
import socket
import sys
import time
from pathlib import Path

import pytest

from infra.local.children import Children, claim_port, first_line
from infra.local.deployment import location_tokens
from infra.local.settings import ROOT, LocalError, from_environment
from infra.local.vendor_accounts import SOURCE_LOCATION


def test_defaults_are_the_published_ones():
    """Scripts rely on the ports and the folder."""
    settings = from_environment({"CONTACTS_API_URL": " ", "RETRY_WAITS": ""})
    assert (settings.port, settings.aws_port, settings.state_dir) == (8787, 4566, ROOT / ".local")
    assert (settings.contacts_api_url, settings.routes, settings.parameters) == (None, None, {})


def test_every_variable_finds_its_place():
    """What `make run` takes from the environment."""
    given = {
        "PORT": "1", "AWS_PORT": "2", "STATE_DIR": "/x", "ROUTES": "/r.toml", "CONTACTS_API_URL": "http://c/",
        "RETRY_WAITS": "1,2", "INLINE_BUDGET_SECONDS": "3",
    }  # fmt: skip
    settings = from_environment(given)
    assert (settings.port, settings.aws_port, settings.state_dir) == (1, 2, Path("/x"))
    assert (settings.routes, settings.contacts_api_url) == (Path("/r.toml"), "http://c")
    assert settings.parameters == {"RetryWaits": "1,2", "InlineBudgetSeconds": "3"}


@pytest.mark.parametrize(("name", "value"), [("PORT", "x"), ("AWS_PORT", "70000"), ("CONTACTS_API_URL", "localhost:1")])
def test_a_wrong_setting_is_named(name, value):
    """With its value and what it takes."""
    with pytest.raises(LocalError, match=f"{name}={value}"):
        from_environment({name: value})


def test_a_taken_port_is_told_with_the_setting_to_change():
    """Before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=f"Port {port} is taken.*AWS_PORT="):
            claim_port(port, "AWS_PORT")
    assert claim_port(0, "PORT") > 0


def test_stopping_ends_children_of_children_too(tmp_path):
    """A worker does not outlive the program that started it."""
    children = Children(tmp_path, stop_seconds=0.3)
    script = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(c.pid, flush=True);"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL); time.sleep(60)"
    )
    child = children.start("parent", [sys.executable, "-c", script], os.environ, pipe=True)
    grandchild = int(first_line(child, 10))
    assert children.pids == [child.pid]
    children.stop()
    assert children.pids == []
    deadline = time.monotonic() + 3
    while _runs(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(grandchild)


def test_a_failed_tool_is_told_with_what_it_wrote(tmp_path):
    """Its last words, and the file with all of them."""
    with pytest.raises(LocalError, match="no such luck"):
        Children(tmp_path).run("tool", [sys.executable, "-c", "import sys; sys.exit('no such luck')"], os.environ)


def test_every_location_of_the_routes_gets_a_token(tmp_path):
    """The local CRM knows each location the routes name, and the one whose contacts are leads."""
    routes = tmp_path / "routes.toml"
    routes.write_text('[[routes]]\nlocation = "one"\n[[routes]]\nlocation = "two"\n[[routes]]\nlocation = "one"\n')
    tokens = location_tokens(routes, None)
    assert list(tokens) == ["one", "two", SOURCE_LOCATION]
    assert tokens["one"] != tokens["two"]
    assert location_tokens(routes, "given") == dict.fromkeys(["one", "two", SOURCE_LOCATION], "given")


def test_routes_that_cannot_be_read_are_named(tmp_path):
    """The file, and what is wrong in it."""
    (tmp_path / "routes.toml").write_text("[[routes]\n")
    with pytest.raises(LocalError, match=r"routes\.toml cannot be read"):
        location_tokens(tmp_path / "routes.toml", None)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_only_the_browser_tests_need_a_browser():
    """There is no driver for every system, and nothing else may fail for that; both look for the same browsers."""
    made, looked_for = (ROOT / "Makefile").read_text(), (ROOT / "tests" / "e2e" / "test_console.py").read_text()
    assert "playwright" not in (ROOT / "requirements.txt").read_text()
    [browsers] = re.findall(r"^BROWSERS := (.+)$", made, re.MULTILINE)
    [names] = re.findall(r"^CHROMIUM = .*map\(shutil\.which, \((.+?)\)\)", looked_for, re.MULTILINE)
    assert browsers.split() == re.findall(r'"(.+?)"', names)
