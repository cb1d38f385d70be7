"""What a page's forms hold, for leads whose notice never came.

Source: developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving, "Bulk Read" and "Filtering".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from leads.core.errors import LeadError
from leads.core.iso_time import iso_time
from leads.core.lead import Envelope, plain_id
from leads.core.reconciling import Page, Scope
from leads.sources.facebook_lead import FIELDS
from leads.sources.facebook_notice import raw_notice
from leads.sources.graph import Graph, GraphAnswer, unexpected
from leads.sources.graph_usage import rest_for

# A larger page makes Graph answer with a bare error 500.
_LIMIT = "100"
# A cursor is some hundred characters; it has to fit into the ledger.
_LONGEST_CURSOR = 3_900
# A page has a few dozen forms at the most; a list without an end is a fault at the other side.
_MOST_LISTS = 100
# Between a form and a cursor into its leads.
_OF = "|"


class Source(Protocol):
    """The source itself: recognises a notice, and knows how its pages' quotas and tokens stand."""

    @property
    def graph(self) -> Graph: ...

    def wrap(self, raw: Any, *, received_at: str) -> Envelope: ...


class FacebookPull:
    """Lists forms and their leads."""

    def __init__(self, source: Source, *, now: Callable[[], float]) -> None:
        self._source = source
        self._now = now

    def forms(self, account: str, *, deadline: float) -> Sequence[tuple[str, str]]:
        """(page, form) of every form, whatever its status, of one page or of all that the secret names.

        Where no page was named, one that cannot be asked must not stop the others: it is listed once with form "",
        which is all of its forms, and `page` says then what is wrong with it. Else raises as `page` does.
        """
        if account:
            self._source.graph.enter_at_rest(account)
            return [(account, form) for form in self._forms_of(account, deadline)]
        found: list[tuple[str, str]] = []
        for page in self._source.graph.pages():
            try:
                self._source.graph.enter_at_rest(page)
                found += [(page, form) for form in self._forms_of(page, deadline)]
            except LeadError:
                found.append((page, ""))
        return found

    def page(self, scope: Scope, cursor: str, *, deadline: float) -> Page:
        """At most a hundred leads, each with its content; form "" is every form of the page, one after the other.

        Raises as `Graph.get` does, and TryAgain(graph_throttled) while half of the page's quota is used up.
        """
        self._source.graph.enter_at_rest(scope.account)
        if scope.form:
            return self._leads(scope, cursor, deadline)
        forms = sorted(self._forms_of(scope.account, deadline))
        own, _, after = cursor.partition(_OF)
        own = own or next(iter(forms), "")
        if not own:
            return Page()
        found = self._leads(msgspec.structs.replace(scope, form=own), after, deadline)
        following = own if found.cursor else next((form for form in forms if form > own), "")
        return msgspec.structs.replace(found, cursor=following and f"{following}{_OF}{found.cursor}")

    def _leads(self, scope: Scope, cursor: str, deadline: float) -> Page:
        span = (("GREATER_THAN_OR_EQUAL", math.floor(scope.since)), ("LESS_THAN", math.ceil(scope.until)))
        wanted = [{"field": "time_created", "operator": operator, "value": value} for operator, value in span]
        query = {"filtering": json.dumps(wanted, separators=(",", ":"))}
        answer = self._list(scope.form, "leads", scope.account, FIELDS, cursor, deadline, query)
        received_at = iso_time(self._now())
        return Page(
            envelopes=tuple(self._envelope(record, scope, received_at) for record in _records(answer, scope.account)),
            cursor=_next(answer, scope.account),
            wait=rest_for(answer.usage),
        )

    def _forms_of(self, page: str, deadline: float) -> list[str]:
        found: dict[str, None] = {}
        cursor = ""
        for _ in range(_MOST_LISTS):
            answer = self._list(page, "leadgen_forms", page, ("id,status",), cursor, deadline, {})
            found |= {plain_id(record["id"]): None for record in _records(answer, page)}
            cursor = _next(answer, page)
            if not cursor:
                return list(found)
        raise unexpected(page, "end of its list of forms")

    def _list(
        self,
        node: str,
        edge: str,
        page: str,
        fields: Sequence[str],
        cursor: str,
        deadline: float,
        query: Mapping[str, str],
    ) -> GraphAnswer:
        paging = {"limit": _LIMIT, **({"after": cursor} if cursor else {})}
        return self._source.graph.get(
            node, edge, page=page, fields=fields, deadline=deadline, query={**paging, **query}
        )

    def _envelope(self, record: dict[str, Any], scope: Scope, received_at: str) -> Envelope:
        """As the notice would have brought it, and with the lead in hand."""
        ids = {"leadgen_id": record["id"], "page_id": scope.account, "form_id": scope.form}
        told = {key: record[key] for key in ("ad_id", "created_time") if record.get(key)}
        envelope = self._source.wrap(raw_notice({**ids, **told}, page=scope.account), received_at=received_at)
        return msgspec.structs.replace(envelope, content={"form_id": scope.form, **record})


def _records(answer: GraphAnswer, page: str) -> list[dict[str, Any]]:
    data = answer.body.get("data")
    if not isinstance(data, list):
        raise unexpected(page, "data")
    return [record for record in data if isinstance(record, dict) and plain_id(record.get("id"))]


def _next(answer: GraphAnswer, page: str) -> str:
    """The cursor to what follows, "" at the end; the address that comes with it holds a token and is not used."""
    paging = answer.body.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return ""
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if not isinstance(after, str) or not 0 < len(after) <= _LONGEST_CURSOR:
        raise unexpected(page, "usable cursor")
    return after
