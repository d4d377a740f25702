# SPDX-License-Identifier: Apache-2.0
"""What a crash leaves in the topic of notifications: whom the epoch that it cut short had told.

The sink finds the records when it resumes. No slot applies an event before that, and each slot
takes them for what they are (`waitlist.resumed`). It is over when all that had been there to be
read at the start has been read, and whoever was on the way out then has been handed over, durably.
"""

from confluent_kafka import Message

from dataflows.decoding import slot_of
from schemas.told import Told, read_told

__all__ = ["Aftermath"]


class Aftermath:
    """The notifications of epochs that never became durable; see the module's docstring.

    Args:
        topic: where notifications are.
        slots: how many there are.

    Attributes:
        topic: where notifications are.
        is_known: whether all of them were found: until then nothing may be read.
        is_over: whether the durable state holds all that follows from them.
    """

    def __init__(self, topic: str, slots: int) -> None:
        self.topic = topic
        self.is_known = False
        self.is_over = False
        self._slots = slots
        self._busy = set(range(slots))
        self._caught_up = False
        self._told: dict[int, list[Told]] = {}

    def found(self, message: Message) -> None:
        """Take note of a record of our own that lies behind the last durable epoch."""
        told = read_told(message.value())
        if told is not None:
            self._told.setdefault(slot_of(told.variant_id, self._slots), []).append(told)

    def complete(self) -> None:
        """Nothing more will be found."""
        self.is_known = True
        self.is_over = not self._told

    def told_of(self, slot: int) -> list[Told]:
        """Who was told of the variants of a slot, in the order of the topic's partitions."""
        return self._told.get(slot, [])

    def handed_over(self, slot: int) -> None:
        """Take note that a slot has handed over, durably, who was on the way out at the start."""
        self._busy.discard(slot)
        self._judge()

    def caught_up(self) -> None:
        """Take note that all that had been there to be read at the start is durable."""
        self._caught_up = True
        self._judge()

    def _judge(self) -> None:
        if self.is_known and self._caught_up and not self._busy and not self.is_over:
            self.is_over = True
            self._told.clear()
