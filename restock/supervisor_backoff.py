# SPDX-License-Identifier: Apache-2.0
"""How long to wait before what has died is started again."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["BackOff", "Pauses"]


@dataclass(frozen=True, slots=True)
class Pauses:
    """The bounds, in seconds.

    Attributes:
        first: The pause after the first death; each further one doubles it.
        longest: No pause is longer.
        well: Whoever has run for so long begins again with the first pause.
    """

    first: float = 1.0
    longest: float = 60.0
    well: float = 60.0


class BackOff:
    """The pauses of one shard.

    Args:
        pauses: Their bounds.
        random: Draws from 0 up to 1. Up to half of a pause is left out by chance, so that shards
            which died together do not come back together.
    """

    def __init__(self, pauses: Pauses, random: Callable[[], float]) -> None:
        self._pauses = pauses
        self._random = random
        self._next = pauses.first

    def pause(self, ran: float) -> float:
        """Return how long to wait now, and wait longer the next time.

        Args:
            ran: For how many seconds it ran, without those it took to start.
        """
        if ran >= self._pauses.well:
            self._next = self._pauses.first
        whole = min(self._next, self._pauses.longest)
        self._next = min(2 * self._next, self._pauses.longest)
        return self._shortened(whole)

    def longest(self) -> float:
        """Return the pause for what somebody must mend first."""
        self._next = self._pauses.longest
        return self._shortened(self._next)

    def _shortened(self, whole: float) -> float:
        return whole * (1 - self._random() / 2)
