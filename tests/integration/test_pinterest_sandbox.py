"""The Pinterest sandbox over real sockets, strict enough to prove something; the pull and the rotation against it."""

from __future__ import annotations

import base64
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

import rotation
from infra.local.pinterest_sandbox import EXAMPLE_AD, PinterestSandbox
from leads import wiring
from leads.adapters.http import HttpClient
from leads.adapters.secret_versions import SecretVersions
from leads.adapters.telemetry import Telemetry
from leads.core.reconciling import Scope
from leads.flow.rotate_pinterest import RotatePinterest
from leads.sources.own_seal import OwnSeal
from leads.sources.pinterest import Pinterest
from leads.sources.pinterest_oauth import PinterestOAuth
from leads.sources.pinterest_pull import PinterestPull
from tests.contract.pinterest_traffic import declared, schema_of_answer, specification, violations
from tests.fakes import FakeSecret
from tests.integration.conftest import AwsAccount

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "pina_test"
ACCOUNT, AD, FORM = EXAMPLE_AD["account"], EXAMPLE_AD["id"], EXAMPLE_AD["lead_form_id"]
ADA = {"FULL_NAME": "Ada Lovelace", "EMAIL": "ada@example.com", "Any, thing?": 'Yes, "all"\nof it'}
EXPORTS = f"/ad_accounts/{ACCOUNT}/leads_export"


def assert_declared(method: str, path: str, answer: urllib3.BaseHTTPResponse) -> None:
    """An answer is one that the operation's declaration allows; one from no operation, an error as all are."""
    if not specification():
        return
    schema = schema_of_answer(declared(method, path), answer.status)
    assert answer.data == b"" if schema is None else not list(violations(schema, answer.json()))


class Client:
    """A keep-alive client of one sandbox, which sends what a good client sends unless told otherwise.

    What the API answers is checked against the vendor's OpenAPI file.
    """

    def __init__(self, sandbox: PinterestSandbox) -> None:
        self.sandbox = sandbox
        self.pool = urllib3.PoolManager(retries=False, timeout=5)

    def __call__(
        self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        sent |= {"Content-Type": "application/json"} | headers
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else self.sandbox.url + path
        answer = self.pool.request(method, url, body=raw, headers=sent)
        if url.startswith(self.sandbox.url):
            assert_declared(method, url.removeprefix(self.sandbox.url).partition("?")[0], answer)
        return answer

    def refused(self, *args: Any, **more: Any) -> tuple[int, int]:
        answer = self(*args, **more)
        body = answer.json()
        assert set(body) == {"code", "message"}
        return answer.status, body["code"]

    def admin(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self(method, f"{self.sandbox.admin_url}/{path}", body, token=None, **headers)
        return answer.status, answer.json()

    def refresh(self, refresh_token: str, *, app: str = "15:hush", **more: str) -> urllib3.BaseHTTPResponse:
        basic = "Basic " + base64.b64encode(app.encode()).decode()
        body = urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token} | more).encode()
        headers = {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}
        return self("POST", "/oauth/token", body, token=None, **headers)


@pytest.fixture
def sandbox() -> Iterator[PinterestSandbox]:
    with PinterestSandbox([TOKEN]) as sandbox:
        yield sandbox


@pytest.fixture
def call(sandbox: PinterestSandbox) -> Client:
    return Client(sandbox)


def order(**changes: Any) -> dict[str, Any]:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    body = {"start_date": today, "end_date": today, "ad_id": AD} | changes
    return {name: value for name, value in body.items() if value is not None}


class TestStrictness:
    def test_a_missing_or_wrong_token_is_refused(self, call: Client) -> None:
        """In the header only."""
        path = f"/ad_accounts/{ACCOUNT}/ads"
        assert call.refused("GET", path, token=None) == (401, 2)
        assert call.refused("GET", path, token="pina_wrong") == (401, 2)
        assert call.refused("GET", f"{path}?access_token={TOKEN}") == (400, 1)

    def test_only_known_accounts_and_operations_are_there(self, call: Client) -> None:
        """As for a user without a role there."""
        assert call.refused("GET", "/ad_accounts/5/ads") == (403, 29)
        assert call.refused("GET", "/ad_accounts/five/ads") == (400, 1)
        assert call.refused("GET", f"/ad_accounts/{ACCOUNT}/pins") == (404, 0)
        assert call.refused("DELETE", f"/ad_accounts/{ACCOUNT}/ads") == (404, 0)
        assert call.refused("GET", f"/ad_accounts/{ACCOUNT}/ads/5") == (404, 2)

    @pytest.mark.parametrize("query", ["page_size=0", "page_size=251", "bookmark=x", "entity_statuses=LIVE", "limit=5"])
    def test_lists_take_what_is_documented(self, call: Client, query: str) -> None:
        """Nothing is passed over in silence."""
        assert call.refused("GET", f"/ad_accounts/{ACCOUNT}/ads?{query}") == (400, 1)

    def test_ads_come_by_pages_and_status(self, call: Client) -> None:
        """ACTIVE and PAUSED unless told; a bookmark leads on, null ends."""
        for number, status in (("1", "PAUSED"), ("2", "ARCHIVED")):
            call.sandbox.add_ad(account=ACCOUNT, id=number, status=status)
        path = f"/ad_accounts/{ACCOUNT}/ads?page_size=1"
        first = call("GET", path).json()
        second = call("GET", f"{path}&bookmark={first['bookmark']}").json()
        assert [[ad["id"] for ad in page["items"]] for page in (first, second)] == [[AD], ["1"]]
        assert second["bookmark"] is None
        both = call("GET", f"/ad_accounts/{ACCOUNT}/ads?entity_statuses=PAUSED&entity_statuses=ARCHIVED").json()
        assert [ad["id"] for ad in both["items"]] == ["1", "2"]
        assert call("GET", f"/ad_accounts/{ACCOUNT}/ads/{AD}").json()["lead_form_id"] == FORM

    @pytest.mark.parametrize(
        "body",
        [
            b"no json", [], order(ad_id=None), order(more="x"), order(ad_id=7), order(ad_id="7"),
            order(start_date="2026-2-1"), order(start_date="2026-02-31"), order(end_date="2020-01-01"),
        ],
    )  # fmt: skip
    def test_an_export_needs_days_and_an_ad(self, call: Client, body: Any) -> None:
        """The ad must collect leads in this account."""
        assert call.refused("POST", EXPORTS, body) == (400, 1)

    def test_an_export_is_sent_as_json(self, call: Client) -> None:
        """By its content type."""
        assert call.refused("POST", EXPORTS, order(), **{"Content-Type": "text/plain"}) == (400, 1)

    def test_an_export_takes_its_time_and_its_file_no_token(self, call: Client) -> None:
        """IN_PROGRESS, then FINISHED with an address that nobody can guess."""
        call.sandbox.add_lead(ad=AD, answers=ADA)
        call.sandbox.add_lead(ad=AD, answers=ADA, created_at=time.time() - 3 * 86_400)
        call.sandbox.set_exports(polls=2)
        path = f"{EXPORTS}/{call('POST', EXPORTS, order()).json()['leads_export_id']}"
        looks = [call("GET", path).json() for _ in range(3)]
        assert [look["export_status"] for look in looks] == ["IN_PROGRESS", "IN_PROGRESS", "FINISHED"]
        assert [bool(look["download_url"]) for look in looks] == [False, False, True]
        url = looks[-1]["download_url"]
        assert call.refused("GET", url) == (400, 1)
        file = call("GET", url, token=None)
        assert file.headers["Content-Type"].startswith("text/csv")
        assert file.data.count(b"ada@example.com") == 1
        assert call("GET", url + "x", token=None).status == 403
        assert call.refused("GET", f"{EXPORTS}/5") == (404, 404)

    def test_answers_carry_limits_and_an_id(self, call: Client) -> None:
        """Refusals too."""
        for token in (TOKEN, "wrong"):
            headers = call("GET", f"/ad_accounts/{ACCOUNT}/ads", token=token).headers
            assert headers["x-ratelimit-reset"] == "1"
            assert headers["x-pinterest-rid"]


class TestTokens:
    def test_a_refresh_token_works_once(self, call: Client) -> None:
        """And brings its successor."""
        first = call.sandbox.connect_app(app_id="15", app_secret="hush")
        second = call.refresh(first["refresh_token"]).json()
        assert (second["token_type"], second["expires_in"]) == ("bearer", 2_592_000)
        assert call.refresh(first["refresh_token"]).status == 401
        assert call.refresh(second["refresh_token"]).status == 200
        assert call("GET", f"/ad_accounts/{ACCOUNT}/ads", token=second["access_token"]).status == 200

    def test_another_client_or_grant_is_refused(self, call: Client) -> None:
        """HTTP Basic with the app's id and secret; the refresh token is not used up by that."""
        given = call.sandbox.connect_app(app_id="15", app_secret="hush")["refresh_token"]
        for app in ("15:wrong", "16:hush", "", "15"):
            assert call.refresh(given, app=app).status == 401
        assert call.refresh(given, grant_type="password").status == 400
        assert call.refresh(given, client_id="15").status == 400
        assert call.refused("POST", "/oauth/token", {"grant_type": "refresh_token"}) == (400, 1)
        assert call.refresh(given).status == 200

    def test_an_app_gets_a_token_of_its_own(self, call: Client) -> None:
        """By its id and its secret; the token opens no ad account, and a scope has to be named."""
        call.sandbox.connect_app(app_id="15", app_secret="hush")

        def ask(app: str = "15:hush", **body: str) -> urllib3.BaseHTTPResponse:
            basic = "Basic " + base64.b64encode(app.encode()).decode()
            headers = {"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}
            asked = urlencode({"grant_type": "client_credentials"} | body).encode()
            return call("POST", "/oauth/token", asked, token=None, **headers)

        given = ask(scope="ads:read")
        assert (given.status, given.json()["response_type"]) == (200, "client_credentials")
        assert call("GET", f"/ad_accounts/{ACCOUNT}/ads", token=given.json()["access_token"]).status == 401
        assert [ask(app, scope="ads:read").status for app in ("15:wrong", "a name:hush", "15:")] == [401] * 3
        assert [ask().status, ask(scope="everything").status] == [400, 400]

    def test_tokens_expire(self, call: Client) -> None:
        """By the sandbox's clock."""
        given = call.sandbox.connect_app(app_id="15", app_secret="hush", expires_in=60)
        call.sandbox.api.tokens.clock = lambda: time.time() + 61
        assert call("GET", f"/ad_accounts/{ACCOUNT}/ads", token=given["access_token"]).status == 401
        call.sandbox.api.tokens.clock = lambda: time.time() + 61 * 86_400
        assert call.refresh(given["refresh_token"]).status == 401


class TestOtherSide:
    def test_ads_leads_and_apps_can_be_made(self, call: Client) -> None:
        """What a test in another program needs."""
        assert call.admin("POST", "ads", {"account": "5", "id": "6", "lead_form_id": "7"})[0] == 201
        status, lead = call.admin("POST", "leads", {"ad": "6", "answers": ADA})
        assert (status, lead["answers"]) == (201, ADA)
        assert call.admin("GET", "leads")[1]["leads"] == [lead]
        assert call.admin("POST", "apps", {"app_id": "1", "app_secret": "s"})[1]["refresh_token"].startswith("pinr_")
        assert call.admin("POST", "exports", {"polls": 0, "failures": 1}) == (201, {"polls": 0, "failures": 1})
        assert call.admin("POST", "reset") == (200, {"ok": True})
        assert call.admin("GET", "leads")[1]["leads"] == []

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("ads", {"account": "x"}), ("ads", {"colour": "red"}), ("ads", []), ("leads", {"ad": "5"}), ("leads", b"{"),
            ("leads", {"ad": AD, "answers": {}, "x": 1}), ("apps", {}), ("faults", {"x": 1}), ("exports", {"x": 1}),
        ],
    )  # fmt: skip
    def test_an_order_that_makes_no_sense_is_refused(self, call: Client, path: str, body: Any) -> None:
        """In one sentence."""
        status, answer = call.admin("POST", path, body)
        assert (status, set(answer)) == (400, {"error"})

    def test_faults_strike_as_ordered(self, call: Client) -> None:
        """So often, in these words."""
        fault = {"match": {"path": "/v5/ad_accounts"}, "status": 429, "times": 1, "headers": {"x-ratelimit-reset": "7"}}
        assert call.admin("POST", "faults", fault)[0] == 201
        answer = call("GET", f"/ad_accounts/{ACCOUNT}/ads")
        assert (answer.status, answer.headers["x-ratelimit-reset"]) == (429, "7")
        assert call("GET", f"/ad_accounts/{ACCOUNT}/ads").status == 200
        call.sandbox.add_fault(drop_connection=True)
        with pytest.raises(urllib3.exceptions.HTTPError):
            call("GET", f"/ad_accounts/{ACCOUNT}/ads")
        assert call.admin("DELETE", "faults") == (200, {"ok": True})
        assert call.admin("GET", "faults")[1] == {"faults": []}

    def test_requests_are_shown_without_tokens(self, call: Client) -> None:
        """In headers, queries and bodies alike."""
        given = call.sandbox.connect_app(app_id="15", app_secret="hush")["refresh_token"]
        call("GET", f"/ad_accounts/{ACCOUNT}/ads?access_token={TOKEN}")
        call.refresh(given)
        seen = call.admin("GET", "requests")[1]["requests"]
        assert [request["status"] for request in seen] == [400, 200]
        assert not any(token in json.dumps(seen) for token in (TOKEN, given, base64.b64encode(b"15:hush").decode()))
        assert call.admin("DELETE", "requests")[0] == 200
        assert call.admin("GET", "requests")[1] == {"requests": []}

    def test_it_is_nobodys_page(self, call: Client) -> None:
        """A name pointed at loopback is refused, an unknown order too."""
        assert call.admin("GET", "leads", Host="evil.example:80")[0] == 403
        assert call.admin("GET", "nothing")[0] == 404


def test_leads_that_no_webhook_brought_are_pulled(call: Client) -> None:
    """The whole way: ads, export, wait, file, envelope, lead; with the real HTTP client."""
    wanted = [call.sandbox.add_lead(ad=AD, answers=ADA)["lead_id"] for _ in range(120)]
    now = time.time()
    tokens = SimpleNamespace(current=lambda: ["t" * 48], reread=lambda: ["t" * 48])
    keys = FakeSecret({"subscriptions": [{"ad_account_id": ACCOUNT, "cryptographic_key": "", "retired_at": None}]})
    pull = PinterestPull(
        keys,
        FakeSecret({"access_token": TOKEN}),
        HttpClient("pinterest", now=time.time),
        call.sandbox.url,
        OwnSeal(tokens),
        now=time.time,
    )
    [(account, form)] = pull.forms("", deadline=now + 30)
    scope = Scope(source="pinterest", account=account, form=form, since=now - 86_400, until=now + 60)
    found, cursor, pages = [], "", 0
    while cursor or not pages:
        page = pull.page(scope, cursor, deadline=now + 30)
        found += page.envelopes
        cursor, pages = page.cursor, pages + 1
    assert [envelope.lead_id for envelope in found] == wanted
    lead = Pinterest(keys).open(found[-1], deadline=now)
    assert lead.answers == ADA
    assert (lead.account, lead.form) == (ACCOUNT, FORM)


class TestRotationFunction:
    SECRET = "pinterest-app"

    @pytest.fixture
    def app(self, aws: AwsAccount, sandbox: PinterestSandbox, monkeypatch: pytest.MonkeyPatch) -> RotatePinterest:
        aws.secrets.create_secret(Name=self.SECRET)
        # A logger keeps the output stream it was made with, and capsys gives each test another.
        run = uuid.uuid4().hex
        monkeypatch.setattr(wiring, "telemetry", functools.cache(lambda service: Telemetry(f"{service}-{run}", "INFO")))
        return RotatePinterest(
            versions=SecretVersions(lambda: aws.secrets, self.SECRET),
            tokens=PinterestOAuth(HttpClient("pinterest", now=time.time), sandbox.url, now=time.time),
            now=time.time,
            sleep=lambda _: None,
        )

    def stored(self, aws: AwsAccount, label: str) -> str:
        return str(aws.secrets.get_secret_value(SecretId=self.SECRET, VersionStage=label)["SecretString"])

    def rotate(self, app: RotatePinterest) -> None:
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
        token = str(uuid.uuid4())
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
            rotation.handler({"Step": step, "SecretId": self.SECRET, "ClientRequestToken": token}, context, app)

    def test_a_due_token_is_replaced(self, aws: AwsAccount, call: Client, app: RotatePinterest) -> None:
        """Over Secrets Manager; AWSPENDING ends nowhere, AWSPREVIOUS is what was there."""
        given = call.sandbox.connect_app(app_id="15", app_secret="hush", expires_in=86_400)
        before = {"app_id": "15", "app_secret": "hush", **{k: given[k] for k in ("access_token", "refresh_token")}}
        before["expires_at"] = time.time() + 86_400
        aws.secrets.put_secret_value(SecretId=self.SECRET, SecretString=json.dumps(before))
        self.rotate(app)
        after = json.loads(self.stored(aws, "AWSCURRENT"))
        assert after["refresh_token"] != before["refresh_token"]
        assert call("GET", f"/ad_accounts/{ACCOUNT}/ads", token=after["access_token"]).status == 200
        assert json.loads(self.stored(aws, "AWSPREVIOUS")) == before
        labels = aws.secrets.describe_secret(SecretId=self.SECRET)["VersionIdsToStages"].values()
        assert not [found for found in labels if "AWSPENDING" in found]

    def test_a_failure_is_counted_as_pinterests(
        self, aws: AwsAccount, app: RotatePinterest, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And no token stands in the log."""
        secret = {"app_id": "15", "app_secret": "hush-hush", "access_token": "pina_old", "refresh_token": "pinr_dead"}
        aws.secrets.put_secret_value(SecretId=self.SECRET, SecretString=json.dumps(secret))
        self.rotate(app)
        written = capsys.readouterr().out
        lines = [json.loads(line) for line in written.splitlines()]
        assert "pinterest" in [line["source"] for line in lines if "TokenRefreshFailed" in line]
        [told] = [line for line in lines if line.get("about")]
        assert (told["about"], told["reason"], told["source"]) == ("the Pinterest app", "token_refused", "pinterest")
        assert not any(secret[name] in written for name in ("app_secret", "access_token", "refresh_token"))


def test_the_command_serves_until_told_to_end() -> None:
    """The first line says where; SIGTERM ends it with 0."""
    command = [sys.executable, "-m", "infra.local.pinterest_sandbox", "--port", "0", "--token", TOKEN, "--polls", "0"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert child.stdout
        assert select.select([child.stdout], [], [], 20)[0]
        line = child.stdout.readline().strip()
        assert line.startswith("listening on http://127.0.0.1:")
        url = line.removeprefix("listening on ")
        assert url.endswith("/v5")
        answer = urllib3.request(
            "GET", f"{url}/ad_accounts/{ACCOUNT}/ads", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        assert [ad["id"] for ad in answer.json()["items"]] == [AD]
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
