# SPDX-License-Identifier: Apache-2.0
"""A circuit breaker for one receiver: while it fails, it is left alone, and now and then probed."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Breaker", "BreakerPlan"]

_LARGEST_POWER: Final = 20


@dataclass(frozen=True, slots=True)
class BreakerPlan:
    """When it opens, and for how long.

    Attributes:
        in_a_row: failures without a success between them that open it.
        window: of how many answers `ratio` is taken.
        ratio: share of failures among them that opens it.
        pause: how long it stays open at first, in seconds; doubled with every failed probe.
        longest_pause: and at most.
        closes_after: successes in a row that close it again.
        refused_in_a_row: messages refused for good, without a success between them, that open it:
            then it is not the messages that are wrong.
    """

    in_a_row: int = 10
    window: int = 50
    ratio: float = 0.7
    pause: float = 5.0
    longest_pause: float = 60.0
    closes_after: int = 3
    refused_in_a_row: int = 50


class Breaker:
    """Closed: everything passes. Open: nothing. Half-open: one at a time, to see.

    Args:
        plan: when it opens, and for how long.
        clock: seconds that only grow.
        uniform: gives a random number between two others.
    """

    def __init__(
        self,
        plan: BreakerPlan,
        clock: Callable[[], float],
        uniform: Callable[[float, float], float],
    ) -> None:
        """Begin closed."""
        self._plan = plan
        self._clock = clock
        self._uniform = uniform
        self._answers: deque[bool] = deque(maxlen=plan.window)
        self._failed_in_a_row = 0
        self._refused_in_a_row = 0
        self._opened = 0
        self._open_until: float | None = None
        self._probes = 0
        self._good = 0

    @property
    def is_closed(self) -> bool:
        """Whether the receiver counts as well."""
        return self._open_until is None

    def pause(self) -> float:
        """For how many seconds nothing may pass; 0: now."""
        if self._open_until is None:
            return 0.0
        left = self._open_until - self._clock()
        if left > 0:
            return left
        return self._plan.pause if self._probes else 0.0

    def passed(self) -> None:
        """A message is about to be sent."""
        if self._open_until is not None:
            self._probes += 1

    def undone(self) -> None:
        """It was not sent after all, or its answer says nothing about the receiver."""
        self._probes = max(0, self._probes - 1)

    def good(self) -> None:
        """The receiver has answered as it should."""
        self._answers.append(True)
        self._failed_in_a_row = self._refused_in_a_row = 0
        if self._open_until is None:
            return
        self._probes = max(0, self._probes - 1)
        self._good += 1
        if self._good >= self._plan.closes_after:
            self._close()

    def refused(self) -> None:
        """The receiver has refused a message for good: the message's fault, if it is the only one.

        After many in a row it rather is the receiver's, or ours.
        """
        self._refused_in_a_row += 1
        if self._refused_in_a_row < self._plan.refused_in_a_row:
            self.undone()
        elif self._open_until is None:
            self._open()
        else:
            self.bad()

    def bad(self) -> None:
        """The receiver has failed."""
        self._answers.append(False)
        self._failed_in_a_row += 1
        if self._open_until is not None:
            self._probes = max(0, self._probes - 1)
            # Those that were on their way when it opened say nothing new.
            if self._clock() >= self._open_until:
                self._open()
        elif self._failed_in_a_row >= self._plan.in_a_row or self._mostly_bad():
            self._open()

    def _mostly_bad(self) -> bool:
        plan = self._plan
        failed = len(self._answers) - sum(self._answers)
        return len(self._answers) == plan.window and failed >= plan.ratio * plan.window

    def _open(self) -> None:
        plan = self._plan
        pause = min(plan.longest_pause, plan.pause * 2 ** min(self._opened, _LARGEST_POWER))
        self._opened += 1
        self._good = 0
        self._open_until = self._clock() + pause * self._uniform(0.8, 1.2)

    def _close(self) -> None:
        self._open_until = None
        self._opened = self._probes = self._good = 0
        self._failed_in_a_row = self._refused_in_a_row = 0
        self._answers.clear()
