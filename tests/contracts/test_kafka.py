# SPDX-License-Identifier: Apache-2.0
"""The sink `kafka` keeps the contract."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import ClassVar

import msgspec
import pytest
from confluent_kafka import KafkaError
from typing_extensions import override

from connectors.sinks.contract import Sink
from connectors.sinks.kafka import KafkaSink, KafkaSinkSettings
from connectors.sinks.testing import Behaviour, Receiver, SinkContract
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.kafka import read, settings_for

MANY = 100
CODES = {
    Behaviour.FAIL: KafkaError.INVALID_REQUIRED_ACKS,
    Behaviour.REFUSE: KafkaError.MSG_SIZE_TOO_LARGE,
}


class Topic:
    """A topic of the embedded broker; its clients are not counted."""

    connections = 0

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker
        self.name = uuid.uuid4().hex
        broker.create_topic(self.name, 1)

    @property
    def ids(self) -> list[str]:
        """The ids of the records."""
        records = read(settings_for(self.broker.bootstrap_servers, "reader"), self.name)
        return [msgspec.json.decode(record.value() or b"")["message_id"] for record in records]

    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        """Answers what is produced by an error."""
        self.broker.clear_request_errors(ApiKey.PRODUCE)
        if behaviour in CODES:
            self.broker.push_request_errors(ApiKey.PRODUCE, [CODES[behaviour]] * (times or MANY))


class TestKafka(SinkContract):
    """Against the embedded broker."""

    behaviours: ClassVar[frozenset[Behaviour]] = frozenset({Behaviour.ACCEPT, *CODES})
    broker: ClassVar[EmbeddedBroker]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _broker(cls) -> Iterator[None]:
        with EmbeddedBroker() as cls.broker:
            yield

    @override
    def receiver(self) -> AbstractAsyncContextManager[Topic]:
        return _topic(self.broker)

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, Topic)
        settings = KafkaSinkSettings(topics={"EMAIL": receiver.name}, timeout=timedelta(seconds=3))
        return KafkaSink(settings, settings_for(receiver.broker.bootstrap_servers, "g"))


@asynccontextmanager
async def _topic(broker: EmbeddedBroker) -> AsyncIterator[Topic]:
    topic = Topic(broker)
    yield topic
    topic.behave(Behaviour.ACCEPT)
