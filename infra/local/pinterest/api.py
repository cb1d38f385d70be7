"""The calls of the Ads API that leads need, as strict as its OpenAPI file."""

import itertools
import re
import secrets
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from infra.local.pinterest.ads import STATUSES, Ads
from infra.local.pinterest.exports import Export, file_of
from infra.local.pinterest.refusals import Refused
from infra.local.pinterest.tokens import Tokens
from infra.local.sandbox.web import Answer, Call

VERSION = "v5"
_LARGEST_PAGE = 250
_DAY_SECONDS = 86_400
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGITS = re.compile(r"\d+")
_EXPORT_FIELDS = ("start_date", "end_date", "ad_id")


class PinterestApi:
    """Answers calls. `polls`: how often an export is in progress; `failures`: how many exports fail from now on."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.lock = threading.RLock()
        self.tokens = Tokens.holding(tokens)
        self.ads = Ads()
        self.polls = 1
        self.failures = 0
        self.base_url = ""
        self._exports: dict[str, Export] = {}
        self._numbers = itertools.count(123_755_885_175)

    def answer(self, call: Call) -> Answer:
        """The API's own answer."""
        with self.lock:
            try:
                return self._dressed(self._routed(call))
            except Refused as refused:
                return self._dressed(refused.answer)

    def forget(self) -> None:
        """No ads, leads, exports and connected apps any more."""
        self.ads.ads.clear()
        self.ads.leads.clear()
        self.tokens.forget()
        self._exports.clear()
        self.polls, self.failures = 1, 0

    def _routed(self, call: Call) -> Answer:
        match call.method, *call.parts:
            case "GET", "files", name:
                return self._file(call, name)
            case "POST", "v5", "oauth", "token":
                return self.tokens.answer(call)
        if "access_token" in call.query:
            raise Refused(400, 1, "A token belongs into the Authorization header.")
        if not self.tokens.is_valid(call.token):
            raise Refused(401, 2, "Authentication failed.")
        match call.method, *call.parts:
            case "GET", "v5", "ad_accounts", account, "ads":
                return self._list(self._permitted(account), call)
            case "GET", "v5", "ad_accounts", account, "ads", ad:
                return self._ad(self._permitted(account), ad)
            case "POST", "v5", "ad_accounts", account, "leads_export":
                return self._order(self._permitted(account), call)
            case "GET", "v5", "ad_accounts", account, "leads_export", export:
                return self._look(self._permitted(account), export)
        raise Refused(404, 0, "The sandbox has no such operation.")

    def _permitted(self, account: str) -> str:
        if not _DIGITS.fullmatch(account):
            raise Refused(400, 1, "Advertiser ID must be numeric.")
        if account not in self.ads.accounts():
            raise Refused(403, 29, "You are not permitted to access that resource.")
        return account

    def _list(self, account: str, call: Call) -> Answer:
        if unknown := sorted(set(call.query) - {"page_size", "bookmark", "entity_statuses", "order"}):
            raise Refused(400, 1, f"Unknown parameter {unknown[0]}.")
        size = call.query.get("page_size", "25")
        if not (_DIGITS.fullmatch(size) and 1 <= int(size) <= _LARGEST_PAGE):
            raise Refused(400, 1, f"page_size is a number from 1 to {_LARGEST_PAGE}.")
        statuses = call.query.get("entity_statuses", "ACTIVE,PAUSED").split(",")
        if wrong := [status for status in statuses if status not in STATUSES]:
            raise Refused(400, 1, f"{wrong[0]} is no entity status.")
        bookmark = call.query.get("bookmark", "after-0").removeprefix("after-")
        if not _DIGITS.fullmatch(bookmark):
            raise Refused(400, 1, "That bookmark is none of ours.")
        found = [ad for ad in self.ads.ads.values() if ad.account == account and ad.status in statuses]
        end = int(bookmark) + int(size)
        items = [ad.shown() for ad in found[int(bookmark) : end]]
        return Answer(200, {"items": items, "bookmark": f"after-{end}" if end < len(found) else None})

    def _ad(self, account: str, number: str) -> Answer:
        ad = self.ads.ads.get(number)
        if ad is None or ad.account != account:
            raise Refused(404, 2, "Ad not found.")
        return Answer(200, ad.shown())

    def _order(self, account: str, call: Call) -> Answer:
        body = self._export_body(call)
        ad = self.ads.ads.get(body["ad_id"])
        if ad is None or ad.account != account or not ad.lead_form_id:
            raise Refused(400, 1, "The ad collects no leads in this ad account.")
        first, last = (_midnight(body[name]) for name in ("start_date", "end_date"))
        if first > last:
            raise Refused(400, 1, "start_date is after end_date.")
        number = str(next(self._numbers))
        leads = self.ads.left(ad.id, first, last + _DAY_SECONDS)
        self._exports[number] = Export(account, file_of(ad, leads), self.polls, self.failures > 0)
        self.failures = max(0, self.failures - 1)
        return Answer(200, {"leads_export_id": number})

    def _export_body(self, call: Call) -> dict[str, str]:
        if "json" not in call.headers.get("content-type", ""):
            raise Refused(400, 1, "Send JSON.")
        try:
            body: Any = call.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or set(body) != set(_EXPORT_FIELDS):
            raise Refused(400, 1, f"The body is an object of {', '.join(_EXPORT_FIELDS)}.")
        patterns = dict.fromkeys(_EXPORT_FIELDS, _DAY) | {"ad_id": _DIGITS}
        for name, pattern in patterns.items():
            if not (isinstance(body[name], str) and pattern.fullmatch(body[name])):
                raise Refused(400, 1, f"{name} must be a text like {pattern.pattern}.")
        return body

    def _look(self, account: str, number: str) -> Answer:
        export = self._exports.get(number)
        if export is None or export.account != account:
            raise Refused(404, 404, "Invalid leads export id parameter.")
        status = export.look()
        url = f"{self.base_url}/files/{export.name}" if status == "FINISHED" else None
        return Answer(200, {"export_status": status, "download_url": url})

    def _file(self, call: Call, name: str) -> Answer:
        if "authorization" in call.headers:
            # The real files lie with somebody else, who must never see a token.
            raise Refused(400, 1, "No token belongs here.")
        file = next((export.file for export in self._exports.values() if export.name == name), None)
        if file is None:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        return Answer(200, file, {"Content-Type": "text/csv; charset=utf-8"})

    def _dressed(self, answer: Answer) -> Answer:
        limits = {
            "x-ratelimit-limit": '100, 100;w=1;name="safety_net_app_id_user_id", 1000;w=60;name="ads_read"',
            "x-ratelimit-remaining": "98",
            "x-ratelimit-reset": "1",
            "x-pinterest-rid": secrets.token_hex(8),
        }
        return Answer(answer.status, answer.body, {**limits, **answer.headers}, answer.drop)


def _midnight(day: str) -> float:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Refused(400, 1, f"{day} is no day.") from None
