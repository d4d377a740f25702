# SPDX-License-Identifier: Apache-2.0
"""What the cluster holds, whether it suits the program, and creating topics.

The embedded broker of this project, as librdkafka's mock cluster, does not serve `create_topics`
and `describe_configs`: they end with one line after the connect timeout.
"""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported unmarked
    AdminClient,
    ConfigResource,
)
from confluent_kafka.cimpl import NewTopic

from connectors.errors import BrokerUnreachable, ConnectorError, NotCopartitioned, TopicMissing
from connectors.kafka.clients import new_admin
from connectors.kafka.settings import KafkaSettings

__all__ = [
    "Cluster",
    "CreatedTopics",
    "NewTopicSpec",
    "check_topics",
    "cluster",
    "create_topics",
    "policy_mismatches",
    "read_cluster",
]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a cluster said about itself.

    Attributes:
        brokers: Addresses `host:port` of the brokers.
        partitions: The number of partitions of every topic there is.
    """

    brokers: tuple[str, ...]
    partitions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NewTopicSpec:
    """A topic to create.

    Attributes:
        name: Its name.
        cleanup_policy: `delete` or `compact`.
        config: Further topic configuration.
    """

    name: str
    cleanup_policy: str = "delete"
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreatedTopics:
    """What `create_topics` did.

    Attributes:
        created: Names of the topics that were created.
        existed: Names of those that were there before, left as they are.
    """

    created: tuple[str, ...]
    existed: tuple[str, ...]


def cluster(settings: KafkaSettings) -> Cluster:
    """Check that the cluster answers, and list its brokers and topics.

    Raises:
        BrokerUnreachable: No broker answered within `connect_timeout`.
        KafkaOptionError: librdkafka does not take the configuration.
    """
    return read_cluster(new_admin(settings), settings)


def read_cluster(client: AdminClient | Consumer | Producer, settings: KafkaSettings) -> Cluster:
    """List brokers and topics with a client that is there already.

    All topics are asked for, never one by name: that would create it on brokers that create
    topics by themselves, and a misspelt name would look like an empty topic.

    Raises:
        BrokerUnreachable: No broker answered within `connect_timeout`.
    """
    seconds = settings.connect_timeout.total_seconds()
    try:
        metadata = client.list_topics(timeout=seconds)
    except KafkaException as error:
        message = (
            f"no Kafka broker answers at {settings.bootstrap_servers} within {seconds:g} s "
            f"({error.args[0].str()}): check kafka.bootstrap_servers, and TLS and SASL in "
            "kafka.options"
        )
        raise BrokerUnreachable(message) from None
    return Cluster(
        brokers=tuple(sorted(f"{b.host}:{b.port}" for b in metadata.brokers.values())),
        partitions={
            name: len(topic.partitions)
            for name, topic in metadata.topics.items()
            if topic.error is None
        },
    )


def check_topics(
    found: Cluster, required: Iterable[str], copartitioned: Collection[str] = ()
) -> None:
    """Check that topics exist, and that some of them have the same number of partitions.

    Args:
        found: The cluster.
        required: Topics that must exist.
        copartitioned: Those of them whose keys must fall into partitions of the same number.

    Raises:
        TopicMissing: A topic does not exist.
        NotCopartitioned: Numbers of partitions differ.
    """
    missing = sorted(set(required) - found.partitions.keys())
    if missing:
        raise TopicMissing(_missing(missing))
    counts = {topic: found.partitions[topic] for topic in copartitioned}
    if len(set(counts.values())) > 1:
        listed = " and ".join(f"{topic} has {count}" for topic, count in counts.items())
        message = (
            f"{listed} partitions, but the same variant must be in the same partition of each: "
            f"raise all to {max(counts.values())} before anything is in them, or copy the records "
            "into new topics with equal numbers"
        )
        raise NotCopartitioned(message)


def policy_mismatches(
    settings: KafkaSettings, policies: Mapping[str, str], admin: AdminClient | None = None
) -> list[str]:
    """Compare the `cleanup.policy` of topics with what it should be.

    Args:
        settings: How to reach the cluster.
        policies: For each existing topic `delete` or `compact`.
        admin: A client to ask with; by default one is made.

    Returns:
        One line for each topic that differs, ready to be logged as a warning.

    Raises:
        ConnectorError: The cluster does not answer or may not be asked.
    """
    client = admin or new_admin(settings)
    seconds = settings.connect_timeout.total_seconds()
    resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in policies]
    if not resources:
        return []
    answers = client.describe_configs(resources, request_timeout=seconds)
    lines = []
    for resource, future in answers.items():
        entries = _result(future, settings, f"describe topic {resource.name}")
        actual = entries["cleanup.policy"].value
        wanted = policies[resource.name]
        if wanted not in actual.split(","):
            lines.append(
                f"topic {resource.name} has cleanup.policy={actual}, expected {wanted}: "
                + _consequence(wanted)
            )
    return lines


def create_topics(
    settings: KafkaSettings,
    specs: Iterable[NewTopicSpec],
    partitions: int,
    replication_factor: int,
    admin: AdminClient | None = None,
) -> CreatedTopics:
    """Create the topics that do not exist yet; never change one that does.

    Args:
        settings: How to reach the cluster.
        specs: The topics.
        partitions: How many partitions each gets.
        replication_factor: How many brokers hold each.
        admin: A client to ask with; by default one is made.

    Raises:
        BrokerUnreachable: The cluster does not answer.
        ConnectorError: The cluster refused to create a topic.
    """
    client = admin or new_admin(settings)
    before = read_cluster(client, settings).partitions
    wanted = {spec.name: spec for spec in specs}
    new = [
        NewTopic(
            spec.name,
            num_partitions=partitions,
            replication_factor=replication_factor,
            config={"cleanup.policy": spec.cleanup_policy, **spec.config},
        )
        for spec in wanted.values()
        if spec.name not in before
    ]
    seconds = settings.connect_timeout.total_seconds()
    futures = client.create_topics(new, request_timeout=seconds) if new else {}
    created = tuple(
        name
        for name, future in futures.items()
        if _result(future, settings, f"create topic {name}", KafkaError.TOPIC_ALREADY_EXISTS)
        is not KafkaError.TOPIC_ALREADY_EXISTS
    )
    return CreatedTopics(created, tuple(name for name in wanted if name not in created))


def _result(
    future: "Future[Any]", settings: KafkaSettings, action: str, accepted: int | None = None
) -> Any:  # noqa: ANN401 - as the client declares it
    """Return what a request gave, or the code of the error that is accepted as well."""
    seconds = settings.connect_timeout.total_seconds()
    try:
        return future.result(seconds + 1)
    except KafkaException as error:
        cause = error.args[0]
        if cause.code() == accepted:
            return accepted
        reason = cause.str()
    except FutureTimeoutError:
        reason = f"no answer within {seconds:g} s"
    message = (
        f"Kafka at {settings.bootstrap_servers} did not {action}: {reason} (the embedded broker "
        "does not serve this request; a real one may need further rights)"
    )
    raise ConnectorError(message)


def _missing(topics: Collection[str]) -> str:
    several = len(topics) > 1
    return (
        f"topic{'s' if several else ''} {', '.join(topics)} {'do' if several else 'does'} not "
        "exist or may not be seen: create with `restock topics create`, or correct the names in "
        "[topics]"
    )


def _consequence(wanted: str) -> str:
    if wanted == "delete":
        return "compaction would drop all but the newest record of a key"
    return "the topic will grow, and lose what is older than its retention"
