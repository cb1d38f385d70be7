"""Every room of the house uses only what its part of speech allows; the offender is named."""

from pathlib import Path

import pytest

from tests.infra.architecture import offences

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


def test_the_house_is_in_order():
    """No file of the functions imports what its room may not."""
    assert list(offences(FUNCTIONS)) == []


@pytest.mark.parametrize(
    ("file", "line", "offence"),
    [
        ("leads/core/lead.py", "import urllib3", "imports urllib3"),
        ("leads/core/lead.py", "from leads.flow.deliver import Deliver", "imports leads.flow.deliver"),
        ("leads/core/lead.py", "from leads import adapters", "imports leads.adapters"),
        ("leads/core/lead.py", "from ..flow import deliver", "imports leads.relative"),
        ("leads/flow/deliver.py", "from leads.crm.contacts import Contacts", "imports leads.crm.contacts"),
        ("leads/flow/deliver.py", "def late():\n    import boto3", "imports boto3"),
        ("leads/sources/pinterest.py", "from leads.adapters import http", "imports leads.adapters"),
        ("leads/crm/client.py", "from leads.sources import REGISTRY", "imports leads.sources"),
        ("leads/crm/client.py", "import logging", "imports logging"),
        ("leads/adapters/http.py", "from leads.wiring import parts", "imports leads.wiring"),
        ("leads/adapters/http.py", "from aws_lambda_powertools import Logger", "imports aws_lambda_powertools.Logger"),
        ("leads/adapters/http.py", "import os\nHOME = os.environ['HOME']", "reads the environment"),
        ("leads/wiring/__init__.py", "from os import getenv", "reads the environment"),
        ("leads/flow/receive.py", "import webhook", "imports webhook"),
        ("webhook.py", "\n" * 60, "under 60 lines"),
    ],
)
def test_a_planted_offence_is_found_and_named(tmp_path, file, line, offence):
    """Each rule bites, and says where; the file is looked at alone, as all together are in order."""
    planted = tmp_path / "functions" / file
    planted.parent.mkdir(parents=True)
    planted.write_text(f"{(FUNCTIONS / file).read_text()}\n{line}\n")
    [found] = offences(tmp_path / "functions")
    assert found.startswith(f"{file}:")
    assert offence in found
