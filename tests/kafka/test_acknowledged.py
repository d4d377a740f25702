# SPDX-License-Identifier: Apache-2.0
"""Single records, each of whose writers waits until Kafka has it."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connectors.errors import NotAcknowledged
from connectors.kafka.acknowledged import AcknowledgingProducer
from tests.support.brokers import CreateTopic
from tests.support.kafka import read, settings_for

if TYPE_CHECKING:
    from confluent_kafka import Producer

TIMEOUT = timedelta(seconds=10)


async def closed(producer: AcknowledgingProducer, *work: Coroutine[None, None, None]) -> list[str]:
    """Do some work, close the producer, and say what each came to."""
    results = await asyncio.gather(*work, return_exceptions=True)
    await producer.close()
    return ["" if each is None else type(each).__name__ for each in results]


def test_when_send_returns_kafka_has_it(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """Key, value and headers, also of a thousand who come at once; a tombstone too."""
    topic = create_topic("acknowledged", partitions=1)

    async def send() -> int:
        producer = AcknowledgingProducer(settings_for(bootstrap_servers, "g"), TIMEOUT, 10_000)
        await producer.send(topic, b"first", b"value", (("name", b"text"),))
        assert 1 == len(read(settings_for(bootstrap_servers, "r"), topic))
        sends = [producer.send(topic, b"%d" % number, b"v") for number in range(1_000)]
        assert {""} == set(await closed(producer, *sends, producer.send(topic, b"gone", None)))
        assert (0, None) == (producer.waiting, producer.trouble)
        return producer.acknowledged

    assert 1_002 == asyncio.run(send())
    records = read(settings_for(bootstrap_servers, "r"), topic)
    assert (b"first", b"value") == (records[0].key(), records[0].value())
    assert [("name", b"text")] == records[0].headers()
    assert {b"%d" % number for number in range(1_000)} <= {record.key() for record in records}
    (tombstone,) = (record for record in records if record.key() == b"gone")
    assert tombstone.value() is None


def test_what_has_no_topic_is_not_acknowledged(bootstrap_servers: str) -> None:
    """An error, in the time allowed; the producer goes on."""

    async def send() -> None:
        settings = settings_for(bootstrap_servers, "g")
        producer = AcknowledgingProducer(settings, timedelta(seconds=1), 10)
        with pytest.raises(NotAcknowledged, match="Kafka has not acknowledged it"):
            await producer.send("restock.misspelt", b"k", b"v")
        assert producer.trouble is not None
        await producer.close()

    asyncio.run(send())


def test_a_record_that_is_too_large_speaks_for_itself(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Its writer hears of it; it is no trouble for the others."""
    topic = create_topic("large", partitions=1)

    async def send() -> None:
        producer = AcknowledgingProducer(settings_for(bootstrap_servers, "g"), TIMEOUT, 10)
        with pytest.raises(NotAcknowledged, match="too large"):
            await producer.send(topic, b"k", bytes(16_000_001))
        assert (0, None) == (producer.waiting, producer.trouble)
        await producer.send(topic, b"k", b"v")
        await producer.close()

    asyncio.run(send())


def test_without_kafka_everybody_hears_of_it() -> None:
    """In the time allowed; beyond the limit at once, so that an outage fills no memory."""
    settings = settings_for("127.0.0.1:1", "g")

    async def send() -> list[str]:
        producer = AcknowledgingProducer(settings, timedelta(milliseconds=200), 3)
        sends = [asyncio.ensure_future(producer.send("t", b"k", b"v")) for _ in range(5)]
        await asyncio.sleep(0)
        assert 3 == producer.waiting
        done, _ = await asyncio.wait(sends[3:], timeout=0.1)
        assert set(sends[3:]) == done
        return await closed(producer, *sends)  # type: ignore[arg-type]  # tasks can be awaited

    assert ["NotAcknowledged"] * 5 == asyncio.run(send())


def test_whoever_is_cancelled_leaves_no_trace(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """A client that hangs up; the record is written all the same, and counted."""
    topic = create_topic("cancelled", partitions=1)

    async def send() -> None:
        producer = AcknowledgingProducer(settings_for(bootstrap_servers, "g"), TIMEOUT, 10)
        task = asyncio.ensure_future(producer.send(topic, b"k", b"v"))
        await asyncio.sleep(0)
        task.cancel()
        await producer.close()
        assert task.cancelled()
        assert (0, 1) == (producer.waiting, producer.acknowledged)

    asyncio.run(send())
    assert 1 == len(read(settings_for(bootstrap_servers, "r"), topic))


def test_a_producer_that_broke_is_replaced(
    bootstrap_servers: str, create_topic: CreateTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error that librdkafka calls fatal the next records go by another one."""
    topic = create_topic("replaced", partitions=1)
    made: list[Producer] = []
    monkeypatch.setattr("connectors.kafka.served._NEW_ONE_SECONDS", 0.01)

    async def send() -> None:
        producer = AcknowledgingProducer(settings_for(bootstrap_servers, "g"), TIMEOUT, 10)
        made.append(producer._producer._producer)
        await producer.send(topic, b"1", b"v")
        producer._producer._broken.set()
        with pytest.raises(NotAcknowledged):
            await producer.send(topic, b"2", b"v")
        while producer._producer._broken.is_set():  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)
        await producer.send(topic, b"3", b"v")
        made.append(producer._producer._producer)
        await producer.close()

    asyncio.run(send())
    assert made[0] is not made[1]
    assert {b"1", b"3"} <= {
        record.key() for record in read(settings_for(bootstrap_servers, "r"), topic)
    }
