# SPDX-License-Identifier: Apache-2.0
"""Offsets of many partitions in one request, and where reading starts."""

from collections.abc import Collection, Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported unmarked
    AdminClient,
    OffsetSpec,
)

from connectors.errors import BrokerUnreachable
from connectors.kafka.records import Partition
from connectors.kafka.settings import KafkaSettings
from schemas.timestamps import parse_timestamp

__all__ = [
    "EARLIEST",
    "LATEST",
    "StartFrom",
    "Watermarks",
    "list_offsets",
    "starting_offsets",
    "watermarks",
]

EARLIEST: Final[Any] = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
"""Asks `list_offsets` for the first offset there is."""

LATEST: Final[Any] = OffsetSpec.latest()  # type: ignore[no-untyped-call]
"""Asks `list_offsets` for the offset after the last."""

_NO_SUCH_RECORD: Final = -1
"""The answer when no record is as late as the time asked for."""

Watermarks = dict[Partition, tuple[int, int]]
"""For each partition its first offset, and the one after its last."""


@dataclass(frozen=True, slots=True)
class StartFrom:
    """Where reading starts in a partition without a stored offset.

    Attributes:
        kind: The first record there is, the end, or the first record at or after a time.
        timestamp: That time in epoch milliseconds.
        whole: Topics that are read from their first record all the same.
    """

    kind: Literal["earliest", "latest", "timestamp"] = "earliest"
    timestamp: int = 0
    whole: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `earliest`, `latest` or a timestamp as `docs/semantics.md` section 1 defines them.

        Raises:
            ValueError: It is none of these.
        """
        if text == "earliest":
            return cls("earliest")
        if text == "latest":
            return cls("latest")
        try:
            return cls("timestamp", parse_timestamp(int(text) if text.isdecimal() else text))
        except ValueError as error:
            message = f"expected earliest, latest or a timestamp, got {text!r}: {error}"
            raise ValueError(message) from None


def list_offsets(
    admin: AdminClient,
    settings: KafkaSettings,
    partitions: Collection[Partition],
    spec: Any,  # noqa: ANN401 - OffsetSpec has no public type
    seconds: float | None = None,
) -> dict[Partition, int]:
    """Ask the brokers for one offset of each partition, all at once.

    Args:
        admin: The client to ask with.
        settings: How long to wait, and which addresses to name in an error.
        partitions: Partitions that exist.
        spec: Which offset: `EARLIEST`, `LATEST`, or by time (-1 when no record is that late).
        seconds: How long to wait at most, if not `connect_timeout`.

    Raises:
        BrokerUnreachable: There was no answer in time.
    """
    seconds = seconds or settings.connect_timeout.total_seconds()
    asked = {TopicPartition(*partition): spec for partition in partitions}
    if not asked:
        return {}
    try:
        answers = admin.list_offsets(asked, request_timeout=seconds)
        found = {
            (place.topic, place.partition): future.result(seconds + 1).offset
            for place, future in answers.items()
        }
    except (KafkaException, FutureTimeoutError) as error:
        raise _no_answer(settings, partitions, _reason(error), seconds) from None
    # A broker that hangs comes out as an answer without an offset (-1001), not as an error.
    if any(offset < _NO_SUCH_RECORD for offset in found.values()):
        raise _no_answer(settings, partitions, "timed out", seconds)
    return found


def watermarks(
    admin: AdminClient, settings: KafkaSettings, partitions: Collection[Partition]
) -> Watermarks:
    """Ask for the first offset of each partition and for the one after its last.

    Raises:
        BrokerUnreachable: There was no answer in time.
    """
    first = list_offsets(admin, settings, partitions, EARLIEST)
    end = list_offsets(admin, settings, partitions, LATEST)
    return {partition: (first[partition], end[partition]) for partition in partitions}


def starting_offsets(
    admin: AdminClient,
    settings: KafkaSettings,
    start: StartFrom,
    known: Mapping[Partition, tuple[int, int]],
) -> dict[Partition, int]:
    """Resolve where reading starts to an offset in each partition.

    Args:
        admin: The client to ask with.
        settings: As for `list_offsets`.
        start: Where to start.
        known: The partitions, with their watermarks.

    Raises:
        BrokerUnreachable: There was no answer in time.
    """
    if start.kind == "earliest":
        return {partition: first for partition, (first, _) in known.items()}
    ends = {partition: end for partition, (_, end) in known.items()}
    if start.kind == "latest":
        return ends
    at_or_after = OffsetSpec.for_timestamp(start.timestamp)
    found = list_offsets(admin, settings, known.keys(), at_or_after)
    return {
        partition: offset if offset >= 0 else ends[partition] for partition, offset in found.items()
    }


def _no_answer(
    settings: KafkaSettings, partitions: Collection[Partition], reason: str, seconds: float
) -> BrokerUnreachable:
    topics = ", ".join(sorted({topic for topic, _ in partitions}))
    return BrokerUnreachable(
        f"Kafka at {settings.bootstrap_servers} did not tell the offsets of {topics} within "
        f"{seconds:g} s ({reason}): check that all brokers are up"
    )


def _reason(error: Exception) -> str:
    cause = error.args[0] if error.args else "timed out"
    return cause.str() if hasattr(cause, "str") else str(cause)
