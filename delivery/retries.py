# SPDX-License-Identifier: Apache-2.0
"""When a message is tried again: exponential back-off with full jitter, bounded in time.

Full jitter, so that those who failed together do not come back together
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["Retries"]

_LARGEST_POWER: Final = 40


@dataclass(frozen=True, slots=True)
class Retries:
    """The schedule.

    Attributes:
        first: the longest pause before the second attempt, in milliseconds; doubled each time.
        longest: no pause is longer.
        within: how long after the first attempt the last one may be.
        uniform: gives a random number between two others.
    """

    first: int
    longest: int
    within: int
    uniform: Callable[[float, float], float]

    def next_at(
        self, attempts: int, first_attempt_at: int, now: int, wait: float | None
    ) -> int | None:
        """When to try again, in epoch milliseconds.

        Args:
            attempts: how many there have been, at least 1.
            first_attempt_at: when the first was.
            now: when the last one failed.
            wait: what the receiver asked for, in seconds; kept to even beyond `longest`.

        Returns:
            None when the time is up.
        """
        cap = min(self.longest, self.first * 2 ** min(attempts - 1, _LARGEST_POWER))
        pause = self.uniform(0, cap)
        if wait is not None:
            # All who were told the same time to wait must not come back in the same instant.
            pause = wait * 1000 + self.uniform(0, min(cap, self.first))
        at = now + round(pause)
        return at if at <= first_attempt_at + self.within else None
