# SPDX-License-Identifier: Apache-2.0
"""What a check of the topics comes to."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

__all__ = ["Kind", "Problem", "Verdict"]

Kind = Literal["lost", "duplicated", "reordered", "ineligible", "oversized", "offset", "foreign"]

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that must never happen.

    Attributes:
        kind: lost: somebody was not told, or a dead letter is missing; duplicated: somebody was
            told twice, or there are two dead letters of a record; reordered: told against the
            order of the queue; ineligible: told without a right to it; oversized: more people
            than the stock allowed, or stock that there never was; offset: an offset is ahead of
            what it must follow; foreign: a record that follows from nothing that was sent.
        what: one line with the variant, the person, the ids and the offsets.
    """

    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check.

    Attributes:
        subscriptions: distinct sign-ups that were sent.
        required: those that must have been told, whatever happened when.
        allowed: those for which the order of events decides, which the topics do not tell.
        notified: notifications that were found.
        problems: everything that is wrong; empty when all is well.
    """

    subscriptions: int
    required: int
    allowed: int
    notified: int
    problems: list[Problem] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """How many are missing."""
        return self.count("lost")

    @property
    def duplicated(self) -> int:
        """How many are there twice."""
        return self.count("duplicated")

    @property
    def reordered(self) -> int:
        """How many are out of order."""
        return self.count("reordered")

    def count(self, kind: Kind) -> int:
        """How many problems there are of a kind."""
        return sum(problem.kind == kind for problem in self.problems)

    def line(self) -> str:
        """Everything in one line."""
        counts = Counter(problem.kind for problem in self.problems)
        other = sum(counts.values()) - self.lost - self.duplicated - self.reordered
        text = (
            f"{self.subscriptions} subscriptions, {self.required} required, "
            f"{self.allowed} undecided, {self.notified} notified: {self.lost} lost, "
            f"{self.duplicated} duplicated, {self.reordered} reordered"
        )
        return f"{text}, {other} otherwise wrong" if other else text

    def text(self) -> str:
        """The line, and below it the first problems of each kind."""
        return "\n".join([self.line(), *self._shown()])

    def _shown(self) -> Iterator[str]:
        counts = Counter(problem.kind for problem in self.problems)
        for kind, count in counts.items():
            whats = [problem.what for problem in self.problems if problem.kind == kind]
            for what in whats[:_SHOWN]:
                yield f"  {kind}: {what}"
            if count > _SHOWN:
                yield f"  {kind}: and {count - _SHOWN} more"
