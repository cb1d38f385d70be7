"""Sends the leads of a file through a stack's real webhook."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from infra.cli.sending.sent_leads import SENDERS, Delivery


def deliveries(place: Place, file: Path, *, source: str = "", state_dir: str = ".local") -> list[Delivery]:
    """What the leads in a file become, one delivery a source; source: whose they are, where they do not tell.

    Raises CommandFailed for what cannot be read, or cannot be sent to this place.
    """
    content = _json_in(file)
    items = content if isinstance(content, list) else [content]
    if not items or not all(isinstance(item, dict) for item in items):
        raise CommandFailed(f"{file} holds no lead: it must be a JSON object, or a list of them.")
    by_source: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        by_source.setdefault(source or source_of(item), []).append(item)
    made: list[Delivery] = []
    for name, found in by_source.items():
        made += SENDERS[name](place, found, state_dir)
    return made


def source_of(item: Mapping[str, Any]) -> str:
    """Whose lead this is by its shape; Pinterest's where it is just answers. Raises CommandFailed."""
    if isinstance(item.get("answers"), dict):
        named = str(item.get("source", "pinterest"))
        if named in SENDERS:
            return named
    elif "field_data" in item or item.get("object") == "page":
        return "facebook"
    elif "locationId" in item or isinstance(item.get("data"), dict):
        return "leadconnector"
    raise CommandFailed(
        'The file\'s lead is none that is known: it has "answers", or is as Pinterest, Graph or the CRM shows it. '
        "For a workflow's webhook, give --source leadconnector.",
        exit_code=2,
    )


def _json_in(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}.", exit_code=2) from None
    except ValueError as error:
        raise CommandFailed(f"{file} is not JSON: {error}.", exit_code=2) from None
    except RecursionError:
        raise CommandFailed(f"{file} is no lead: its JSON is nested too deeply.", exit_code=2) from None
