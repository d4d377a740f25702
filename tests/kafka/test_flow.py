# SPDX-License-Identifier: Apache-2.0
"""Source and sink in a real Bytewax flow: crashes, resumption and clean ends."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from connectors.errors import OffsetsLost
from connectors.failure import Failure
from connectors.kafka.records import Headers, Outgoing, RawBatch
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import KafkaSource
from tests.support.brokers import CreateTopic
from tests.support.kafka import committed, produce, read, settings_for, values


class Run:
    """One start of a program that copies a topic, record by record."""

    def __init__(self, settings: KafkaSettings, source: str, target: str) -> None:
        self.stop = threading.Event()
        self.failure = Failure()
        self.copied = 0
        self.crash_after: int | None = None
        self.stop_after: int | None = None
        self._target = target
        self._source = KafkaSource(settings, [source], self.stop, failure=self.failure)
        self._sink = KafkaSink(settings, {target: whole_value}, failure=self.failure)

    def lose_offsets(self) -> None:
        """Lets the source find its stored offsets beyond the end, as of a topic made anew."""
        positions = self._source._positions
        self._source._positions = lambda admin, counts, stored: positions(  # type: ignore[method-assign]
            admin, counts, {partition: offset + 1_000 for partition, offset in stored.items()}
        )

    def copy(self, batch: RawBatch) -> Iterator[tuple[str, Outgoing]]:
        """Passes a batch on, a tick of the epoch included, and crashes or stops when asked."""
        records = [(message.key(), message.value()) for message in batch.messages]
        yield "all", Outgoing(self._target, records)
        self.copied += len(records)
        if self.crash_after is not None and self.copied >= self.crash_after:
            self.failure.record(RuntimeError("crash"))
        if self.stop_after is not None and self.copied >= self.stop_after:
            self.stop.set()

    def start(self, recovery: Path) -> None:
        """Runs until the crash or the stop."""
        flow = Dataflow("copy")
        batches = op.input("source", flow, self._source)
        op.output("sink", op.flat_map("copy", batches, self.copy), self._sink)
        self._sink.prepare()
        run_main(
            flow,
            epoch_interval=timedelta(milliseconds=5),
            recovery_config=RecoveryConfig(str(recovery)),
        )
        if self.failure.error is None:
            self._source.commit_final()
        self._source.close()
        self._sink.close()


def whole_value(_key: bytes | None, value: bytes | None, _headers: Headers | None) -> bytes | None:
    """Every record of these tests has another value."""
    return value


@pytest.fixture
def recovery(tmp_path: Path) -> Path:
    """An empty recovery store."""
    init_db_dir(tmp_path, 1)
    return tmp_path


def test_crashes_neither_lose_nor_repeat(
    bootstrap_servers: str, create_topic: CreateTopic, recovery: Path
) -> None:
    """Started again and again after crashes in the middle of epochs, the copy is exact.

    The first start stops at once: it makes the initial state durable, without which a crash in
    the very first epoch would leave nothing to compare the output with.
    """
    source, target = create_topic("from", partitions=2), create_topic("to", partitions=3)
    settings = settings_for(bootstrap_servers, source, batch_size=50)
    for partition in range(2):
        records = [(b"%d" % n, b"%d-%d" % (partition, n)) for n in range(500)]
        produce(bootstrap_servers, source, records, partition)
    whole = {(source, 0): 500, (source, 1): 500}
    initial = Run(settings, source, target)
    initial.stop.set()
    initial.start(recovery)
    for crash_after in (1, 130, 260):
        run = Run(settings, source, target)
        run.crash_after = crash_after
        run.start(recovery)
        assert isinstance(run.failure.error, RuntimeError)
    while committed(settings, [(source, 0), (source, 1)]) != whole:
        run = Run(settings_for(bootstrap_servers, source), source, target)
        run.stop_after = 1
        if len(read(settings, target)) == 1000:
            run.stop.set()  # nothing comes any more: only the group was left behind
        run.start(recovery)
        assert run.failure.error is None

    expected = sorted(b"%d-%d" % (p, n) for p in range(2) for n in range(500))
    assert expected == sorted(value or b"" for value in values(read(settings, target)))


def test_a_failed_start_is_one_error_and_changes_nothing(
    bootstrap_servers: str,
    create_topic: CreateTopic,
    recovery: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The error is in the failure, no panic is printed, and the state is as before."""
    source, target = create_topic("from", partitions=1), create_topic("to", partitions=1)
    settings = settings_for(bootstrap_servers, source)
    produce(bootstrap_servers, source, [(b"k", b"%d" % n) for n in range(10)])
    first = Run(settings, source, target)
    first.stop_after = 10
    first.start(recovery)
    broken = Run(settings, source, target)
    broken.lose_offsets()
    broken.start(recovery)
    produce(bootstrap_servers, source, [(b"k", b"10")])
    last = Run(settings, source, target)
    last.stop_after = 1
    last.start(recovery)

    assert isinstance(broken.failure.error, OffsetsLost)
    assert "panicked" not in capfd.readouterr().err
    assert [b"%d" % n for n in range(11)] == values(read(settings, target))
