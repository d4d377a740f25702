# SPDX-License-Identifier: Apache-2.0
"""What the records of one shard's lease say: who holds it, who has claimed it, who is dead.

No client, no clock. Claims have a key of their own: under one key, compaction could leave a claim
that came too late in the place of the holder's record.
"""

from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from connectors.errors import LeaseError
from connectors.kafka.lease_log import LeaseLogRecord
from schemas.leases import Lease, LeaseHolder

__all__ = ["ProcessStart", "Standing", "claim_key", "is_dead", "lease_key"]

ProcessStart = Callable[[int], int | None]
"""Tells when a process of this machine began, in clock ticks since the boot; None: it is not."""

_ACTIVE: Final = frozenset({"claimed", "held"})


def lease_key(group: str, shard: str) -> bytes:
    """Return the record key under which a lease is held and released."""
    return f"{group} {shard}".encode()


def claim_key(group: str, shard: str) -> bytes:
    """Return the record key under which a lease is claimed, and a claim is given up."""
    return f"{group} {shard} claim".encode()


class Standing:
    """Who may be alive and at work, as far as has been read.

    Args:
        topic: The topic of the records, for errors.
        group: The consumer group.
        shard: The shard.
    """

    def __init__(self, topic: str, group: str, shard: str) -> None:
        """Start with nothing read."""
        self._topic = topic
        self._key = lease_key(group, shard)
        self._claim_key = claim_key(group, shard)
        self._last: Lease | None = None
        self._claims: dict[str, Lease] = {}

    @property
    def last(self) -> Lease | None:
        """The newest record of who last had the lease; None: nobody ever had it."""
        return self._last

    @property
    def generation(self) -> int:
        """The greatest generation seen; 0: there was none."""
        held = 0 if self._last is None else self._last.generation
        return max([held, *(claim.generation for claim in self._claims.values())])

    def active(self) -> dict[str, Lease]:
        """Return by token the records whose writers have not said that they have ended."""
        found = {} if self._last is None else {self._last.token: self._last}
        confirmed = 0 if self._last is None else self._last.generation
        # Whoever claimed the generation that somebody holds has lost, or is the holder.
        found.update(
            (token, claim) for token, claim in self._claims.items() if claim.generation > confirmed
        )
        return {token: lease for token, lease in found.items() if lease.state in _ACTIVE}

    def take(self, record: LeaseLogRecord) -> Lease | None:
        """Take note of a record; return it if it is of this shard's lease.

        Raises:
            LeaseError: It is of this lease and cannot be read.
        """
        if record.key not in {self._key, self._claim_key}:
            return None
        if record.value is None:
            # Somebody's way to clear the lease by hand.
            if record.key == self._key:
                self._last = None
            return None
        lease = self._decode(record)
        if record.key == self._claim_key:
            self._claims[lease.token] = lease
        # A process that was frozen may write once more when it thaws: that counts no longer.
        elif self._last is None or lease.generation >= self._last.generation:
            self._last = lease
        return lease

    def _decode(self, record: LeaseLogRecord) -> Lease:
        try:
            return Lease.model_validate_json(record.value or b"")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(map(str, first["loc"]))
            message = (
                f"{self._topic}: the record at offset {record.offset} is no lease ({field}: "
                f"{first['msg']}): run the version that wrote it, or, while no process runs, write "
                f"a null value under the key {self._key.decode()!r}"
            )
            raise LeaseError(message) from None


def is_dead(holder: LeaseHolder, ours: LeaseHolder, process_start: ProcessStart) -> bool:
    """Say whether a process has certainly ended.

    Args:
        holder: That process.
        ours: This process, which holds the lock of its state directory.
        process_start: Looks processes of this machine up.
    """
    if holder.boot_id is None or holder.boot_id != ours.boot_id:
        return False
    lock = (holder.lock_device, holder.lock_inode)
    if None not in lock and lock == (ours.lock_device, ours.lock_inode):
        return True
    if holder.pid_namespace is None or holder.pid_namespace != ours.pid_namespace:
        return False
    return holder.process_start is not None and process_start(holder.pid) != holder.process_start
