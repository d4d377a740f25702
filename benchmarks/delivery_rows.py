# SPDX-License-Identifier: Apache-2.0
"""Figures of the sections about delivery, and in which order they are measured."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.delivered import Delivery
from benchmarks.report import Row

__all__ = ["NOTES", "Measure", "in_rounds", "rows_of"]

Measure = Callable[[], Delivery]
"""Lets one contender do the errand once."""

NOTES = (
    "CPU: user and system time of the program and its helpers, without receiver and broker.",
    "taken in: notifications from Kafka into the ledger, before the gate is opened.",
    "All messages were checked: everybody got theirs, once.",
)

_MILLION = 1_000_000


def in_rounds(contenders: Mapping[str, Measure], rounds: int) -> dict[str, list[Delivery]]:
    """Measure every contender in turn, in every round."""
    runs: dict[str, list[Delivery]] = {name: [] for name in contenders}
    for number in range(rounds):
        # The order alternates, so that what the machine does to the first is not one's alone.
        for name in list(contenders)[:: -1 if number % 2 else 1]:
            runs[name].append(contenders[name]())
    return runs


def rows_of(
    name: str, own: Sequence[Delivery], bare: Sequence[Delivery], most: float = float("inf")
) -> list[Row]:
    """The figures of one contender.

    Args:
        name: of it.
        own: its runs.
        bare: those of the bare loop in the same rounds, which may be the same.
        most: messages a second that nobody can exceed.
    """
    rows = [Row(name, "messages a second", "1/s", [each.rate for each in own], 0)]
    pairs = list(zip(own, bare, strict=True))
    if own is not bare:
        shares = [mine.rate / min(most, floor.rate) for mine, floor in pairs]
        rows.append(Row(name, "share of what is possible", "x", shares))
    rows.append(Row(name, "CPU a message", "us", [each.cpu for each in own], 0))
    if own is not bare:
        rows.append(Row(name, "CPU, of the bare loop's", "x", [m.cpu / b.cpu for m, b in pairs]))
    receiver = [each.receiver_cpu_seconds / each.messages * _MILLION for each in own]
    rows.append(Row(name, "CPU of the receiver a message", "us", receiver, 0))
    rows.append(Row(name, "most memory", "MiB", [each.peak_mebibytes for each in own], 0))
    intakes = [each.intake for each in own if each.intake is not None]
    if intakes:
        rates, cpus = [each.rate for each in intakes], [each.cpu for each in intakes]
        rows.append(Row(name, "taken in", "1/s", rates, 0))
        rows.append(Row(name, "CPU a notification taken in", "us", cpus, 0))
    return rows
