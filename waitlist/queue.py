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
and do not become slower with the length. Nearly everybody has priority 0 and is not parked:
their line has a place of its own, because each object on the way to it is a wait for memory.
"""

from collections.abc import Iterator
from typing import Final

from waitlist import entries
from waitlist.expiries import Expiries
from waitlist.line import Line, PackedLine, Person

__all__ = ["Expired", "Queue"]

_LEFT_AT_LEAST = 64
"""Expiries of people who have left that are not worth a new calendar."""

Expired = tuple[int, Person]
"""(priority, person) of an entry that has expired."""


_NOBODY: Final[dict[int, Line]] = {}
"""Shared by most queues: dictionaries of lines are replaced, never changed."""


class Queue:
    """Lines by priority, and the parked.

    Attributes:
        parked: those who take no part in the cycle `parked_in`, by priority.
        parked_in: the cycle in which somebody was parked last.
        parked_from: none of the parked has a lower arrival number. Those who were parked in an
            earlier cycle, and stand in the lines now, have.
    """

    __slots__ = ("_expiries", "_others", "_usual", "parked", "parked_from", "parked_in")

    def __init__(self) -> None:
        self._usual = Line()
        self._others = _NOBODY
        self.parked = _NOBODY
        self.parked_in = 0
        self.parked_from = 0
        self._expiries: Expiries | None = None

    def __len__(self) -> int:
        return sum(len(line) for _, line in self._all())

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        # Of the others, and the parked, lines are kept only while somebody stands in them.
        return bool(self._usual or self._others or self.parked)

    @property
    def lines(self) -> dict[int, Line]:
        """People by priority, as far as there are any, without the parked."""
        return {0: self._usual, **self._others} if self._usual else self._others

    def put(self, priority: int, person: Person, parked_in: int = 0) -> None:
        """Put a person in their place.

        Args:
            priority: 0 to 9.
            person: see `waitlist.line.Person`.
            parked_in: the cycle in which the entry takes no part; 0: it may take part in any.
        """
        time, number, payload = person
        line = self._usual
        if parked_in:
            line = self._parked_line(priority, number, parked_in)
        elif priority:
            line = self._line(priority)
        line.insert(time, number, payload)
        if entries.may_expire(payload):
            self._note_expiry(priority, person)

    def remove(self, priority: int, time: int, number: int) -> bytes | None:
        """Take an entry out and return its payload; None when it is not here."""
        for line in self._lines_of(priority):
            payload = line.remove(time, number)
            if payload is not None:
                self._drop_empty()
                return payload
        return None

    def holds(self, priority: int, time: int, number: int) -> bool:
        """Whether that entry is here."""
        for line in self._lines_of(priority):  # noqa: SIM110 - a generator is one call more
            if line.holds(time, number):
                return True
        return False

    def get(self, priority: int, time: int, number: int) -> bytes | None:
        """An entry's payload; None when it is not here."""
        for line in self._lines_of(priority):
            payload = line.get(time, number)
            if payload is not None:
                return payload
        return None

    def unpark(self, cycle: int) -> None:
        """Let the parked back into their lines, unless they are parked in ``cycle``."""
        if self.parked and self.parked_in != cycle:
            for priority, line in self.parked.items():
                own = self._line(priority)
                for person in line:
                    own.insert(*person)
            self.parked = _NOBODY

    def has_eligible(self, cycle: int, until: int) -> bool:
        """Whether somebody who may take part in ``cycle`` signed up at or before ``until``."""
        if self._usual and self._usual.first_time() <= until:
            return True
        if any(line.first_time() <= until for line in self._others.values()):
            return True
        if not self.parked or self.parked_in == cycle:
            return False
        return any(line.first_time() <= until for line in self.parked.values())

    def take(self, until: int, limit: int | None) -> list[tuple[int, Line]]:
        """Take the first ``limit`` (None: all) who signed up at or before ``until``."""
        taken: list[tuple[int, Line]] = []
        for priority in sorted(self._others, reverse=True):
            line = self._others[priority].take(until, limit)
            if line:
                taken.append((priority, line))
                if limit is not None:
                    limit -= len(line)
        line = self._usual.take(until, limit)
        if line:
            taken.append((0, line))
        self._drop_empty()
        return taken

    def take_expired(self, now: int, expired_before: int | None) -> Iterator[Expired]:
        """Take out everybody whose own expiry, or the policy's, has come.

        Args:
            now: on the clock.
            expired_before: ``now - expires_after``; None where nothing expires by policy.
        """
        if expired_before is not None:
            for priority, line in self._all():
                # Nobody is the usual answer, of every variant after a restart: it must be quick.
                if line.first_time() <= expired_before:
                    for person in line.take(expired_before):
                        yield priority, person
            self._drop_empty()
        if self._expiries is not None:
            for priority, time, number in self._expiries.take_due(now):
                payload = self.remove(priority, time, number)
                if payload is not None:
                    yield priority, (time, number, payload)

    def next_expiry(self, expires_after: int | None) -> int | None:
        """A time at or before which nobody expires; None when nobody ever does."""
        times = []
        if expires_after is not None:
            times = [line.first_time() + expires_after for _, line in self._all()]
        own = None if self._expiries is None else self._expiries.next()
        return min(times if own is None else [*times, own], default=None)

    def restore_line(self, priority: int, packed: PackedLine, *, parked: bool) -> None:
        """Take over a whole line."""
        line = Line.unpack(packed)
        if parked:
            self.parked = {**self.parked, priority: line}
        elif priority:
            self._others = {**self._others, priority: line}
        else:
            self._usual = line
        if entries.may_expire(packed[-1]):
            for person in line:
                if entries.may_expire(person[-1]):
                    self._note_expiry(priority, person)

    def _all(self) -> list[tuple[int, Line]]:
        """(priority, line) of all lines in which somebody stands, the parked last."""
        usual = [(0, self._usual)] if self._usual else []
        return [*usual, *self._others.items(), *self.parked.items()]

    def _line(self, priority: int) -> Line:
        """The line of that priority, made when there is none."""
        if not priority:
            return self._usual
        if priority not in self._others:
            self._others = {**self._others, priority: Line()}
        return self._others[priority]

    def _parked_line(self, priority: int, number: int, parked_in: int) -> Line:
        """The line for somebody who is parked."""
        self.unpark(parked_in)
        if not self.parked:
            self.parked_in, self.parked_from = parked_in, number
        if priority not in self.parked:
            self.parked = {**self.parked, priority: Line()}
        return self.parked[priority]

    def _lines_of(self, priority: int) -> list[Line]:
        """Where an entry of that priority may be."""
        own = self._others.get(priority) if priority else self._usual
        parked = self.parked.get(priority)
        return [line for line in (own, parked) if line is not None]

    def _drop_empty(self) -> None:
        """See `__bool__`."""
        if self._others:
            self._others = {at: line for at, line in self._others.items() if line}
        if self.parked:
            self.parked = {at: line for at, line in self.parked.items() if line}

    def _note_expiry(self, priority: int, person: Person) -> None:
        time, number, payload = person
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
        for priority, line in self._all():
            for time, number, payload in line:
                expires_at = entries.expires_at(payload)
                if expires_at is not None:
                    self._expiries.add(expires_at, priority, time, number)
