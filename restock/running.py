# SPDX-License-Identifier: Apache-2.0
"""The life of `restock run`: checks, locks, the flow from its start to its end."""

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main

from connectors.failure import Failure
from connectors.kafka.admin import check_topics, cluster
from connectors.kafka.guard import Guard
from dataflows.restock import FLOW_ID
from journal.directory import StateDirectory
from journal.errors import JournalError
from journal.turns import Turns
from restock.beginning import Start
from restock.errors import EXIT_OK, StartupError
from restock.free_space import check_space
from restock.leasing import leased
from restock.leaving import leave, stopped_by_signals
from restock.observing import observed
from restock.rebuilding import Rebuilding, announce, check_empty, is_announced
from restock.recovery_store import RECOVERY_PARTS, open_recovery_store, panics_told
from restock.settings import Settings
from restock.shards import Shard
from restock.vitals import Flow, Vitals
from restock.wiring import build, open_journal, shard_directory
from schemas.topics import dead_letter_topic
from waitlist.migrations import OLDEST_VERSION, VERSION

__all__ = ["run"]


def run(
    settings: Settings,
    *,
    shard: Shard,
    start: Start | None,
    begin_anew: bool = False,
    rebuild: bool = False,
) -> int:
    """Run the flow of one shard until it is told to stop, and return the exit code.

    Args:
        settings: all settings.
        shard: the share of the partitions to look after.
        start: where to begin in partitions without a usable offset: earliest, latest or
            epoch milliseconds; None: at the earliest where there is no offset yet, and an
            error where the stored one is lost.
        begin_anew: go on with what the state directory holds, maybe nothing, even where the
            lease says that the shard was last looked after with another state.
        rebuild: make the state anew from the topics, in an empty state directory.

    Raises:
        RestockError: the program cannot start; nothing has been changed.
    """
    log = structlog.get_logger()
    settings.policy_book()
    _check_cluster(settings, shard)
    failure = Failure(leave)
    vitals = Vitals(settings.state.slots, str(shard))
    with (
        observed(settings, vitals, failure.record),
        _state_directory(settings, shard, rebuild=rebuild) as state,
        leased(
            settings, shard, state, failure, begin_anew=begin_anew or is_announced(state)
        ) as lease,
    ):
        check_space(state.path, settings.state.min_free_bytes)
        rebuilding = Rebuilding.begin(settings, shard, state, wanted=rebuild)
        recovery = open_recovery_store(state)
        for field, found in state.raise_identity().items():
            log.info("state directory upgraded", field=field, was=found, now=VERSION)
        vitals.lease_left = lease.left
        flow = partial(_run_flow, settings, shard, start, state, recovery, failure, lease, vitals)
        resumed = state.was_durable
        if begin_anew:
            log.warning(_risk_of_beginning_anew(resumed=resumed), shard=str(shard))
        if not resumed:
            # Makes the beginning durable: without it, a crash in the first epoch would leave
            # records in the output that no later run could know as its own.
            flow(_set_event(), rebuilding)
            state.mark_durable()
        stop = threading.Event()
        with stopped_by_signals(stop, vitals), _collector_off():
            log.info(
                "running",
                shard=str(shard),
                state=str(state.path),
                pid=os.getpid(),
                resumed=resumed,
            )
            if rebuilding is not None:
                rebuilding.read_past()
                flow(rebuilding.ends_with(stop), rebuilding)
            if rebuilding is None or rebuilding.finish():
                flow(stop, None)
        log.info("stopped", shard=str(shard))
    return EXIT_OK


def _run_flow(  # noqa: PLR0913, PLR0917 - all that a flow is made of
    settings: Settings,
    shard: Shard,
    start: Start | None,
    state: StateDirectory,
    recovery: RecoveryConfig,
    failure: Failure,
    lease: Guard,
    vitals: Vitals,
    stop: threading.Event,
    rebuilding: Rebuilding | None,
) -> None:
    journals = partial(
        open_journal, state.slot_directory, was_durable=state.was_durable, turns=Turns()
    )
    opener = vitals.watched(journals)
    parts = build(settings, shard, start, opener, failure, stop, lease, rebuilding)
    parts.source.tell(vitals)
    vitals.begin(Flow(parts.source, parts.sink, parts.decoded))
    try:
        parts.sink.prepare()
        with panics_told(state.path):
            cli_main(
                parts.flow,
                epoch_interval=settings.state.epoch_interval,
                recovery_config=recovery,
            )
        vitals.end()
        parts.source.commit_final()
    finally:
        parts.source.close()
        parts.sink.close()


def _check_cluster(settings: Settings, shard: Shard) -> None:
    topics = settings.topics
    inputs = (topics.inventory, topics.subscriptions)
    ours = (topics.notifications, topics.waitlist, topics.leases)
    needed = (*inputs, *ours, *map(dead_letter_topic, inputs))
    # One process keeps each variant in one slot whatever the partitions; several do not.
    check_topics(cluster(settings.kafka), needed, inputs if shard.count > 1 else ())


@contextmanager
def _state_directory(
    settings: Settings, shard: Shard, *, rebuild: bool
) -> Iterator[StateDirectory]:
    directory = shard_directory(settings, shard)
    identity: dict[str, str | int] = {
        "flow": FLOW_ID,
        "state_format": VERSION,
        "shard": str(shard),
        "slots": settings.state.slots,
        "recovery_parts": RECOVERY_PARTS,
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        oldest = {"state_format": OLDEST_VERSION}
        state = StateDirectory.open(directory, identity, created=created, oldest=oldest)
    except JournalError as error:
        raise StartupError(str(error)) from error
    with state:
        if rebuild:
            check_empty(state)
            announce(state)
        yield state


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


def _risk_of_beginning_anew(*, resumed: bool) -> str:
    risk = (
        "this state is taken even if the shard was last looked after with another one, and what "
        "the topics no longer hold of the time since is lost: people may be told again or not at "
        "all"
        if resumed
        else "nothing is remembered of who was told: whom the records in the topics entitle is told"
        " again"
    )
    return f"--begin-anew: {risk}; leave the flag out from the next start on"


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event
