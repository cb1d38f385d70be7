"""The deployed rotation function, called as Secrets Manager calls it, under its own role."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Deployment

pytestmark = pytest.mark.e2e

SECRET = "ContactsSecretArn"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


@pytest.fixture
def secret(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """The Contacts secret as it was; put back afterwards."""
    before = deployment.stack.secret(SECRET)
    yield before
    deployment.stack.put_secret(SECRET, before)


def install(deployment: Deployment, seconds: int, **order: Any) -> dict[str, Any]:
    """An entry of the secret for an app installed just now."""
    app = {"client_id": "app-1", "client_secret": "hush-hush", "company_id": "co1"}
    given = deployment.crm._ask("POST", "apps", {**app, **order, "expires_in": seconds})
    kept = {name: given[name] for name in ("access_token", "refresh_token")}
    return {"client_id": "app-1", "client_secret": "hush-hush", **kept, "expires_at": time.time() + seconds}


def call(deployment: Deployment, step: str, token: str) -> None:
    """One event of Secrets Manager."""
    event = {"Step": step, "SecretId": deployment.stack.outputs[SECRET], "ClientRequestToken": token}
    answer = deployment.stack.client("lambda").invoke(
        FunctionName=deployment.stack.outputs["RotationFunctionName"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def test_a_location_goes_on_with_the_token_that_the_rotation_brought(
    deployment: Deployment, secret: dict[str, Any]
) -> None:
    """A lead is delivered with it; an edit made while the rotation ran is in the secret too."""
    location, former = next((key, entry["token"]) for key, entry in secret["locations"].items())
    # The functions of the tests after this one will remember the token for a while, and go on with the former one.
    entry = {**install(deployment, 3600, location_id=location), "previous_token": former}
    deployment.stack.put_secret(SECRET, {"locations": {location: entry}})
    token = str(uuid.uuid4())
    call(deployment, "createSecret", token)
    deployment.stack.put_secret(SECRET, {"locations": {location: entry, "added": {"token": "pit-added"}}})
    for step in STEPS[1:]:
        call(deployment, step, token)
    after = deployment.stack.secret(SECRET)["locations"]
    assert after["added"] == {"token": "pit-added"}
    assert after[location]["access_token"] != entry["access_token"]
    assert after[location]["refresh_token"] != entry["refresh_token"]
    labels = deployment.stack.client("secretsmanager").describe_secret(SecretId=deployment.stack.outputs[SECRET])
    assert not [held for held in labels["VersionIdsToStages"].values() if "AWSPENDING" in held]
    for refused in (former, entry["access_token"]):
        deployment.crm.break_with(match={"token": refused}, status=401, body={"message": "Invalid token"})
    lead = deployment.lead("rotated@example.com")
    assert deployment.send(lead) == (200, {"accepted": 1})
    deployment.delivered(lead)
    written = "\n".join(deployment.stack.function_logs("RotationFunctionName"))
    assert not [value for value in (*after[location].values(), *entry.values()) if str(value) in written]


def test_a_rotation_with_nothing_due_leaves_the_secret_alone(deployment: Deployment, secret: dict[str, Any]) -> None:
    """Private integration tokens are nobody's to refresh, and AWSPREVIOUS stays what a user could go back to."""
    client = deployment.stack.client("secretsmanager")
    before = client.describe_secret(SecretId=deployment.stack.outputs[SECRET])["VersionIdsToStages"]
    token = str(uuid.uuid4())
    for step in STEPS:
        call(deployment, step, token)
    assert client.describe_secret(SecretId=deployment.stack.outputs[SECRET])["VersionIdsToStages"] == before
    assert deployment.stack.secret(SECRET) == secret
