# SPDX-License-Identifier: Apache-2.0
"""The life of `restock deliver`: checks, locks, the flow and the office behind it."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from connectors.failure import Failure
from connectors.kafka.admin import check_topics, cluster
from connectors.kafka.dead_letters import dead_letter
from connectors.kafka.growth import Share
from connectors.kafka.records import Partition
from connectors.kafka.source import KafkaSource
from connectors.kafka.writer import Writer
from dataflows.delivery import FLOW_ID, build_flow
from dataflows.desk import Desk
from dataflows.sorting import DeliveryTopics, Sorter
from delivery.breaker import BreakerPlan
from delivery.collecting import freeze
from delivery.ledger import VERSION
from delivery.office import Office, OfficePlan
from journal.directory import StateDirectory
from journal.errors import JournalError
from restock.beginning import Start, start_from
from restock.catching_up import CatchingUp
from restock.clock import now
from restock.errors import EXIT_OK, StartupError
from restock.leasing import leased
from restock.leaving import leave, stopped_by_signals
from restock.observing import observed
from restock.recovery_store import RECOVERY_PARTS, open_recovery_store, panics_told
from restock.settings import Settings
from restock.shards import Shard, part_of_shard
from restock.vitals import Flow, Vitals
from restock.ways import build_ways
from schemas.topics import dead_letter_topic

__all__ = ["deliver", "delivery_settings"]

_LEDGER = "ledger.sqlite3"
_MILLISECOND = timedelta(milliseconds=1)


def deliver(settings: Settings, *, shard: Shard, start: Start | None, begin_anew: bool) -> int:
    """Deliver the notifications of one shard until told to stop, and return the exit code.

    Args:
        settings: all settings.
        shard: the share of the partitions to look after.
        start: where to begin in partitions without a usable offset; None: at the earliest.
        begin_anew: go on with what the directory holds, maybe nothing, even where the lease says
            that the shard was last looked after with another ledger.

    Raises:
        RestockError: the program cannot start; nothing has been changed.
    """
    log = structlog.get_logger()
    settings = delivery_settings(settings)
    ways = build_ways(settings)
    _check_topics(settings, shard)
    failure = Failure(leave)
    vitals = Vitals(0, str(shard))
    with _directory(settings, shard) as state:
        path = state.path / _LEDGER
        letters, announcements = Writer(settings.kafka), Writer(settings.kafka)
        office = Office(
            path, settings.plan(), ways, _office_plan(settings), announcements, now, failure.record
        )
        with (
            observed(settings, vitals, failure.record, office),
            leased(settings, shard, state, failure, begin_anew=begin_anew) as lease,
        ):
            vitals.lease_left = lease.left
            recovery = open_recovery_store(state)
            stop = threading.Event()
            parts = _parts(settings, shard, start, state, office, letters, failure, stop)
            with stopped_by_signals(stop, vitals):
                try:
                    announcements.connect()
                    letters.connect()
                    office.start()
                    freeze()
                    log.info(
                        "delivering",
                        shard=str(shard),
                        ledger=str(path),
                        pid=os.getpid(),
                        channels=dict(settings.plan().routes),
                    )
                    vitals.begin(Flow(parts.source, _Handed(office, letters), parts.sorter.counts))
                    parts.source.tell(vitals)
                    with panics_told(state.path):
                        cli_main(
                            parts.flow,
                            epoch_interval=settings.delivery.epoch_interval,
                            recovery_config=recovery,
                        )
                    vitals.end()
                    office.stop(settings.delivery.stop_patience.total_seconds())
                    parts.source.commit_final()
                finally:
                    parts.source.close()
                    office.stop(0)
                    letters.close()
                    announcements.close()
        log.info("stopped", shard=str(shard))
    return EXIT_OK


def delivery_settings(settings: Settings) -> Settings:
    """The settings, with a consumer group and a lease of delivery's own."""
    group = f"{settings.kafka.group_id}-{FLOW_ID}"
    return settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"group_id": group})}
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    flow: Dataflow
    source: KafkaSource
    sorter: Sorter


@dataclass(frozen=True, slots=True)
class _Handed:
    """What the vitals want to know of a sink."""

    office: Office
    letters: Writer

    @property
    def queued(self) -> int:
        return self.letters.queued + sum(lane.in_flight for lane in self.office.lanes.values())

    @property
    def unclaimed(self) -> int:
        return 0

    @property
    def written(self) -> Mapping[str, int]:
        return self.letters.written


def _parts(
    settings: Settings,
    shard: Shard,
    start: Start | None,
    state: StateDirectory,
    office: Office,
    letters: Writer,
    failure: Failure,
    stop: threading.Event,
) -> _Parts:
    topics, kafka = settings.topics, settings.kafka
    names = DeliveryTopics(
        topics.notifications, topics.orders, topics.subscriptions, topics.waitlist
    )
    tables = frozenset({topics.subscriptions, topics.waitlist})
    facts = {topics.orders, *tables}

    def fact_ends() -> Mapping[Partition, int]:
        return {p: end for p, end in source.ends_at_start.items() if p[0] in facts}

    catching_up = CatchingUp(kafka, fact_ends, office.let_go)

    def on_durable(offsets: Mapping[Partition, int]) -> None:
        if not state.was_durable:
            state.mark_durable()
        if not office.is_open:
            catching_up.on_durable(offsets)

    source = KafkaSource(
        kafka,
        (names.notifications, names.orders, names.subscriptions, names.waitlist),
        stop,
        share=Share((shard.index, shard.count), tables),
        # Whoever begins late must know of orders and sign-offs from before all the same.
        start=replace(start_from(start), whole=frozenset(facts)),
        override_lost=start is not None,
        on_durable=on_durable,
        failure=failure,
    )
    letter = partial(dead_letter, application=f"restock-{FLOW_ID}", shard=str(shard))
    sorter = Sorter(names, kafka.max_record_bytes, letter, now)
    desk = Desk(office, letters, failure)
    return _Parts(build_flow(source, sorter, desk), source, sorter)


def _office_plan(settings: Settings) -> OfficePlan:
    delivery = settings.delivery
    return OfficePlan(
        retry_first=delivery.retry_first // _MILLISECOND,
        retry_longest=delivery.retry_longest // _MILLISECOND,
        remember=delivery.remember // _MILLISECOND,
        breaker=BreakerPlan(
            in_a_row=delivery.breaker_failures,
            pause=delivery.breaker_pause.total_seconds(),
            longest_pause=delivery.breaker_longest_pause.total_seconds(),
        ),
        deliveries=settings.topics.deliveries,
    )


def _check_topics(settings: Settings, shard: Shard) -> None:
    topics = settings.topics
    read = (topics.notifications, topics.orders, topics.subscriptions, topics.waitlist)
    letters = map(dead_letter_topic, (topics.notifications, topics.orders))
    needed = (*read, topics.deliveries, topics.leases, *letters)
    # One process knows all orders, whatever partition they are in; several do not.
    by_person = (topics.notifications, topics.orders) if shard.count > 1 else ()
    check_topics(cluster(settings.kafka), needed, by_person)


@contextmanager
def _directory(settings: Settings, shard: Shard) -> Iterator[StateDirectory]:
    directory = part_of_shard(settings.delivery.directory, shard)
    identity: dict[str, str | int] = {
        "flow": FLOW_ID,
        "state_format": VERSION,
        "shard": str(shard),
        "recovery_parts": RECOVERY_PARTS,
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        state = StateDirectory.open(directory, identity, created=created)
    except JournalError as error:
        raise StartupError(str(error)) from error
    with state:
        yield state
