# SPDX-License-Identifier: Apache-2.0
"""The registry of topics: what restock reads and writes, under which key, kept for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel

from schemas import records
from schemas.leases import Lease

__all__ = ["DEAD_LETTER_CONFIG", "TOPICS", "TopicSpec", "dead_letter_topic"]

_FOREVER: Final = {"retention.ms": "-1"}
# A notification may carry as much as the sign-up and the stock record it is made of, each as large
# as Kafka's default allows. A record that no topic takes would end every start anew.
_TWO_RECORDS: Final = str(4 * 1024 * 1024)
_THIRTY_DAYS: Final = {"retention.ms": str(30 * 86_400_000)}
# A start reads the whole topic, and only closed segments are compacted.
_SHORT: Final = {
    "delete.retention.ms": "60000",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.bytes": str(1024 * 1024),
    "segment.ms": str(3_600_000),
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One kind of topic.

    Attributes:
        role: what settings and code call it.
        default_name: the topic's name unless the settings say otherwise.
        key: what the record key is.
        cleanup_policy: Kafka's ``cleanup.policy``.
        default_partitions: partitions unless asked for more.
        model: the contract of its values.
        purpose: what it is for, in one line.
        config: further topic-level settings of Kafka for its creation.
        dead_letters: whether invalid records of it go to a topic of their own.
        published: whether restock itself writes it, rather than the platform.
    """

    role: str
    default_name: str
    key: str
    cleanup_policy: Literal["delete", "compact"]
    default_partitions: int
    model: type[BaseModel]
    purpose: str
    config: Mapping[str, str] = field(default_factory=dict)
    dead_letters: bool = False
    published: bool = False


def dead_letter_topic(name: str) -> str:
    """Return the name of the topic that takes the invalid records of a topic."""
    return f"{name}.dlq"


DEAD_LETTER_CONFIG: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cleanup.policy": "delete",
        # A dead letter is its record plus headers, and the record may be as large as was allowed.
        "max.message.bytes": str(16 * 1024 * 1024),
        "retention.ms": str(30 * 86_400_000),
    }
)
"""Topic-level settings of Kafka for the creation of a dead-letter topic."""

_SPECS: Final = (
    TopicSpec(
        role="inventory",
        default_name="restock.inventory",
        key="variant_id",
        cleanup_policy="delete",
        default_partitions=4,
        model=records.Inventory,
        purpose="stock figures from the platform",
        config=_THIRTY_DAYS,
        dead_letters=True,
    ),
    TopicSpec(
        role="subscriptions",
        default_name="restock.subscriptions",
        key="variant_id",
        cleanup_policy="delete",
        default_partitions=4,
        model=records.Subscription,
        purpose="sign-ups and sign-offs",
        config=_FOREVER,
        dead_letters=True,
    ),
    TopicSpec(
        role="orders",
        default_name="restock.orders",
        key="profile key",
        cleanup_policy="delete",
        default_partitions=4,
        model=records.Order,
        purpose="purchases, so that nobody is told of what they have bought",
        config=_THIRTY_DAYS,
        dead_letters=True,
    ),
    TopicSpec(
        role="notifications",
        default_name="restock.notifications",
        key="profile key",
        cleanup_policy="delete",
        default_partitions=4,
        model=records.Notification,
        purpose="one record per person told",
        # Whoever rebuilds lost state from the topics needs to know everybody who was told.
        config={**_FOREVER, "max.message.bytes": _TWO_RECORDS},
        # Those that could not be delivered, above all.
        dead_letters=True,
        published=True,
    ),
    TopicSpec(
        role="waitlist",
        default_name="restock.waitlist",
        key="variant_id",
        cleanup_policy="compact",
        default_partitions=4,
        model=records.WaitlistStatus,
        purpose="where each variant's waitlist stands",
        published=True,
    ),
    TopicSpec(
        role="deliveries",
        default_name="restock.deliveries",
        key="profile key",
        cleanup_policy="delete",
        default_partitions=4,
        model=records.Delivery,
        purpose="what became of each notification",
        config=_THIRTY_DAYS,
        published=True,
    ),
    TopicSpec(
        role="items",
        default_name="restock.items",
        key="source item",
        cleanup_policy="compact",
        default_partitions=4,
        model=records.Item,
        purpose="which item of a platform is which variant",
        config=_SHORT,
        published=True,
    ),
    TopicSpec(
        role="leases",
        default_name="restock.leases",
        key="group shard",
        cleanup_policy="compact",
        default_partitions=4,
        model=Lease,
        purpose="which process looks after which shard",
        config=_SHORT,
        published=True,
    ),
)

TOPICS: Final[Mapping[str, TopicSpec]] = MappingProxyType({spec.role: spec for spec in _SPECS})
"""Every kind of topic by its role."""
