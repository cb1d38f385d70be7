"""What a test may order of conversion events: see them, define names, have some of them go wrong."""

from dataclasses import asdict
from typing import Any

from infra.local.pinterest.api import PinterestApi


class ConversionOrders:
    """A part of the Pinterest sandbox."""

    api: PinterestApi

    def events(self, *, test: bool = False) -> list[dict[str, Any]]:
        """Recorded events, oldest first: account, at (epoch seconds), test, event as it was sent, counted.

        An event that fails is none. counted: 1; 0 for one of the web or of an app whose event_id the account has sent
        before. With `test`, instead of them, what came with test=true, which counts 0.
        """
        with self.api.lock:
            return self.api.conversions.shown(test=test)

    def forget_events(self) -> None:
        """As if no event had been sent."""
        with self.api.lock:
            self.api.conversions.forget_events()

    def define_event(self, account: str, name: str, mapped_conversion_type: str | None = None) -> dict[str, Any]:
        """An event name of the advertiser's own; ValueError when it makes no sense."""
        with self.api.lock:
            return self.api.conversions.define(account, name, mapped_conversion_type)

    def add_event_fault(self, **order: Any) -> dict[str, Any]:
        """Have events fail (error_message) or be warned of (warning_message), tests too.

        event_name, event_id or both say which; `times` counts events. ValueError when it makes no sense.
        """
        with self.api.lock:
            return asdict(self.api.conversions.add_fault(order))

    def add_event_refusal(self, **order: Any) -> dict[str, Any]:
        """Have a call with such an event answered with 422 (schema DetailedError); `times` counts calls.

        event_name, event_id or both say which. details: "none", nothing is told of any event, nor taken unless
        others_taken says so of the others; "statuses", each event's, and only the chosen ones have failed.
        ValueError when it makes no sense.
        """
        with self.api.lock:
            return asdict(self.api.conversions.add_refusal(order))

    def event_faults(self) -> dict[str, Any]:
        """Both kinds, with how often each has struck."""
        with self.api.lock:
            kept = self.api.conversions
            return {"faults": [asdict(one) for one in kept.faults], "refusals": [asdict(one) for one in kept.refusals]}

    def clear_event_faults(self) -> None:
        """Both kinds."""
        with self.api.lock:
            self.api.conversions.faults.clear()
            self.api.conversions.refusals.clear()
