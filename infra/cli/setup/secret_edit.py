"""Changing a secret that others change at the same time: rotations, other operators, the AWS console."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from leads.core.errors import LeadError, Misconfigured

if TYPE_CHECKING:
    from leads.adapters.secret_versions import SecretVersions

Edit = Callable[[dict[str, Any]], dict[str, Any]]

# The label of a version until it is the current one; the next version takes it over.
DRAFT, CURRENT = "LEADRELAY_DRAFT", "AWSCURRENT"
_TRIES = 5
# The id of a secret's first version.
_FIRST = str(uuid.uuid5(uuid.NAMESPACE_URL, "leadrelay: the first value of a secret"))


def edit_secret(place: Place, output: str, edit: Edit) -> list[str]:
    """Store what `edit` makes of the secret's value as it is now; the names of what has changed, [] for nothing.

    The current version is replaced only if it is still the one that was read. Else everything is done again, so that
    neither a rotation's new tokens nor anybody else's change are overwritten. Raises CommandFailed after five times.
    """
    # Late: it brings half of botocore along.
    from botocore.exceptions import BotoCoreError, ClientError

    from infra.cli.aws_refusals import refusal
    from leads.adapters.secret_versions import SecretVersions

    arn = place.output(output)
    client = place.client("secretsmanager")
    versions = SecretVersions(lambda: client, arn)
    try:
        for _ in range(_TRIES):
            read = versions.labels().get(CURRENT, "")
            before = (versions.read(read) if read else None) or {}
            after = edit(before)
            if after == before or _replaced(versions, read, after):
                return list(changed(before, after))
    except (LeadError, Misconfigured) as error:
        # That sentence is for functions; here the credentials are the operator's own.
        refused = error.__context__
        told = refusal(refused) if isinstance(refused, BotoCoreError | ClientError) else f"{error}."
        raise CommandFailed(f"The secret {arn} could not be changed. {told}") from None
    raise CommandFailed(f"Somebody else keeps changing the secret {arn}: repeat the command.")


def changed(before: Mapping[str, Any], after: Mapping[str, Any], under: str = "") -> Iterator[str]:
    """The names, such as `locations.ve9E.token`, whose values are others; never a value."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(new, Mapping):
            yield from changed(old if isinstance(old, Mapping) else {}, new, f"{under}{name}.")
        else:
            yield f"{under}{name}"


def merged(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`before` with everything in `more` put in, object by object; nothing is dropped."""
    result = dict(before)
    for name, value in more.items():
        old = result.get(name)
        result[name] = merged(old if isinstance(old, dict) else {}, value) if isinstance(value, Mapping) else value
    return result


def _replaced(versions: "SecretVersions", read: str, value: dict[str, Any]) -> bool:
    if not read:
        return _is_first(versions, value)
    fresh = str(uuid.uuid4())
    versions.put(value, version_id=fresh, label=DRAFT)
    return versions.move(CURRENT, to=fresh, away_from=read)


def _is_first(versions: "SecretVersions", value: dict[str, Any]) -> bool:
    """Store a secret's first value; False when somebody else's came before it.

    Every first value has the same id, and AWS takes no second value for an id.
    """
    try:
        versions.put(value, version_id=_FIRST, label=CURRENT)
    except LeadError:
        if CURRENT not in versions.labels():
            raise
        return False
    return True
