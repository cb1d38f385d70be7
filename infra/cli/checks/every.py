"""Every check there is, by the system it is about."""

from collections.abc import Callable, Collection, Mapping

from infra.cli.checks import aws, crm, facebook, leadconnector, pinterest, routes
from infra.cli.checks.finding import SYSTEMS, Check, Finding, Words
from infra.cli.checks.patient import Patient

_MODULES = (aws, routes, crm, pinterest, facebook, leadconnector)
SOURCES: Mapping[str, Callable[[Patient], bool]] = {
    "pinterest": pinterest.is_set_up,
    "facebook": facebook.is_set_up,
    "leadconnector": leadconnector.is_set_up,
}
_SOURCES = Words("sources")


def checks(patient: Patient, only: Collection[str] = ()) -> list[Check]:
    """The checks of the systems named, of all when none is named."""
    chosen = (module for system, module in zip(SYSTEMS, _MODULES, strict=True) if not only or system in only)
    found = [check for module in chosen for check in module.checks(patient)]
    return found if only else [*found, _SOURCES.check("sources", _any_source, patient)]


def _any_source(patient: Patient) -> list[Finding]:
    names = [name for name, is_set_up in SOURCES.items() if is_set_up(patient)]
    if names:
        return [_SOURCES.ok("sources", f"{', '.join(names)}.")]
    return [_SOURCES.fault("sources", "No source of leads is set up.", patient.command("init"))]
