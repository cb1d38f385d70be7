"""What Pinterest still has of its leads: the export of each ad that collects some, asked for, waited for and read.

Sources: the Ads API's leads_export/create, leads_export/get and ads/list; leads can be had for 30 days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from leads.core.errors import LeadError, TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.iso_time import iso_time
from leads.core.lead import Envelope, plain_id
from leads.core.reconciling import Page, Scope
from leads.core.secret import StoredSecret
from leads.sources.own_seal import OwnSeal
from leads.sources.pinterest import LEADS_EXPORT, ORIGIN, TEST_LEAD_ID, Pinterest
from leads.sources.pinterest_ads import CollectingAds
from leads.sources.pinterest_api import NOT_FOUND, PinterestApi
from leads.sources.pinterest_export import ExportedLead, leads_in

KEPT_SECONDS = 30 * 86_400.0
_LEADS_A_PAGE = 100
# Seconds until an export is looked for: at first, and from then on.
_FIRST_LOOK, _NEXT_LOOK = 10.0, 30.0
_LOOKS = 60
_LATE = 600.0
_FINISHED, _FAILED = "FINISHED", "FAILED"


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where in the pulling of one scope we are.

    export: id of the export; looks: how often it was asked for; again: it is the second one;
    offset: how many of its leads were handed out already.
    """

    export: str
    looks: int = 0
    again: bool = False
    offset: int = 0


class PinterestPull:
    """Pulls leads by ad, as exports are made by ad: the `form` of a Scope is an ad's id.

    keys: `{"subscriptions": [{"ad_account_id", "retired_at", …}]}`. columns: see `pinterest_export.leads_in`.
    """

    def __init__(
        self,
        keys: StoredSecret,
        app_secret: StoredSecret,
        http: Http,
        api_url: str,
        seal: OwnSeal,
        *,
        now: Callable[[], float],
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self._keys = keys
        self._api = PinterestApi(http, app_secret, api_url)
        self._ads = CollectingAds(self._api)
        self._seal = seal
        self._now = now
        self._columns = columns or {}
        # The export that was read last; a container that has another downloads it again.
        self._read: tuple[str, tuple[ExportedLead, ...]] = ("", ())

    def forms(self, account: str, *, deadline: float) -> Sequence[tuple[str, str]]:
        """(ad account, ad) of every ad with a lead form; account "" = all accounts with a live subscription.

        An account that cannot be asked while others can is (account, ""), of which `page` tells the reason.
        """
        accounts = (account,) if account else self._accounts()
        found: list[tuple[str, str]] = []
        for number in accounts:
            try:
                found += [(number, ad) for ad in self._ads.of(number, deadline=deadline)]
            except LeadError:
                if len(accounts) == 1:
                    raise
                found.append((number, ""))
        return found

    def page(self, scope: Scope, cursor: str, *, deadline: float) -> Page:
        """At most 100 leads, or none yet and how long to wait for the export.

        Days are asked for, as exports are made by day, and leads of other hours left out where the file has times.
        Leads that are older than Pinterest keeps them are not asked for.
        """
        if not scope.form:
            return self._unlisted(scope.account, deadline)
        at = _cursor(cursor)
        if at is None:
            return self._order(scope, deadline)
        if at.offset and self._read[0] == at.export:
            return self._some(scope, at, self._read[1], deadline)
        status, file = self._look(scope.account, at.export, deadline)
        if file is not None:
            self._read = (at.export, leads_in(file, self._columns))
            return self._some(scope, at, self._read[1], deadline)
        if status == _FAILED:
            # What was handed out already would be counted twice.
            if at.again or at.offset:
                raise TryAgain("pinterest_export_failed", f"Pinterest gives no file for export {at.export}")
            return self._order(scope, deadline, again=True)
        if at.looks >= _LOOKS:
            detail = f"export {at.export} has no file after {at.looks} looks"
            raise TryAgain("pinterest_export_late", detail, retry_after=_LATE)
        return Page(cursor=_text(msgspec.structs.replace(at, looks=at.looks + 1)), wait=_NEXT_LOOK)

    def _accounts(self) -> tuple[str, ...]:
        entries = self._keys.current().get("subscriptions")
        live = [
            plain_id(entry.get("ad_account_id"))
            for entry in (entries if isinstance(entries, list) else ())
            if isinstance(entry, dict) and entry.get("retired_at") is None
        ]
        return tuple(account for account in dict.fromkeys(live) if account)

    def _unlisted(self, account: str, deadline: float) -> Page:
        self._ads.of(account, deadline=deadline)
        detail = f"the ads of account {account} could not be listed when this run began; the next run has them"
        raise Undeliverable("pinterest_ads_not_listed", detail)

    def _order(self, scope: Scope, deadline: float, *, again: bool = False) -> Page:
        now = self._now()
        since, until = max(scope.since, now - KEPT_SECONDS), min(scope.until, now)
        if scope.until <= now - KEPT_SECONDS:
            raise Undeliverable("pinterest_leads_expired", "Pinterest keeps leads for 30 days only")
        if since >= until:
            return Page()
        # The last day counts whole, so a moment before it ends is asked for.
        days = {"start_date": _day(since), "end_date": _day(until - 0.001), "ad_id": scope.form}
        path = ("ad_accounts", scope.account, "leads_export")
        export = plain_id(self._api.call("POST", *path, body=days, deadline=deadline).get("leads_export_id"))
        if not export:
            raise TryAgain("pinterest_unexpected", "the export that was asked for has no id")
        return Page(cursor=_text(Cursor(export=export, again=again)), wait=_FIRST_LOOK)

    def _look(self, account: str, export: str, deadline: float) -> tuple[str, bytes | None]:
        """The export's status, and its file once it has one; FAILED when there will never be one."""
        try:
            answer = self._api.call("GET", "ad_accounts", account, "leads_export", export, deadline=deadline)
        except Undeliverable as error:
            if error.reason == NOT_FOUND:
                return _FAILED, None
            raise
        status, url = str(answer.get("export_status")).upper(), answer.get("download_url")
        if status != _FINISHED or not isinstance(url, str) or not url:
            return status, None
        file = self._api.download(url, deadline=deadline)
        return (status, file) if file is not None else (_FAILED, None)

    def _some(self, scope: Scope, at: Cursor, leads: Sequence[ExportedLead], deadline: float) -> Page:
        wanted = [lead for lead in leads if lead.was_left(scope.since, scope.until) and lead.lead_id != TEST_LEAD_ID]
        end = at.offset + _LEADS_A_PAGE
        chosen = wanted[at.offset : end]
        about_ad = self._ads.about(scope.account, scope.form, deadline=deadline) if chosen else {}
        return Page(
            envelopes=tuple(self._envelope(scope, {**about_ad, **lead.facts}, lead) for lead in chosen),
            cursor=_text(msgspec.structs.replace(at, offset=end)) if end < len(wanted) else "",
        )

    def _envelope(self, scope: Scope, facts: Mapping[str, str], lead: ExportedLead) -> Envelope:
        """A lead as the webhook would have brought it, except for whose seal is on its answers."""
        raw = {
            ORIGIN: LEADS_EXPORT,
            "lead_id": lead.lead_id,
            "advertiser_id": scope.account,
            **facts,
            "answers": self._seal.close(lead.answers),
        }
        if lead.created_at is not None:
            raw["created_at"] = str(int(lead.created_at * 1000))
        return Envelope(
            source=Pinterest.name,
            account=scope.account,
            lead_id=lead.lead_id,
            raw=raw,
            received_at=iso_time(self._now()),
            content={"answers": lead.answers},
        )


def _cursor(text: str) -> Cursor | None:
    """None for the beginning, and for what another version of this app has written."""
    try:
        return msgspec.json.decode(text, type=Cursor) if text else None
    except msgspec.DecodeError:
        return None


def _text(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _day(moment: float) -> str:
    return iso_time(moment)[:10]
