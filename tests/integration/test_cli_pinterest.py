"""`leadrelay pinterest` against the Pinterest sandbox, secrets of moto, and the real webhook function."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from infra.cli.pinterest import subscribing as pinterest
from infra.cli.pinterest.keys import KeyStore
from infra.cli.story import follow
from infra.cli.vendors import pinterest_api, web
from infra.cli.vendors.pinterest_api import PinterestApi
from infra.cli.vendors.pinterest_refusals import PinterestRefused
from infra.local.pinterest_sandbox import PinterestSandbox
from leads.core.routes import parse_routes
from tests import leads_made
from tests.fakes import LOCATION
from tests.integration import pinterest_stage
from tests.integration.conftest import TOKEN
from tests.integration.pinterest_stage import ACCESS, ACCOUNT, APP, FORM, KEYS, WEBHOOK_TOKEN, Answer, Crash, Stage

pytestmark = pytest.mark.unrecorded

ELSEWHERE = "https://crm.example.com/hooks/their-secret"
OWN_HOST = f"https://leads.example.com/webhooks/pinterest/{TOKEN}"


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stage]:
    with pinterest_stage.stage() as made:
        yield made


@pytest.fixture
def stage(deployed: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.02)
    with PinterestSandbox([ACCESS], retry_seconds=(0.05,) * 4) as sandbox:
        deployed.begin(sandbox)
        yield deployed
        deployed.check_silence("their-secret")


def denied(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutSecretValue")


class TestSubscribe:
    def test_the_key_is_stored_and_the_address_is_ours(self, stage: Stage) -> None:
        """For the whole ad account unless a form is named."""
        done = stage.json("subscribe")
        [subscription] = stage.at_pinterest()
        [entry] = stage.entries()
        assert subscription["webhook_url"] == f"{stage.place.front_url}/webhooks/pinterest/{TOKEN}"
        assert done["what"] == "created"
        assert entry == {
            "subscription_id": subscription["id"],
            "ad_account_id": ACCOUNT,
            "lead_form_id": None,
            "cryptographic_key": subscription["cryptographic_key"],
            "cryptographic_algorithm": "AES-256-GCM",
            "retired_at": None,
        }
        assert stage.json("subscribe", "--form", FORM)["lead_form_id"] == FORM
        assert [each["lead_form_id"] for each in stage.entries()] == [None, FORM]
        assert set(stage.states().values()) == {"live"}

    def test_repeating_it_changes_nothing(self, stage: Stage) -> None:
        """Neither at Pinterest nor in the secret."""
        stage.run("subscribe")
        before = stage.secrets.describe_secret(SecretId=KEYS)["VersionIdsToStages"]
        assert stage.json("subscribe")["what"] == "unchanged"
        assert "Nothing to do" in stage.run("subscribe").stdout
        assert stage.secrets.describe_secret(SecretId=KEYS)["VersionIdsToStages"] == before
        assert len(stage.at_pinterest()) == 1

    def test_what_else_is_in_the_secret_stays(self, stage: Stage) -> None:
        """Entries of others, damaged ones and further names; an older key for the same leads is retired."""
        others = ["damaged", {"subscription_id": "9", "ad_account_id": "5", "lead_form_id": None, "retired_at": None}]
        old = {"subscription_id": "local", "ad_account_id": ACCOUNT, "lead_form_id": None, "retired_at": None}
        stage.put(KEYS, {"subscriptions": [*others, old | {"cryptographic_key": "a2V5"}], "note": "mine"})
        assert "retired" in " ".join(stage.json("subscribe")["notes"])
        *kept, new = stage.entries()
        assert kept[:2] == others
        assert kept[2]["retired_at"]
        assert new["retired_at"] is None
        assert stage.secret()["note"] == "mine"

    def test_a_secret_without_a_value_is_filled(self, stage: Stage) -> None:
        """As right after the deployment."""
        stage.secrets.create_secret(Name="fresh")
        outputs = {**stage.place.outputs, "PinterestKeysSecretArn": "fresh"}
        stage.place = dataclasses.replace(stage.place, outputs=outputs)
        stage.run("subscribe")
        assert len(stage.secret("fresh")["subscriptions"]) == 1
        stage.secrets.delete_secret(SecretId="fresh", ForceDeleteWithoutRecovery=True)

    def test_a_subscription_that_is_there_gives_its_key_again(self, stage: Stage) -> None:
        """Whether the key was lost, or another one was stored for it, which stays as a retired one."""
        stage.run("subscribe")
        good = stage.entries()
        stage.put(KEYS, {"subscriptions": []})
        assert set(stage.states().values()) == {"missing key"}
        assert stage.json("subscribe")["what"] == "stored"
        assert stage.entries() == good
        wrong = {**good[0], "cryptographic_key": "d3Jvbmc="}
        stage.put(KEYS, {"subscriptions": [wrong]})
        assert set(stage.states().values()) == {"key differs"}
        assert stage.json("subscribe")["what"] == "stored"
        [former, now] = stage.entries()
        assert (former["cryptographic_key"], bool(former["retired_at"])) == ("d3Jvbmc=", True)
        assert [now] == good

    def test_a_key_without_its_padding_is_the_same_key(self, stage: Stage) -> None:
        """Pinterest has shown keys so."""
        stage.run("subscribe")
        [entry] = stage.entries()
        stage.put(KEYS, {"subscriptions": [entry | {"cryptographic_key": entry["cryptographic_key"].rstrip("=")}]})
        assert set(stage.states().values()) == {"live"}

    def test_one_that_sends_elsewhere_is_left_alone_unless_told(self, stage: Stage) -> None:
        """It is said whose it is, without what is secret in its address; a stranger's key is not taken over."""
        theirs = stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=ELSEWHERE)
        sentence = stage.fails("subscribe")
        assert theirs["id"] in sentence
        assert "https://crm.example.com/hooks/…" in sentence
        assert "--replace" in sentence
        assert stage.states() == {theirs["id"]: "other address"}
        assert stage.json("subscribe", "--replace")["what"] == "rotated"
        [ours] = stage.at_pinterest()
        assert ours["webhook_url"].endswith(TOKEN)
        assert [each["subscription_id"] for each in stage.entries()] == [ours["id"]]

    def test_a_key_that_cannot_be_stored_takes_the_subscription_with_it(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else leads would wait for a key that nobody stores."""
        monkeypatch.setattr(stage.place.client("secretsmanager"), "put_secret_value", denied)
        sentence = stage.fails("subscribe")
        assert "secretsmanager:DescribeSecret, GetSecretValue, PutSecretValue" in sentence
        assert "deleted again" in sentence
        assert stage.at_pinterest() == []

    def test_one_that_cannot_even_be_deleted_is_named_with_the_remedy(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which then works."""
        stage.pinterest.add_fault(match={"method": "DELETE"}, status=500)
        with monkeypatch.context() as patch:
            patch.setattr(stage.place.client("secretsmanager"), "put_secret_value", denied)
            sentence = stage.fails("subscribe", "--form", FORM)
        [left] = stage.at_pinterest()
        assert left["id"] in sentence
        remedy = f"subscribe --account {ACCOUNT} --form {FORM}"
        assert f"leadrelay pinterest {remedy}" in sentence
        assert stage.json(*remedy.split())["what"] == "stored"
        assert stage.opens(left)

    @pytest.mark.parametrize("value", ["[]", '{"subscriptions": {}}', "no json"])
    def test_a_secret_of_another_shape_is_not_overwritten(self, stage: Stage, value: str) -> None:
        """And nothing is made at Pinterest whose key would have no place."""
        stage.put(KEYS, value)
        stage.fails("subscribe")
        assert stage.at_pinterest() == []
        assert stage.secrets.get_secret_value(SecretId=KEYS)["SecretString"] == value

    def test_what_somebody_else_stores_meanwhile_stays(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """The change is made anew upon theirs."""
        client = stage.place.client("secretsmanager")
        real, theirs = client.put_secret_value, {"subscription_id": "9", "ad_account_id": "5", "retired_at": None}

        def overtaken(**given: Any) -> Any:
            monkeypatch.setattr(client, "put_secret_value", real)
            stage.put(KEYS, {"subscriptions": [theirs]})
            return real(**given)

        monkeypatch.setattr(client, "put_secret_value", overtaken)
        stage.run("subscribe")
        assert [each["subscription_id"] for each in stage.entries()] == ["9", stage.at_pinterest()[0]["id"]]

    def test_an_answer_that_was_lost_is_found_again(self, stage: Stage) -> None:
        """Whether the subscription was made, the next run sees."""
        stage.pinterest.add_fault(match={"method": "POST"}, drop_connection=True, after=True, times=1)
        assert "repeat the command" in stage.fails("subscribe", code=2)
        [made] = stage.at_pinterest()
        assert stage.json("subscribe")["what"] == "stored"
        assert stage.opens(made)
        assert len(stage.at_pinterest()) == 1


class TestChoosing:
    def test_several_accounts_are_listed_to_choose_from(self, stage: Stage) -> None:
        """One of them is taken by name."""
        stage.pinterest.set_account(id="222", role="ADMIN")
        sentence = stage.fails("subscribe", code=2)
        assert "--account" in sentence
        assert ACCOUNT in sentence
        assert "222" in sentence
        assert stage.json("subscribe", "--account", "222")["ad_account_id"] == "222"

    @pytest.mark.parametrize("option", ["--account", "--form"])
    def test_what_is_no_id_is_refused(self, stage: Stage, option: str) -> None:
        """Before Pinterest is asked."""
        assert "digits" in stage.fails("subscribe", option, "../me", code=2)

    def test_without_a_token_it_is_said_where_it_belongs(self, stage: Stage) -> None:
        """As right after the deployment."""
        stage.put(APP, {})
        assert "leadrelay init" in stage.fails("forms")


class TestRefusals:
    @pytest.mark.parametrize(
        ("order", "words"),
        [
            ({"role": "ANALYST"}, "Owner or Admin"),
            ({"in_beta": False}, "beta"),
            ({"role": None}, "sees no ad account"),
        ],
    )
    def test_role_and_beta_are_said_plainly(self, stage: Stage, order: dict[str, Any], words: str) -> None:
        """With what to do about it."""
        stage.pinterest.set_account(id=ACCOUNT, **order)
        assert words in stage.fails("subscribe")
        assert stage.at_pinterest() == []

    @pytest.mark.parametrize("token", ["pina_half\nother half", "pina_shor…", " "])
    def test_a_token_that_is_no_text_of_pinterests_is_said_and_not_shown(self, stage: Stage, token: str) -> None:
        """Such as one that was copied with a line break in it."""
        stage.put(APP, {"app_id": "1", "app_secret": "app-secret", "access_token": token})
        assert "leadrelay init" in stage.fails("forms")
        stage.check_silence(*([token.split("\n")[0]] if token.strip() else []))

    def test_a_missing_scope_is_said_plainly(self, stage: Stage) -> None:
        """Reading works, subscribing does not."""
        stage.pinterest.add_token(token="pina_reader", scopes=["ads:read"])
        stage.put(APP, {"access_token": "pina_reader"})
        assert "ads:read and ads:write" in stage.fails("subscribe")
        stage.put(APP, {"access_token": "pina_gone"})
        assert "not valid" in stage.fails("subscribe")

    def test_an_error_inside_a_success_is_an_error(self, stage: Stage) -> None:
        """Batch answers are 200 whatever happened to their items; the field is error_code there."""
        item = {"data": None, "exceptions": [{"message": "Advertiser not in beta", "error_code": 3078}]}
        stage.pinterest.add_fault(match={"method": "GET"}, status=200, body={"items": [item], "bookmark": None})
        sentence = stage.fails("forms", "--account", ACCOUNT)
        assert "Lead Ads beta" in sentence
        assert "3078" in sentence

    @pytest.mark.parametrize("body", [[], "nonsense", {}, {"items": 5}, {"items": ["x"]}, {"items": [{"name": "x"}]}])
    def test_nonsense_is_no_success(self, stage: Stage, body: Any) -> None:
        """Neither is half an answer."""
        stage.pinterest.add_fault(match={"method": "GET"}, status=200, body=body)
        stage.fails("forms", "--account", ACCOUNT)

    def test_the_text_has_the_id_for_support_and_nothing_secret(self, stage: Stage) -> None:
        """Not even where Pinterest's own message has it."""
        message = f"webhook_url {stage.place.front_url}/webhooks/pinterest/{TOKEN} with {ACCESS} is wrong"
        body, headers = {"code": 1, "message": message}, {"x-pinterest-rid": "r-7"}
        stage.pinterest.add_fault(match={"method": "POST"}, status=400, body=body, headers=headers)
        sentence = stage.fails("subscribe")
        assert "id r-7" in sentence
        assert "is wrong" in sentence

    @pytest.mark.parametrize(("reset", "waits"), [("2", [2.0]), ("11", []), ("soon", [])])
    def test_a_short_rate_limit_is_waited_for_once(self, stage: Stage, reset: str, waits: list[float]) -> None:
        """A long one is said."""
        slept: list[float] = []
        api = PinterestApi(stage.pinterest.url, ACCESS, sleep=slept.append)
        limited = {"status": 429, "body": {"code": 8, "message": ""}, "headers": {"x-ratelimit-reset": reset}}
        stage.pinterest.add_fault(match={"method": "GET"}, times=1, **limited)
        if waits:
            assert api.ad_accounts()
        else:
            with pytest.raises(PinterestRefused, match="too many calls"):
                api.ad_accounts()
        assert slept == waits

    def test_lists_are_read_to_their_end(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """Page by page."""
        monkeypatch.setattr(pinterest_api, "PAGE_SIZE", "1")
        for number in ("71", "72"):
            stage.pinterest.add_form(account=ACCOUNT, id=number)
        assert {form["id"] for form in stage.json("forms")["forms"]} == {FORM, "71", "72"}

    def test_nobody_there_is_a_sentence(self, stage: Stage) -> None:
        """And another exit code."""
        stage.pinterest.add_fault(drop_connection=True)
        assert "cannot be reached" in stage.fails("forms", code=2)


class TestRotate:
    def test_a_new_key_takes_over_and_the_old_one_stays(self, stage: Stage) -> None:
        """Leads that are under way under the old key can still be read; what the gap did is said."""
        stage.run("subscribe")
        [old] = stage.at_pinterest()
        done = stage.json("rotate")
        [new] = stage.at_pinterest()
        assert (done["what"], done["subscription_id"]) == ("rotated", new["id"])
        assert "nowhere to send" in " ".join(done["notes"])
        assert new["cryptographic_key"] != old["cryptographic_key"]
        assert stage.opens(old)
        assert stage.opens(new)
        assert stage.states() == {new["id"]: "live", old["id"]: "retired"}
        retired = next(each for each in stage.entries() if each["subscription_id"] == old["id"])
        assert retired["retired_at"].startswith("20")

    def test_the_account_covers_a_form_meanwhile(self, stage: Stage) -> None:
        """Where both are subscribed to; the other one is not touched."""
        stage.run("subscribe")
        stage.run("subscribe", "--form", FORM)
        [whole, _] = stage.at_pinterest()
        assert whole["id"] in " ".join(stage.json("rotate", "--form", FORM)["notes"])
        assert whole in stage.at_pinterest()
        assert "but for those of forms" in " ".join(stage.json("rotate")["notes"])

    def test_a_key_that_was_never_stored_is_stored_first(self, stage: Stage) -> None:
        """The subscription was made by hand, perhaps."""
        url = f"{stage.place.front_url}/webhooks/pinterest/{TOKEN}"
        old = stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=url)
        stage.run("rotate")
        assert stage.opens(old)
        assert len(stage.at_pinterest()) == 1

    def test_a_former_token_is_ours(self, stage: Stage) -> None:
        """Nobody is asked, and the old key stays."""
        stage.run("subscribe")
        [old] = stage.at_pinterest()
        stage.put(WEBHOOK_TOKEN, {"token": "n" * 48, "previous": TOKEN})
        assert stage.states() == {old["id"]: "former address"}
        assert "previous token" in stage.fails("subscribe")
        stage.run("rotate")
        [new] = stage.at_pinterest()
        assert new["webhook_url"].endswith("n" * 48)
        assert stage.opens(old)

    @pytest.mark.parametrize("verb", [("rotate",), ("rotate", "--yes"), ("subscribe", "--replace")])
    def test_who_may_not_write_the_secret_deletes_no_subscription(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
    ) -> None:
        """The next key could not be stored, and leads would wait for it."""
        if verb == ("rotate",):
            stage.run("subscribe")
        else:
            stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=ELSEWHERE)
        before, kept = stage.at_pinterest(), stage.secret()
        monkeypatch.setattr(stage.place.client("secretsmanager"), "put_secret_value", denied)
        assert "nothing was changed at Pinterest" in stage.fails(*verb)
        assert (stage.at_pinterest(), stage.secret()) == (before, kept)

    def test_what_proves_that_the_secret_can_be_written_goes_with_the_next_key(self, stage: Stage) -> None:
        """It is nothing of ours to keep."""
        stage.run("subscribe")
        stage.run("rotate")
        assert list(stage.secret()) == ["subscriptions"]

    def test_a_host_of_ones_own_is_ours_and_stays(self, stage: Stage) -> None:
        """The token in the path tells whose it is, not the host."""
        stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=OWN_HOST)
        assert stage.json("subscribe")["what"] == "stored"
        assert list(stage.states().values()) == ["live"]
        stage.run("rotate")
        [new] = stage.at_pinterest()
        assert new["webhook_url"] == OWN_HOST
        stage.put(WEBHOOK_TOKEN, {"token": "n" * 48, "previous": TOKEN})
        assert stage.states()[new["id"]] == "former address"
        stage.run("rotate")
        assert stage.at_pinterest()[0]["webhook_url"] == OWN_HOST.replace(TOKEN, "n" * 48)

    def test_an_address_of_awss_own_is_replaced(self, stage: Stage) -> None:
        """That of a stack that is gone, perhaps."""
        address = f"https://gone.execute-api.eu-west-1.amazonaws.com/webhooks/pinterest/{TOKEN}"
        stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=address)
        stage.run("subscribe")
        stage.run("rotate")
        assert stage.at_pinterest()[0]["webhook_url"].startswith(stage.place.front_url)

    def test_taking_leads_away_from_another_address_is_asked_for(self, stage: Stage) -> None:
        """Nobody is there to answer, so --yes is needed."""
        stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=ELSEWHERE)
        assert "--yes" in stage.fails("rotate", code=2)
        assert stage.at_pinterest()[0]["webhook_url"] == ELSEWHERE
        stage.run("rotate", "--yes")
        assert stage.at_pinterest()[0]["webhook_url"] != ELSEWHERE

    def test_without_a_subscription_there_is_nothing_to_rotate(self, stage: Stage) -> None:
        """Subscribing is another command."""
        assert "leadrelay pinterest subscribe" in stage.fails("rotate")

    @pytest.mark.parametrize(("again", "was_stored"), [("rotate", True), ("subscribe", True), ("rotate", False)])
    @pytest.mark.parametrize(
        "point",
        [
            "after keeping",
            "after deleting",
            "no new one",
            "after making",
            "while storing",
            "not stored",
            "after storing",
        ],
    )
    def test_wherever_it_breaks_off_the_next_run_completes_it(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, point: str, again: str, was_stored: bool
    ) -> None:
        """And at no moment is a key lost under which a lead may be under way."""
        stage.run("subscribe")
        [old] = stage.at_pinterest()
        if not was_stored:
            stage.put(KEYS, {"subscriptions": []})
        with monkeypatch.context() as patch:
            POINTS[point](stage, patch)
            with contextlib.suppress(Crash):
                stage.run("rotate", code=1)
        stage.pinterest.clear_faults()
        stage.remember()
        assert stage.opens(old) or stage.at_pinterest() == [old]
        made_meanwhile = stage.at_pinterest()
        stage.run(again)
        [new] = stage.at_pinterest()
        states = stage.states()
        assert states[new["id"]] == "live"
        assert set(states.values()) <= {"live", "retired"}
        assert all(stage.opens(each) for each in (old, new, *made_meanwhile))


def dies(patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """The program ends right after this has succeeded."""
    real: Callable[..., Any] = getattr(owner, name)

    def last(*args: Any, **more: Any) -> None:
        real(*args, **more)
        raise Crash

    patch.setattr(owner, name, last)


def _while_storing(stage: Stage, patch: pytest.MonkeyPatch) -> None:
    def crash(**_: Any) -> None:
        raise Crash

    _once_made(stage, patch, "update_secret_version_stage", crash)


def _once_made(stage: Stage, patch: pytest.MonkeyPatch, name: str, call: Callable[..., Any]) -> None:
    """Replace a call to Secrets Manager as soon as the next subscription is there."""
    real = PinterestApi.subscribe

    def made(*args: Any, **more: Any) -> Any:
        new = real(*args, **more)
        patch.setattr(stage.place.client("secretsmanager"), name, call)
        return new

    patch.setattr(PinterestApi, "subscribe", made)


POINTS: dict[str, Callable[[Stage, pytest.MonkeyPatch], Any]] = {
    "after keeping": lambda stage, patch: dies(patch, KeyStore, "change"),
    "after deleting": lambda stage, patch: dies(patch, PinterestApi, "unsubscribe"),
    "no new one": lambda stage, patch: stage.pinterest.add_fault(match={"method": "POST"}, status=500),
    "after making": lambda stage, patch: dies(patch, PinterestApi, "subscribe"),
    "while storing": _while_storing,
    "not stored": lambda stage, patch: _once_made(stage, patch, "put_secret_value", denied),
    "after storing": lambda stage, patch: dies(patch, pinterest, "_store_or_say"),
}


class TestUnsubscribe:
    def test_the_key_stays_as_a_retired_one(self, stage: Stage) -> None:
        """Also one that was not stored yet; only once somebody has agreed."""
        stage.run("subscribe")
        [old] = stage.at_pinterest()
        stage.put(KEYS, {"subscriptions": []})
        assert "--yes" in stage.fails("unsubscribe", old["id"], code=2)
        assert stage.at_pinterest() == [old]
        assert stage.json("unsubscribe", old["id"], "--yes")["what"] == "retired"
        assert stage.at_pinterest() == []
        assert stage.states() == {old["id"]: "retired"}
        assert stage.opens(old)

    def test_a_key_that_pinterest_does_not_know_is_only_retired(self, stage: Stage) -> None:
        """Such as those that a local stack starts with, or of a subscription that somebody else deleted."""
        own = {"ad_account_id": ACCOUNT, "lead_form_id": None, "cryptographic_key": "a2V5", "retired_at": None}
        ids = ("local-account", "77")
        stage.put(KEYS, {"subscriptions": [{**own, "subscription_id": number} for number in ids]})
        assert set(stage.states().values()) == {"unknown to Pinterest"}
        for number in ids:
            assert "does not know" in " ".join(stage.json("unsubscribe", number, "--yes")["notes"])
        assert set(stage.states().values()) == {"retired"}

    def test_a_strangers_subscription_goes_without_its_key(self, stage: Stage) -> None:
        """Whoever has a key that we keep could make leads for us."""
        theirs = stage.pinterest.add_subscription(account=ACCOUNT, webhook_url=ELSEWHERE)
        stage.run("unsubscribe", theirs["id"], "--yes")
        assert (stage.at_pinterest(), stage.entries()) == ([], [])

    def test_an_unknown_one_is_said(self, stage: Stage) -> None:
        """With where to look."""
        assert "subscriptions" in stage.fails("unsubscribe", "77", "--yes")


class TestSubscriptions:
    def test_all_accounts_are_compared_and_nothing_secret_is_shown(self, stage: Stage) -> None:
        """A line each, with the fix."""
        stage.run("subscribe")
        stage.pinterest.set_account(id="222")
        stage.pinterest.add_subscription(account="222", webhook_url=ELSEWHERE)
        stage.put(KEYS, {"subscriptions": [*stage.entries(), "damaged"]})
        text = stage.run("subscriptions").stdout
        assert text.count("Fix:") == 2
        assert "crm.example.com/hooks/…" in text
        lines = stage.json("subscriptions", "--account", "222")["subscriptions"]
        assert {line["state"] for line in lines} == {"other address", "unreadable"}

    def test_none_at_all_is_said(self, stage: Stage) -> None:
        """With the next step."""
        assert "leadrelay pinterest subscribe" in stage.run("subscriptions").stdout


class TestForms:
    def test_forms_come_with_their_questions_and_fitting_routes(self, stage: Stage, tmp_path: Path) -> None:
        """Which go to the only location there is; a file that exists is left alone."""
        text = stage.run("forms").stdout
        assert "What is your budget?" in text
        assert FORM in text
        file = tmp_path / "routes.toml"
        value = stage.json("forms", "--routes", str(file))
        assert file.read_text() == value["routes"]
        [route] = parse_routes(tomllib.loads(value["routes"])).routes
        assert (route.account, route.form, route.location) == (ACCOUNT, FORM, LOCATION)
        assert "exists" in stage.fails("forms", "--routes", str(file), code=2)
        assert file.read_text() == value["routes"]

    def test_an_account_without_forms_gets_no_routes(self, stage: Stage, tmp_path: Path) -> None:
        """And no file."""
        stage.pinterest.set_account(id="222")
        assert "no lead form" in stage.run("forms", "--account", "222").stdout
        stage.fails("forms", "--account", "222", "--routes", str(tmp_path / "routes.toml"))
        assert not list(tmp_path.iterdir())


@pytest.fixture
def new_container(stage: Stage) -> None:
    stage.new_container()


@pytest.mark.usefixtures("new_container")
class TestTestLead:
    def test_it_is_followed_to_its_contact(self, stage: Stage) -> None:
        """Another person each time; what is told of it is that person's."""
        stage.run("subscribe")
        first, second = stage.json("test-lead", "--timeout", "5"), stage.json("test-lead", "--timeout", "5")
        for told in (first, second):
            assert told["lead"]["status"] == "delivered"
            assert told["contact"]["email"] == told["answers"]["EMAIL"]
            assert told["answers"]["EMAIL"].endswith("@example.com")
            assert "test lead" in told["contact"]["tags"]
        assert first["lead"]["contact_id"] != second["lead"]["contact_id"]
        assert list(first["answers"])[-1] == "What is your budget?"
        text = stage.run("test-lead", "--timeout", "5").stdout
        assert "delivered" in text
        assert "test.lead." in text

    def test_without_a_subscription_nothing_is_sent(self, stage: Stage) -> None:
        """The next command is named."""
        assert "leadrelay pinterest subscribe" in stage.fails("test-lead", "--timeout", "5")

    def test_without_its_key_nothing_is_sent(self, stage: Stage) -> None:
        """It would only wait in the queue."""
        stage.run("subscribe")
        stage.put(KEYS, {"subscriptions": []})
        assert "not stored" in stage.fails("test-lead", "--timeout", "5")
        assert stage.pinterest.deliveries.shown() == []

    def test_a_forms_own_subscription_to_elsewhere_is_warned_of(self, stage: Stage) -> None:
        """Which of two gets the leads, Pinterest does not say; here it is the form's own."""
        stage.run("subscribe")
        stage.pinterest.add_subscription(account=ACCOUNT, lead_form_id=FORM, webhook_url=stage.door.url + "/else/where")
        result = stage.run("test-lead", "--timeout", "1", code=1)
        assert "may come by that one only" in result.stderr

    def test_a_form_that_no_active_ad_uses_is_said(self, stage: Stage) -> None:
        """Pinterest itself says only that something is wrong."""
        stage.run("subscribe")
        stage.pinterest.add_form(account=ACCOUNT, id="71", questions=["EMAIL"])
        assert "No active ad uses lead form 71" in stage.fails("test-lead", "--form", "71")
        assert FORM in stage.fails("test-lead", code=2)

    def test_a_route_that_ignores_test_leads_is_said(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """It did not become a contact, so that is no success."""
        stage.run("subscribe")
        routes = stage.parts.routes()
        ignoring = [msgspec.structs.replace(route, tests="ignore") for route in routes.routes]
        table = msgspec.structs.replace(routes, routes=ignoring)
        monkeypatch.setattr(stage.parts, "routes", lambda: table)
        assert 'tests = "ignore"' in stage.run("test-lead", "--timeout", "5", code=1).stdout

    def test_one_that_never_comes_is_said(self, stage: Stage) -> None:
        """After the time it was given."""
        stage.run("subscribe")
        stage.door.take = lambda *_: (404, {})
        assert "knows nothing of the lead" in stage.fails("test-lead", "--timeout", "1")

    @pytest.mark.parametrize("is_readable", [True, False])
    def test_somebody_elses_test_lead_at_the_same_time_is_not_ours(self, stage: Stage, is_readable: bool) -> None:
        """The contact's e-mail tells them apart, and one that waits for its key does not hide ours."""
        stage.run("subscribe")
        others: list[bool] = []

        def with_another(path: str, body: bytes) -> Answer:
            if not others:
                others.append(True)
                key = base64.b64decode(stage.entries()[0]["cryptographic_key"]) if is_readable else leads_made.KEY
                lead = leads_made.lead(key=key, lead_id="TEST_API", answers={"EMAIL": "somebody@example.com"})
                stage.receive(path, leads_made.body(lead))
            return stage.receive(path, body)

        stage.door.take = with_another
        told = stage.json("test-lead", "--timeout", "5")
        assert others
        assert told["contact"]["email"] == told["answers"]["EMAIL"]


def test_no_call_brings_the_token_in_its_address(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are logged everywhere."""
    asked: list[str] = []
    real = web.call

    def watched(method: str, url: str, **more: Any) -> Any:
        asked.append(f"{url}?{more.get('query')}")
        return real(method, url, **more)

    monkeypatch.setattr(pinterest_api, "call", watched)
    stage.run("subscribe")
    stage.run("rotate")
    assert asked
    assert not [url for url in asked if ACCESS in url]
