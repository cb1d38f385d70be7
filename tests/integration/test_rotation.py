"""The rotation function over Secrets Manager and a CRM that speaks HTTP; the fake versions beside the real ones."""

from __future__ import annotations

import functools
import json
import time
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

import rotation
from infra.local.contacts_sandbox import ContactsSandbox
from leads import wiring
from leads.adapters.http import HttpClient
from leads.adapters.secret_versions import SecretVersions
from leads.adapters.telemetry import Telemetry
from leads.core.errors import Misconfigured, TryAgain
from leads.crm.oauth import OAuth
from leads.flow.refresh_tokens import Versions
from leads.flow.rotate import Rotate
from tests.fakes import FakeVersions
from tests.integration.conftest import AwsAccount

APP = {"client_id": "app-1", "client_secret": "hush-hush", "company_id": "co1"}
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)


@pytest.fixture
def crm() -> Iterator[ContactsSandbox]:
    with ContactsSandbox({"pit-test": "ve9EPM428h8vShlRW1KT"}) as crm:
        yield crm


@pytest.fixture
def versions(aws: AwsAccount) -> SecretVersions:
    return SecretVersions(lambda: aws.secrets, "contacts")


@pytest.fixture
def app(
    versions: SecretVersions, crm: ContactsSandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Rotate:
    # A logger keeps the output stream it was made with, and capsys gives each test another.
    run = uuid.uuid4().hex
    monkeypatch.setattr(wiring, "telemetry", functools.cache(lambda service: Telemetry(f"{service}-{run}", "INFO")))
    tokens = OAuth(HttpClient("contacts_api", now=time.time), crm.url, now=time.time)
    return Rotate(versions=versions, tokens=tokens, now=time.time, sleep=lambda _: None)


def install(crm: ContactsSandbox, **order: Any) -> dict[str, Any]:
    """An entry of the secret whose access token expires in an hour."""
    given = crm.install_app(**APP, expires_in=3600, **order)
    kept = {name: given[name] for name in ("access_token", "refresh_token")}
    return {
        "client_id": APP["client_id"],
        "client_secret": APP["client_secret"],
        **kept,
        "expires_at": time.time() + 3600,
    }


def rotate(app: Rotate, token: str = "") -> None:
    """The four calls of Secrets Manager."""
    token = token or str(uuid.uuid4())
    for step in STEPS:
        rotation.handler({"Step": step, "SecretId": "contacts", "ClientRequestToken": token}, CONTEXT, app)


def stored(aws: AwsAccount, label: str = "AWSCURRENT") -> Any:
    return json.loads(aws.secrets.get_secret_value(SecretId="contacts", VersionStage=label)["SecretString"])


def test_a_location_gets_a_new_token_before_the_old_one_expires(
    aws: AwsAccount, crm: ContactsSandbox, app: Rotate
) -> None:
    """Four events, as Secrets Manager sends them; the CRM takes the new token, private ones are as they were."""
    secret = {
        "locations": {
            "loc1": install(crm, location_id="loc1"),
            "loc2": {"company_id": "co1"},
            "mine": {"token": "pit-test"},
        },
        "companies": {"co1": install(crm, locations=["loc2"])},
    }
    aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps(secret))
    rotate(app)
    after = stored(aws)
    assert crm.api.tokens[after["locations"]["loc1"]["access_token"]] == "loc1"
    assert crm.api.tokens[after["locations"]["loc2"]["access_token"]] == "loc2"
    assert after["locations"]["loc1"]["refresh_token"] != secret["locations"]["loc1"]["refresh_token"]
    assert after["locations"]["mine"] == {"token": "pit-test"}
    assert stored(aws, "AWSPREVIOUS") == secret
    labels = aws.secrets.describe_secret(SecretId="contacts")["VersionIdsToStages"].values()
    assert not [found for found in labels if "AWSPENDING" in found]


@pytest.mark.unrecorded  # reconnecting is in none of the vendor's files
def test_the_log_names_the_location_and_no_token(
    aws: AwsAccount, crm: ContactsSandbox, app: Rotate, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and one metric for an entry that cannot be refreshed."""
    secret = {"locations": {"loc1": install(crm, location_id="loc1"), "loc2": install(crm, location_id="loc2")}}
    aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps(secret))
    crm.add_fault(match={"path": "/oauth", "contains": secret["locations"]["loc1"]["refresh_token"]}, status=400)
    crm.add_fault(match={"path": "/oauth/reconnect"}, status=401)
    rotate(app)
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    [told] = [line for line in lines if line.get("about")]
    assert (told["about"], told["reason"], told["step"]) == ("location loc1", "token_refused", "createSecret")
    # Once more for all sources together, which is what the alarm looks at.
    counted = {line["source"]: line["TokenRefreshFailed"] for line in lines if "TokenRefreshFailed" in line}
    assert counted == {"contacts_api": [1.0], "all": [1.0]}
    for place in (*secret["locations"].values(), *stored(aws)["locations"].values()):
        for name in ("client_secret", "access_token", "refresh_token"):
            assert place[name] not in written
    assert stored(aws)["locations"]["loc1"] == secret["locations"]["loc1"]
    assert stored(aws)["locations"]["loc2"] != secret["locations"]["loc2"]


def test_what_ends_soon_is_counted_once_a_rotation_and_is_no_failure(
    aws: AwsAccount, crm: ContactsSandbox, versions: SecretVersions, capsys: pytest.CaptureFixture[str], app: Rotate
) -> None:
    """A token that nothing renews, and the version of Graph; each has its metric, for its alarm too."""
    tokens = OAuth(HttpClient("contacts_api", now=time.time), crm.url, now=time.time)
    graph = "https://graph.facebook.com/v20.0"
    app = Rotate(versions=versions, tokens=tokens, now=time.time, sleep=lambda _: None, graph_api_url=graph)
    secret = {"locations": {"mine": {"token": "pit-test", "expires_at": time.time() + 86_400}}}
    aws.secrets.put_secret_value(SecretId="contacts", SecretString=json.dumps(secret))
    rotate(app)
    written = capsys.readouterr().out
    lines = [json.loads(line) for line in written.splitlines()]
    for metric in ("TokenExpiryNear", "GraphVersionExpiryNear"):
        counted = {line["source"]: line[metric] for line in lines if metric in line}
        assert counted == {"contacts_api": [1.0], "all": [1.0]}
    told = [(line["message"], line["about"], line["reason"]) for line in lines if "about" in line]
    assert told == [
        ("ends soon", "location mine", "token_ends_soon"),
        ("ends soon", "Graph v20.0", "graph_version_ends_soon"),
    ]
    assert not [line for line in lines if "TokenRefreshFailed" in line]
    assert "pit-test" not in written
    assert stored(aws) == secret


def test_a_step_that_fails_as_a_whole_is_repeated_by_secrets_manager(
    aws: AwsAccount, app: Rotate, capsys: pytest.CaptureFixture[str]
) -> None:
    """It raises, with a line that says why."""
    aws.secrets.put_secret_value(SecretId="contacts", SecretString="no JSON: pit-secret")
    with pytest.raises(rotation.RotationFailed):
        rotate(app)
    written = capsys.readouterr().out
    assert "is not a JSON object" in written
    assert "RotationsFailed" in written
    assert "pit-secret" not in written


# ---- versions ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["real", "fake"])
def either(request: pytest.FixtureRequest, aws: AwsAccount) -> Versions:
    """The real versions and the fake's, with one version of the same value."""
    if request.param == "real":
        return SecretVersions(lambda: aws.secrets, "contacts")
    return FakeVersions(values={"first": stored(aws)}, held={"AWSCURRENT": "first"})


def new_id() -> str:
    return str(uuid.uuid4())


def test_a_stored_version_is_read_by_its_label(either: Versions) -> None:
    """And its label leaves the version that had it."""
    for number in (1, 2):
        either.put({"number": number}, version_id=new_id(), label="OURS")
    labels = either.labels()
    assert either.read(labels["OURS"]) == {"number": 2}
    assert either.read(labels["AWSCURRENT"]) == {"locations": {"ve9EPM428h8vShlRW1KT": {"token": "pit-test"}}}


def test_a_version_nobody_has_stored_has_no_value(either: Versions) -> None:
    """As the one that Secrets Manager labels AWSPENDING before it calls."""
    assert either.read(new_id()) is None


def test_storing_a_version_twice_is_storing_it_once(either: Versions) -> None:
    """The first answer may have been lost."""
    version = new_id()
    for _ in range(2):
        either.put({"a": 1}, version_id=version, label="AWSPENDING")
    assert either.labels()["AWSPENDING"] == version


def test_a_label_moves_away_from_where_it_was_read_only(either: Versions) -> None:
    """Somebody else's newer version stays current."""
    read = either.labels()["AWSCURRENT"]
    ours, edit = new_id(), new_id()
    either.put({"edit": True}, version_id=edit, label="AWSPENDING")
    assert either.move("AWSCURRENT", to=edit, away_from=read)
    either.put({"ours": True}, version_id=ours, label="AWSPENDING")
    assert not either.move("AWSCURRENT", to=ours, away_from=read)
    assert either.read(either.labels()["AWSCURRENT"]) == {"edit": True}
    assert either.read(either.labels()["AWSPREVIOUS"]) == {"locations": {"ve9EPM428h8vShlRW1KT": {"token": "pit-test"}}}


def test_a_label_is_taken_off(either: Versions) -> None:
    """Where there is one."""
    either.put({"a": 1}, version_id=new_id(), label="AWSPENDING")
    either.unlabel("AWSPENDING")
    either.unlabel("AWSPENDING")
    assert "AWSPENDING" not in either.labels()


def test_a_secret_without_a_value_has_no_labels(aws: AwsAccount) -> None:
    """As a new stack has it."""
    aws.secrets.create_secret(Name="empty")
    versions = SecretVersions(lambda: aws.secrets, "empty")
    assert "AWSCURRENT" not in versions.labels() or versions.read(versions.labels()["AWSCURRENT"]) is None


@pytest.mark.parametrize("call", ["labels", "read", "put", "move", "unlabel"])
@pytest.mark.parametrize(
    ("code", "fate"), [("AccessDeniedException", Misconfigured), ("LimitExceededException", TryAgain)]
)
def test_what_aws_refuses_is_told_by_its_code(call: str, code: str, fate: type[Exception]) -> None:
    """A missing permission is the deployment's fault, anything else passes."""

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            def answer(**_: Any) -> Any:
                if name == "describe_secret" and call == "unlabel":
                    return {"VersionIdsToStages": {"v": ["AWSPENDING"]}}
                raise ClientError({"Error": {"Code": code}}, name)

            return answer

    versions = SecretVersions(Refusing, "arn:contacts")
    calls = {
        "labels": versions.labels,
        "read": lambda: versions.read("v"),
        "put": lambda: versions.put({}, version_id="v", label="L"),
        "move": lambda: versions.move("L", to="v", away_from="w"),
        "unlabel": lambda: versions.unlabel("AWSPENDING"),
    }
    with pytest.raises(fate, match=code):
        calls[call]()


def test_the_clients_of_the_functions_know_these_calls() -> None:
    """Parameters are not checked at run time, so a misspelt one would be found out by AWS alone."""
    model = boto3.client("secretsmanager", "us-east-1").meta.service_model
    members = model.operation_model("UpdateSecretVersionStage").input_shape.members
    assert {"SecretId", "VersionStage", "MoveToVersionId", "RemoveFromVersionId"} <= set(members)
    members = model.operation_model("PutSecretValue").input_shape.members
    assert {"SecretId", "ClientRequestToken", "SecretString", "VersionStages"} <= set(members)
