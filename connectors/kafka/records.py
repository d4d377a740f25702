# SPDX-License-Identifier: Apache-2.0
"""What passes between the Kafka connectors and a flow."""

from collections.abc import Callable, Sequence

from confluent_kafka import Message
from msgspec import Struct

__all__ = ["Headers", "Identify", "Outgoing", "Partition", "RawBatch", "Record", "headers_of"]

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""

Record = tuple[bytes | None, bytes | None]
"""Key and value."""

Headers = list[tuple[str, bytes | None]]
"""Record headers in their order; a name may occur more than once."""

Identify = Callable[[bytes | None, bytes | None, Headers | None], bytes | None]
"""Returns the id of a record from its key, value and headers; None when it is not one of ours."""


class RawBatch(Struct, frozen=True, gc=False):
    """The records taken from Kafka at once, in the order of each partition.

    Attributes:
        messages: The records, without errors; may be empty when the batch opens an epoch.
        opens_epoch: This is the first batch of an epoch: everybody with state must be woken, and
            everything before it is durable.
    """

    messages: list[Message]
    opens_epoch: bool


class Outgoing(Struct, frozen=True, gc=False):
    """Records for one topic, handed to the sink as one item.

    Attributes:
        topic: Where they go.
        records: Key and value of each. An empty list writes nothing, but makes the sink take part
            in the epoch.
        headers: The headers of every one of the records.
        timestamp: Their timestamp in epoch milliseconds; 0 means the time of writing.
    """

    topic: str
    records: Sequence[Record]
    headers: Headers | None = None
    timestamp: int = 0


def headers_of(message: Message) -> Headers:
    """Return the headers of a record that was read; none is an empty list.

    A name that is not UTF-8 makes them all unreadable: they are then left out. They must not be
    asked for a second time, because confluent-kafka's answer to that has a hole in it.
    """
    try:
        headers = message.headers() or []
    except (SystemError, UnicodeDecodeError):
        return []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]
