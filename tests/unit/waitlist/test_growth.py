# SPDX-License-Identifier: Apache-2.0
"""How the waitlist grows: bytes a person, and steps an operation. Nothing is timed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.events import StockEvent
from tests.support.people import NOW, sign_off, sign_up
from waitlist.policy import load_policy
from waitlist.slot import Slot

_ROOT = Path(__file__).parents[3]
_SHORT, _LONG = 2_000, 200_000
_MEASURED = 50_000
_TIMES = 20

_MEASURE = """
import sys, tracemalloc
from tests.support.people import NOW, sign_up
from waitlist.policy import load_policy
from waitlist.slot import Slot

people = int(sys.argv[1])
slot = Slot(load_policy({}))
tracemalloc.start()
for start in range(0, people, 1000):
    slot.apply(map(sign_up, range(start, start + 1000)), NOW)
    slot.take_records()
print(tracemalloc.get_traced_memory()[0] // slot.waiting(NOW))
"""


def test_person_who_waits_takes_at_most_160_bytes() -> None:
    """A queue of people known by an id of 26 characters and an email: 160 MB for a million."""
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(_MEASURED)],
        cwd=_ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert int(measured.stdout) <= 160


@pytest.fixture(scope="module")
def steps() -> dict[int, dict[str, int]]:
    """Calls made by each kind of operation, twenty times each, by length of the queue."""
    return {length: _count_steps(length) for length in (_SHORT, _LONG)}


@pytest.mark.parametrize("operation", ["join", "join early", "repeat", "sign off", "wave", "take"])
def test_steps_do_not_grow_with_the_queue(steps: dict[int, dict[str, int]], operation: str) -> None:
    """With a hundred times the people an operation takes at most half as many steps again."""
    assert 0 < steps[_LONG][operation] <= 1.5 * steps[_SHORT][operation]


def _count_steps(length: int) -> dict[str, int]:
    slot = _slot_with_queue(length)
    now = iter(range(NOW + 1, NOW + 1 + _TIMES))
    middle = length // 2

    def join(turn: int) -> None:
        slot.apply([sign_up(length + turn)], NOW)

    def join_early(turn: int) -> None:
        slot.apply([sign_up(length + _TIMES + turn, like=middle)], NOW)

    def repeat(turn: int) -> None:
        slot.apply([sign_up(middle + turn, later=1)], NOW)

    def leave(turn: int) -> None:
        slot.apply([sign_off(middle + turn)], NOW)

    def start_wave(_turn: int) -> None:
        slot.start_due_waves(next(now))

    def take(_turn: int) -> None:
        assert 10 == sum(len(part.people) for part in slot.take_slices(10))

    counts = {
        "join": _calls(join),
        "join early": _calls(join_early),
        "repeat": _calls(repeat),
        "sign off": _calls(leave),
    }
    slot.apply([StockEvent("v", 10, NOW)], NOW)
    counts["wave"] = _calls(start_wave)
    counts["take"] = _calls(take)
    return counts


def _slot_with_queue(length: int) -> Slot:
    """A slot that tells ten people in each millisecond in which there is stock."""
    slot = Slot(load_policy({"per_unit": 1, "wait": "1ms", "late_grace": "1d"}))
    for start in range(0, length, 1000):
        slot.apply(map(sign_up, range(start, start + 1000)), NOW)
        slot.take_records()
    slot.start_due_waves(NOW)
    return slot


def _calls(operation: Callable[[int], None]) -> int:
    """Calls, into Python and C, that an operation makes in all its turns."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    for turn in range(_TIMES):
        sys.setprofile(profile)
        try:
            operation(turn)
        finally:
            sys.setprofile(before)
    return count
