# SPDX-License-Identifier: Apache-2.0
"""The variants of a slot, by number and by id.

A variant's number is the place of its row in the tables of `waitlist.figures`. It never changes,
not even across restarts: redo records name variants by it. A variant that nobody has waited for,
and of which only totals are known, is nothing but its rows and its id.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from schemas.events import Integers
from waitlist.figures import Figures
from waitlist.policy import Policy
from waitlist.variant import Variant

__all__ = ["Variants"]


class Variants:
    """Finds variants, and makes those that are new.

    Args:
        policy_of: the settings in force for a variant.

    Attributes:
        ids: by number.
        numbers: by id.
        figures: the rows of all of them.
    """

    __slots__ = ("_objects", "_policy_of", "figures", "ids", "numbers")

    def __init__(self, policy_of: Callable[[str], Policy]) -> None:
        self.ids: list[str] = []
        self.numbers: dict[str, int] = {}
        self.figures = Figures()
        self._policy_of = policy_of
        self._objects: list[Variant | None] = []

    def __len__(self) -> int:
        """How many there are; any thread may ask."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Variant]:
        """Those that are more than rows, by number."""
        return (variant for variant in self._objects if variant is not None)

    def number(self, variant_id: str) -> int:
        """The number of a variant, a new one if need be."""
        number = self.numbers.get(variant_id)
        if number is None:
            number = len(self.ids)
            self.name([variant_id])
        return number

    def numbers_of(self, variant_ids: Sequence[str]) -> Integers:
        """The numbers of many, new ones if need be."""
        find = self.numbers.get
        numbers = list(map(find, variant_ids))
        if None in numbers:
            new = dict.fromkeys(one for one in variant_ids if one not in self.numbers)
            self.name(list(new))
            numbers = list(map(find, variant_ids))
        return np.array(numbers, np.int64)

    def name(self, variant_ids: Sequence[str]) -> None:
        """Give new variants the next numbers."""
        policies = map(self._policy_of, variant_ids)
        self.figures.add([policy.safety_stock + policy.min_quantity for policy in policies])
        first = len(self.ids)
        self.numbers.update(zip(variant_ids, range(first, first + len(variant_ids)), strict=True))
        self._objects.extend([None] * len(variant_ids))
        self.ids += variant_ids

    def get(self, variant_id: str) -> Variant:
        """The variant of an id, made when it is new."""
        return self.at(self.number(variant_id))

    def at(self, number: int) -> Variant:
        """The variant of a number that is in use."""
        known = self._objects[number]
        if known is None:
            variant_id = self.ids[number]
            known = Variant(number, variant_id, self._policy_of(variant_id), self.figures)
            self._objects[number] = known
        return known
