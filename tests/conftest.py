"""For every test: what the Contacts sandboxes are asked is recorded, and held against the vendor's files at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from infra.local.sandbox import recording
from tests.contract import traffic

# For `make check`, which is run after every change; `make test` tries four times as many.
settings.register_profile("check", max_examples=25)
RECORDED = pytest.StashKey[Path]()
LAST = "test_recorded_traffic.py"


def pytest_configure(config: pytest.Config) -> None:
    """One file for this run and all its workers; also the programs that tests start write to it."""
    config.addinivalue_line("markers", "unrecorded: what a sandbox is asked here is not what the app asks")
    if _is_worker(config):
        config.stash[RECORDED] = Path(os.environ[recording.VARIABLE])
        return
    handle, path = tempfile.mkstemp(prefix="contacts-traffic-", suffix=".jsonl")
    os.close(handle)
    config.stash[RECORDED] = Path(path)
    os.environ[recording.VARIABLE] = path


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing is left behind."""
    if not _is_worker(config):
        os.environ.pop(recording.VARIABLE, None)
        config.stash[RECORDED].unlink(missing_ok=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where workers share the tests, none of them knows when the others are done: here is all of the traffic."""
    if session.config.pluginmanager.hasplugin("dsession") and (
        found := traffic.record_violations(session.config.stash[RECORDED])
    ):
        print(
            "\nWhat the app asked the Contacts sandboxes is not as the vendor's files say:\n" + found, file=sys.stderr
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the traffic of all tests comes after all of them."""
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No fixture, as each of thousands of tests would pay for it."""
    if item.get_closest_marker("unrecorded") is None:
        return (yield)
    path = os.environ.pop(recording.VARIABLE)
    try:
        return (yield)
    finally:
        os.environ[recording.VARIABLE] = path


@pytest.fixture
def recorded_traffic(pytestconfig: pytest.Config) -> Path:
    """The file of what the app has asked the sandboxes so far."""
    return pytestconfig.stash[RECORDED]
