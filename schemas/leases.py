# SPDX-License-Identifier: Apache-2.0
"""Who looks after a shard: the records with which the processes of all machines keep apart."""

from typing import Literal

from schemas.fields import Count, Ordinal, Text, Timestamp
from schemas.records import Record

__all__ = ["Lease", "LeaseHolder"]


class LeaseHolder(Record):
    """A process, by what a later one needs to prove that it is dead.

    What an operating system does not tell is None, and then proves nothing.
    """

    host: Text
    pid: Ordinal
    started_at: Timestamp
    directory: Text
    boot_id: Text | None
    """Names the boot of the machine: what ran before another one is not told from what runs."""
    process_start: Count | None
    """When the process began, in clock ticks since the boot: pids are used again."""
    pid_namespace: Count | None
    lock_device: Count | None
    lock_inode: Count | None


class Lease(Record):
    """The claim of one process to one shard. Key: `group shard` (claims: `group shard claim`)."""

    group: Text
    shard: Text
    token: Text
    """Drawn anew by each process."""
    generation: Ordinal
    """One more than that of the lease before."""
    state: Literal["claimed", "held", "released", "dropped"]
    """claimed: not decided yet; held: valid for `timeout` milliseconds; released: everything is
    durable; dropped: ended by an error, and records may still be on their way."""
    state_id: Text
    """Names the state directory, and every copy of it."""
    holder: LeaseHolder
    timeout: Ordinal
    written_at: Timestamp
