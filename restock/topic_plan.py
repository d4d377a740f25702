# SPDX-License-Identifier: Apache-2.0
"""The topics the program needs, by the names that the settings give them."""

from collections.abc import Iterator

from connectors.kafka.admin import NewTopicSpec
from restock.settings import TopicSettings
from schemas.topics import DEAD_LETTER_CONFIG, TOPICS, dead_letter_topic

__all__ = ["copartitioned_topics", "planned_topics"]


def planned_topics(topics: TopicSettings) -> Iterator[NewTopicSpec]:
    """Yield every topic of the registry and the dead-letter topics that go with them.

    Args:
        topics: The names by role.
    """
    for role, name in topics.by_role().items():
        spec = TOPICS[role]
        yield NewTopicSpec(name, spec.cleanup_policy, spec.config)
        if spec.dead_letters:
            # The cleanup policy is an argument of its own.
            config = {k: v for k, v in DEAD_LETTER_CONFIG.items() if k != "cleanup.policy"}
            yield NewTopicSpec(dead_letter_topic(name), "delete", config)


def copartitioned_topics(topics: TopicSettings) -> tuple[str, str]:
    """Return the topics in which a variant must fall into the same partition."""
    return topics.inventory, topics.subscriptions
