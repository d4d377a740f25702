# SPDX-License-Identifier: Apache-2.0
"""A shop whose stock is ingested, on the mock cluster and on a real broker."""

import pytest

from tests.support import brokers
from tests.support.brokers import CreateTopic
from tests.support.ingesting import Shop
from tests.support.kafka import settings_for


@pytest.fixture
def shop(bootstrap_servers: str, create_topic: CreateTopic, request: pytest.FixtureRequest) -> Shop:
    """With an empty inbox of one partition."""
    inventory = create_topic("inventory", 2)
    make_letters(inventory, bootstrap_servers, request)
    options: dict[str, int] = {}
    if request.node.get_closest_marker("docker") is None:
        # The mock cluster takes no notice of members that leave a group: their time must run out.
        options = {"session.timeout.ms": 500, "heartbeat.interval.ms": 100}
    group = f"group-{inventory}"
    kafka = settings_for(bootstrap_servers, group, options=options, delivery_timeout="3s")
    items = create_topic("items", 2, cleanup_policy="compact")
    return Shop(kafka, create_topic("inbox", 1), inventory, items)


def make_letters(inventory: str, bootstrap_servers: str, request: pytest.FixtureRequest) -> None:
    """Makes the topic of dead letters beside one of stock."""
    name = f"{inventory}.dlq"
    if request.node.get_closest_marker("docker") is None:
        request.getfixturevalue("mock_broker").create_topic(name, 1)
    else:
        brokers.create_topic(bootstrap_servers, name, 1, {})
