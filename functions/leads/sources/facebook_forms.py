"""The forms' questions, read from Graph and kept in memory: a label changes rarely, a lead needs it every time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import msgspec

from leads.core.errors import TryAgain, Undeliverable
from leads.sources.facebook_form import Form, form_of
from leads.sources.graph import TOKEN_MISSING, Graph
from leads.sources.graph_fates import NOT_VISIBLE, PERMISSION_MISSING, TOKEN_REFUSED
from leads.sources.graph_pauses import THROTTLED

# Not every form shows its legal content to every token; its questions are what counts.
_FIELDS = (
    "id,name,questions,legal_content{custom_disclaimer{checkboxes{key,text}}}",
    "id,name,questions,legal_content{custom_disclaimer}",
    "id,name,questions",
)

_FRESH_SECONDS = 600.0
# A form that cannot be read, or that lacks a question, is not asked for more often.
_AGAIN_SECONDS = 60.0
# With these, the lead itself has to wait as well: better then with its questions than now without.
_WAITING = frozenset((THROTTLED, TOKEN_REFUSED, TOKEN_MISSING, "out_of_time"))
# So it stays until a person does something about it, and until then the lead goes without its form.
_LASTING = frozenset((PERMISSION_MISSING, NOT_VISIBLE))


class _Known(msgspec.Struct):
    """read_at, tried_at: epoch seconds at which the form was last read, and last asked for.

    is_settled: it was read, or it was said that it may not be.
    """

    lock: threading.Lock
    form: Form = Form()
    read_at: float = float("-inf")
    tried_at: float = float("-inf")
    is_settled: bool = False


class Forms:
    """Forms by their id. Thread-safe: several leads of a form that nobody knows yet ask for it once."""

    def __init__(self, graph: Graph, *, now: Callable[[], float]) -> None:
        self._graph = graph
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def form(self, form_id: str, *, page: str, names: Collection[str], deadline: float) -> Form:
        """What is known of a form, with nothing in it when it may not be read: that must not cost its leads.

        names: those in the lead at hand; one that the form does not have is a question added since it was read.
        Raises TryAgain when the page's calls have to wait, and while nobody has read the form yet and the reason
        passes: a lead is delivered once, so it does not go without an answer that only the form explains.
        Raises Misconfigured when the secret cannot be used.
        """
        if not form_id:
            return Form()
        with self._lock:
            known = self._known.setdefault(form_id, _Known(threading.Lock()))
        # Whoever waits for another's reading waits no longer than for an own one.
        if known.lock.acquire(timeout=max(deadline - self._now(), 0.0)):
            try:
                if self._is_due(known, names):
                    self._read(known, form_id, page, deadline)
            finally:
                known.lock.release()
        elif not known.is_settled:
            raise TryAgain("out_of_time", counts=False)
        return known.form

    def _is_due(self, known: _Known, names: Collection[str]) -> bool:
        now = self._now()
        is_wanting = now - known.read_at >= _FRESH_SECONDS or not known.form.knows(names)
        return is_wanting and now - known.tried_at >= _AGAIN_SECONDS

    def _read(self, known: _Known, form_id: str, page: str, deadline: float) -> None:
        try:
            answer = self._graph.get(form_id, page=page, fields=_FIELDS, deadline=deadline, is_extra=True)
        except TryAgain as error:
            is_lasting = error.reason in _LASTING
            if error.reason in _WAITING or not (is_lasting or known.is_settled):
                raise
        except Undeliverable:
            pass
        else:
            known.read_at = self._now()
            known.form = form_of(answer.body)
        known.is_settled = True
        known.tried_at = self._now()
