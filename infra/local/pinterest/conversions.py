"""Conversion events that were sent, the names that advertisers have defined, and which events shall go wrong."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from infra.local.pinterest.accounts import is_account_id

# Enum of mapped_conversion_type (advertiser_defined_events/get).
CONVERSION_TYPES = (
    "PAGE_LOAD", "UNKNOWN", "INITIALIZED", "PAGE_VISIT", "SIGNUP", "CHECKOUT", "CUSTOM", "VIEW_CATEGORY", "SEARCH",
    "ADD_TO_CART", "WATCH_VIDEO", "LEAD", "APP_INSTALL", "WEB_SESSION", "EXTERNAL_MEASUREMENT", "ADD_PAYMENT_INFO",
    "ADD_TO_WISHLIST", "INITIATE_CHECKOUT", "SUBSCRIBE", "VIEW_CONTENT", "ADVERTISER_DEFINED_EVENT", "APP_OPEN",
    "CONTACT", "SCHEDULE", "FIND_LOCATION", "CUSTOMIZE_PRODUCT", "SUBMIT_APPLICATION", "START_TRIAL",
)  # fmt: skip
# Whose events are not told apart by their event_id: "events that took place offline cannot be deduplicated"
# (events/create).
OFFLINE = "offline"
DETAILS = ("none", "statuses")
_KEPT = 100_000


@dataclass(frozen=True)
class Sent:
    """An event that was taken. at: epoch seconds; counted: 0 for a test or a repetition, else 1."""

    account: str
    at: float
    test: bool
    event: dict[str, Any]
    counted: int


@dataclass
class _Choice:
    """Which events are meant, by name, id or both, and how often; `times` None lasts until cleared."""

    event_name: str | None = None
    event_id: str | None = None
    times: int | None = None
    hits: int = 0

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def chooses(self, event: Mapping[str, Any]) -> bool:
        return self.event_name in (None, event["event_name"]) and self.event_id in (None, event["event_id"])


C = TypeVar("C", bound=_Choice)


@dataclass
class EventFault(_Choice):
    """Has an event fail with error_message; or, without one, be processed with warning_message."""

    error_message: str = ""
    warning_message: str = ""


@dataclass
class CallRefusal(_Choice):
    """Has a call with such an event answered with 422.

    details: `none` tells nothing of the events, `statuses` tells of each, and only the chosen ones have failed;
    others_taken: whether the other events of a call with `none` were taken all the same.
    """

    details: str = "none"
    others_taken: bool = False

    @property
    def takes_others(self) -> bool:
        return self.others_taken or self.details == "statuses"


@dataclass
class Conversions:
    """All of it. Not thread-safe."""

    clock: Callable[[], float] = time.time
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=_KEPT))
    defined: dict[tuple[str, str], str | None] = field(default_factory=dict)
    faults: list[EventFault] = field(default_factory=list)
    refusals: list[CallRefusal] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, account: str, event: dict[str, Any], *, is_test: bool) -> None:
        """An event that was taken; one with an event_id that the account has sent before counts only if offline."""
        key = (account, event["event_id"])
        is_new = event["action_source"] == OFFLINE or key not in self._seen
        if not is_test:
            self._seen.add(key)
        self.sent.append(Sent(account, self.clock(), is_test, event, int(is_new and not is_test)))

    def shown(self, *, test: bool) -> list[dict[str, Any]]:
        """What is recorded, oldest first; or what came as a test, of which Pinterest itself keeps nothing."""
        return [asdict(sent) for sent in self.sent if sent.test == test]

    def fault(self, event: Mapping[str, Any]) -> EventFault | None:
        """The first fault that is meant for the event, which has struck with this."""
        return _struck(self.faults, [event])

    def refusal(self, events: Sequence[Mapping[str, Any]]) -> CallRefusal | None:
        """The first refusal that is meant for a call of these events, which has struck with this."""
        return _struck(self.refusals, events)

    def add_fault(self, order: Mapping[str, Any]) -> EventFault:
        """By the names of EventFault; ValueError when it makes no sense."""
        fault = _made(EventFault, order)
        if not (fault.error_message or fault.warning_message):
            raise ValueError("A fault of events has an error_message or a warning_message, a text.")
        self.faults.append(fault)
        return fault

    def add_refusal(self, order: Mapping[str, Any]) -> CallRefusal:
        """By the names of CallRefusal; ValueError when it makes no sense."""
        refusal = _made(CallRefusal, order)
        if refusal.details not in DETAILS or not isinstance(refusal.others_taken, bool):
            raise ValueError(f"A refusal's details are one of {', '.join(DETAILS)}, its others_taken true or false.")
        self.refusals.append(refusal)
        return refusal

    def define(self, account: str, name: str, mapped_conversion_type: str | None = None) -> dict[str, Any]:
        """An event name of the advertiser's own; ValueError when it makes no sense."""
        if not (is_account_id(account) and isinstance(name, str) and name):
            raise ValueError("An event name of an advertiser's own has an account, digits, and a name.")
        if mapped_conversion_type not in (None, *CONVERSION_TYPES):
            raise ValueError("mapped_conversion_type is null or one of " + ", ".join(CONVERSION_TYPES))
        self.defined[account, name] = mapped_conversion_type
        return {"account": account, "name": name, "mapped_conversion_type": mapped_conversion_type}

    def forget_events(self) -> None:
        """No event was ever sent."""
        self.sent.clear()
        self._seen.clear()

    def forget(self) -> None:
        """Nothing any more of what was sent, defined or ordered."""
        self.forget_events()
        for kept in (self.defined, self.faults, self.refusals):
            kept.clear()


def _struck(choices: Iterable[C], events: Sequence[Mapping[str, Any]]) -> C | None:
    live = (choice for choice in choices if not choice.is_spent)
    found = next((choice for choice in live if any(map(choice.chooses, events))), None)
    if found:
        found.hits += 1
    return found


def _made(kind: type[C], order: Mapping[str, Any]) -> C:
    allowed = set(kind.__dataclass_fields__) - {"hits"}
    if unknown := sorted(set(order) - allowed):
        raise ValueError(f"That order has no {unknown[0]!r}; it takes {', '.join(sorted(allowed))}.")
    made, times = kind(**order), order.get("times")
    texts = [order.get(name) for name in ("event_name", "event_id", "error_message", "warning_message")]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise ValueError("event_name, event_id and messages are texts.")
    if made.event_name is None and made.event_id is None:
        raise ValueError("Say which events: event_name or event_id.")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError("times is a whole number, or null until cleared.")
    return made
