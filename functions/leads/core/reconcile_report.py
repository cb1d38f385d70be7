"""What is reported of a reconciliation: a line on each form, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from leads.core.iso_time import iso_time
from leads.core.reconciling import COMPLETE, SKIPPED, WAITING, Counts, Run, Scope, ScopeProgress, Unlisted


def row_of(scope: Scope, progress: ScopeProgress | None) -> dict[str, Any]:
    """A report's line on one form; without progress it waits for its turn."""
    place = {"source": scope.source, "account": scope.account, "form": scope.form}
    time = {"from": iso_time(scope.since, "seconds"), "to": iso_time(scope.until, "seconds")}
    if progress is None:
        return {**place, **time, **msgspec.structs.asdict(Counts()), "missing_ids": [], "status": WAITING}
    row = {
        **place,
        **time,
        **msgspec.structs.asdict(progress.counts),
        "missing_ids": list(progress.missing_ids),
        "status": progress.status,
    }
    return row | _said(reason=progress.reason, detail=progress.detail)


def unlisted_row(unlisted: Unlisted) -> dict[str, Any]:
    """A report's line on what could not be asked for its forms."""
    row = {"source": unlisted.source, "account": unlisted.account, "form": "", "status": unlisted.status}
    counts = msgspec.structs.asdict(Counts())
    return row | counts | {"missing_ids": []} | _said(reason=unlisted.reason, detail=unlisted.detail)


def report_of(run: Run, progress: Mapping[Scope, ScopeProgress]) -> dict[str, Any]:
    """A run's report as JSON: `{"run", "complete", "forms": [...], "totals": {...}}`."""
    rows = [row_of(scope, progress.get(scope)) for scope in run.scopes]
    rows += [unlisted_row(unlisted) for unlisted in run.unlisted]
    return {
        "run": run.id,
        "complete": all(row["status"] in (COMPLETE, SKIPPED) for row in rows),
        "forms": rows,
        "totals": {name: sum(row[name] for row in rows) for name in Counts.__struct_fields__},
    }


def _said(**texts: str) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}
