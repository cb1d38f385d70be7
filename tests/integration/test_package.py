"""The package that AWS gets: built on this machine, whatever its Python and processor, for the template's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AARCH64 = 183  # e_machine in an ELF header (ELF for the Arm 64-bit Architecture, section 5.3)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    path = f"{ROOT / '.tools' / 'uv' / 'bin'}:{os.environ['PATH']}"
    command = ["make", "--directory", str(ROOT / "functions"), "build-WebhookFunction", f"ARTIFACTS_DIR={folder}"]
    subprocess.run(command, env=os.environ | {"PATH": path}, check=True, capture_output=True)
    return folder


def test_native_code_is_for_the_targets_processor_and_python(package: Path) -> None:
    """arm64 and python3.13 by default, as in the template."""
    libraries = list(package.rglob("*.so"))
    assert libraries
    for library in libraries:
        assert int.from_bytes(library.read_bytes()[18:20], "little") == AARCH64, library
    assert list(package.glob("msgspec/_core.cpython-313-*.so"))


def test_everything_a_function_reads_is_in_it_and_little_else(package: Path) -> None:
    """Code, routes, libraries; of AWS's services only those in use."""
    assert {"webhook.py", "retry.py", "routes.toml", "leads", "botocore", "phonenumbers"} <= set(os.listdir(package))
    services = {path.name for path in (package / "botocore" / "data").iterdir() if path.is_dir()}
    assert services == {"dynamodb", "sqs", "secretsmanager", "sts"}
    assert not {"boto3", "moto", "pytest"} & set(os.listdir(package))
    assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < 45_000_000


def test_bytecode_is_made_by_the_target_python_or_by_none(package: Path) -> None:
    """Another version's would be dead weight; a time-stamped one would be void in a zip file."""
    compiled = list(package.rglob("*.pyc"))
    assert {path.suffixes[0] for path in compiled} <= {".cpython-313"}
    for path in compiled[:50]:
        assert path.read_bytes()[4:8] == b"\x01\x00\x00\x00", f"{path} is not of the unchecked-hash kind"


def test_building_leaves_the_installed_libraries_alone(package: Path) -> None:
    """uv links files to its cache; a build that wrote through a link would change every environment made of it."""
    spec = importlib.util.find_spec("botocore")
    assert spec is not None
    assert spec.origin is not None
    assert (Path(spec.origin).parent / "data" / "endpoints.json").stat().st_size > 1_000_000
