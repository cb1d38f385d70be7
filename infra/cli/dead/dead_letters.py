"""Dead letters as an operator looks at them: taken for a moment, chosen from, and given back."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Self

from infra.cli.dead.parked_message import DeadLetter, dead_letter
from infra.cli.story.ledger import LedgerLead

# SQS takes and gives ten messages in one call.
SQS_BATCH = 10
# An answer asks all of SQS's servers only if it may take this long, in seconds.
LONG_POLL = 1
# Seconds for which a message that is looked at is hidden; more of them take longer.
LEAST_HIDDEN, MOST_HIDDEN = 60, 900


@dataclass(frozen=True)
class Choice:
    """Which dead letters; what is empty takes any. Ages are seconds since the lead was parked.

    names: lead ids, ledger keys or message ids. reasons: with * and ? for any letters.
    """

    names: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    source: str = ""
    account: str = ""
    form: str = ""
    older_than: float = 0.0
    newer_than: float | None = None

    def takes(self, letter: DeadLetter, now: float) -> bool:
        age = now - letter.parked_at
        return (
            (not self.names or any(letter.goes_by(name) for name in self.names))
            and (not self.reasons or any(fnmatchcase(letter.reason, reason) for reason in self.reasons))
            and self.source in ("", letter.source)
            and self.account in ("", letter.account)
            and self.form in ("", letter.form)
            and age >= self.older_than
            and (self.newer_than is None or age < self.newer_than)
        )

    @property
    def is_all(self) -> bool:
        return self == Choice()


class Held:
    """Messages of a queue, hidden from everybody else while this is open; what is not removed is given back.

    Nothing is lost by looking: SQS counts a receive, which only a queue with a redrive policy minds, and messages
    that are not given back, as the program was killed, show up again by themselves within MOST_HIDDEN seconds.

    elsewhere: about how many messages could not be taken, as somebody else looks at them; 0 before `take`.
    """

    def __init__(self, sqs: Any, url: str, *, now: Callable[[], float] = time.time) -> None:
        self._sqs = sqs
        self._url = url
        self._now = now
        self._letters: dict[str, DeadLetter] = {}
        self._seconds = LEAST_HIDDEN
        self._hidden_until = 0.0
        self.elsewhere = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back(list(self._letters.values()))

    @property
    def letters(self) -> list[DeadLetter]:
        """What is held, the longest parked first."""
        return sorted(self._letters.values(), key=lambda letter: (letter.parked_at, letter.message_id))

    def take(self, *, limit: int | None = None, told: Callable[[int, int], None] = lambda *_: None) -> list[DeadLetter]:
        """Take up to `limit` messages; told: called with how many there are so far, and how many there may be."""
        about, others = depth(self._sqs, self._url), hidden(self._sqs, self._url)
        self._seconds = min(MOST_HIDDEN, LEAST_HIDDEN + about // 5)
        self._hidden_until = self._now() + self._seconds
        wait, empty = 0, 0
        while empty < 2 and (limit is None or len(self._letters) < limit):
            fresh = self._receive(wait, SQS_BATCH if limit is None else min(SQS_BATCH, limit - len(self._letters)))
            # A second look goes to all of SQS's servers. Messages that come again were hidden for too short a time.
            wait, empty = (0, 0) if fresh else (LONG_POLL, empty + 1)
            told(len(self._letters), max(about, len(self._letters)))
        # What SQS still counts as hidden, but has given us, is in nobody else's hands.
        self.elsewhere = min(others, max(0, about + others - len(self._letters)))
        return self.letters

    def renew(self) -> None:
        """Hide what is held for longer, once half of the time has passed. To be called now and then."""
        if self._hidden_until - self._now() < self._seconds / 2:
            self._seconds = MOST_HIDDEN
            self._hidden_until = self._now() + self._seconds
            self._hide(list(self._letters.values()), self._seconds)

    def remove(self, letter: DeadLetter) -> None:
        """Delete a message for good."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)
        self._letters.pop(letter.message_id, None)

    def give_back(self, letters: Iterable[DeadLetter]) -> None:
        """Let others see these messages again at once."""
        back = [letter for letter in letters if self._letters.pop(letter.message_id, None)]
        self._hide(back, 0)

    def _receive(self, wait: int, count: int) -> int:
        """How many messages came that were not known."""
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            VisibilityTimeout=self._seconds,
            WaitTimeSeconds=wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        letters = {message["MessageId"]: dead_letter(message) for message in answer.get("Messages", ())}
        fresh = letters.keys() - self._letters.keys()
        # The latest handle of a message is the one that counts.
        self._letters |= letters
        return len(fresh)

    def _hide(self, letters: Sequence[DeadLetter], seconds: int) -> None:
        """What is refused was not hidden any more: somebody else has it now, or anybody may have it."""
        for start in range(0, len(letters), SQS_BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt_handle, "VisibilityTimeout": seconds}
                for number, letter in enumerate(letters[start : start + SQS_BATCH])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)


def peek(
    sqs: Any, url: str, *, limit: int | None = None, told: Callable[[int, int], None] = lambda *_: None
) -> tuple[list[DeadLetter], int]:
    """What waits in a queue, as in `Held.take`, all of it given back; and `Held.elsewhere`."""
    with Held(sqs, url) as held:
        return held.take(limit=limit, told=told), held.elsewhere


def depth(sqs: Any, url: str) -> int:
    """About how many messages a queue has, those that are hidden at the moment not counted."""
    return int(_attribute(sqs, url, "ApproximateNumberOfMessages"))


def hidden(sqs: Any, url: str) -> int:
    """About how many messages of a queue are hidden at the moment, as somebody looks at them, ourselves included.

    SQS takes up to a minute to notice that they were given back.
    """
    return int(_attribute(sqs, url, "ApproximateNumberOfMessagesNotVisible"))


def retention(sqs: Any, url: str) -> float:
    """Seconds for which a queue keeps a message."""
    return float(_attribute(sqs, url, "MessageRetentionPeriod"))


def arn_of(sqs: Any, url: str) -> str:
    return _attribute(sqs, url, "QueueArn")


def with_ledger(letters: Sequence[DeadLetter], ledger: Mapping[str, LedgerLead]) -> list[DeadLetter]:
    """The letters with what the ledger says of each."""
    return [replace(letter, lead=ledger.get(letter.key)) for letter in letters]


def _attribute(sqs: Any, url: str, name: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
