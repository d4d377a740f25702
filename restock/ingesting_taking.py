# SPDX-License-Identifier: Apache-2.0
"""Takes messages one by one: mapped, written or shown, and counted."""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Protocol

from connectors.inbound.contract import Learned, Mapped, Message, Refusal, Source
from connectors.inbound.records import StockRecord
from connectors.kafka.records import Outgoing
from connectors.kafka.writer import Writer

__all__ = ["Memory", "Receiver", "Shown", "Taker", "Tally", "Written"]

_SHOWN_REFUSALS = 10


@dataclass(slots=True)
class Tally:
    """What has become of messages.

    Attributes:
        messages: so many were read.
        outcomes: these by what became of them: taken, ignored or refused.
        records: so many came of them.
        refused: messages of which a part or the whole could not be taken.
        refusals: by reason.
        ignored: messages of which nothing follows, by reason.
        first: the first few refusals, for people.
        last_at: when the last message was taken for good, in epoch milliseconds; 0: none was.
    """

    messages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    records: int = 0
    refused: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    first: list[Refusal] = field(default_factory=list)
    last_at: int = 0

    def add(self, mapped: Mapped) -> None:
        """Count what a message came to."""
        self.messages += 1
        self.outcomes[_outcome(mapped)] += 1
        self.records += len(mapped.records)
        self.refused += bool(mapped.refusals)
        self.note(mapped.refusals)
        if mapped.ignored is not None:
            self.ignored[mapped.ignored] += 1

    def note(self, refusals: Sequence[Refusal]) -> None:
        """Keep the reasons of refusals."""
        self.refusals.update(refusal.reason for refusal in refusals)
        self.first += refusals[: _SHOWN_REFUSALS - len(self.first)]

    def include(self, other: "Tally", records: int, at: int) -> None:
        """Count one message that was taken as a whole.

        Args:
            other: has what of it was refused.
            records: so many came of it.
            at: when it was taken, in epoch milliseconds.
        """
        self.messages += 1
        self.outcomes["taken"] += 1
        self.records += records
        self.refusals.update(other.refusals)
        self.last_at = at

    def refuse(self, reason: str) -> None:
        """Count one message of which nothing was taken."""
        self.messages += 1
        self.outcomes["refused"] += 1
        self.refused += 1
        self.refusals[reason] += 1

    def as_dict(self) -> dict[str, object]:
        """Return the counts by their names."""
        return {
            "messages": self.messages,
            "records": self.records,
            "refused": self.refused,
            "refusals": dict(self.refusals),
            "ignored": dict(self.ignored),
        }


def _outcome(mapped: Mapped) -> str:
    if mapped.refusals:
        return "refused"
    return "taken" if mapped.records or mapped.learned else "ignored"


class Memory(Protocol):
    """What is learned beyond a process."""

    def tell(self, source: Source) -> None:
        """Tell the source what it has not been told yet."""
        ...

    def keep(self, learned: Sequence[Learned]) -> None:
        """Take what the source has learned; it may be lost until all records are safe."""
        ...


class Receiver(Protocol):
    """Where records go."""

    def write(self, records: Sequence[StockRecord]) -> None:
        """Take records; they may be lost until `flush` has returned."""
        ...

    def flush(self) -> None:
        """Return when all are safe."""
        ...


class Written:
    """Writes records to a topic.

    Args:
        writer: to Kafka.
        topic: of stock.
    """

    def __init__(self, writer: Writer, topic: str) -> None:
        self._writer = writer
        self._topic = topic

    def write(self, records: Sequence[StockRecord]) -> None:
        """Queue records.

        Raises:
            DeliveryFailed: an earlier one cannot be delivered.
        """
        pairs = [(record.variant_id.encode(), record.value) for record in records]
        self._writer.write(Outgoing(self._topic, pairs))

    def flush(self) -> None:
        """Wait until Kafka has acknowledged everything.

        Raises:
            DeliveryFailed: it has not.
        """
        self._writer.flush()


class Shown:
    """Shows records, a line each, and writes nothing."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout

    def write(self, records: Sequence[StockRecord]) -> None:
        """Show records."""
        self._stream.writelines(record.value.decode() + "\n" for record in records)

    def flush(self) -> None:
        """Let the reader see them."""
        self._stream.flush()


class Taker:
    """Takes messages.

    Args:
        source: maps them.
        receiver: takes their records.
        clock: the time, in epoch milliseconds.
        prepare: sees the body of each before the source does, and may do what I/O it needs.
        memory: has what the source has learned; None: the source keeps it for this run by itself.
    """

    def __init__(
        self,
        source: Source,
        receiver: Receiver,
        clock: Callable[[], int],
        prepare: Callable[[bytes], None] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self._source = source
        self._receiver = receiver
        self._prepare = prepare
        self._clock = clock
        self._memory = memory
        self._lost: dict[str, Learned] = {}
        self._safe = 0
        self.tally = Tally()

    def take(self, message: Message) -> Mapped:
        """Map a message and hand its records over.

        Raises:
            InboundError: what is needed to read the message cannot be had.
            DeliveryFailed: Kafka does not take a record.
        """
        mapped = self._map(message)
        self.tally.add(mapped)
        return mapped

    def take_again(self, message: Message) -> None:
        """Map a message that was counted before, in another run.

        Raises:
            InboundError: as above.
            DeliveryFailed: as above.
        """
        self.tally.records += len(self._map(message).records)

    def flush(self) -> None:
        """Wait until all that came of the messages is safe.

        Raises:
            DeliveryFailed: it is not.
        """
        self._receiver.flush()
        if self._memory is not None and self._lost:
            self._memory.keep(tuple(self._lost.values()))
            self._lost.clear()
            self._receiver.flush()
        if self.tally.messages > self._safe:
            self._safe = self.tally.messages
            self.tally.last_at = self._clock()

    def _map(self, message: Message) -> Mapped:
        if self._prepare is not None:
            self._prepare(message.body)
        if self._memory is not None:
            self._memory.tell(self._source)
        mapped = self._source.map(message)
        # What was learned comes first: whoever reads the records later may want to know.
        if self._memory is not None:
            self._memory.keep(self._gained(mapped.learned))
        if mapped.records:
            self._receiver.write(mapped.records)
        return mapped

    def _gained(self, learned: Sequence[Learned]) -> Sequence[Learned]:
        """Put aside which items are no more until the records that follow from it are safe.

        Otherwise who is killed in between would not know any more what to remove.
        """
        for each in learned:
            if each.variant_id is None:
                self._lost[each.item_id] = each
            else:
                self._lost.pop(each.item_id, None)
        return [each for each in learned if each.variant_id is not None]
