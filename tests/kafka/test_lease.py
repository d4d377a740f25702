# SPDX-License-Identifier: Apache-2.0
"""The lease of a shard in a topic: on a broker, two processes are told apart."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest

from connectors.errors import BrokerUnreachable, LeaseHeld, LeaseLost
from connectors.failure import Failure
from connectors.kafka.clients import new_admin
from connectors.kafka.guard import read_stragglers
from connectors.kafka.lease import LeaseRequest, ShardLease, boot_clock, validity
from connectors.kafka.lease_log import KafkaLeaseLog, NotAcknowledged
from connectors.kafka.offsets import LATEST, list_offsets
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.sink import KafkaSink
from restock.embedded_broker import EmbeddedBroker
from schemas.leases import Lease, LeaseHolder
from schemas.topics import TOPICS
from tests.support.brokers import CreateTopic
from tests.support.kafka import produce, read, settings_for, sink_part, told, until, value_id
from tests.support.leases import ELSEWHERE, HOLDER

SHORT = timedelta(seconds=1)


@contextmanager
def opened(
    settings: KafkaSettings,
    topic: str,
    holder: LeaseHolder = HOLDER,
    timeout: timedelta = timedelta(seconds=10),
) -> Iterator[ShardLease]:
    """A lease that is asked for by a process that owns nothing yet, and dropped in the end."""
    request = LeaseRequest(
        topic=topic,
        kafka=settings.bootstrap_servers,
        group=settings.group_id,
        shard="0/1",
        state_id="one",
        holder=holder,
        timeout=timeout,
    )
    log = KafkaLeaseLog(settings, topic, validity(timeout))
    lease = ShardLease(request, log, lambda _: None, clock=boot_clock, now=_now)
    try:
        yield lease
    finally:
        lease.drop()


def states(settings: KafkaSettings, topic: str) -> list[tuple[int, str]]:
    """Pid and state of every lease in the topic, renewals left out."""
    found = [Lease.model_validate_json(message.value() or b"") for message in read(settings, topic)]
    listed = [(lease.holder.pid, lease.state) for lease in found]
    return [one for number, one in enumerate(listed) if one not in listed[:number]]


def test_a_holder_is_seen_by_others(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """While one renews its lease another is refused; once it is released the next has it."""
    topic = create_topic("leases", 1)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, topic, ELSEWHERE) as first, opened(settings, topic) as second:
        first.acquire()
        first.start(lambda error: pytest.fail(str(error)))
        with pytest.raises(LeaseHeld, match="pid 200 on there"):
            second.acquire()
        first.release()
        with opened(settings, topic) as third:
            third.acquire()
            assert not third.after_crash
            third.check()
    assert [
        (200, "claimed"),
        (200, "held"),
        (200, "released"),
        (100, "claimed"),
        (100, "held"),
    ] == (states(settings, topic)[:5])


def test_a_silent_holder_is_outwaited(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """A holder that writes nothing any more has lost its lease before another has it."""
    topic = create_topic("leases", 1)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, topic, ELSEWHERE, SHORT) as first, opened(settings, topic) as second:
        first.acquire()
        second.acquire()
        assert second.after_crash
        with pytest.raises(LeaseLost):
            first.check()


def test_of_many_starters_one_runs(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """Started at the same moment, exactly one has the lease, and the others know who."""
    topic = create_topic("leases", 1)
    settings = settings_for(bootstrap_servers, topic)
    winners: list[int] = []
    losers: list[str] = []
    together = threading.Barrier(4)

    def compete(lease: ShardLease, number: int) -> None:
        together.wait()
        try:
            lease.acquire()
            lease.start(lambda _: None)
            winners.append(number)
        except LeaseHeld as error:
            losers.append(str(error))

    with ExitStack() as stack:
        threads = []
        for number in range(4):
            facts = {"host": f"host-{number}", "boot_id": f"boot-{number}"}
            holder = ELSEWHERE.model_copy(update=facts)
            lease = stack.enter_context(opened(settings, topic, holder))
            threads.append(threading.Thread(target=compete, args=(lease, number)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (winner,) = winners
    assert 3 == len(losers)
    held = [message for message in read(settings, topic) if b'"held"' in (message.value() or b"")]
    assert {f"host-{winner}"} == {
        Lease.model_validate_json(message.value() or b"").holder.host for message in held
    }


def test_all_that_was_written_before_is_read(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """The log is read to its end and followed from there, nothing twice, nothing left out."""
    topic = create_topic("leases", 1)
    settings = settings_for(bootstrap_servers, topic)
    produce(bootstrap_servers, topic, [(b"key", b"%d" % n) for n in range(3000)])
    log = KafkaLeaseLog(settings, topic, SHORT)
    assert list(range(3000)) == [record.offset for record in log.read_to_end()]
    assert 3000 == log.append(b"key", b"more", 10)
    found: list[int] = []

    def followed() -> bool:
        found.extend(record.offset for record in log.poll(0.05))
        return found == [3000]

    until(followed)
    log.stop_reading()
    assert 3001 == log.append(b"key", b"after", 10)
    assert [] == log.poll(0)
    log.close()


def test_brokers_that_are_gone() -> None:
    """Without brokers nothing counts as written, and reading ends with one line."""
    with EmbeddedBroker() as broker:
        broker.create_topic("leases", 1)
        settings = settings_for(broker.bootstrap_servers, "gone", connect_timeout="1s")
        log = KafkaLeaseLog(settings, "leases", SHORT)
        log.append(b"key", b"value", 10)
        broker.set_down()
        with pytest.raises(NotAcknowledged):
            log.append(b"key", b"value", 0.3)
        other = KafkaLeaseLog(settings, "leases", SHORT)
        with pytest.raises(BrokerUnreachable, match="leases cannot be read from Kafka at"):
            other.read_to_end()
        other.close()
        log.close()


def test_stragglers_are_waited_for(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """Ids that arrive after the read-back has begun are found, until nothing more comes."""
    topic = create_topic("told", 1)
    settings = settings_for(bootstrap_servers, topic)
    admin = new_admin(settings)
    ids: dict[str, set[bytes]] = {topic: {b"id0"}}
    ends = list_offsets(admin, settings, [(topic, 0)], LATEST)
    produce(bootstrap_servers, topic, told(topic, 1, 4).records)
    late = threading.Timer(0.02, produce, (bootstrap_servers, topic, told(topic, 4, 5).records))
    late.start()
    found: list[object] = []
    ends = read_stragglers(admin, settings, ends, {topic: value_id}, None, ids, found.append)
    late.join()
    assert {b"id0", b"id1", b"id2", b"id3", b"id4"} == ids[topic]
    assert found
    assert {(topic, 0): 4} == ends


def test_a_sink_without_its_lease_writes_nothing(
    bootstrap_servers: str, create_topic: CreateTopic
) -> None:
    """Once the lease has lapsed no record is queued and no epoch becomes durable."""
    topic = create_topic("told", 1)
    settings = settings_for(bootstrap_servers, topic)
    lapsed = threading.Event()

    class Lapsing:
        after_crash = False

        def check(self) -> None:
            if lapsed.is_set():
                reason = "another one may have taken over"
                raise LeaseLost(reason)

    failure = Failure()
    sink = KafkaSink(settings, {topic: value_id}, failure=failure, lease=Lapsing())
    part = sink_part(sink)
    part.write_batch([told(topic, 0, 3)])
    part.snapshot()
    lapsed.set()
    part.write_batch([told(topic, 3, 6)])
    with pytest.raises(LeaseLost):
        part.snapshot()
    assert isinstance(failure.error, LeaseLost)
    sink.close()
    assert 3 == len(read(settings, topic))


def test_the_topic_is_kept_short(bootstrap_servers: str, create_topic: CreateTopic) -> None:
    """A real broker takes the settings with which the topic of leases is created."""
    config = {name.replace(".", "_"): value for name, value in TOPICS["leases"].config.items()}
    topic = create_topic("leases", 1, cleanup_policy="compact", **config)
    settings = settings_for(bootstrap_servers, topic)
    with opened(settings, topic) as lease:
        lease.acquire()
        lease.check()


def _now() -> int:
    return time.time_ns() // 1_000_000
