# SPDX-License-Identifier: Apache-2.0
"""Puts the flow together from the settings, and runs it."""

import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import structlog
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main

from connectors.failure import Failure
from connectors.kafka.admin import check_topics, cluster
from connectors.kafka.dead_letters import dead_letter, dead_letter_id
from connectors.kafka.offsets import StartFrom
from connectors.kafka.records import Headers, Outgoing
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import KafkaSource
from dataflows.decoding import Decoder
from dataflows.folding import FACTORY, SlotState
from dataflows.restock import FLOW_ID, build_flow
from dataflows.waitlist_step import StepSettings
from journal.directory import StateDirectory
from journal.errors import JournalError
from journal.journal import Journal
from restock.errors import EXIT_FAILURE, EXIT_OK, StartupError
from restock.recovery_store import RECOVERY_PARTS, open_recovery_store
from restock.settings import Settings
from restock.settings_layers import load_settings
from restock.shards import Shard
from schemas.encode import notification_id_of
from schemas.topics import dead_letter_topic
from waitlist.redo import VERSION

__all__ = ["flow_from_settings", "run"]

_MILLISECOND = timedelta(milliseconds=1)

Start = Literal["earliest", "latest"] | int
OpenJournal = Callable[[int, bytes | None, SlotState], Journal]


@dataclass(frozen=True, slots=True)
class _Parts:
    """A flow and what the program needs to hold on to."""

    flow: Dataflow
    source: KafkaSource
    sink: KafkaSink


def run(settings: Settings, *, shard: Shard, start: Start | None) -> int:
    """Run the flow of one shard until it is told to stop, and return the exit code.

    Args:
        settings: all settings.
        shard: the share of the partitions to look after.
        start: where to begin in partitions without a usable offset: earliest, latest or
            epoch milliseconds; None: at the earliest where there is no offset yet, and an
            error where the stored one is lost.

    Raises:
        RestockError: the program cannot start; nothing has been changed.
    """
    log = structlog.get_logger()
    settings.policy_book()
    _check_cluster(settings, shard)
    with _state_directory(settings, shard) as state:
        failure = Failure(_leave)
        recovery = open_recovery_store(state)
        if not state.was_durable:
            # Makes the beginning durable: without it, a crash in the first epoch would leave
            # records in the output that no later run could know as its own.
            _run_flow(settings, shard, start, state, recovery, failure, _set_event())
            state.mark_durable()
        stop = threading.Event()
        with _stopped_by_signals(stop), _collector_off():
            log.info("running", shard=str(shard), state=str(state.path), pid=os.getpid())
            _run_flow(settings, shard, start, state, recovery, failure, stop)
        log.info("stopped", shard=str(shard))
    return EXIT_OK


def flow_from_settings() -> Dataflow:
    """The flow with the settings of file and environment, for ``bytewax.run``.

    The caller chooses the recovery directory, best ``shard-0-of-1/recovery`` in the state
    directory: journals and recovery store are one unit. Nothing is locked.
    """
    settings = load_settings(None, environment=os.environ, directory=Path.cwd()).settings
    directory = _shard_directory(settings, Shard())
    journals = partial(
        _open_journal,
        lambda slot: directory / "slots" / f"{slot:04d}",
        was_durable=(directory / "durable").exists(),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return _build(settings, Shard(), None, journals, Failure(), stop).flow


def _build(
    settings: Settings,
    shard: Shard,
    start: Start | None,
    open_journal: OpenJournal,
    failure: Failure,
    stop: threading.Event,
) -> _Parts:
    topics = settings.topics
    inputs = (topics.inventory, topics.subscriptions)
    source = KafkaSource(
        settings.kafka,
        inputs,
        stop,
        shard=(shard.index, shard.count),
        start=_start_from(start),
        override_lost=start is not None,
        on_durable=lambda _offsets: _collect_young(),
        failure=failure,
    )
    identify = {dead_letter_topic(topic): dead_letter_id for topic in inputs}
    sink = KafkaSink(
        settings.kafka,
        {topics.notifications: _notification_id, **identify},
        origin=str(shard) if shard.count > 1 else None,
        failure=failure,
    )
    decoder = Decoder(
        inventory=topics.inventory,
        slots=settings.state.slots,
        max_record_bytes=settings.kafka.max_record_bytes,
        dead_letter=partial(dead_letter, application=FLOW_ID, shard=str(shard)),
        tick=Outgoing(topics.notifications, []),
        clock=_now,
    )
    step = StepSettings(
        policies=settings.policy_book(),
        notifications=topics.notifications,
        waitlist=topics.waitlist,
        status_interval=settings.state.status_interval // _MILLISECOND,
        open_journal=open_journal,
        clock=_now,
        on_error=failure.record,
    )
    return _Parts(build_flow(source, decoder, step, sink), source, sink)


def _run_flow(
    settings: Settings,
    shard: Shard,
    start: Start | None,
    state: StateDirectory,
    recovery: RecoveryConfig,
    failure: Failure,
    stop: threading.Event,
) -> None:
    opener = partial(_open_journal, state.slot_directory, was_durable=state.was_durable)
    parts = _build(settings, shard, start, opener, failure, stop)
    try:
        parts.sink.prepare()
        cli_main(parts.flow, epoch_interval=settings.state.epoch_interval, recovery_config=recovery)
        parts.source.commit_final()
    finally:
        parts.source.close()
        parts.sink.close()


def _check_cluster(settings: Settings, shard: Shard) -> None:
    topics = settings.topics
    inputs = (topics.inventory, topics.subscriptions)
    needed = (
        *inputs, topics.notifications, topics.waitlist, *map(dead_letter_topic, inputs)
    )  # fmt: skip
    # One process keeps each variant in one slot whatever the partitions; several do not.
    check_topics(cluster(settings.kafka), needed, inputs if shard.count > 1 else ())


def _shard_directory(settings: Settings, shard: Shard) -> Path:
    """The shard's own part of the state directory; refuses state of another shard count."""
    directory = settings.state.directory
    name = f"shard-{shard.index}-of-{shard.count}"
    for other in sorted(directory.glob("shard-*-of-*")):
        if not other.name.endswith(f"-of-{shard.count}"):
            raise StartupError(
                f"{other} holds state of another shard count than {shard}: start with the count "
                "it was made with"
            )
    return directory / name


@contextmanager
def _state_directory(settings: Settings, shard: Shard) -> Iterator[StateDirectory]:
    directory = _shard_directory(settings, shard)
    identity: dict[str, str | int] = {
        "flow": FLOW_ID,
        "state_format": VERSION,
        "shard": str(shard),
        "slots": settings.state.slots,
        "recovery_parts": RECOVERY_PARTS,
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        state = StateDirectory.open(directory, identity, created=created)
    except JournalError as error:
        raise StartupError(str(error)) from error
    with state:
        yield state


def _open_journal(
    slot_directory: Callable[[int], Path],
    slot: int,
    marker: bytes | None,
    empty: SlotState,
    *,
    was_durable: bool = False,
) -> Journal:
    directory = slot_directory(slot)
    if marker is None and was_durable:
        raise StartupError(
            f"the recovery store knows nothing of {directory}, whose state was durable: it was "
            "emptied or belongs elsewhere; restore a backup of the whole state directory"
        )
    token = secrets.token_hex(8)
    return Journal.open(directory, slot, marker, empty, token=token, factory=FACTORY)


def _notification_id(
    _key: bytes | None, value: bytes | None, _headers: Headers | None
) -> bytes | None:
    found = None if value is None else notification_id_of(value)
    return None if found is None else found.encode()


def _start_from(start: Start | None) -> StartFrom:
    if start is None:
        return StartFrom()
    return StartFrom("timestamp", start) if isinstance(start, int) else StartFrom(start)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """The first SIGTERM or SIGINT stops at a durable epoch, the second at once."""
    numbers = (signal.SIGTERM, signal.SIGINT)

    def on_signal(*_: object) -> None:
        stop.set()
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep Python's cycle collector away from the state, which holds no cycles.

    A full collection walks every variant and queue: measured, a tenth of the CPU time
    with 100,000 variants, and a pause that grows with the state. `_collect_young` looks
    at what is new once an epoch instead.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _collect_young() -> None:
    gc.collect(1)


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def _leave(error: Exception) -> None:
    """End the process where an error was met; the next start resumes as after any crash.

    Raised through Bytewax the error would come out as the panic of a Rust thread, with
    pages of stack, and at the end of an epoch there is no other way out of it.
    """
    sys.stderr.write(f"restock: {' '.join(str(error).split())}\n")
    sys.stderr.flush()
    os._exit(EXIT_FAILURE)


def _now() -> int:
    return time.time_ns() // 1_000_000
