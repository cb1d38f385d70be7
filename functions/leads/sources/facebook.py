"""Facebook Lead Ads: signed notices with ids in them, and the leads themselves fetched from Graph.

Sources: developers.facebook.com/docs/graph-api/webhooks/getting-started and
developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from leads.core import lenient_json
from leads.core.errors import RejectedRequest, TryAgain, Undeliverable
from leads.core.http import Http
from leads.core.lead import Envelope, Lead
from leads.core.request import Answer, Reading, Request
from leads.core.secret import StoredSecret
from leads.sources.facebook_form import names_in
from leads.sources.facebook_forms import Forms
from leads.sources.facebook_lead import FIELDS, form_id_of, lead_of
from leads.sources.facebook_notice import Notice, notice_of, seconds_of, taken_apart
from leads.sources.facebook_signature import HEADER, app_secrets, is_same, is_signed
from leads.sources.graph import TOKEN_MISSING, Graph, unexpected
from leads.sources.graph_fates import PERMISSION_MISSING, PROOF_REFUSED, TOKEN_REFUSED

# Facebook keeps a lead for 90 days. What waits for a person uses up no attempt, so only this ends the wait.
_KEPT_DAYS = 90
_WAITS_FOR_A_PERSON = frozenset((TOKEN_MISSING, TOKEN_REFUSED, PROOF_REFUSED, PERMISSION_MISSING))


class Facebook:
    """Reads notices and fetches leads.

    secret: `{"app_secret", "previous_app_secret", "verify_token", "pages": {"<page id>": {"token"}}}`.
    graph: the calls to Graph, with what was learned of each page's quota and token.
    """

    name = "facebook"
    label = "Facebook Lead Ads"
    leads_change = False

    def __init__(self, secret: StoredSecret, http: Http, graph_url: str, *, now: Callable[[], float]) -> None:
        self._secret = secret
        self._now = now
        self.graph = Graph(http, secret, graph_url, now=now)
        self._forms = Forms(self.graph, now=now)

    def confirm(self, request: Request) -> Answer:
        """The challenge, verbatim, for whoever knows the secret's verify_token; query names have dots in them.

        Raises RejectedRequest (403) for everybody else, Misconfigured when the secret cannot be used.
        """
        query = request.query
        challenge = query.get("hub.challenge")
        given = query.get("hub.verify_token")
        if query.get("hub.mode") != "subscribe" or not challenge or not given:
            raise RejectedRequest(403, "not_a_verification", "This is no request of Facebook to verify a webhook.")
        if not any(is_same(given, read().get("verify_token")) for read in (self._secret.current, self._secret.reread)):
            detail = "The verify token is not the one in this app's Facebook secret."
            raise RejectedRequest(403, "wrong_verify_token", detail)
        return Answer(200, challenge)

    def read(self, request: Request, *, received_at: str) -> Reading:
        """The leads of one delivery, of any number of pages; other objects and fields hold none and are accepted.

        Raises RejectedRequest: 401 unless the body is signed with one of the app's secrets, 400 when it is no JSON
        object. Raises Misconfigured when there is no secret to check with.
        """
        self._verify(request)
        try:
            body = lenient_json.decode(request.body)
        except ValueError as error:
            raise RejectedRequest(400, "not_json", f"The body is no Facebook notification: it is {error}.") from None
        if not isinstance(body, dict):
            raise RejectedRequest(400, "not_a_lead", "The body is no Facebook notification: it is no JSON object.")
        found = taken_apart(body)
        envelopes = tuple(self.wrap(notice, received_at=received_at) for notice in found.notices)
        return Reading(envelopes=envelopes, size=len(request.body), rejected=found.rejected, faults=found.faults)

    def wrap(self, raw: Any, *, received_at: str) -> Envelope:
        """One lead's notice as an envelope. Nothing in it is trusted, and nothing is fetched here."""
        notice = notice_of(raw)
        return Envelope(
            source=self.name,
            account=notice.page,
            lead_id=notice.lead_id or _hash_of(raw),
            raw=raw,
            received_at=received_at,
        )

    def open(self, envelope: Envelope, *, deadline: float) -> Lead:
        """The lead, fetched unless the envelope's content is it, in the words of its form. deadline: epoch seconds.

        Raises TryAgain, Undeliverable or Misconfigured as `Graph.get` does, Undeliverable(unreadable_notice) for
        what names no page or no lead, and Undeliverable(lead_expired_at_facebook) for a lead that has waited for a
        token or permission for longer than Facebook keeps it.
        """
        notice = notice_of(envelope.raw)
        if not notice.page or not notice.lead_id:
            raise Undeliverable("unreadable_notice", "the notice names no page or no lead")
        record = envelope.content if isinstance(envelope.content, dict) else self._record(envelope, notice, deadline)
        if not isinstance(record.get("field_data"), list):
            raise unexpected(notice.page, "field_data")
        form_id = form_id_of(notice, record)
        form = self._forms.form(form_id, page=notice.page, names=names_in(record), deadline=deadline)
        return lead_of(envelope, notice, record, form)

    def _record(self, envelope: Envelope, notice: Notice, deadline: float) -> Mapping[str, Any]:
        try:
            return self.graph.get(notice.lead_id, page=notice.page, fields=FIELDS, deadline=deadline).body
        except TryAgain as failed:
            since = seconds_of(envelope.received_at) or notice.created_at
            if failed.reason in _WAITS_FOR_A_PERSON and since and self._now() - since > _KEPT_DAYS * 86_400:
                detail = (
                    f"Facebook keeps a lead for {_KEPT_DAYS} days, which have passed; it waited for: {failed.detail}"
                )
                raise Undeliverable("lead_expired_at_facebook", detail) from None
            raise

    def _verify(self, request: Request) -> None:
        signature = request.headers.get(HEADER, "")
        for read in (self._secret.current, self._secret.reread) if signature else ():
            if is_signed(request.body, signature, app_secrets(read())):
                return
        fault = "is not that of this body under the app's secret" if signature else "is missing"
        raise RejectedRequest(401, "bad_signature", f"The header X-Hub-Signature-256 {fault}.")


def _hash_of(raw: Any) -> str:
    """A name for what has none, so that two such are told apart."""
    return "unnamed-" + hashlib.sha256(lenient_json.encode_ascii(raw).encode()).hexdigest()[:32]
