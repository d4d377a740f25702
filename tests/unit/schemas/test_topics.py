# SPDX-License-Identifier: Apache-2.0
"""The topic registry."""

from typing import cast

import pytest

from schemas import records
from schemas.leases import Lease
from schemas.topics import DEAD_LETTER_CONFIG, TOPICS, TopicSpec, dead_letter_topic


def test_topics() -> None:
    """Every role has its topic, key, cleanup policy and model."""
    expected = {
        "inventory": ("restock.inventory", "variant_id", "delete", records.Inventory),
        "subscriptions": ("restock.subscriptions", "variant_id", "delete", records.Subscription),
        "orders": ("restock.orders", "profile key", "delete", records.Order),
        "notifications": ("restock.notifications", "profile key", "delete", records.Notification),
        "waitlist": ("restock.waitlist", "variant_id", "compact", records.WaitlistStatus),
        "deliveries": ("restock.deliveries", "profile key", "delete", records.Delivery),
        "items": ("restock.items", "source item", "compact", records.Item),
        "leases": ("restock.leases", "group shard", "compact", Lease),
    }
    assert expected == {
        role: (spec.default_name, spec.key, spec.cleanup_policy, spec.model)
        for role, spec in TOPICS.items()
    }
    assert {4} == {spec.default_partitions for spec in TOPICS.values()}
    assert list(TOPICS) == [spec.role for spec in TOPICS.values()]


def test_dead_letters() -> None:
    """What is read by the flows has dead letters, which may be larger than any record."""
    assert [role for role, spec in TOPICS.items() if spec.dead_letters] == [
        "inventory",
        "subscriptions",
        "orders",
        "notifications",
    ]
    assert dead_letter_topic("shop.stock") == "shop.stock.dlq"
    assert int(DEAD_LETTER_CONFIG["max.message.bytes"]) > 2 * 1024 * 1024


@pytest.mark.parametrize("role", ["subscriptions", "notifications"])
def test_kept_for_ever(role: str) -> None:
    """Who asked and who was told is never forgotten by Kafka: state is rebuilt from both."""
    assert TOPICS[role].config["retention.ms"] == "-1"


def test_registry_is_read_only() -> None:
    """Nobody changes the registry in passing."""
    with pytest.raises(TypeError):
        cast("dict[str, TopicSpec]", TOPICS)["inventory"] = TOPICS["orders"]
