"""The template as CloudFormation gets it, looked at by cfn-lint; `make check` lints it as it is written."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAM_BIN = ROOT / ".tools" / "sam" / "bin"


@pytest.mark.skipif(not SAM_BIN.exists(), reason="the SAM CLI is not installed: run `make setup`")
def test_what_sam_makes_of_the_template_is_free_of_lint(tmp_path):
    """A reference to nothing passes `sam validate --lint`, which looks at the template itself, and is found here."""
    translated = tmp_path / "translated.json"
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1"}
    command = [SAM_BIN / "python", "-m", "tests.infra.translate", translated]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    linted = subprocess.run(
        [SAM_BIN / "cfn-lint", "--regions", "us-east-1", "--", translated],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
