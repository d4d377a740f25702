# SPDX-License-Identifier: Apache-2.0
"""What every source of stock promises to those who read it.

A source turns one message of a platform into records for `restock.inventory`. It does no I/O and
knows no clock: whoever calls it brings the message and the time at which it came, writes what it
makes, and only then tells the platform that all is well. What it has learned (which item of the
platform is which variant) it is told again at the next start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connectors.inbound.records import StockRecord

__all__ = ["Learned", "Mapped", "Message", "Refusal", "Source"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a platform, as it came: a webhook, a record of a topic, a line of a file.

    Attributes:
        body: the bytes, untouched.
        arrived_at: when it came, in epoch milliseconds.
        headers: by name in lower case; none in a file.
        place: where it came from beside the headers, for those whose address says what it is: the
            last part of a webhook's path, or a record's key.
    """

    body: bytes
    arrived_at: int
    headers: Mapping[str, str] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in a message of which no record can be made.

    Attributes:
        reason: a few words with underscores, the same for all of a kind: the label of a metric.
        detail: what is wrong and where, in one line, without secrets and addresses of people.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Learned:
    """Which item of a platform is which variant.

    Attributes:
        item_id: what the platform calls it where it speaks of stock.
        variant_id: ours; None: the item is no more.
        product_id: of the platform, where it has one.
    """

    item_id: str
    variant_id: str | None
    product_id: str | None = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a message comes to.

    Attributes:
        records: to be written, in this order.
        refusals: what could not be taken; the message is a dead letter if there is any.
        learned: to be kept, and told to `Source.learn` at the next start.
        ignored: why nothing follows from a message that is right, as a label; None: something does.
    """

    records: tuple[StockRecord, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    learned: tuple[Learned, ...] = ()
    ignored: str | None = None


class Source(Protocol):
    """Reads the messages of one platform, as one `[ingest.NAME]` table sets it up.

    Every message comes to an answer: no bytes make it raise anything.
    """

    def is_authentic(self, message: Message) -> bool:
        """Say whether the platform has sent it; True where no secret is set, or in a file."""
        ...

    def event_id(self, message: Message) -> str | None:
        """Return what the platform calls this message, the same when it is sent again.

        Leaving repeats out is an optimisation: records that come twice change nothing.
        """
        ...

    def map(self, message: Message) -> Mapped:
        """Turn the message into records."""
        ...

    def learn(self, learned: Learned) -> None:
        """Take in what this source, or another process with it, has learned before."""
        ...
