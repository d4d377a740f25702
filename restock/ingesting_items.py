# SPDX-License-Identifier: Apache-2.0
"""Which item is which variant, shared by all processes in the compacted topic of items."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from connectors.inbound.contract import Learned, Source
from connectors.inbound.items import Rows
from connectors.kafka.records import Outgoing
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.table import Table

__all__ = ["SharedItems"]


class SharedItems:
    """Tells a source what was learned before and elsewhere, and writes down what it learns.

    Args:
        settings: how to reach Kafka.
        topic: of items.
        name: of the source's table.
        write: takes rows; None: nothing is written down.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        name: str,
        write: Callable[[Outgoing], None] | None,
    ) -> None:
        self._topic = topic
        self._name = name
        self._write = write
        self._rows = Rows([name])
        self._untold: deque[Learned] = deque()
        self._table = Table(settings, topic, self._take)

    def __enter__(self) -> Self:
        """Read what the topic holds, and go on reading.

        Raises:
            BrokerUnreachable: the brokers do not answer.
        """
        self._table.__enter__()
        self._table.wait()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop reading."""
        self._table.__exit__(*error)

    def tell(self, source: Source) -> None:
        """Tell the source what it has not been told yet."""
        while self._untold:
            source.learn(self._untold.popleft())

    def keep(self, learned: Sequence[Learned]) -> None:
        """Write down what the source has learned; it is safe when all that was written is.

        Raises:
            DeliveryFailed: an earlier record cannot be delivered.
        """
        if self._write is None:
            return
        for row in self._rows.news(self._name, learned):
            self._write(Outgoing(self._topic, [row]))
            self._rows.note(row)

    def _take(self, key: bytes, value: bytes | None) -> None:
        """Called in the table's thread; sources are used in the other one only."""
        found = self._rows.read((key, value))
        if found is not None:
            self._untold.append(found[1])
