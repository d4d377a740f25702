# SPDX-License-Identifier: Apache-2.0
"""The lease of the shard that this process is to look after."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from connectors.failure import Failure
from connectors.kafka.lease import LeaseRequest, ShardLease, boot_clock, validity
from connectors.kafka.lease_log import KafkaLeaseLog
from journal.directory import StateDirectory
from restock.clock import now
from restock.holder import process_start, this_process
from restock.settings import Settings
from restock.shards import Shard

__all__ = ["leased"]


@contextmanager
def leased(
    settings: Settings,
    shard: Shard,
    state: StateDirectory,
    failure: Failure,
    *,
    begin_anew: bool = False,
) -> Iterator[ShardLease]:
    """Hold the lease of a shard: acquired on entering, renewed meanwhile, given back on leaving.

    Args:
        settings: all settings.
        shard: the shard.
        state: its state directory, locked by this process.
        failure: where the loss of the lease is recorded, from a thread of the lease's own.
        begin_anew: whether to take the lease even if it names another state.

    Raises:
        ConnectorError: the lease is not to be had: see `ShardLease.acquire`.
    """
    started = datetime.now(UTC)
    timeout = settings.state.lease_timeout
    request = LeaseRequest(
        topic=settings.topics.leases,
        kafka=settings.kafka.bootstrap_servers,
        group=settings.kafka.group_id,
        shard=str(shard),
        state_id=state.state_id,
        holder=this_process(state.path, state.lock_file, started),
        timeout=timeout,
        begin_anew=begin_anew,
        state_is_new=not state.was_durable,
    )
    log = KafkaLeaseLog(settings.kafka, settings.topics.leases, validity(timeout))
    lease = ShardLease(request, log, process_start, clock=boot_clock, now=now)
    try:
        lease.acquire()
        lease.start(failure.record)
        yield lease
    except BaseException:
        lease.drop()
        raise
    lease.release()
