"""Puts a person and their leads on the list of erased people, for as long as anything of them may come again."""

from collections.abc import Iterable

from infra.cli.erase import erased_list
from infra.cli.erase.certificate import Removal
from infra.cli.erase.contacts import Person
from infra.cli.faults import CommandFailed
from infra.cli.place import Place
from leads.adapters.ledger_table import RECORD_KEPT_SECONDS
from leads.core.erasure import KEPT_SECONDS, lead_name


class Remembering:
    """The list of a place. record_sources: the CRM locations whose records come as leads; mostly none."""

    def __init__(self, place: Place, person: Person) -> None:
        self._ledger = (place.client("dynamodb"), place.output("LedgerTableName"))
        # What waits in the conversions queue is hashed, and the function that tells of it knows nothing else.
        self._asked = person.names | person.hashed_names
        self.record_sources = _record_sources(place)
        # A record of another CRM location may come again after years, a lead of an ad platform does not.
        self.seconds = RECORD_KEPT_SECONDS if self.record_sources else KEPT_SECONDS

    def put(self, removal: Removal, names: Iterable[str], keys: Iterable[str]) -> None:
        """The person, with these names of their contacts, and these leads (ledger keys), unless they are on it."""
        wanted = {"people": self._asked, "known_with": {*names} - self._asked, "leads": {*map(lead_name, keys)}}
        fresh = {kept: some - removal.remembered for kept, some in wanted.items()}
        if any(fresh.values()):
            told = erased_list.add(*self._ledger, fresh, at=removal.at, kept_seconds=self.seconds)
            removal.remembered.update(*fresh.values())
            removal.hashes.update(told["people"], told["known_with"])


def _record_sources(place: Place) -> list[str]:
    try:
        locations = place.secret("LeadConnectorSecretArn").get("locations")
    except CommandFailed:
        return []
    return [one for one in locations if isinstance(one, str)] if isinstance(locations, list) else []
