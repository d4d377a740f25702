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

__all__ = ["Receiver", "Shown", "Taker", "Tally", "Written"]

_SHOWN_REFUSALS = 10


@dataclass(slots=True)
class Tally:
    """What has become of messages.

    Attributes:
        messages: so many were read.
        records: so many came of them.
        refused: messages of which a part or the whole could not be taken.
        refusals: by reason.
        ignored: messages of which nothing follows, by reason.
        first: the first few refusals, for people.
    """

    messages: int = 0
    records: int = 0
    refused: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    first: list[Refusal] = field(default_factory=list)

    def add(self, mapped: Mapped) -> None:
        """Count what a message came to."""
        self.messages += 1
        self.records += len(mapped.records)
        self.refused += bool(mapped.refusals)
        self.note(mapped.refusals)
        if mapped.ignored is not None:
            self.ignored[mapped.ignored] += 1

    def note(self, refusals: Sequence[Refusal]) -> None:
        """Keep the reasons of refusals."""
        self.refusals.update(refusal.reason for refusal in refusals)
        self.first += refusals[: _SHOWN_REFUSALS - len(self.first)]

    def as_dict(self) -> dict[str, object]:
        """Return the counts by their names."""
        return {
            "messages": self.messages,
            "records": self.records,
            "refused": self.refused,
            "refusals": dict(self.refusals),
            "ignored": dict(self.ignored),
        }


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
        prepare: sees the body of each before the source does, and may do what I/O it needs.
        on_learned: told what the source has learned; the source keeps it for this run by itself.
    """

    def __init__(
        self,
        source: Source,
        receiver: Receiver,
        prepare: Callable[[bytes], None] | None = None,
        on_learned: Callable[[Learned], None] | None = None,
    ) -> None:
        self._source = source
        self._receiver = receiver
        self._prepare = prepare
        self._on_learned = on_learned
        self.tally = Tally()

    def take(self, message: Message) -> Mapped:
        """Map a message and hand its records over.

        Raises:
            InboundError: what is needed to read the message cannot be had.
            DeliveryFailed: Kafka does not take a record.
        """
        if self._prepare is not None:
            self._prepare(message.body)
        mapped = self._source.map(message)
        self.tally.add(mapped)
        if self._on_learned is not None:
            for learned in mapped.learned:
                self._on_learned(learned)
        if mapped.records:
            self._receiver.write(mapped.records)
        return mapped

    def flush(self) -> None:
        """Wait until all records are safe.

        Raises:
            DeliveryFailed: they are not.
        """
        self._receiver.flush()
