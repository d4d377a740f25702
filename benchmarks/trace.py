# SPDX-License-Identifier: Apache-2.0
"""The job that all contenders do: who signs up for what, and how stock moves. Seeded.

Variants are picked with a popularity of ``(rank + 10) ** -0.7``, by events and by people alike.
Each is sold out until a random point of the trace; then stock of one to six pieces comes back,
is sold piece by piece, and comes back again, so that over the whole trace some 11 % of the events
are restocks. The last event of a variant that was ever in stock leaves it in stock: then everybody
who waits for it has been told, however the events fell into batches. All sign-ups are older than
the first event.

The last record of each partition restocks a sentinel, a variant of its own with one person
waiting: when the sentinels are told, all input has been read.
"""

import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from schemas.timestamps import format_timestamp

__all__ = ["SENTINELS", "Person", "Trace", "TraceSizes", "make_trace", "person_of", "variant_name"]

SENTINELS = 4
"""As many as the topics have partitions."""

_SEED = 20_261_120
_LARGEST_RESTOCK = 6
_REPEATS = 0.03


@dataclass(frozen=True, slots=True)
class TraceSizes:
    """How large the job is.

    Attributes:
        variants: variants with stock.
        people: people waiting, each for one variant; 3 % of them sign up a second time.
        events: inventory events of the whole trace.
    """

    variants: int
    people: int
    events: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody waiting.

    Attributes:
        profile_id: their ``profile.id``.
        email: their address.
    """

    profile_id: str
    email: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A job, or the first part of one.

    Attributes:
        started_at: when the first event occurred, in epoch milliseconds; event ``i`` occurred
            ``i`` milliseconds later, and the sign-ups one millisecond apart before it.
        variants: how many there are, without sentinels.
        wanted: the variant that each person waits for; sentinels' people come last.
        sign_ups: the people in the order in which they sign up; a repeat comes later again.
        picks: the variant of each inventory event.
        quantities: its stock figure.
    """

    started_at: int
    variants: int
    wanted: "array[int]"
    sign_ups: "array[int]"
    picks: "array[int]"
    quantities: "array[int]"

    def signed_up_at(self, number: int) -> int:
        """When the sign-up of this number occurred, in epoch milliseconds."""
        return self.started_at - len(self.sign_ups) + number

    def stock_figures(self) -> Iterator[tuple[int, int]]:
        """Yield variant and quantity of each inventory event, in order, then the sentinels'."""
        yield from zip(self.picks, self.quantities, strict=True)
        yield from ((self.variants + number, 1) for number in range(SENTINELS))

    def sign_up_records(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value of each subscription record, in order."""
        for number, person in enumerate(self.sign_ups):
            yield self._sign_up_record(number, person)

    def sentinel_sign_ups(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield partition, key and value of the sentinels' sign-ups, beside their stock.

        By their keys they are in some other partition as well, which another shard may read.
        """
        for number, person in enumerate(self.sign_ups):
            partition = self.wanted[person] - self.variants
            if partition >= 0:
                yield (partition, *self._sign_up_record(number, person))

    def _sign_up_record(self, number: int, person: int) -> tuple[bytes, bytes]:
        variant = variant_name(self.wanted[person])
        who = person_of(person)
        value = (
            f'{{"event_id":"sign-up-{number:07d}","type":"subscribe","variant_id":"{variant}",'
            f'"profile":{{"id":"{who.profile_id}","email":"{who.email}"}},'
            f'"occurred_at":"{format_timestamp(self.signed_up_at(number))}"}}'
        )
        return variant.encode(), value.encode()

    def inventory_records(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value of each inventory record, in order, without the sentinels'."""
        for number, (variant, quantity) in enumerate(zip(self.picks, self.quantities, strict=True)):
            yield self._inventory_record(number, variant, quantity)

    def sentinel_records(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield partition, key and value of the last record of each partition."""
        for partition in range(SENTINELS):
            number = len(self.picks) + partition
            yield (partition, *self._inventory_record(number, self.variants + partition, 1))

    def _inventory_record(self, number: int, variant: int, quantity: int) -> tuple[bytes, bytes]:
        name = variant_name(variant)
        value = (
            f'{{"event_id":"event-{number:08d}","variant_id":"{name}","quantity":{quantity},'
            f'"occurred_at":"{format_timestamp(self.started_at + number)}","source":"bench"}}'
        )
        return name.encode(), value.encode()


@lru_cache(maxsize=200_000)
def variant_name(variant: int) -> str:
    """The id of a variant by its number."""
    return f"$custom:::$default:::SKU-{variant:06d}"


def person_of(number: int) -> Person:
    """The person of a number."""
    return Person(f"person-{number:07d}", f"person-{number:07d}@example.com")


def make_trace(sizes: TraceSizes, started_at: int, first: int | None = None) -> Trace:
    """Make the job up; the same arguments give the same job.

    Args:
        sizes: how large the whole job is.
        started_at: when its first event occurred, in epoch milliseconds.
        first: keep only so many events of the whole; None: all.
    """
    rng = random.Random(_SEED)
    variants = range(sizes.variants)
    weights = list(accumulate((rank + 10) ** -0.7 for rank in variants))
    wanted = array("I", rng.choices(variants, cum_weights=weights, k=sizes.people))
    wanted.extend(range(sizes.variants, sizes.variants + SENTINELS))
    sign_ups = array("I")
    for person in range(len(wanted)):
        sign_ups.append(person)
        if rng.random() < _REPEATS:
            sign_ups.append(rng.randint(0, person))
    comes_back = [rng.random() * sizes.events for _ in variants]
    picks = array("I", rng.choices(variants, cum_weights=weights, k=sizes.events))[:first]
    quantities = _quantities(picks, comes_back, rng)
    return Trace(started_at, sizes.variants, wanted, sign_ups, picks, quantities)


def _quantities(picks: "array[int]", comes_back: list[float], rng: random.Random) -> "array[int]":
    left = array("I", bytes(4 * len(comes_back)))
    for variant in picks:
        left[variant] += 1
    stock = array("I", bytes(4 * len(comes_back)))
    quantities = array("I")
    for number, variant in enumerate(picks):
        left[variant] -= 1
        if number < comes_back[variant]:
            quantities.append(0)
            continue
        quantity = stock[variant]
        if quantity == 0:
            quantity = rng.randint(1, _LARGEST_RESTOCK)
        elif quantity > 1 or left[variant]:
            quantity -= 1
        stock[variant] = quantity
        quantities.append(quantity)
    return quantities
