# SPDX-License-Identifier: Apache-2.0
"""The demo's sale without its broker: the script on a clock of its own, decided by the slot."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from restock.demo.catalogue import load_items
from restock.demo.configuration import policy_table
from restock.demo.evidence import Evidence, LoggedRecord
from restock.demo.script import Cue, Script, broken_webhook, write_script
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice
from schemas.errors import InvalidRecord
from waitlist.policy import PolicyBook, load_policy
from waitlist.slot import Slot

__all__ = ["START", "DemoRun", "rehearse"]

START = 1_795_168_800_400
"""When the sale starts: 2026-11-20T10:00:00.400Z."""

_DECODERS = {"inventory": decode_inventory, "subscriptions": decode_subscription}


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A sale as it went.

    Attributes:
        script: What was produced.
        evidence: The topics afterwards.
        policies: The rules in force.
    """

    script: Script
    evidence: Evidence
    policies: PolicyBook


@cache
def rehearse(*, seconds: float = 20, people: int = 400, seed: int = 7) -> DemoRun:
    """Play the demo's script through one slot, without a broker and without waiting.

    Args:
        seconds: The length of the sale.
        people: How many people want something.
        seed: Of the script.
    """
    policies = load_policy(policy_table(seconds))
    script = write_script(load_items(), start=START, seconds=seconds, people=people, seed=seed)
    stage = _Stage(policies)
    for cue in (broken_webhook(), *script.cues):
        stage.play(cue)
    stage.run_on()
    return DemoRun(script, stage.evidence(), policies)


class _Stage:
    def __init__(self, policies: PolicyBook) -> None:
        self._slot = Slot(policies)
        self._topics: dict[str, list[LoggedRecord]] = {
            name: [] for name in ("inventory", "subscriptions", "notifications", "dead_letters")
        }

    def play(self, cue: Cue) -> None:
        now = START + cue.at
        self._let_waves_start(now - 1)
        self._log(cue.role, now, cue.key, cue.value)
        if cue.value is not None:
            try:
                self._slot.apply([_DECODERS[cue.role](cue.value, now)], now)
            except InvalidRecord:
                self._log("dead_letters", now, cue.key, cue.value)
        self._start_waves(now)

    def run_on(self) -> None:
        self._let_waves_start(None)

    def evidence(self) -> Evidence:
        return Evidence(**{name: tuple(records) for name, records in self._topics.items()})

    def _let_waves_start(self, until: int | None) -> None:
        while (due := self._slot.next_due()) is not None and (until is None or due <= until):
            self._start_waves(due)

    def _start_waves(self, now: int) -> None:
        self._slot.start_due_waves(now)
        for part in self._slot.take_slices(1_000_000):
            self._log_all(now, encode_slice(part))

    def _log_all(self, now: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        for key, value in records:
            self._log("notifications", now + 4, key, value)

    def _log(self, topic: str, now: int, key: bytes, value: bytes | None) -> None:
        log = self._topics[topic]
        log.append(LoggedRecord(0, len(log), now, key, value))
