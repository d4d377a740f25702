# SPDX-License-Identifier: Apache-2.0
"""What became of a message, as a change to the ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from delivery.batch import Batch
from delivery.tasks import Rank, Ready, put_tasks
from journey.journey import Journey
from journey.plan import Plan

__all__ = ["Entry", "Letter", "Settlement", "Update", "read_letter"]


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """A notification that could not be delivered, for the dead-letter topic.

    Attributes:
        value: the record's value, untouched.
        topic: where it was read, with partition and offset.
        partition: see there.
        offset: see there.
        why: "final", "exhausted" or "disabled".
        detail: one line for people.
    """

    value: bytes
    topic: str
    partition: int
    offset: int
    why: str
    detail: str


_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Letter).decode


def read_letter(packed: bytes) -> Letter:
    """Read a letter back from the ledger."""
    return _unpack(packed)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger; times in epoch milliseconds.

    Attributes:
        notification_id: of which notification.
        step: name of the step.
        channel: the channel.
        variant_id: what the notification is about.
        profile_key: whom it is for.
        outcome: "sent", "suppressed" or "failed".
        reason: why, unless it was sent.
        attempts: how often it was tried.
        first_at: when first; where it never was, when it was settled.
        settled_at: when it was settled.
        letter: what goes to the dead-letter topic; only of what failed.
    """

    notification_id: str
    step: str
    channel: str
    variant_id: str
    profile_key: str
    outcome: str
    reason: str
    attempts: int
    first_at: int
    settled_at: int
    letter: Letter | None = None

    def write(self, batch: Batch) -> None:
        """Write it."""
        row = (
            self.notification_id,
            self.step,
            self.channel,
            self.variant_id,
            self.profile_key,
            self.outcome,
            self.reason,
            self.attempts,
            self.first_at,
            self.settled_at,
        )
        if self.letter is None:
            batch.entries.append(row)
        else:
            batch.letters.append((*row, _pack(self.letter)))


@dataclass(frozen=True, slots=True)
class Update:
    """What changed of one journey.

    Attributes:
        number: of the journey in the ledger.
        rank: of its notification.
        before: as it was.
        after: as it is; None: it is over.
    """

    number: int
    rank: Rank
    before: Journey
    after: Journey | None

    def write(self, batch: Batch, plan: Plan, now: int, ready: Ready) -> None:
        """Write the journey and its tasks."""
        if self.after is None:
            batch.over.append(self.number)
            return
        left = {opened.channel for opened in self.after.open}
        batch.settled += [
            (self.number, opened.channel)
            for opened in self.before.open
            if opened.channel not in left
        ]
        changed = [opened for opened in self.after.open if opened not in self.before.open]
        if not changed and len(left) == len(self.before.open):
            # It waits for what it waited for already: so it must not count as ready.
            changed = list(self.after.open)
        put_tasks(batch, self.number, self.after, self.rank, plan, now, ready, changed)
        batch.states.append((self.number, self.after.to_bytes().hex()))


@dataclass(slots=True)
class Settlement:
    """A change: what became of one message, for each of its notifications.

    Attributes:
        plan: says which sink serves a channel.
        now: epoch milliseconds.
        updates: of journeys.
        entries: what is said in the ledger of it.
        done: called in the event loop once it is durable.
        ready: tasks that have become ready by it.
    """

    plan: Plan
    now: int
    updates: Sequence[Update]
    entries: Sequence[Entry]
    done: Callable[[], None]
    ready: Ready = field(default_factory=Ready)

    def write(self, batch: Batch) -> None:
        """Write all of it."""
        for update in self.updates:
            update.write(batch, self.plan, self.now, self.ready)
        for entry in self.entries:
            entry.write(batch)

    def committed(self) -> None:
        """The event loop is told of all changes of a commit at once."""
