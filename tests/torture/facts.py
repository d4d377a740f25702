# SPDX-License-Identifier: Apache-2.0
"""What is known of one variant: its cycles, and who signed up and off.

A *barrier* is the number in a record's ``event_id`` (see `tests.torture.scenario`): of a variant,
all of a lower barrier was durable before anything of a higher one was written.
"""

from typing import Final

from tests.torture.contents import TopicRecord

__all__ = ["LATE_GRACE", "NEVER", "Cycle", "Entry", "SignOff", "Variant"]

LATE_GRACE: Final = 300_000
"""The default of the policy setting, in milliseconds."""

NEVER: Final = 1 << 60
"""The barrier of what has not happened."""


class Cycle:
    """A time during which a variant was offered.

    Attributes:
        number: from 1.
        opened_at: in event time.
        opened: barrier of the record that opened it.
        closed: barrier of the record that closed or replaced it; `NEVER`: none did.
        known: timestamp of the record that opened it.
        quantities: every figure that was in force during it.
    """

    __slots__ = ("closed", "known", "number", "opened", "opened_at", "quantities")

    def __init__(self, number: int, opened_at: int, opened: int, known: int, quantity: int) -> None:
        self.number = number
        self.opened_at = opened_at
        self.opened = opened
        self.closed = NEVER
        self.known = known
        self.quantities = {quantity}


class Entry:
    """A sign-up; repetitions with the same profile key and time are one.

    Attributes:
        identifiers: of the person, the profile key first.
        occurred_at: as it counts.
        priority: higher is told first.
        offset: of the first of its records.
        barrier: of that record.
        timestamp: of that record.
        times: how many records there are.
        expires: whether it may expire while the check's topics are filled.
    """

    __slots__ = (
        "barrier", "expires", "identifiers", "occurred_at",
        "offset", "priority", "times", "timestamp",
    )  # fmt: skip

    def __init__(
        self,
        identifiers: tuple[str, ...],
        occurred_at: int,
        priority: int,
        record: TopicRecord,
        barrier: int,
        *,
        expires: bool,
    ) -> None:
        self.identifiers = identifiers
        self.occurred_at = occurred_at
        self.priority = priority
        self.offset = record.offset
        self.timestamp = record.timestamp
        self.barrier = barrier
        self.times = 1
        self.expires = expires

    @property
    def person(self) -> str:
        """The profile key."""
        return self.identifiers[0]

    @property
    def rank(self) -> tuple[int, int, int]:
        """Where it stands in the queue: the lower, the sooner."""
        return -self.priority, self.occurred_at, self.offset


class SignOff:
    """A sign-off: identifiers, time, offset and barrier as of an `Entry`."""

    __slots__ = ("barrier", "identifiers", "occurred_at", "offset")

    def __init__(
        self, identifiers: tuple[str, ...], occurred_at: int, offset: int, barrier: int
    ) -> None:
        self.identifiers = identifiers
        self.occurred_at = occurred_at
        self.offset = offset
        self.barrier = barrier

    def covers(self, entry: Entry) -> bool:
        """Whether it takes the sign-up back, or refuses it when it comes later."""
        return self.occurred_at >= entry.occurred_at and any(
            identifier in entry.identifiers for identifier in self.identifiers
        )


class Variant:
    """Everything about a variant.

    Attributes:
        name: its id.
        cycles: in their order; number n is at n - 1.
        entries: by profile key and ``occurred_at``.
        sign_offs: by identifier.
        owners: the sign-ups with an identifier.
        open: the cycle at hand, while the history is read.
        starts: for each barrier the timestamp of its first record.
    """

    __slots__ = (
        "_at", "_sequence", "_total", "cycles", "entries",
        "name", "open", "owners", "partitions", "sign_offs", "starts",
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.cycles: list[Cycle] = []
        self.open: Cycle | None = None
        self.entries: dict[tuple[str, int], Entry] = {}
        self.owners: dict[str, list[Entry]] = {}
        self.sign_offs: dict[str, list[SignOff]] = {}
        self.starts: dict[int, int] = {}
        self.partitions: set[tuple[str, int]] = set()
        self._at, self._sequence, self._total = -1, 0, 0

    def figure(self, quantity: int, at: int, sequence: int, barrier: int, timestamp: int) -> None:
        """Apply a total, as docs/semantics.md section 2 says."""
        if (at, sequence) < (self._at, self._sequence):
            if self.open is not None and at > self.open.opened_at and quantity < 1:
                self._replace(self._at, barrier, timestamp)
            return
        self._at, self._sequence, self._total = at, sequence, quantity
        if quantity < 1:
            if self.open is not None:
                self.open.closed = barrier
                self.open = None
        elif self.open is None:
            self._replace(at, barrier, timestamp)
        else:
            self.open.quantities.add(quantity)

    def sign_up(self, entry: Entry) -> None:
        """Add a sign-up, or count one more record of it."""
        known = self.entries.setdefault((entry.person, entry.occurred_at), entry)
        if known is not entry:
            known.times += 1
            return
        for identifier in entry.identifiers:
            self.owners.setdefault(identifier, []).append(entry)

    def sign_off(self, sign_off: SignOff) -> None:
        """Add a sign-off."""
        for identifier in sign_off.identifiers:
            self.sign_offs.setdefault(identifier, []).append(sign_off)

    def _replace(self, opened_at: int, barrier: int, timestamp: int) -> None:
        if self.open is not None:
            self.open.closed = barrier
        self.open = Cycle(len(self.cycles) + 1, opened_at, barrier, timestamp, self._total)
        self.cycles.append(self.open)
