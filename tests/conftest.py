"""For every test: what the sandboxes are asked is recorded, and held against the vendors' files at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

from infra.local.sandbox import recording
from tests.contract import pinterest_traffic, traffic

# For `make check`, which is run after every change; `make test` tries four times as many.
settings.register_profile("check", max_examples=25)
RECORDED = pytest.StashKey[dict[str, Path]]()
LAST = ("test_recorded_traffic.py", "test_recorded_conversions.py")
# The variable that names a vendor's record → what finds in it what is against the vendor's files.
CHECKS: dict[str, Callable[[Path], str]] = {
    recording.CONTACTS: traffic.record_violations,
    recording.PINTEREST: pinterest_traffic.record_violations,
}


def pytest_configure(config: pytest.Config) -> None:
    """A file for each vendor, for this run and all its workers; also the programs that tests start write to them."""
    config.addinivalue_line("markers", "unrecorded: what a sandbox is asked here is not what the app asks")
    if _is_worker(config):
        config.stash[RECORDED] = {variable: Path(os.environ[variable]) for variable in CHECKS}
        return
    config.stash[RECORDED] = {}
    for variable in CHECKS:
        handle, path = tempfile.mkstemp(prefix="traffic-", suffix=".jsonl")
        os.close(handle)
        config.stash[RECORDED][variable] = Path(path)
        os.environ[variable] = path


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing is left behind."""
    if not _is_worker(config):
        for variable, record in config.stash[RECORDED].items():
            os.environ.pop(variable, None)
            record.unlink(missing_ok=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where workers share the tests, none of them knows when the others are done: here is all of the traffic."""
    if not session.config.pluginmanager.hasplugin("dsession"):
        return
    for variable, record in session.config.stash[RECORDED].items():
        if found := CHECKS[variable](record):
            print("\nWhat the app asked the sandboxes is not as the vendor's files say:\n" + found, file=sys.stderr)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the traffic of all tests comes after all of them."""
    items.sort(key=lambda item: item.path.name in LAST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No fixture, as each of thousands of tests would pay for it."""
    if item.get_closest_marker("unrecorded") is None:
        return (yield)
    paths = {variable: os.environ.pop(variable) for variable in CHECKS}
    try:
        return (yield)
    finally:
        os.environ.update(paths)


@pytest.fixture
def recorded_traffic(pytestconfig: pytest.Config) -> Path:
    """The file of what the app has asked the Contacts sandboxes so far."""
    return pytestconfig.stash[RECORDED][recording.CONTACTS]


@pytest.fixture
def recorded_conversions(pytestconfig: pytest.Config) -> Path:
    """The file of the conversion events that the app has sent to the Pinterest sandboxes so far."""
    return pytestconfig.stash[RECORDED][recording.PINTEREST]
