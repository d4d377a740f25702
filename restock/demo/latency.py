# SPDX-License-Identifier: Apache-2.0
"""How long it took from stock that came back to people told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from restock.demo.evidence import Wave
from restock.demo.stock_history import StockState
from waitlist.policy import PolicyBook

__all__ = ["Latency", "latency_of", "restock_to_told"]


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of durations, in milliseconds.

    Attributes:
        count: How many durations.
        median: Half of them are at most this long.
        p99: 99 of 100 are at most this long.
        longest: The longest.
    """

    count: int
    median: int
    p99: int
    longest: int


def latency_of(durations: Iterable[int]) -> Latency | None:
    """Return the distribution of durations (milliseconds); None when there are none."""
    ordered = sorted(durations)
    if not ordered:
        return None
    last = len(ordered) - 1
    return Latency(len(ordered), ordered[last // 2], ordered[last * 99 // 100], ordered[last])


def restock_to_told(
    waves: Mapping[str, Sequence[Wave]],
    stock: Mapping[str, Sequence[StockState]],
    policies: PolicyBook,
) -> Iterator[int]:
    """Yield for each person of a first wave the milliseconds since the stock came back.

    From the timestamp of the inventory record that opened the cycle to that of the notification.
    Waves that their rule held back (`dwell`, or `wait` since a wave of the cycle before) and later
    waves are left out: those are meant to wait.

    Args:
        waves: The waves of each variant, in order.
        stock: The states of each variant's stock.
        policies: The rules.
    """
    for variant_id, of_variant in waves.items():
        policy = policies.for_variant(variant_id)
        opened = {state.cycle: state.opening_known_from for state in stock.get(variant_id, ())}
        free_from = 0
        for wave in of_variant:
            since = opened.get(wave.cycle)
            if wave.number == 1 and since is not None and not policy.dwell and since >= free_from:
                yield from (note.written_at - since for note in wave.people)
            free_from = wave.first.triggered_at + policy.wait
