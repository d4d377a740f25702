# SPDX-License-Identifier: Apache-2.0
"""Puts the flow together from the settings."""

import gc
import os
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from bytewax.dataflow import Dataflow

from connectors.failure import Failure
from connectors.kafka.dead_letters import dead_letter, dead_letter_id
from connectors.kafka.growth import Share
from connectors.kafka.guard import Guard
from connectors.kafka.lease import within_lease
from connectors.kafka.records import Headers, Outgoing, Partition
from connectors.kafka.sink import KafkaSink
from connectors.kafka.source import KafkaSource
from dataflows.aftermath import Aftermath
from dataflows.decoding import Decoder, DecodingCounts
from dataflows.folding import FACTORY, SlotState
from dataflows.pace import Pace
from dataflows.restock import FLOW_ID, build_flow
from dataflows.waitlist_step import StepSettings
from journal.journal import Journal
from journal.turns import Turns
from restock.beginning import Start, start_from
from restock.catching_up import CatchingUp
from restock.clock import now
from restock.errors import StartupError, StateError
from restock.free_space import check_space
from restock.rebuilding import Rebuilding, check_not_rebuilding
from restock.settings import Settings
from restock.settings_layers import load_settings
from restock.shards import Shard, part_of_shard
from schemas.encode import notification_id_of
from schemas.topics import dead_letter_topic

__all__ = ["Parts", "build", "flow_from_settings", "open_journal", "shard_directory"]

_MILLISECOND = timedelta(milliseconds=1)

OpenJournal = Callable[[int, bytes | None, SlotState], Journal]


@dataclass(frozen=True, slots=True)
class Parts:
    """A flow and what the program needs to hold on to.

    Attributes:
        flow: to be run.
        source: to commit the last offsets and to close.
        sink: to prepare and to close.
        decoded: counts what came in.
    """

    flow: Dataflow
    source: KafkaSource
    sink: KafkaSink
    decoded: DecodingCounts


def flow_from_settings() -> Dataflow:
    """The flow with the settings of file and environment, for ``bytewax.run``.

    The caller chooses the recovery directory, best ``shard-0-of-1/recovery`` in the state
    directory: journals and recovery store are one unit. Nothing is locked.
    """
    settings = load_settings(None, environment=os.environ, directory=Path.cwd()).settings
    directory = shard_directory(settings, Shard())
    check_not_rebuilding(directory)
    journals = partial(
        open_journal,
        lambda slot: directory / "slots" / f"{slot:04d}",
        was_durable=(directory / "durable").exists(),
        turns=Turns(),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return build(settings, Shard(), None, journals, Failure(), stop).flow


def build(
    settings: Settings,
    shard: Shard,
    start: Start | None,
    journals: OpenJournal,
    failure: Failure,
    stop: threading.Event,
    lease: Guard | None = None,
    rebuilding: Rebuilding | None = None,
) -> Parts:
    """Build the flow of one shard.

    Args:
        settings: all settings.
        shard: the share of the partitions to read.
        start: see `restock.running.run`.
        journals: opens the journal of a slot.
        failure: where connectors and journals leave the error that ends the run.
        stop: set it to end the flow after the epoch at hand.
        lease: asked before every write; None: this is one process of a cluster.
        rebuilding: lost state that is to be made from the topics, and how far to read for it.
    """
    topics = settings.topics
    inputs = (topics.inventory, topics.subscriptions)
    directory = shard_directory(settings, shard)

    def on_durable(offsets: Mapping[Partition, int]) -> None:
        _after_epoch(directory, settings, failure)
        if rebuilding is not None:
            rebuilding.on_durable(offsets)
        if aftermath is not None and aftermath.is_known and not aftermath.is_over:
            catching_up.on_durable(offsets)

    aftermath = None
    # In a cluster the sink and the slots may be in different processes.
    if lease is not None and rebuilding is None:
        aftermath = Aftermath(topics.notifications, settings.state.slots)
    source = KafkaSource(
        settings.kafka,
        inputs,
        stop,
        share=Share((shard.index, shard.count)),
        start=start_from(start),
        override_lost=start is not None,
        on_durable=on_durable,
        failure=failure,
    )
    if aftermath is not None:
        catching_up = CatchingUp(settings.kafka, lambda: source.ends_at_start, aftermath.caught_up)
        source.wait_for(lambda: aftermath.is_known)
    identify = {dead_letter_topic(topic): dead_letter_id for topic in inputs}
    kafka = settings.kafka
    sink = KafkaSink(
        kafka if lease is None else within_lease(kafka, settings.state.lease_timeout),
        {topics.notifications: _notification_id, **identify},
        origin=str(shard) if shard.count > 1 else None,
        failure=failure,
        stop=stop,
        lease=lease,
        read_back=() if rebuilding is None else rebuilding.dead_letter_topics,
        tail=aftermath,
    )
    decoder = Decoder(
        inventory=topics.inventory,
        slots=settings.state.slots,
        max_record_bytes=settings.kafka.max_record_bytes,
        dead_letter=partial(dead_letter, application=FLOW_ID, shard=str(shard)),
        tick=Outgoing(topics.notifications, []),
        clock=now,
        with_arrivals=rebuilding is not None,
    )
    # In a cluster source and sink may be in other processes.
    pace = Pace() if lease is None else Pace(lambda: source.polls, sink.room)
    source.hurry_while(pace.is_busy)
    step = StepSettings(
        policies=settings.policy_book(),
        notifications=topics.notifications,
        waitlist=topics.waitlist,
        status_interval=settings.state.status_interval // _MILLISECOND,
        open_journal=journals,
        clock=now,
        on_error=failure.record,
        pace=pace,
        aftermath=aftermath,
    )
    recall = None if rebuilding is None else rebuilding.recall
    flow = build_flow(source, decoder, step, sink, recall)
    return Parts(flow, source, sink, decoder.counts)


def _after_epoch(directory: Path, settings: Settings, failure: Failure) -> None:
    _collect_young()
    try:
        check_space(directory, settings.state.min_free_bytes)
    except StateError as error:
        failure.record(error)


def shard_directory(settings: Settings, shard: Shard) -> Path:
    """The shard's own part of the state directory.

    Raises:
        StartupError: the directory holds state of another shard count.
    """
    return part_of_shard(settings.state.directory, shard)


def open_journal(
    slot_directory: Callable[[int], Path],
    slot: int,
    marker: bytes | None,
    empty: SlotState,
    *,
    was_durable: bool = False,
    turns: Turns | None = None,
) -> Journal:
    """Open the journal of a slot, under a token of this execution.

    Args:
        slot_directory: gives the folder of a slot.
        slot: number of the slot.
        marker: the slot's marker in the recovery store; None: there is none.
        empty: the state to fill.
        was_durable: whether an epoch was durable before, so that there must be a marker.
        turns: what the slots share, so that their compactions take turns.

    Raises:
        StartupError: the recovery store knows nothing of a slot that was durable.
        JournalError: what the marker names is missing or damaged.
    """
    directory = slot_directory(slot)
    if marker is None and was_durable:
        raise StartupError(
            f"the recovery store knows nothing of {directory}, whose state was durable: it was "
            "emptied or belongs elsewhere; restore a backup of the whole state directory"
        )
    token = secrets.token_hex(8)
    return Journal.open(directory, slot, marker, empty, token=token, factory=FACTORY, turns=turns)


def _notification_id(
    _key: bytes | None, value: bytes | None, _headers: Headers | None
) -> bytes | None:
    found = None if value is None else notification_id_of(value)
    return None if found is None else found.encode()


def _collect_young() -> None:
    gc.collect(1)
