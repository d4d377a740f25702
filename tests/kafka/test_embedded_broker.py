# SPDX-License-Identifier: Apache-2.0
"""The embedded broker serves Kafka clients and fails on demand."""

from pathlib import Path

import confluent_kafka
import msgspec
import pytest

from connectors.errors import BrokerUnreachable
from connectors.kafka.admin import cluster
from restock.embedded_broker import EmbeddedBroker, EmbeddedBrokerError
from tests.support.kafka import produce, read, settings_for, values


def test_serves_until_it_is_closed() -> None:
    """Records come back while it runs; a second close does nothing."""
    with EmbeddedBroker() as broker:
        settings = settings_for(broker.bootstrap_servers, "t", connect_timeout="1s")
        broker.create_topic("t", 2)
        produce(broker.bootstrap_servers, "t", [(b"k", b"v")], partition=1)
        assert [b"v"] == values(read(settings, "t"))
    broker.close()
    with pytest.raises(BrokerUnreachable):
        cluster(settings.model_copy(update={"connect_timeout": settings.connect_timeout / 5}))
    with pytest.raises(EmbeddedBrokerError, match="closed"):
        broker.create_topic("u", 1)


def test_several_brokers_run_side_by_side() -> None:
    """A cluster of three has three addresses, and two clusters do not see each other."""
    with EmbeddedBroker(3) as three, EmbeddedBroker() as other:
        three.create_topic("t", 1)

        assert 3 == len(cluster(settings_for(three.bootstrap_servers, "t")).brokers)
        assert {} == cluster(settings_for(other.bootstrap_servers, "t")).partitions


def test_a_topic_is_created_once() -> None:
    """What librdkafka refuses is an error that says what was asked."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        with pytest.raises(EmbeddedBrokerError, match=r"create topic 't': .*exists"):
            broker.create_topic("t", 1)
        with pytest.raises(EmbeddedBrokerError, match="set broker 9 down"):
            broker.set_down(9)


def test_a_broker_that_is_down_comes_back() -> None:
    """Nothing answers in between, and nothing is forgotten."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        settings = settings_for(broker.bootstrap_servers, "t")
        broker.set_down()
        with pytest.raises(BrokerUnreachable):
            cluster(settings_for(broker.bootstrap_servers, "t", connect_timeout="200ms"))
        broker.set_up()

        assert {"t": 1} == cluster(settings).partitions


def test_an_installation_without_the_library_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client built from source brings no librdkafka of its own."""
    package = tmp_path / "confluent_kafka" / "__init__.py"
    monkeypatch.setattr(confluent_kafka, "__file__", str(package))
    with pytest.raises(EmbeddedBrokerError, match="install the wheel"):
        EmbeddedBroker()


def test_a_library_without_the_mock_cluster_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wheels of another platform may export less."""
    package = tmp_path / "confluent_kafka" / "__init__.py"
    library = tmp_path / "confluent_kafka.libs" / "librdkafka.so"
    library.parent.mkdir()
    library.symlink_to(msgspec._core.__file__)
    monkeypatch.setattr(confluent_kafka, "__file__", str(package))
    with pytest.raises(EmbeddedBrokerError, match=r"rd_kafka_.* does not export"):
        EmbeddedBroker()
