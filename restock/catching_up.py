# SPDX-License-Identifier: Apache-2.0
"""Finds out when all has been read again that a crash may have cut short."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from connectors.errors import ConnectorError
from connectors.kafka.reading import ends_of_records
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings

__all__ = ["CatchingUp"]

_LOG: Final = logging.getLogger(__name__)


class CatchingUp:
    """Compares what is durable with where the input ended at the start.

    Args:
        settings: how to reach Kafka.
        ends: where the partitions ended at the start; asked once the flow runs.
        done: called once all of it is durable.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        ends: Callable[[], Mapping[Partition, int]],
        done: Callable[[], None],
    ) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._ends = ends
        self._done = done
        self._left: dict[Partition, int] | None = None

    def on_durable(self, offsets: Mapping[Partition, int]) -> None:
        """Take note of how far everything is durable.

        Args:
            offsets: for each partition the offset of the next record to be read.
        """
        if self._left is None:
            try:
                self._left = self._last_records(offsets)
            except ConnectorError as error:
                _LOG.debug("%s", error)  # the next epoch asks again
                return
        self._left = {p: end for p, end in self._left.items() if offsets.get(p, 0) < end}
        if not self._left:
            self._done()

    def _last_records(self, offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        # Transactions leave offsets at the end that no consumer is ever given.
        behind = {
            place: (offsets.get(place, 0), end)
            for place, end in self._ends().items()
            if offsets.get(place, 0) < end
        }
        return ends_of_records(self._settings, behind) if behind else {}
