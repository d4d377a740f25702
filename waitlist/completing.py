# SPDX-License-Identifier: Apache-2.0
"""What an image of version 1 leaves out, found again from what it holds.

There each person told has markers of their own, so nothing is missing of those who were handed
over. Those who wait, or are in a wave on its way out, get their standing and what the wave took.
"""

from waitlist import entries, tags
from waitlist.index import fingerprint
from waitlist.line import Line
from waitlist.state import State
from waitlist.told import TakenWave
from waitlist.variant import Variant

__all__ = ["complete"]


def complete(state: State) -> None:
    """Add to a state that was loaded what version 2 knows beside."""
    for variant in state.variants:
        if variant.queue is not None:
            for lines in (variant.queue.lines, variant.queue.parked):
                for line in lines.values():
                    _wait(state, line)
            for priority, line in variant.queue.parked.items():
                _park(state, variant, priority, line)
    for wave in state.running:
        last = 0
        for _, line in wave.lines:
            _wait(state, line)
            last = max(last, *(number for numbers in line.numbers() for number in numbers))
        header = wave.header
        variant = state.variant(header.variant_id)
        queue = variant.queue
        parked_from = queue.parked_from if queue is not None and queue.parked else 0
        cuts = tuple((priority, *line.last()) for priority, line in wave.lines)
        taken = TakenWave(header.cycle, header.triggered_at, last, parked_from, cuts)
        variant.taken = (*variant.taken, taken)
    for variant in state.variants:
        if len(variant.taken) > 1:
            variant.taken = tuple(sorted(variant.taken, key=_start))


def _wait(state: State, line: Line) -> None:
    for numbers in line.numbers():
        for number in numbers:
            state.standing.wait(number)


def _park(state: State, variant: Variant, priority: int, line: Line) -> None:
    """Say in the index that these entries joined parked."""
    for time, number, payload in line:
        primary = True
        for identifier in entries.identifiers(payload):
            key = fingerprint(variant.variant_id, identifier)
            if state.index.remove(key, time, tags.waiting(priority, number, primary=primary)):
                parked = tags.waiting(priority, number, primary=primary, parked=True)
                state.index.add(key, time, parked)
            primary = False


def _start(wave: TakenWave) -> int:
    return wave.triggered_at
