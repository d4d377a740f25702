# SPDX-License-Identifier: Apache-2.0
"""A shop for each test, on the mock cluster and on a real broker."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import brokers
from tests.support.delivering import Receivers, opened_receivers
from tests.support.shop import Shop

MakeShop = Callable[..., Shop]


@pytest.fixture
def make_shop(
    bootstrap_servers: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[MakeShop]:
    """Makes shops with topics of their own; ends their processes."""
    shops: list[Shop] = []

    def create(name: str, partitions: int) -> None:
        if request.node.get_closest_marker("docker") is None:
            request.getfixturevalue("mock_broker").create_topic(name, partitions)
        else:
            brokers.create_topic(bootstrap_servers, name, partitions, {})

    def make(settings: str = "", *, topics: bool = True, partitions: int = 2) -> Shop:
        shop = Shop(tmp_path, bootstrap_servers, f"shop-{uuid.uuid4().hex[:8]}", settings)
        shops.append(shop)
        if topics:
            shop.create_topics(create, partitions)
        return shop

    yield make
    for shop in shops:
        shop.close()


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """A mail server and an endpoint."""
    with opened_receivers() as opened:
        yield opened
