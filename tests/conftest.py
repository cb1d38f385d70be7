"""For every test: what the Contacts sandboxes are asked is recorded, and held against the vendor's files at the end."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from infra.local.sandbox import recording

RECORDED = pytest.StashKey[Path]()
LAST = "test_recorded_traffic.py"


def pytest_configure(config: pytest.Config) -> None:
    """One file for this run, or for this worker of it; also the programs that tests start write to it."""
    config.addinivalue_line("markers", "unrecorded: what a sandbox is asked here is not what the app asks")
    handle, path = tempfile.mkstemp(prefix="contacts-traffic-", suffix=".jsonl")
    os.close(handle)
    config.stash[RECORDED] = Path(path)
    os.environ[recording.VARIABLE] = path


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing is left behind."""
    os.environ.pop(recording.VARIABLE, None)
    config.stash[RECORDED].unlink(missing_ok=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the traffic of all tests comes after all of them."""
    items.sort(key=lambda item: item.path.name == LAST)


@pytest.fixture(autouse=True)
def _recording(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("unrecorded"):
        monkeypatch.delenv(recording.VARIABLE)


@pytest.fixture
def recorded_traffic(pytestconfig: pytest.Config) -> Path:
    """The file of what the app has asked the sandboxes so far."""
    return pytestconfig.stash[RECORDED]
