# SPDX-License-Identifier: Apache-2.0
"""The people who wait for one variant (docs/semantics.md section 3).

Order: higher priority first, then earlier ``occurred_at``, then earlier arrival. Those
who may take part in the open cycle are a prefix of each priority's line, because
eligibility is a bound on ``occurred_at``. Entries that joined in a cycle in which
their person had been told already are *parked* beside the lines until that cycle is
over: so a wave never steps over anybody, and its start costs by the block of people
taken, not by the length of the queue.

A million people with an id and an email address take about 70 MB here and 60 MB in
the identifier index; a sign-up, a duplicate, a sign-off and the start of a wave bisect
and do not become slower with the length.
"""

from collections.abc import Iterator

from waitlist import entries
from waitlist.expiries import Expiries
from waitlist.line import Line, PackedLine, Person

__all__ = ["Expired", "Queue"]

_LEFT_AT_LEAST = 64
"""Expiries of people who have left that are not worth a new calendar."""

Expired = tuple[int, Person]
"""(priority, person) of an entry that has expired."""


class Queue:
    """Lines by priority, and the parked.

    Attributes:
        lines: people by priority.
        parked: those who take no part in the cycle `parked_in`.
        parked_in: the cycle in which somebody was parked last.
        parked_from: none of the parked has a lower arrival number. Those who were parked in an
            earlier cycle, and stand in the lines now, have.
    """

    __slots__ = ("_expiries", "lines", "parked", "parked_from", "parked_in")

    def __init__(self) -> None:
        self.lines: dict[int, Line] = {}
        self.parked: dict[int, Line] = {}
        self.parked_in = 0
        self.parked_from = 0
        self._expiries: Expiries | None = None

    def __len__(self) -> int:
        length = 0
        for line in self.lines.values():
            length += len(line)
        for line in self.parked.values():
            length += len(line)
        return length

    def __bool__(self) -> bool:
        """Whether anybody waits. Lines are kept only while somebody stands in them."""
        return bool(self.lines or self.parked)

    def put(self, priority: int, person: Person, parked_in: int = 0) -> None:
        """Put a person in their place.

        Args:
            priority: 0 to 9.
            person: see `waitlist.line.Person`.
            parked_in: the cycle in which the entry takes no part; 0: it may take part in any.
        """
        lines = self.lines
        if parked_in:
            self.unpark(parked_in)
            if not self.parked:
                self.parked_in, self.parked_from = parked_in, person[1]
            lines = self.parked
        if priority not in lines:
            lines[priority] = Line()
        lines[priority].insert(*person)
        self._note_expiry(priority, person)

    def remove(self, priority: int, time: int, number: int) -> bytes | None:
        """Take an entry out and return its payload; None when it is not here."""
        for lines in (self.lines, self.parked):
            if priority in lines and (payload := lines[priority].remove(time, number)) is not None:
                if not lines[priority]:
                    del lines[priority]
                return payload
        return None

    def holds(self, priority: int, time: int, number: int) -> bool:
        """Whether that entry is here."""
        return any(
            priority in lines and lines[priority].holds(time, number)
            for lines in (self.lines, self.parked)
        )

    def get(self, priority: int, time: int, number: int) -> bytes | None:
        """An entry's payload; None when it is not here."""
        for lines in (self.lines, self.parked):
            if priority in lines and (payload := lines[priority].get(time, number)) is not None:
                return payload
        return None

    def unpark(self, cycle: int) -> None:
        """Let the parked back into their lines, unless they are parked in ``cycle``."""
        if self.parked and self.parked_in != cycle:
            for priority, line in self.parked.items():
                for person in line:
                    self.lines.setdefault(priority, Line()).insert(*person)
            self.parked = {}

    def has_eligible(self, cycle: int, until: int) -> bool:
        """Whether somebody who may take part in ``cycle`` signed up at or before ``until``."""
        for line in self.lines.values():
            if line.first_time() <= until:
                return True
        if not self.parked or self.parked_in == cycle:
            return False
        return any(line.first_time() <= until for line in self.parked.values())

    def take(self, until: int, limit: int | None) -> list[tuple[int, Line]]:
        """Take the first ``limit`` (None: all) who signed up at or before ``until``."""
        taken: list[tuple[int, Line]] = []
        for priority in sorted(self.lines, reverse=True):
            line = _take(self.lines, priority, until, limit)
            if limit is not None:
                limit -= len(line)
            if line:
                taken.append((priority, line))
        return taken

    def take_expired(self, now: int, expired_before: int | None) -> Iterator[Expired]:
        """Take out everybody whose own expiry, or the policy's, has come.

        Args:
            now: on the clock.
            expired_before: ``now - expires_after``; None where nothing expires by policy.
        """
        if expired_before is not None:
            for lines in (self.lines, self.parked):
                # Nobody is the usual answer, of every variant after a restart: it must be quick.
                come = [at for at, line in lines.items() if line.first_time() <= expired_before]
                for priority in come:
                    for person in _take(lines, priority, expired_before, None):
                        yield priority, person
        if self._expiries is not None:
            for priority, time, number in self._expiries.take_due(now):
                payload = self.remove(priority, time, number)
                if payload is not None:
                    yield priority, (time, number, payload)

    def next_expiry(self, expires_after: int | None) -> int | None:
        """A time at or before which nobody expires; None when nobody ever does."""
        times = []
        if expires_after is not None:
            times = [
                line.first_time() + expires_after
                for lines in (self.lines, self.parked)
                for line in lines.values()
            ]
        own = None if self._expiries is None else self._expiries.next()
        return min(times if own is None else [*times, own], default=None)

    def restore_line(self, priority: int, packed: PackedLine, *, parked: bool) -> None:
        """Take over a whole line."""
        line = Line.unpack(packed)
        (self.parked if parked else self.lines)[priority] = line
        if entries.may_expire(packed[-1]):
            for person in line:
                self._note_expiry(priority, person)

    def _note_expiry(self, priority: int, person: Person) -> None:
        time, number, payload = person
        if not entries.may_expire(payload):
            return
        expires_at = entries.expires_at(payload)
        if expires_at is not None:
            if self._expiries is None:
                self._expiries = Expiries()
            self._expiries.add(expires_at, priority, time, number)
            if len(self._expiries) > 2 * len(self) + _LEFT_AT_LEAST:
                self._forget_who_left()

    def _forget_who_left(self) -> None:
        """Make the calendar anew, of those who are here."""
        self._expiries = Expiries()
        for lines in (self.lines, self.parked):
            for priority, line in lines.items():
                for time, number, payload in line:
                    expires_at = entries.expires_at(payload)
                    if expires_at is not None:
                        self._expiries.add(expires_at, priority, time, number)


def _take(lines: dict[int, Line], priority: int, until: int, limit: int | None) -> Line:
    taken = lines[priority].take(until, limit)
    if not lines[priority]:
        del lines[priority]
    return taken
