# SPDX-License-Identifier: Apache-2.0
"""A real broker that stands still, dies, and comes back on the same data, while people are told."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.support import brokers, real_broker
from tests.support.shop import Shop, now, stop

PEOPLE = [f"P{number:02}" for number in range(30)]


@pytest.fixture
def own_broker(real_broker_address: str) -> Iterator[real_broker.RealBroker]:
    """A container that no other test uses, where containers can be had at all."""
    assert real_broker_address
    broker = real_broker._start()
    if broker.reason:
        pytest.skip(broker.reason)
    yield broker
    client = docker.from_env()
    client.containers.get(broker.container_id).remove(force=True, v=True)
    client.close()


@pytest.mark.timeout(150)
def test_a_broker_that_is_stopped_and_killed_loses_and_repeats_nothing(
    own_broker: real_broker.RealBroker, tmp_path: Path
) -> None:
    """Frozen for a moment, then killed and started again: the same process tells everybody once."""
    address = own_broker.bootstrap_servers
    shop = Shop(tmp_path, address, "killed", '[policy]\nper_unit = 1\nwait = "100ms"\n')
    shop.create_topics(lambda name, count: brokers.create_topic(address, name, count, {}), 1)
    client = docker.from_env()
    container = client.containers.get(own_broker.container_id)
    try:
        process = shop.start()
        shop.sign_up("shoe", PEOPLE, occurred_at=now() - 60_000)
        shop.stock("shoe", 1)
        shop.wait_for_notifications(3)
        container.pause()
        container.unpause()
        shop.wait_for_notifications(6)
        container.kill()
        container.start()
        # A broker may need longer to come up than a shop has patience.
        shop.wait_for_notifications(len(PEOPLE))
        told = shop.wait_for_notifications(len(PEOPLE))
        code, _ = stop(process)
    finally:
        shop.close()
        client.close()

    assert PEOPLE == [record["profile"]["id"] for record in told]
    assert 0 == code
