# SPDX-License-Identifier: Apache-2.0
"""A log of leases in memory, with a clock that goes on only when somebody waits."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from connectors.kafka.lease import LeaseRequest, ShardLease
from connectors.kafka.lease_log import LeaseLogRecord, NotAcknowledged
from schemas.leases import Lease, LeaseHolder

TIMEOUT = timedelta(seconds=60)
Hook = Callable[[], object]
HOLDER = LeaseHolder(
    host="here",
    pid=100,
    started_at=1_800_000_000_000,
    directory="/state",
    boot_id="boot",
    process_start=5000,
    pid_namespace=1,
    lock_device=2,
    lock_inode=3,
)
ELSEWHERE = HOLDER.model_copy(update={"host": "there", "boot_id": "another boot", "pid": 200})


class World:
    """What all processes share: the log, and the time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.records: list[LeaseLogRecord] = []
        self.down = False
        self.before_append: list[Hook] = []
        self.while_waiting: list[Hook] = []

    def leases(self) -> list[Lease]:
        """Every record of the log."""
        return [Lease.model_validate_json(record.value or b"") for record in self.records]

    def states(self) -> list[tuple[int, str]]:
        """Pid and state of every record of the log."""
        return [(lease.holder.pid, lease.state) for lease in self.leases()]

    def put(self, key: bytes, value: bytes | None) -> int:
        """Append a record."""
        self.records.append(LeaseLogRecord(len(self.records), key, value))
        return len(self.records) - 1


class MemoryLog:
    """The log as one process sees it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._position = 0
        self.closed = False

    def append(self, key: bytes, value: bytes, seconds: float) -> int:
        """Append at once, unless the brokers are down."""
        if self._world.before_append:
            self._world.before_append.pop(0)()
        if self._world.down:
            self._world.now += seconds
            reason = "all brokers are down"
            raise NotAcknowledged(reason)
        return self._world.put(key, value)

    def read_to_end(self) -> list[LeaseLogRecord]:
        """What has not been read."""
        found = self._world.records[self._position :]
        self._position = len(self._world.records)
        return found

    def poll(self, seconds: float) -> list[LeaseLogRecord]:
        """The same, after a time if there is nothing."""
        found = self.read_to_end()
        if not found:
            self._world.now += seconds
            if self._world.while_waiting:
                self._world.while_waiting.pop(0)()
        return found

    def stop_reading(self) -> None:
        """Nothing to let go of."""

    def close(self) -> None:
        """Take note."""
        self.closed = True


def lease_of(
    world: World,
    holder: LeaseHolder = HOLDER,
    *,
    processes: dict[int, int] | None = None,
    **changed: Any,  # noqa: ANN401 - the request's own
) -> ShardLease:
    """A lease that a process could acquire.

    Args:
        world: where.
        holder: the process.
        processes: when which process of its machine began.
        changed: what differs from the usual request.
    """
    usual: dict[str, Any] = {
        "topic": "leases",
        "kafka": "broker:9092",
        "group": "shop",
        "shard": "0/1",
        "state_id": "one",
        "timeout": TIMEOUT,
    }
    request = LeaseRequest(holder=holder, **{**usual, **changed})
    known = processes or {}
    return ShardLease(
        request,
        MemoryLog(world),
        known.get,
        clock=lambda: world.now,
        now=lambda: int(1_800_000_000_000 + world.now),
    )
