# SPDX-License-Identifier: Apache-2.0
"""What a Kafka test asks of a broker, whatever its kind."""

import time
from typing import Protocol

from confluent_kafka import TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported unmarked
    AdminClient,
    OffsetSpec,
)
from confluent_kafka.cimpl import NewTopic

__all__ = ["CreateTopic", "create_topic", "delete_topics"]

ANSWER_SECONDS = 15.0
SERVE_SECONDS = 20.0


class CreateTopic(Protocol):
    """Makes a topic whose name no other test uses."""

    def __call__(self, name: str = ..., partitions: int = ..., **config: str) -> str:
        """Makes the topic and waits until it can be produced to.

        Args:
            name: a word to recognise the topic by.
            partitions: their number.
            config: topic configuration, with ``_`` for ``.`` (``cleanup_policy="compact"``); the
                mock cluster knows none and ignores it.

        Returns:
            The name of the topic: the word and something that makes it unique.
        """


def create_topic(
    bootstrap_servers: str, name: str, partitions: int, config: dict[str, str]
) -> None:
    """Makes a topic on a real broker and waits until each partition serves.

    Args:
        bootstrap_servers: the broker's address.
        name: the topic's name.
        partitions: their number.
        config: topic configuration by Kafka's own names.

    Raises:
        KafkaException: the broker refused.
        TimeoutError: some partition did not get that far.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(ANSWER_SECONDS)
    deadline = time.monotonic() + SERVE_SECONDS
    while not _serves(admin, name, partitions):
        if time.monotonic() > deadline:
            message = f"{name}: not served after {SERVE_SECONDS:g} s"
            raise TimeoutError(message)


def _serves(admin: AdminClient, name: str, partitions: int) -> bool:
    """Whether each partition's leader answers: it is named a little before it knows of its part."""
    found = admin.list_topics(name, timeout=ANSWER_SECONDS).topics[name].partitions
    if len(found) < partitions or any(each.leader < 0 for each in found.values()):
        return False
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(name, number): latest for number in found}
    answers = admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
    return all(answer.exception() is None for answer in answers.values())


def delete_topics(bootstrap_servers: str, names: list[str]) -> None:
    """Deletes topics of a broker that outlives the run.

    Args:
        bootstrap_servers: the broker's address.
        names: the topics, all of which exist.
    """
    if names:
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        for future in admin.delete_topics(names).values():
            future.result(ANSWER_SECONDS)
