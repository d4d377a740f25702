# SPDX-License-Identifier: Apache-2.0
"""How much a state takes on disk, beside the least that it could take."""

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.trace import person_of, variant_name
from schemas.events import Profile, SubscribeEvent
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

__all__ = ["log_bytes", "packed_bytes", "stored_bytes"]

_NOW = 1_800_000_000_000
_DAY = 86_400_000
_SAMPLES = (2_000, 22_000)


def stored_bytes(directory: Path) -> int:
    """What all files of a state take on disk now, unnamed and temporary ones included."""
    return sum(taken for _, taken in _files(directory))


def log_bytes(directory: Path) -> int:
    """What all segments take, those included that a new base is just making superfluous."""
    return sum(taken for file, taken in _files(directory) if file.name.startswith("segment-"))


def packed_bytes(variants: int, crowd: int) -> Callable[[int], float]:
    """Give the function from a number of people to the size of a base that holds them.

    Args:
        variants: over how many the people are spread.
        crowd: every so manieth of them waits for variant 0.
    """
    fewer, more = (_dumped(count, variants, crowd) for count in _SAMPLES)
    a_person = (more - fewer) / (_SAMPLES[1] - _SAMPLES[0])
    # With more people than in the samples a variant takes less of a person's share, not more.
    a_variant = max(0.0, (fewer - a_person * _SAMPLES[0]) / min(variants, _SAMPLES[0]))
    return lambda people: people * a_person + min(variants, people) * a_variant


def _dumped(people: int, variants: int, crowd: int) -> int:
    slot = Slot(PolicyBook())
    slot.apply((_sign_up(number, variants, crowd) for number in range(people)), _NOW)
    return sum(map(len, slot.dump()))


def _sign_up(number: int, variants: int, crowd: int) -> SubscribeEvent:
    person = person_of(number)
    return SubscribeEvent(
        variant_name(0 if number % crowd == 0 else number % variants),
        _NOW - _DAY + number,
        Profile(id=person.profile_id, email=person.email),
        (f"id:{person.profile_id}", f"email:{person.email}"),
    )


def _files(directory: Path) -> list[tuple[Path, int]]:
    found = []
    for folder, _, names in os.walk(directory):
        for name in names:
            file = Path(folder) / name
            try:
                found.append((file, file.stat().st_blocks * 512))
            except FileNotFoundError:
                continue  # deleted meanwhile
    return found
