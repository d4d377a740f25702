# SPDX-License-Identifier: Apache-2.0
"""How much memory waiting people take, looked at in a process that does nothing else."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.processes import resident_mebibytes
from benchmarks.trace import person_of, variant_name
from schemas.events import Profile, SubscribeEvent
from waitlist.policy import PolicyBook
from waitlist.slot import Slot

__all__ = ["LAYOUTS", "measure_waiting"]

LAYOUTS = ("all for one variant", "spread over the variants")

_BATCH = 5_000
_DAY = 86_400_000
_NOW = 1_800_000_000_000


def measure_waiting(layout: str, people: int, variants: int) -> float:
    """The memory, in MiB, that people take who wait in a slot.

    Args:
        layout: one of `LAYOUTS`.
        people: how many.
        variants: for how many variants, where they are spread.
    """
    spread = variants if layout == LAYOUTS[1] else 1
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_fill, people, spread).result()


def _fill(people: int, variants: int) -> float:
    slot = Slot(PolicyBook())
    before = resident_mebibytes("self")
    for at in range(0, people, _BATCH):
        slot.apply([_sign_up(n, variants) for n in range(at, min(people, at + _BATCH))], _NOW)
        # As in the flow, where the journal takes them: they are not what waits.
        slot.take_records()
    return resident_mebibytes("self") - before


def _sign_up(number: int, variants: int) -> SubscribeEvent:
    person = person_of(number)
    return SubscribeEvent(
        variant_name(number % variants),
        _NOW - _DAY + number,
        Profile(id=person.profile_id, email=person.email),
        (f"id:{person.profile_id}", f"email:{person.email}"),
    )
