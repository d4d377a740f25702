# SPDX-License-Identifier: Apache-2.0
"""A shop's records without end, made from a seed: what the program is tortured with.

Everything but the wall clock follows from the seed. Each sign-up is by a person of its own,
unless it repeats an earlier record on purpose, so that the checker can tell from the topics who
had to be told.

Every valid record carries an ``event_id`` such as ``b12.3456``: its *barrier* and its number. The
barrier grows by one after each round that is settled: of a variant, all records of a lower
barrier had been consumed for good before the first of a higher one was produced. The checker's
certainty rests on that. Rounds must therefore be produced in the order in which they were made
(those of a `hot_wave` may come at any time), and a settled one must really be waited for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, Literal

from tests.torture.people import People, Person

__all__ = ["PER_UNIT", "Policy", "Produce", "Round", "Scenario"]

Policy = Literal["all", "waves"]
Topic = Literal["inventory", "subscriptions"]

PER_UNIT: Final = 3
"""People told for each unit in stock, with the policy "waves"."""

_WAVES_TOML: Final = f'[policy]\nper_unit = {PER_UNIT}\nwait = "200ms"\n'
_FEWEST, _MOST = 100, 400
_SHARE_OF_STOCK: Final = 0.35
_SHARE_SETTLED: Final = 0.35
_ENOUGH: Final = 200_000
_BROKEN: Final = (
    b"",
    b"not json",
    b"\xff\xfe",
    b"[]",
    b"17",
    b'{"variant_id":"x"',
    b'{"variant_id":7,"quantity":1,"type":"subscribe","occurred_at":1790000000000}',
    b'{"quantity":1,"type":"subscribe","profile":{"id":"nobody"},"occurred_at":1790000000000}',
    b'{"variant_id":"x","quantity":1,"type":"subscribe","profile":{"id":"early"},"occurred_at":9}',
    b'{"variant_id":"x","quantity":"1","type":"sub","profile":{},"occurred_at":1790000000000}',
)
"""Values that are valid in neither topic."""


@dataclass(frozen=True, slots=True)
class Produce:
    """A record to be produced.

    Attributes:
        topic: the role of the topic.
        key: the record's key, which decides the partition.
        value: the record's value; None for a tombstone.
    """

    topic: Topic
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Round:
    """Records that belong together, in the order in which they are produced.

    Attributes:
        number: of the round, from 1.
        records: what to produce.
        settle: whether the group's offsets must have reached the ends of both topics before
            anything else is produced.
    """

    number: int
    records: list[Produce]
    settle: bool


class _Variant:
    """A variant as the shop's platform sees it: its last figure, and one to be sent again."""

    __slots__ = ("again", "at", "key", "name", "quantity")

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = name.encode()
        self.quantity = 0
        self.at = 0
        self.again: tuple[int, int, int] | None = None


class Scenario:
    """Makes the records of one run.

    Args:
        seed: decides everything but the times.
        variants: how many there are; some are far more popular than others.
        policy: "all": everybody is told at once; "waves": a few people a unit, with short waits.
        hot_people: how many sign up for the one variant of a `hot_wave`.

    Attributes:
        policy_toml: the ``[policy]`` table for the configuration file; "" for the defaults.
        per_unit: the people told for each unit in stock; None: all.
    """

    def __init__(
        self, seed: int, *, variants: int = 200, policy: Policy, hot_people: int = 0
    ) -> None:
        self.per_unit = PER_UNIT if policy == "waves" else None
        self.policy_toml = _WAVES_TOML if policy == "waves" else ""
        self._random = Random(seed)
        self._people = People(Random(seed + 1), f"p{seed}")
        self._popular = [_Variant(f"$custom:::$default:::V{n}") for n in range(variants)]
        self._weights = list(accumulate(1 / rank for rank in range(1, variants + 1)))
        self._hot_people = hot_people
        self._hot: list[_Variant] = []
        self._barrier = 0
        self._hot_barrier = 0
        self._rounds = 0
        self._numbers = 0

    def rounds(self, now: Callable[[], int]) -> Iterator[Round]:
        """Rounds without end.

        Args:
            now: the wall clock in epoch milliseconds.
        """
        random = self._random.random
        while True:
            at = now()
            records: list[Produce] = []
            size = self._random.randrange(_FEWEST, _MOST)
            for variant in self._random.choices(self._popular, cum_weights=self._weights, k=size):
                if random() < _SHARE_OF_STOCK:
                    self._stock(records, self._random.choice(self._popular), at)
                else:
                    self._person(records, variant, at)
            yield self._round(records, settle=random() < _SHARE_SETTLED)

    def hot_wave(self, now: Callable[[], int]) -> list[Round]:
        """Sign-ups of many people for one new variant, settled; then its one restock.

        Its barriers say nothing about other variants: a round of `rounds` that has been made may
        be produced before or after it.

        Args:
            now: the wall clock in epoch milliseconds.
        """
        variant = _Variant(f"$custom:::$default:::HOT{len(self._hot)}")
        self._hot.append(variant)
        barrier = max(self._barrier, self._hot_barrier)
        self._hot_barrier = barrier + 1
        at = now()
        records = [
            self._signs_up(self._people.new(variant.name, variant.key, keep=False), at, barrier)
            for _ in range(self._hot_people)
        ]
        enough = self._hot_people // (self.per_unit or 1) + 1
        restock = [self._figure(variant, enough, now(), barrier + 1)]
        self._rounds += 2
        return [
            Round(self._rounds - 1, records, settle=True),
            Round(self._rounds, restock, settle=False),
        ]

    def closing(self, now: Callable[[], int]) -> list[Round]:
        """A new cycle for every variant, with stock for all who wait.

        Args:
            now: the wall clock in epoch milliseconds.
        """
        self._barrier = max(self._barrier, self._hot_barrier)
        rounds = []
        for quantity in (0, _ENOUGH):
            at = now()
            records = [
                self._figure(variant, quantity, at, self._barrier)
                for variant in [*self._popular, *self._hot]
            ]
            rounds.append(self._round(records, settle=True))
        return rounds

    def _round(self, records: list[Produce], *, settle: bool) -> Round:
        self._rounds += 1
        self._barrier += settle
        return Round(self._rounds, records, settle)

    def _event_id(self, barrier: int) -> str:
        self._numbers += 1
        return f"b{barrier}.{self._numbers}"

    def _stock(self, records: list[Produce], variant: _Variant, now: int) -> None:
        random, barrier = self._random, self._barrier
        chance = random.random()
        if chance < 0.02:
            records.append(self._broken("inventory", variant))
        elif chance < 0.03:
            records.append(Produce("inventory", variant.key, None))
        elif chance < 0.10 and variant.again is not None:
            # Delivered once more, perhaps long after later figures.
            records.append(self._inventory(variant, *variant.again, barrier))
        elif chance < 0.18 and variant.at:
            late = variant.at - random.randrange(4_000)
            quantity, sequence = random.choice((0, 0, 1, 7)), random.randrange(3)
            records.append(self._inventory(variant, quantity, late, sequence, barrier))
        elif chance < 0.30:
            # There and gone again.
            flash = (0, random.randrange(1, 6), 0)
            records += [self._figure(variant, quantity, now, barrier) for quantity in flash]
        else:
            sold = variant.quantity - random.randrange(1, 4)
            arrived = random.randrange(-25, 25)
            quantity = max(0, sold if variant.quantity else arrived)
            records.append(self._figure(variant, quantity, now, barrier))

    def _figure(self, variant: _Variant, quantity: int, now: int, barrier: int) -> Produce:
        variant.quantity, variant.at = quantity, max(now, variant.at + 1)
        figure = (quantity, variant.at, 0)
        if self._random.random() < 0.2:
            variant.again = figure
        return self._inventory(variant, *figure, barrier)

    def _inventory(
        self, variant: _Variant, quantity: int, at: int, sequence: int, barrier: int
    ) -> Produce:
        value = (
            f'{{"variant_id":"{variant.name}","quantity":{quantity},"occurred_at":{at},'
            f'"sequence":{sequence},"event_id":"{self._event_id(barrier)}"}}'
        )
        return Produce("inventory", variant.key, value.encode())

    def _person(self, records: list[Produce], variant: _Variant, now: int) -> None:
        chance = self._random.random()
        known = self._people.anybody() if chance > 0.8 else None
        if known is None:
            person = self._people.new(variant.name, variant.key)
            records.append(self._signs_up(person, now, self._barrier))
        elif chance < 0.87:
            value = self._people.repeat(known, self._event_id(self._barrier))
            records.append(Produce("subscriptions", known.key, value.encode()))
        elif chance < 0.92:
            records.append(self._signs_up(known, now, self._barrier))
        elif chance < 0.97:
            value = self._people.sign_off(known, now, self._event_id(self._barrier))
            records.append(Produce("subscriptions", known.key, value.encode()))
        elif chance < 0.99:
            records.append(self._broken("subscriptions", variant))
        else:
            records.append(Produce("subscriptions", variant.key, None))

    def _signs_up(self, person: Person, now: int, barrier: int) -> Produce:
        value = self._people.sign_up(person, now, self._event_id(barrier))
        return Produce("subscriptions", person.key, value.encode())

    def _broken(self, topic: Topic, variant: _Variant) -> Produce:
        return Produce(topic, variant.key, self._random.choice(_BROKEN))
