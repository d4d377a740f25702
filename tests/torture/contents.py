# SPDX-License-Identifier: Apache-2.0
"""What the topics hold, as the checker reads it."""

from dataclasses import dataclass

__all__ = ["Contents", "TopicRecord"]


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record as it lies in a topic.

    Attributes:
        partition: number of the partition.
        offset: its place there.
        timestamp: the record's timestamp, epoch milliseconds.
        key: the record's key.
        value: the record's value; None for a tombstone.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in the topics of a run, each in the order of partition and offset.

    Attributes:
        inventory: stock figures.
        subscriptions: sign-ups and sign-offs.
        notifications: who was told.
        dead_letters: of both input topics.
        committed: for each input topic and partition the offset of the consumer group.
        stored: for each input topic and partition the offset that the recovery store holds at the
            end; empty when it was not looked at.
    """

    inventory: list[TopicRecord]
    subscriptions: list[TopicRecord]
    notifications: list[TopicRecord]
    dead_letters: list[TopicRecord]
    committed: dict[tuple[str, int], int]
    stored: dict[tuple[str, int], int]
