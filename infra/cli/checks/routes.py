"""routes.toml: whether it is usable, and whether each source that is set up has a route."""

from collections.abc import Iterator

from infra.cli.checks.finding import Check, Finding, Words, count
from infra.cli.checks.patient import Patient
from leads.core.errors import Misconfigured
from leads.core.routes import Route, RouteTable
from leads.wiring import load_routes

ROUTES = Words("routes")


def checks(patient: Patient) -> list[Check]:
    return [ROUTES.check("routes.toml", _file, patient)]


def takes_some(route: Route, source: str, account: str = "") -> bool:
    """Whether the route may take leads of the source, and of the account where one is named."""
    return _allows(route.source, source) and (not account or _allows(route.account, account))


def has_route(table: RouteTable, source: str, account: str = "") -> bool:
    return any(takes_some(route, source, account) for route in table.routes)


def unrouted(words: Words, patient: Patient, source: str, account: str) -> Iterator[Finding]:
    """A warning where no route takes the leads of an account; nothing is known while the routes are unusable."""
    if patient.routes and not has_route(patient.routes, source, account):
        keys = f'source = "{source}" and account = "{account}"'
        fix = f"Write a route with {keys} into routes.toml, then: make deploy"
        yield words.warning(f"{account} route", "No route takes its leads: they wait.", fix)


def _allows(rule: str | list[str] | None, value: str) -> bool:
    return rule is None or value == rule or (isinstance(rule, list) and value in rule)


def _file(patient: Patient) -> Iterator[Finding]:
    try:
        table = load_routes(patient.routes_file)
    except Misconfigured as error:
        yield ROUTES.fault("routes.toml", f"{error}.", "make check && make deploy")
        return
    yield ROUTES.ok("routes.toml", f"{count(len(table.routes), 'route')} to {', '.join(patient.locations())}.")
    if any(route.assign for route in table.routes):
        yield ROUTES.skipped(
            "assign",
            "Whether the users in `assign` belong to the location cannot be seen with a lead's rights; one that does "
            "not shows up as a remark at the lead.",
        )
