# SPDX-License-Identifier: Apache-2.0
"""The errors of everything that touches the outside.

RestockError
└── ConnectorError            something outside is not as it must be
    ├── BrokerUnreachable     no Kafka broker answers
    ├── KafkaOptionError      librdkafka does not take an option
    ├── TopicMissing          a topic does not exist
    ├── NotCopartitioned      topics that must have the same number of partitions do not
    ├── OffsetsLost           records to be read next are no longer in the topic
    ├── ConsumerFailed        reading ended with an error that does not pass by itself
    ├── DeliveryFailed        records were not acknowledged by the brokers
    ├── NotAcknowledged       a single record was not acknowledged by the brokers
    ├── SinkError             a way to people cannot work as it is set
    ├── InboundError          a source of stock cannot be read as it is set
    └── LeaseError            the lease of a shard
        ├── LeaseHeld         another process looks after the shard
        ├── LeaseLost         the brokers did not acknowledge our lease for too long
        └── StateDisowned     the shard was last looked after with another state directory

Each message is one line that says what is wrong, where, and what to do.
"""

# ruff: noqa: N818 - the names say what is the matter

from schemas.errors import RestockError

__all__ = [
    "BrokerUnreachable",
    "ConnectorError",
    "ConsumerFailed",
    "DeliveryFailed",
    "InboundError",
    "KafkaOptionError",
    "LeaseError",
    "LeaseHeld",
    "LeaseLost",
    "NotAcknowledged",
    "NotCopartitioned",
    "OffsetsLost",
    "SinkError",
    "StateDisowned",
    "TopicMissing",
]


class ConnectorError(RestockError):
    """Something outside this program is not as it must be."""


class BrokerUnreachable(ConnectorError):
    """No Kafka broker answered within the time allowed."""


class KafkaOptionError(ConnectorError):
    """librdkafka does not know an option, or does not take its value."""


class TopicMissing(ConnectorError):
    """A topic that is read or written does not exist."""


class NotCopartitioned(ConnectorError):
    """Topics that are read side by side differ in their number of partitions."""


class OffsetsLost(ConnectorError):
    """The record to be read next is no longer, or not yet again, in its topic."""


class ConsumerFailed(ConnectorError):
    """Reading from Kafka failed with an error that does not pass by itself."""


class DeliveryFailed(ConnectorError):
    """Records were not acknowledged by the brokers, so their epoch must not become durable."""


class SinkError(ConnectorError):
    """A way to people cannot work as it is set: a template, a key, an address."""


class LeaseError(ConnectorError):
    """The lease of a shard cannot be had or kept."""


class LeaseHeld(LeaseError):
    """Another process looks after the shard, or was quicker."""


class LeaseLost(LeaseError):
    """The brokers did not acknowledge our lease in time: another process may have the shard."""


class StateDisowned(LeaseError):
    """The shard was last looked after with another state directory."""


class NotAcknowledged(ConnectorError):
    """A record was not acknowledged by the brokers: it may be in its topic, or not."""


class InboundError(ConnectorError):
    """A source of stock cannot be read as it is set, or what it sent cannot be taken at all."""
