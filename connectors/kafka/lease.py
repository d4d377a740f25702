# SPDX-License-Identifier: Apache-2.0
"""The lease of a shard: of several processes that look after it, only one writes.

A process claims the lease before it reads or writes anything, and renews it while it runs. It ends
itself before another may take the lease over. Why a lease, and what it cannot do: docs/fencing.md.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from connectors.errors import LeaseHeld, LeaseLost, StateDisowned
from connectors.kafka.lease_log import LeaseLog, NotAcknowledged
from connectors.kafka.lease_standing import (
    ProcessStart,
    Standing,
    claim_key,
    is_dead,
    lease_key,
)
from connectors.kafka.settings import KafkaSettings
from schemas.leases import Lease, LeaseHolder

__all__ = ["LeaseRequest", "ShardLease", "boot_clock", "validity", "within_lease"]

_LOG: Final = logging.getLogger(__name__)
_BEATS: Final = 6
"""So many times in `timeout` a lease is renewed."""
_POLL_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 0.05
_RELEASE_SECONDS: Final = 5.0
_MILLISECOND: Final = timedelta(milliseconds=1)
_SOCKET_TIMEOUT: Final = timedelta(seconds=60)
"""librdkafka's own choice."""


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """Who asks for which lease.

    Attributes:
        topic: The topic of leases, for messages.
        kafka: Where the brokers are, for messages.
        group: The consumer group.
        shard: The shard.
        state_id: Names the state directory.
        holder: This process, which holds the lock of the directory.
        timeout: How long others wait, from the last renewal they see, before they take over.
        begin_anew: Take the lease even if it names another state directory.
        state_is_new: Nothing was ever durable in the state directory: it was empty or not there.
    """

    topic: str
    kafka: str
    group: str
    shard: str
    state_id: str
    holder: LeaseHolder
    timeout: timedelta
    begin_anew: bool = False
    state_is_new: bool = False


def validity(timeout: timedelta) -> timedelta:
    """Return how long a lease is good for its holder after a renewal.

    A part of the time that others wait is left for the process to end, and for what it has sent
    to arrive.
    """
    return timeout * (_BEATS - 1) / _BEATS


def within_lease(settings: KafkaSettings, timeout: timedelta) -> KafkaSettings:
    """Return settings for clients of a process that holds a lease.

    Requests that were under way when it froze are then given up when it thaws, and the connection
    is made anew: in that time it sends nothing, and ends.
    """
    longest = min(_SOCKET_TIMEOUT, validity(timeout)) // _MILLISECOND
    options = {"socket.timeout.ms": longest, **settings.options}
    return settings.model_copy(update={"options": options})


def boot_clock() -> float:
    """Return seconds since the boot, those of a suspended machine included."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class ShardLease:
    """A lease to acquire, to hold and to release, in this order.

    Args:
        request: Who asks for what.
        log: Where leases are written; closed by `release` and `drop`.
        process_start: Looks processes of this machine up.
        clock: Seconds that go on while the machine is suspended.
        now: Epoch milliseconds, for people.
    """

    def __init__(
        self,
        request: LeaseRequest,
        log: LeaseLog,
        process_start: ProcessStart,
        *,
        clock: Callable[[], float],
        now: Callable[[], int],
    ) -> None:
        """Neither read nor write anything yet."""
        self._request = request
        self._log = log
        self._process_start = process_start
        self._clock = clock
        self._now = now
        self._token = secrets.token_hex(8)
        self._generation = 0
        self._validity = validity(request.timeout).total_seconds()
        self._interval = request.timeout.total_seconds() / _BEATS
        self._valid_until = float("-inf")
        self._last_error = "no answer"
        self._after_crash = True
        self._on_lost: Callable[[LeaseLost], None] = _raise
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def after_crash(self) -> bool:
        """Whether records of the process before may still be on their way to the topics."""
        return self._after_crash

    def acquire(self) -> None:
        """Wait until nobody else has the lease, and take it.

        Raises:
            LeaseHeld: Another process has it, or took it at the same moment.
            LeaseLost: The brokers did not acknowledge the claim in time.
            StateDisowned: The lease names another state directory.
            LeaseError: A record cannot be read.
            BrokerUnreachable: The brokers do not answer.
        """
        request = self._request
        standing = Standing(request.topic, request.group, request.shard)
        for record in self._log.read_to_end():
            standing.take(record)
        self._check_state(standing.last)
        self._outwait(standing)
        self._check_state(standing.last)
        self._after_crash = standing.last is None or standing.last.state != "released"
        self._claim(standing)
        self._log.stop_reading()

    def start(self, on_lost: Callable[[LeaseLost], None]) -> None:
        """Renew the lease from now on, in a thread of its own.

        Args:
            on_lost: Called in that thread when the brokers have not acknowledged for too long; it
                should end the process.
        """
        self._on_lost = on_lost
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check that nobody else can have the lease.

        Raises:
            LeaseLost: Somebody can.
        """
        if self._clock() > self._valid_until:
            raise self._lost()

    def left(self) -> float:
        """Return for how many seconds the lease is good; any thread may ask."""
        return self._valid_until - self._clock()

    def release(self) -> None:
        """Give the lease back: everything is durable, and nothing is on its way."""
        self._end("released")

    def drop(self) -> None:
        """Give the lease back after an error."""
        self._end("dropped")

    def _check_state(self, last: Lease | None) -> None:
        request = self._request
        if last is None or last.state_id == request.state_id or request.begin_anew:
            return
        found = "is empty or new" if request.state_is_new else f"holds state {request.state_id}"
        message = (
            f"shard {request.shard} of group {request.group} belongs to state {last.state_id}, "
            f"last in {last.holder.directory} on {last.holder.host}, but "
            f"{request.holder.directory} {found}: mount or restore the "
            "right directory, or correct the setting of the directory; a start with --begin-anew "
            "goes on with this one and may tell people again, `restock run --rebuild` makes lost "
            "state of that program again from the topics"
        )
        raise StateDisowned(message)

    def _outwait(self, standing: Standing) -> None:
        """Wait until every other holder is dead, has released, or was silent for its timeout."""
        began = self._clock()
        silent: set[str] = set()
        announced = False
        while others := self._others(standing, silent):
            waited = self._clock() - began
            silent |= {token for token, lease in others.items() if waited > lease.timeout / 1000}
            if not announced:
                announced = True
                self._announce(next(iter(others.values())))
            for record in self._log.poll(_POLL_SECONDS):
                lease = standing.take(record)
                if lease is not None and lease.token in self._others(standing, set()):
                    raise LeaseHeld(self._held(lease))

    def _others(self, standing: Standing, silent: set[str]) -> Mapping[str, Lease]:
        return {
            token: lease
            for token, lease in standing.active().items()
            if token not in silent
            and not is_dead(lease.holder, self._request.holder, self._process_start)
        }

    def _announce(self, lease: Lease) -> None:
        _LOG.info(
            "shard %s was looked after by pid %d on %s, which has not said that it ended: waiting "
            "up to %g s for a sign of life",
            lease.shard,
            lease.holder.pid,
            lease.holder.host,
            lease.timeout / 1000,
        )

    def _claim(self, standing: Standing) -> None:
        request = self._request
        self._generation = standing.generation + 1
        begun = self._clock()
        key = claim_key(request.group, request.shard)
        offset = self._append(key, "claimed", self._validity)
        rival = self._rival(standing, offset)
        if rival is not None:
            self._append(key, "dropped", self._validity)
            raise LeaseHeld(self._held(rival))
        self._valid_until = begun + self._validity
        begun = self._clock()
        self._append(lease_key(request.group, request.shard), "held", self._validity)
        self._valid_until = begun + self._validity
        self.check()

    def _append(
        self, key: bytes, state: Literal["claimed", "held", "released", "dropped"], seconds: float
    ) -> int:
        try:
            return self._log.append(key, self._record(state), seconds)
        except NotAcknowledged as error:
            self._last_error = str(error)
            raise self._lost() from None

    def _rival(self, standing: Standing, offset: int) -> Lease | None:
        """Read on to our claim; return whoever wrote between what we knew and it."""
        rival: Lease | None = None
        deadline = self._clock() + self._validity
        while self._clock() < deadline:
            for record in self._log.poll(_POLL_SECONDS):
                if record.offset >= offset:
                    return rival
                lease = standing.take(record)
                if lease is not None and lease.state in {"claimed", "held"}:
                    rival = lease
        raise self._lost()

    def _renew(self) -> None:
        """Write the lease over and over, until told to stop or until it lapses."""
        key = lease_key(self._request.group, self._request.shard)
        while True:
            due = self._valid_until - self._validity + self._interval
            if self._stop.wait(max(due - self._clock(), _PAUSE_SECONDS)):
                return
            # Whoever thaws here after a long time must not look alive.
            begun = self._clock()
            left = self._valid_until - begun
            if left > 0:
                try:
                    self._log.append(key, self._record("held"), min(self._interval, left))
                    self._valid_until = begun + self._validity
                except NotAcknowledged as error:
                    self._last_error = str(error)
            if self._clock() >= self._valid_until:
                self._on_lost(self._lost())
                return

    def _end(self, state: Literal["released", "dropped"]) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._clock() <= self._valid_until:
                key = lease_key(self._request.group, self._request.shard)
                self._log.append(key, self._record(state), _RELEASE_SECONDS)
        except NotAcknowledged as error:
            _LOG.warning(
                "the lease of shard %s was not given back (%s): on another machine the next start "
                "waits %g s",
                self._request.shard,
                error,
                self._request.timeout.total_seconds(),
            )
        finally:
            self._valid_until = float("-inf")
            self._log.close()

    def _record(self, state: Literal["claimed", "held", "released", "dropped"]) -> bytes:
        request = self._request
        return (
            Lease(
                group=request.group,
                shard=request.shard,
                token=self._token,
                generation=self._generation,
                state=state,
                state_id=request.state_id,
                holder=request.holder,
                timeout=request.timeout // _MILLISECOND,
                written_at=self._now(),
            )
            .model_dump_json()
            .encode()
        )

    def _held(self, lease: Lease) -> str:
        holder = lease.holder
        return (
            f"shard {lease.shard} of group {lease.group} is looked after by pid {holder.pid} on "
            f"{holder.host} with state {lease.state_id} in {holder.directory}: stop that process "
            "first, or give this one another --shard or kafka.group_id"
        )

    def _lost(self) -> LeaseLost:
        request = self._request
        seconds = self._validity
        return LeaseLost(
            f"Kafka at {request.kafka} did not acknowledge the lease of shard {request.shard} in "
            f"{request.topic} for {seconds:.3g} s ({self._last_error}), or this process stood "
            "still for so long: another one may have taken over; check that all brokers are up, "
            "then start again"
        )


def _raise(error: LeaseLost) -> None:
    raise error
