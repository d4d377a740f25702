# SPDX-License-Identifier: Apache-2.0
"""Relative changes of BigCommerce made absolute, where that is safe.

A change is added to the last absolute figure when it is clearly later than it. What it is told by
is its hash and its second: the hash alone is that of the change's content, the same whenever one
piece is sold. Two equal changes of one variant within a second cannot be told from one that was
sent twice, and count once; the next absolute figure mends that, as it does a change that was lost.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from connectors.inbound.records import Unfit

__all__ = ["Change", "Changes", "Figure"]

_MOST_VARIANTS: Final = 100_000
_MOST_CHANGES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A relative change.

    Attributes:
        amount: how many more, or fewer.
        second: when, in epoch seconds.
        hash: of the hook; None: it has none.
    """

    amount: int
    second: int
    hash: str | None


@dataclass(frozen=True, slots=True)
class Figure:
    """An absolute figure.

    Attributes:
        second: when it was true, in epoch seconds.
        sequence: which one it is of its variant.
    """

    quantity: int
    second: int
    sequence: int


@dataclass(slots=True)
class _Known:
    """The figure of a variant: `base` was so at `second`, `total` is so since `latest`."""

    base: int
    second: int
    total: int
    latest: int
    sequence: int = 0
    changes: dict[tuple[str, int], int] = field(default_factory=dict)

    def rest_on(self, base: int, second: int) -> None:
        """Take another figure, and keep the changes that are later."""
        self.base, self.second = base, second
        later = {each: amount for each, amount in self.changes.items() if each[1] > second}
        self.changes = later
        self.total = base + sum(later.values())
        self.latest = max((second, *(each for _, each in later)))

    def figure(self) -> Figure:
        self.sequence += 1
        return Figure(self.total, self.latest, self.sequence)


class Changes:
    """The last absolute figure of each variant, with the changes since.

    It is right only where every hook of a shop comes to one process. Kept are the 100,000 variants
    that were last heard of; of another, and after a restart, a change is refused until the next
    absolute figure.
    """

    def __init__(self) -> None:
        self._variants: OrderedDict[str, _Known] = OrderedDict()

    def set(self, variant_id: str, quantity: int, second: int) -> Figure:
        """Take an absolute figure; changes that are known to be later are added to it.

        Args:
            variant_id: ours.
            quantity: the figure.
            second: when it was true.
        """
        known = self._variants.get(variant_id)
        if known is None:
            known = self._variants[variant_id] = _Known(
                quantity, second, total=quantity, latest=second
            )
            if len(self._variants) > _MOST_VARIANTS:
                self._variants.popitem(last=False)
        elif second < known.second:
            # Stale; it changes nothing here, and is written as what it was.
            return Figure(quantity, second, 0)
        else:
            known.rest_on(quantity, second)
        self._variants.move_to_end(variant_id)
        return known.figure()

    def add(self, variant_id: str, change: Change) -> Figure:
        """Take a relative change; one that comes again leads to the figure as it is by now.

        That must be said again, since it may not have been written when the change first came.

        Raises:
            Unfit: there is nothing to add it to, it is not clearly later than that, it cannot be
                told from others, or there have been too many since.
        """
        known = self._variants.get(variant_id)
        if known is None:
            raise Unfit("no_base", "a relative change of a variant whose figure is not known")
        if change.second <= known.second:
            raise Unfit("before_base", "a relative change not clearly later than the known figure")
        if not change.hash:
            raise Unfit("no_hash", "a relative change without a hash cannot be told from others")
        identity = (change.hash, change.second)
        if identity in known.changes:
            return known.figure()
        if len(known.changes) >= _MOST_CHANGES:
            del self._variants[variant_id]
            raise Unfit("no_base", "too many relative changes since the last absolute figure")
        known.changes[identity] = change.amount
        known.total += change.amount
        known.latest = max(known.latest, change.second)
        self._variants.move_to_end(variant_id)
        return known.figure()
