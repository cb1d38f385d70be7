"""Pulling leads by ad, against the sandbox: exports asked for, waited for, read by pages; every answer's fate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from infra.local.pinterest.server import with_lists_joined
from infra.local.pinterest_sandbox import PinterestSandbox
from infra.local.sandbox.web import Call
from leads.core import lenient_json
from leads.core.errors import LeadError, Misconfigured, TryAgain, Undeliverable
from leads.core.lead import Envelope
from leads.core.parked_lead import body_of, parse
from leads.core.reconciling import Page, Scope
from leads.sources.own_seal import OwnSeal
from leads.sources.pinterest import Pinterest
from leads.sources.pinterest_api import LARGEST_FILE, PinterestApi
from leads.sources.pinterest_pull import PinterestPull
from tests.fakes import Clock, FakeSecret
from tests.unit.crm.canned_http import Canned, CannedAnswer, CannedHttp
from tests.unit.sources.sealing import ACCOUNT, ADA, DEADLINE, FORM, Keys, request, subscription

TOKEN, AD = "pina_now", "687195905986"
API = "https://pinterest.example/v5"
DAY = 86_400.0
OTHER_ACCOUNT = "222764359002"


class SandboxHttp:
    """Asks the sandbox without a network; `asked` remembers every call as it went out."""

    def __init__(self, sandbox: PinterestSandbox) -> None:
        self._sandbox = sandbox
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, deadline: float
    ) -> CannedAnswer:
        parts = urlsplit(with_lists_joined(url))
        self.asked.append((method, parts.path, headers, json.loads(body) if body else None))
        lowered = {name.lower(): value for name, value in headers.items()}
        call = Call(method, parts.path, dict(parse_qsl(parts.query)), lowered, body or b"")
        answer = self._sandbox._answer(call)
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return CannedAnswer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, data)

    def paths(self, method: str) -> list[str]:
        return [path for asked, path, *_ in self.asked if asked == method]


class Tokens:
    """The webhook's tokens."""

    def current(self) -> list[str]:
        return ["t" * 48]

    reread = current


class World:
    """One ad account with an ad, the sandbox behind it, and the pull."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sandbox = PinterestSandbox([TOKEN], ads=[{"account": ACCOUNT, "id": AD, "lead_form_id": FORM}])
        self.sandbox.api.ads.clock = self.clock
        self.sandbox.api.base_url = API.removesuffix("/v5")
        self.http = SandboxHttp(self.sandbox)
        self.secret = FakeSecret({"access_token": TOKEN})
        self.keys = Keys(subscription())
        self.seal = OwnSeal(Tokens())
        self.columns: dict[str, str] = {}

    def pull(self) -> PinterestPull:
        return PinterestPull(
            self.keys, self.secret, self.http, API, self.seal, now=self.clock, columns=self.columns
        )  # fmt: skip

    def lead(self, ago: float = 3600.0, **order: Any) -> str:
        """A lead left some seconds ago; its id."""
        order = {"ad": AD, "answers": ADA, "created_at": self.clock() - ago} | order
        return str(self.sandbox.add_lead(**order)["lead_id"])

    def scope(self, since: float = 2 * DAY, until: float = 0.0, **changes: Any) -> Scope:
        """The last two days, or what is said in seconds ago."""
        now = self.clock()
        return Scope(
            **{
                "source": "pinterest",
                "account": ACCOUNT,
                "form": AD,
                "since": now - since,
                "until": now - until,
                **changes,
            }
        )

    def pages(self, scope: Scope | None = None, *, anew: bool = False) -> list[Page]:
        """All pages, after the waits they ask for; anew: each in a container of its own."""
        scope, pull = scope or self.scope(), self.pull()
        found: list[Page] = []
        cursor = ""
        while True:
            pull = self.pull() if anew else pull
            found.append(pull.page(scope, cursor, deadline=DEADLINE))
            cursor = found[-1].cursor
            assert len(cursor) < 4096
            if not cursor:
                return found
            self.clock.time += found[-1].wait

    def envelopes(self, scope: Scope | None = None, *, anew: bool = False) -> list[Envelope]:
        return [envelope for page in self.pages(scope, anew=anew) for envelope in page.envelopes]

    def ids(self, scope: Scope | None = None) -> list[str]:
        return [envelope.lead_id for envelope in self.envelopes(scope)]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.sandbox.stop()


class TestForms:
    def test_ads_with_a_lead_form_are_reconciled(self, world: World) -> None:
        """Archived ones too: they have collected leads before."""
        world.sandbox.add_ad(account=ACCOUNT, id="1")
        world.sandbox.add_ad(account=ACCOUNT, id="2", lead_form_id="AG77", status="ARCHIVED")
        assert world.pull().forms("", deadline=DEADLINE) == [(ACCOUNT, AD), (ACCOUNT, "2")]

    def test_many_ads_come_by_pages(self, world: World) -> None:
        """250 in a call is the most."""
        for number in range(1, 600):
            world.sandbox.add_ad(account=ACCOUNT, id=str(number), lead_form_id=FORM)
        assert len(world.pull().forms("", deadline=DEADLINE)) == 600
        assert len(world.http.asked) == 3

    def test_every_account_with_a_live_subscription_is_asked_once(self, world: World) -> None:
        """A retired one may be closed."""
        world.sandbox.add_ad(account=OTHER_ACCOUNT, id="5", lead_form_id=FORM)
        gone = subscription(account="999", retired_at="2026-01-01T00:00:00Z")
        world.keys = Keys(subscription(), subscription(form=FORM), gone, subscription(account=OTHER_ACCOUNT))
        assert world.pull().forms("", deadline=DEADLINE) == [(ACCOUNT, AD), (OTHER_ACCOUNT, "5")]
        assert world.pull().forms(OTHER_ACCOUNT, deadline=DEADLINE) == [(OTHER_ACCOUNT, "5")]

    def test_without_subscriptions_there_is_nothing_to_reconcile(self, world: World) -> None:
        """Whoever uses other sources only."""
        for secret in ({}, {"subscriptions": "none"}, {"subscriptions": [7, {}]}):
            world.keys = Keys.holding(secret)
            assert world.pull().forms("", deadline=DEADLINE) == []
        assert world.http.asked == []

    def test_an_account_that_cannot_be_asked_hides_no_other(self, world: World) -> None:
        """Its own scope tells why; alone, it is an error at once."""
        world.keys = Keys(subscription(account="333"), subscription())
        assert world.pull().forms("", deadline=DEADLINE) == [("333", ""), (ACCOUNT, AD)]
        for ask in (
            lambda: world.pull().page(world.scope(account="333", form=""), "", deadline=DEADLINE),
            lambda: world.pull().forms("333", deadline=DEADLINE),
        ):
            with pytest.raises(Undeliverable) as caught:
                ask()
            assert caught.value.reason == "pinterest_not_permitted"

    def test_an_account_that_answers_again_is_left_to_the_next_run(self, world: World) -> None:
        """Nobody may take its silence for no leads."""
        with pytest.raises(Undeliverable) as caught:
            world.pull().page(world.scope(form=""), "", deadline=DEADLINE)
        assert caught.value.reason == "pinterest_ads_not_listed"


class TestPages:
    def test_an_export_is_asked_for_waited_for_and_read(self, world: World) -> None:
        """By day; nothing is asked again sooner than it makes sense."""
        world.sandbox.set_exports(polls=2)
        number = world.lead()
        first, second, third, last = world.pages()
        assert [page.wait for page in (first, second, third, last)] == [10, 30, 30, 0]
        assert [len(page.envelopes) for page in (first, second, third, last)] == [0, 0, 0, 1]
        assert last.envelopes[0].lead_id == number
        [(_, path, _, body)] = [asked for asked in world.http.asked if asked[0] == "POST"]
        assert path == f"/v5/ad_accounts/{ACCOUNT}/leads_export"
        assert body == {"ad_id": AD, "start_date": "2027-01-13", "end_date": "2027-01-15"}

    def test_the_token_never_goes_to_the_files_host(self, world: World) -> None:
        """The sandbox would refuse it; here it is seen."""
        world.lead()
        world.pages()
        [headers] = [headers for _, path, headers, _ in world.http.asked if path.startswith("/files/")]
        assert "authorization" not in {name.lower() for name in headers}
        assert TOKEN not in str(headers)

    def test_only_leads_of_the_span_come(self, world: World) -> None:
        """Days are asked for, hours are meant."""
        world.lead(ago=1900)
        wanted = world.lead(ago=1500)
        world.lead(ago=900)
        assert world.ids(world.scope(since=1800, until=1000)) == [wanted]

    def test_a_hundred_leads_make_a_page(self, world: World) -> None:
        """The file is downloaded once by one container, and again by the next."""
        numbers = [world.lead(ago=3600 - i) for i in range(250)]
        pages = world.pages()
        assert [len(page.envelopes) for page in pages] == [0, 0, 100, 100, 50]
        assert [e.lead_id for page in pages for e in page.envelopes] == numbers
        assert sum(path.startswith("/files/") for path in world.http.paths("GET")) == 1
        assert [e.lead_id for e in world.envelopes(anew=True)] == numbers

    def test_a_page_may_be_asked_for_twice(self, world: World) -> None:
        """The same leads, whichever container is asked."""
        for i in range(120):
            world.lead(ago=3600 - i)
        pages, scope = world.pages(), world.scope()
        again = world.pull().page(scope, pages[-2].cursor, deadline=DEADLINE)
        assert [e.lead_id for e in again.envelopes] == [e.lead_id for e in pages[-1].envelopes]

    def test_an_ad_without_leads_ends_with_an_empty_page(self, world: World) -> None:
        """A file with nothing but headers."""
        assert world.pages()[-1] == Page()

    def test_leads_beyond_30_days_are_not_asked_for(self, world: World) -> None:
        """Pinterest has none of them; a span with nothing else is told, as its leads are not known to be here."""
        world.pages(world.scope(since=90 * DAY))
        [(_, _, _, body)] = [asked for asked in world.http.asked if asked[0] == "POST"]
        assert body["start_date"] == "2026-12-16"
        with pytest.raises(Undeliverable) as caught:
            world.pages(world.scope(since=90 * DAY, until=31 * DAY))
        assert caught.value.reason == "pinterest_leads_expired"

    def test_a_span_that_has_not_begun_holds_nothing(self, world: World) -> None:
        """No call is made."""
        assert world.pages(world.scope(since=-10, until=-20)) == [Page()]
        assert world.http.asked == []

    def test_test_leads_are_left_out(self, world: World) -> None:
        """They all have one id."""
        world.lead(lead_id="TEST_API")
        number = world.lead()
        assert world.ids() == [number]

    def test_a_failed_export_is_made_once_more(self, world: World) -> None:
        """And then left to the next attempt."""
        number = world.lead()
        world.sandbox.set_exports(polls=0, failures=1)
        assert world.ids() == [number]
        world.sandbox.set_exports(failures=2)
        with pytest.raises(TryAgain) as caught:
            world.pages()
        assert caught.value.reason == "pinterest_export_failed"

    @pytest.mark.parametrize("path", ["/files/", f"/v5/ad_accounts/{ACCOUNT}/leads_export/"])
    def test_an_export_that_is_gone_is_made_once_more(self, world: World, path: str) -> None:
        """Its address has expired, or it is known no more."""
        number = world.lead()
        world.sandbox.add_fault(match={"method": "GET", "path": path}, status=404, times=1)
        assert world.ids() == [number]

    def test_an_export_that_is_gone_half_read_is_not_begun_anew(self, world: World) -> None:
        """What was handed out would be counted twice."""
        for i in range(120):
            world.lead(ago=3600 - i)
        cursor = world.pages()[-2].cursor
        world.sandbox.add_fault(match={"path": "/files/"}, status=403)
        with pytest.raises(TryAgain) as caught:
            world.pull().page(world.scope(), cursor, deadline=DEADLINE)
        assert caught.value.reason == "pinterest_export_failed"

    def test_an_export_that_never_ends_is_given_up_for_now(self, world: World) -> None:
        """After half an hour."""
        world.sandbox.set_exports(polls=1000)
        with pytest.raises(TryAgain) as caught:
            world.pages()
        assert caught.value.reason == "pinterest_export_late"
        assert caught.value.retry_after == 600
        assert len(world.http.asked) == 62

    def test_a_cursor_of_another_version_begins_anew(self, world: World) -> None:
        """The ledger knows what was delivered."""
        number = world.lead()
        page = world.pull().page(world.scope(), "export:7:0", deadline=DEADLINE)
        assert not page.envelopes
        assert world.ids() == [number]


class TestEnvelopes:
    def test_an_exported_lead_is_what_the_webhook_would_have_brought(self, world: World) -> None:
        """The same key, form, campaign, time and answers; without asking for anything more."""
        number = world.lead(answers={**ADA, "What is your budget?": "1000"})
        [envelope] = world.envelopes()
        assert envelope.ledger_key == f"pinterest#{ACCOUNT}#{number}"
        assert envelope.seal == ""
        calls = len(world.http.asked)
        lead = Pinterest(Keys.holding(None)).open(envelope, deadline=DEADLINE)
        assert (lead.account, lead.form, lead.lead_id, lead.is_test) == (ACCOUNT, FORM, number, False)
        assert lead.ledger_key == envelope.ledger_key
        assert lead.created_at == world.sandbox.leads()[0]["created_at"]
        assert lead.answers == {**ADA, "What is your budget?": "1000"}
        assert lead.campaign["campaign_name"] == "Spring campaign"
        assert lead.campaign["ad_id"] == AD
        assert len(world.http.asked) == calls

    def test_nothing_of_a_person_is_parked_in_the_clear(self, world: World) -> None:
        """What the queue keeps opens with our own seal only."""
        number = world.lead()
        [envelope] = world.envelopes()
        body = body_of(envelope)
        assert "Ada" not in body
        assert "example.com" not in body
        parked = parse(body)
        back = Pinterest(world.keys).wrap(parked.envelope, received_at=parked.received_at)
        assert (back.lead_id, back.ledger_key, back.seal, back.content) == (number, envelope.ledger_key, "", None)
        lead = Pinterest(world.keys, world.seal).open(back, deadline=DEADLINE)
        assert lead == Pinterest(world.keys).open(envelope, deadline=DEADLINE)
        with pytest.raises(TryAgain) as caught:
            Pinterest(world.keys).open(back, deadline=DEADLINE)
        assert caught.value.reason == "cannot_decrypt"

    def test_our_own_seal_is_worth_nothing_in_a_delivery(self, world: World) -> None:
        """Whoever knows the webhook's address could make it."""
        world.lead()
        [envelope] = world.envelopes()
        pinterest = Pinterest(world.keys, world.seal)
        [received] = pinterest.read(request([envelope.raw]), received_at="now").envelopes
        parked = pinterest.wrap(lenient_json.decode(body_of(received)), received_at="now")
        for forged in (received, parked, pinterest.wrap(received.raw, received_at="now")):
            with pytest.raises(TryAgain) as caught:
                pinterest.open(forged, deadline=DEADLINE)
            assert caught.value.reason == "cannot_decrypt"

    def test_what_the_file_does_not_tell_the_ad_does(self, world: World) -> None:
        """Its form above all, which routes go by; asked once by a container."""
        file = b"lead_id,EMAIL\n1,ada@example.com\n2,alan@example.com\n"
        world.sandbox.add_fault(match={"path": "/files/"}, status=200, body=file)
        first, second = (Pinterest(world.keys).open(e, deadline=DEADLINE) for e in world.envelopes())
        assert first.form == second.form == FORM
        assert first.created_at is None
        assert first.campaign == {
            "campaign_id": "626735565838", "ad_group_id": "2680060704746", "ad_id": AD, "ad_name": "Spring kitchen pin",
        }  # fmt: skip
        assert world.http.paths("GET").count(f"/v5/ad_accounts/{ACCOUNT}/ads/{AD}") == 1

    def test_the_users_columns_are_used(self, world: World) -> None:
        """The file's format is documented nowhere."""
        world.sandbox.add_fault(match={"path": "/files/"}, status=200, body=b"No,EMAIL\n1,ada@example.com\n")
        with pytest.raises(Undeliverable) as caught:
            world.pages()
        assert caught.value.reason == "export_has_no_lead_ids"
        world.columns = {"no": "lead_id"}
        assert world.ids() == ["1"]


def api(http: CannedHttp, secret: FakeSecret | None = None) -> PinterestApi:
    return PinterestApi(http, secret or FakeSecret({"access_token": TOKEN}), API)


def failed(*answers: Canned, secret: FakeSecret | None = None) -> LeadError:
    with pytest.raises(LeadError) as caught:
        api(CannedHttp(*answers), secret).call("GET", "ad_accounts", "1", deadline=DEADLINE)
    return caught.value


class TestFates:
    @pytest.mark.parametrize(
        ("status", "code", "fate", "reason"),
        [
            (400, 1, Undeliverable, "pinterest_rejected"), (403, 29, Undeliverable, "pinterest_not_permitted"),
            (403, None, Undeliverable, "pinterest_not_permitted"), (400, 3078, Undeliverable, "pinterest_not_in_beta"),
            (403, 3, Undeliverable, "pinterest_scope_missing"), (401, 3, Undeliverable, "pinterest_scope_missing"),
            (404, 2, Undeliverable, "pinterest_not_found"), (422, 4, Undeliverable, "pinterest_rejected"),
            (429, 8, TryAgain, "pinterest_throttled"), (400, 8, TryAgain, "pinterest_throttled"),
            (500, 29, TryAgain, "pinterest_5xx"), (503, 4197, TryAgain, "pinterest_5xx"),
            (302, None, TryAgain, "pinterest_unexpected"), (418, "7", TryAgain, "pinterest_unexpected"),
        ],
    )  # fmt: skip
    def test_every_answer_has_its_fate(self, status: int, code: Any, fate: type[LeadError], reason: str) -> None:
        """The code is told, the message never: it may quote."""
        body = {"code": code, "message": "ada@example.com is wrong"}
        error = failed(Canned(status, body, {"x-pinterest-rid": "123456"}))
        assert (type(error), error.reason, error.trace_id) == (fate, reason, "123456")
        assert "ada@example.com" not in str(error)
        assert TOKEN not in str(error)

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7"])
    def test_a_success_that_is_no_object_is_unexpected(self, body: bytes) -> None:
        """Not taken for an empty list."""
        assert failed(Canned(200, body)).reason == "pinterest_unexpected"

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({}, 60), ({"x-ratelimit-reset": "47"}, 47), ({"x-ratelimit-reset": "1, 30;w=60"}, 30),
            ({"x-ratelimit-reset": "0"}, 1), ({"retry-after": "5"}, 5), ({"x-ratelimit-reset": "soon"}, 60),
            ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60), ({"x-ratelimit-reset": "1800000000"}, 86_400),
        ],
    )  # fmt: skip
    def test_throttling_tells_how_long(self, headers: dict[str, str], wait: float) -> None:
        """Seconds from now; uses up no attempt."""
        error = failed(Canned(429, {"code": 8, "message": ""}, headers))
        assert isinstance(error, TryAgain)
        assert (error.retry_after, error.counts) == (wait, False)

    def test_a_refused_token_is_read_anew_once(self) -> None:
        """The rotation may have stored another."""
        http = CannedHttp(Canned(401, {"code": 2}), Canned(200, {"items": []}))
        secret = FakeSecret({"access_token": "pina_old"}, {"access_token": "pina_new"})
        assert api(http, secret).call("GET", "ad_accounts", deadline=DEADLINE) == {"items": []}
        assert [asked.token for asked in http.asked] == ["pina_old", "pina_new"]

    def test_a_token_that_stays_refused_is_told(self) -> None:
        """The same one is not tried twice."""
        error = failed(Canned(401, {"code": 2}))
        assert isinstance(error, TryAgain)
        assert (error.reason, error.counts) == ("pinterest_token_refused", False)
        both = FakeSecret({"access_token": "a"}, {"access_token": "b"})
        assert failed(Canned(401), Canned(401), secret=both).reason == "pinterest_token_refused"

    @pytest.mark.parametrize("secret", [{}, {"access_token": ""}, {"access_token": "a\nb"}, {"access_token": 7}])
    def test_without_a_token_the_deployment_is_wrong(self, secret: dict[str, Any]) -> None:
        """Said with the remedy; nothing is sent."""
        with pytest.raises(Misconfigured, match="access_token"):
            api(CannedHttp(), FakeSecret(secret)).call("GET", "ad_accounts", deadline=DEADLINE)

    def test_an_id_is_escaped_whole(self) -> None:
        """It cannot lead to another operation."""
        http = CannedHttp(Canned(200, {}))
        api(http).call("GET", "ad_accounts", "1/../2?x", "ads", query={"a": ("1", "2")}, deadline=DEADLINE)
        assert http.asked[0].url == f"{API}/ad_accounts/1%2F..%2F2%3Fx/ads?a=1&a=2"
        for part in ("", ".", ".."):
            with pytest.raises(Undeliverable):
                api(CannedHttp()).call("GET", "ad_accounts", part, deadline=DEADLINE)


class TestDownload:
    def test_redirects_are_followed_without_the_token(self) -> None:
        """Three of them."""
        moved = [Canned(302, b"", {"location": to}) for to in ("https://b.example/x", "/y", "https://c.example/z")]
        http = CannedHttp(*moved, Canned(200, b"file"))
        assert api(http).download("https://a.example/", deadline=DEADLINE) == b"file"
        assert [asked.url for asked in http.asked[1:]] == [
            "https://b.example/x", "https://b.example/y", "https://c.example/z",
        ]  # fmt: skip
        assert not any("Authorization" in asked.headers for asked in http.asked)
        assert_fate(CannedHttp(*moved, *moved), "https://a.example/", "pinterest_download_failed")

    @pytest.mark.parametrize(
        "url", ["http://a.example/", "file:///etc/hostname", "ftp://a.example/", "", "//a.example"]
    )
    def test_only_https_is_followed(self, url: str) -> None:
        """Except on the API's own host, which is loopback when it is a sandbox."""
        assert_fate(CannedHttp(), url, "pinterest_unexpected")
        assert_fate(CannedHttp(Canned(302, b"", {"location": "http://b.example/"})), API, "pinterest_unexpected")
        local = PinterestApi(CannedHttp(Canned(200, b"file")), FakeSecret({}), "http://127.0.0.1:4000/v5")
        assert local.download("http://127.0.0.1:4000/files/1", deadline=DEADLINE) == b"file"

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Canned(503), "pinterest_download_failed"), (Canned(429), "pinterest_download_failed"),
            (Canned(204), "pinterest_download_failed"), (Canned(200, b"x" * (LARGEST_FILE + 1)), "export_too_large"),
            (TryAgain("pinterest_api_too_large"), "export_too_large"), (TryAgain("x_timeout"), "x_timeout"),
        ],
        ids=["503", "429", "204", "20 MB", "much more", "too late"],
    )  # fmt: skip
    def test_other_answers_have_their_fate(self, answer: Canned | Exception, reason: str) -> None:
        """No half file, no endless one."""
        assert_fate(CannedHttp(answer), "https://a.example/", reason)

    @pytest.mark.parametrize("status", [401, 403, 404, 410])
    def test_a_file_that_is_gone_is_none(self, status: int) -> None:
        """Addresses of files expire."""
        assert api(CannedHttp(Canned(status))).download("https://a.example/", deadline=DEADLINE) is None


def assert_fate(http: CannedHttp, url: str, reason: str) -> None:
    with pytest.raises(LeadError) as caught:
        api(http).download(url, deadline=DEADLINE)
    assert caught.value.reason == reason
    assert "example" not in str(caught.value)


def test_a_page_is_plain_data(world: World) -> None:
    """The cursor is text without a person in it."""
    world.lead()
    for page in world.pages():
        assert "Ada" not in page.cursor
        assert msgspec.to_builtins(page)["cursor"] == page.cursor
