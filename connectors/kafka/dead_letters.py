# SPDX-License-Identifier: Apache-2.0
"""Dead letters: the record untouched, and in headers where it was and what was wrong with it.

The headers bear the names of Kafka Connect's `DeadLetterQueueReporter`, which viewers know, plus
`restock-dlq-reason` with the stable reason, and of what could not be delivered
`restock-dlq-attempts` and `restock-dlq-first-failed-at`.
"""

import traceback
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Message

from connectors.kafka.records import Headers, Outgoing, headers_of
from schemas.errors import InvalidRecord
from schemas.topics import dead_letter_topic

__all__ = [
    "CONNECTOR_HEADER",
    "REASON_HEADER",
    "TIMESTAMP_HEADER",
    "TRUNCATED_HEADER",
    "dead_letter",
    "dead_letter_id",
    "is_dead_letter",
    "truncated",
    "undated",
    "undelivered",
]

REASON_HEADER: Final = "restock-dlq-reason"
TIMESTAMP_HEADER: Final = "restock-dlq-timestamp"
TRUNCATED_HEADER: Final = "restock-dlq-truncated"

_PREFIX: Final = "__connect.errors."
CONNECTOR_HEADER: Final = _PREFIX + "connector.name"
_PLACE: Final = tuple(_PREFIX + name for name in ("topic", "partition", "offset"))
_LONGEST_STACK: Final = 4_096
_TRUNCATED_SIZE: Final = 65_536


def dead_letter(
    message: Message,
    error: InvalidRecord,
    application: str,
    shard: str,
    headers: Headers | None = None,
) -> Outgoing:
    """Turn a record that is not valid into the record of its dead-letter topic.

    Args:
        message: The record; its key, value, timestamp and headers are kept as they are.
        error: What is wrong with it.
        application: The id of the program, as `connector.name`.
        shard: Which shard read it, as `task.id`.
        headers: What `headers_of` has said of the record, where it was asked before.
    """
    topic = message.topic() or ""
    kind, timestamp = message.timestamp()
    return Outgoing(
        topic=dead_letter_topic(topic),
        records=[(message.key(), message.value())],
        headers=[
            *(headers_of(message) if headers is None else headers),
            (_PREFIX + "topic", topic.encode()),
            (_PREFIX + "partition", str(message.partition()).encode()),
            (_PREFIX + "offset", str(message.offset()).encode()),
            (CONNECTOR_HEADER, application.encode()),
            (_PREFIX + "task.id", shard.encode()),
            (_PREFIX + "stage", b"VALUE_CONVERTER"),
            (_PREFIX + "class.name", b"schemas.decode"),
            (_PREFIX + "exception.class.name", _class_name(error).encode()),
            (_PREFIX + "exception.message", str(error).encode(errors="backslashreplace")),
            (_PREFIX + "exception.stacktrace", _stack(error)),
            (REASON_HEADER, str(error.reason).encode()),
        ],
        timestamp=timestamp if kind else 0,
    )


def undelivered(
    place: tuple[str, int, int],
    record: tuple[bytes, bytes],
    application: str,
    explanation: Mapping[str, str],
) -> Outgoing:
    """Turn a notification that could not be delivered into the record of its dead-letter topic.

    Args:
        place: topic, partition and offset of the record.
        record: its key and value, kept as they are.
        application: the id of the program, as `connector.name`.
        explanation: further headers: ``reason`` (stable), ``why``, ``detail`` (for people),
            ``step``, ``channel``, ``attempts`` and ``first-failed-at``.
    """
    topic, partition, offset = place
    detail = f"{explanation['step']} by {explanation['channel']}: {explanation['detail']}"
    return Outgoing(
        topic=dead_letter_topic(topic),
        records=[record],
        headers=[
            (_PREFIX + "topic", topic.encode()),
            (_PREFIX + "partition", str(partition).encode()),
            (_PREFIX + "offset", str(offset).encode()),
            (CONNECTOR_HEADER, application.encode()),
            (_PREFIX + "stage", b"TASK_PUT"),
            (_PREFIX + "class.name", b"delivery.lane"),
            (_PREFIX + "exception.message", detail.encode(errors="backslashreplace")),
            (REASON_HEADER, explanation["reason"].encode()),
            *(
                (f"restock-dlq-{name}", explanation[name].encode())
                for name in ("why", "step", "channel", "attempts", "first-failed-at")
            ),
        ],
    )


def dead_letter_id(
    _key: bytes | None, _value: bytes | None, headers: Headers | None
) -> bytes | None:
    """Identify a dead letter by the place of its record: `topic:partition:offset`.

    It is the `Identify` function of dead-letter topics.
    """
    # Of a record that has been a dead letter before, the last set of headers is the newest.
    found = {name: value for name, value in headers or () if name in _PLACE}
    values = [found.get(name) for name in _PLACE]
    return b":".join(value for value in values if value is not None) if all(values) else None


def is_dead_letter(outgoing: Outgoing) -> bool:
    """Say whether records are dead letters, by their headers."""
    return any(name == REASON_HEADER for name, _ in outgoing.headers or ())


def truncated(outgoing: Outgoing) -> Outgoing | None:
    """Cut a dead letter that brokers refuse as too large, and mark it as cut.

    Returns:
        A dead letter with at most 64 KiB of the value and of the key, and without the record's
        own headers where those are more; the same one, unmarked, when it has no more (brokers
        refuse whole batches, so it may only have had a large neighbour); None when it is no dead
        letter.
    """
    if not is_dead_letter(outgoing):
        return None
    headers = outgoing.headers or []
    own = [header for header in headers if not _is_explanation(header[0])]
    large = sum(len(name) + len(value or b"") for name, value in own) > _TRUNCATED_SIZE
    if not large and all(
        len(part or b"") <= _TRUNCATED_SIZE for record in outgoing.records for part in record
    ):
        return outgoing
    kept = [header for header in headers if _is_explanation(header[0])] if large else headers
    return Outgoing(
        topic=outgoing.topic,
        records=[
            (key and key[:_TRUNCATED_SIZE], value and value[:_TRUNCATED_SIZE])
            for key, value in outgoing.records
        ],
        headers=[*kept, (TRUNCATED_HEADER, b"true")],
        timestamp=outgoing.timestamp,
    )


def undated(outgoing: Outgoing) -> Outgoing | None:
    """Give a dead letter that brokers refuse for its timestamp the time of writing.

    A topic may refuse records that are older than `message.timestamp.before.max.ms`.

    Returns:
        The dead letter with its record's timestamp, in epoch milliseconds, in a header instead;
        None when it carries no timestamp.
    """
    if not outgoing.timestamp:
        return None
    kept = (TIMESTAMP_HEADER, str(outgoing.timestamp).encode())
    headers = [*(outgoing.headers or ()), kept]
    return Outgoing(outgoing.topic, outgoing.records, headers)


def _is_explanation(name: str) -> bool:
    own = {REASON_HEADER, TIMESTAMP_HEADER, TRUNCATED_HEADER}
    return name.startswith(_PREFIX) or name in own


def _class_name(error: InvalidRecord) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _stack(error: InvalidRecord) -> bytes:
    text = "".join(traceback.format_exception(error, chain=False))
    return text[:_LONGEST_STACK].encode(errors="backslashreplace")
