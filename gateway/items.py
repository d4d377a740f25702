# SPDX-License-Identifier: Apache-2.0
"""What sources have learned, kept in a compacted topic that all gateways share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from connectors.inbound.contract import Learned, Source
from connectors.inbound.items import Rows

__all__ = ["Items", "Writes"]


class Writes(Protocol):
    """Writes records, see `connectors.kafka.acknowledged.AcknowledgingProducer`."""

    async def send(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Return when the brokers have it.

        Raises:
            NotAcknowledged: they have not.
        """
        ...


class Items:
    """Writes down what sources learn, and tells them what was written, by whomever.

    Args:
        sources: by the name of their table.
        writes: to Kafka.
        topic: of items.
        soon: calls something in the thread in which the sources are used.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        writes: Writes,
        topic: str,
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._sources = dict(sources)
        self._writes = writes
        self._topic = topic
        self._soon = soon
        self._rows = Rows(sources)

    async def keep(self, name: str, learned: Sequence[Learned]) -> None:
        """Write down what a source has learned, and return when that is safe.

        Sources learn the same with each message; what is in the topic is not written again.

        Raises:
            NotAcknowledged: not all is written.
        """
        for row in self._rows.news(name, learned):
            await self._writes.send(self._topic, *row)
            self._rows.note(row)

    def take(self, key: bytes, value: bytes | None) -> None:
        """Tell the source of a row; those of other programs and of sources gone are passed over."""
        found = self._rows.read((key, value))
        if found is not None:
            name, learned = found
            self._soon(lambda: self._sources[name].learn(learned))
