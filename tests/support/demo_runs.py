# SPDX-License-Identifier: Apache-2.0
"""The demo's sale without its broker: the script on a clock of its own, decided by the slot.

Messages are delivered at once, by the rules of the demo's journeys as far as the script calls for
them: nobody buys or signs off because of a message, and stock is always there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import orjson

from restock.demo.catalogue import load_items
from restock.demo.configuration import policy_table
from restock.demo.evidence import Evidence, LoggedRecord, Told, read_told
from restock.demo.received import Received
from restock.demo.script import Cue, Script, broken_order, broken_webhook, write_script
from schemas.decode import decode_inventory, decode_subscription
from schemas.encode import encode_slice
from schemas.errors import InvalidRecord
from schemas.records import Order
from schemas.timestamps import format_timestamp
from schemas.validation import validate_record
from waitlist.policy import PolicyBook, load_policy
from waitlist.slot import Slot

__all__ = ["START", "DemoRun", "came", "rehearse"]

START = 1_795_168_800_400
"""When the sale starts: 2026-11-20T10:00:00.400Z."""

_REMINDED_AFTER = 2_500
"""Milliseconds from a first message to its reminder."""

_DECODERS = {"inventory": decode_inventory, "subscriptions": decode_subscription}


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A sale as it went.

    Attributes:
        script: What was produced.
        evidence: The topics afterwards.
        received: What came to the receivers.
        policies: The rules in force.
    """

    script: Script
    evidence: Evidence
    received: tuple[Received, ...]
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
    for cue in (broken_webhook(), broken_order(), *script.cues):
        stage.play(cue)
    stage.run_on()
    stage.deliver()
    return DemoRun(script, stage.evidence(), tuple(stage.received), policies)


def came(note: Told, step: str, channel: Literal["EMAIL", "PUSH"]) -> Received:
    """A message of a notification, as a receiver notes it."""
    message_id = note.id if step == "first" else f"{note.id}.{step}"
    names = {"id": "id", "email": "email", "phone": "phone_number"}
    pairs = (identifier.partition(":") for identifier in note.identifiers)
    profile = {names[kind]: value for kind, _, value in pairs}
    return Received(
        message_id, channel, taken=True, sound=True, variant_id=note.variant_id, profile=profile
    )


class _Stage:
    def __init__(self, policies: PolicyBook) -> None:
        self._slot = Slot(policies)
        self._topics: dict[str, list[LoggedRecord]] = {
            name: []
            for name in (
                "inventory",
                "subscriptions",
                "orders",
                "notifications",
                "deliveries",
                "dead_letters",
            )
        }
        self._bought: set[tuple[str, str]] = set()
        self._reached: set[str] = set()
        self.received: list[Received] = []

    def play(self, cue: Cue) -> None:
        now = START + cue.at
        self._let_waves_start(now - 1)
        self._log(cue.role, now, cue.key, cue.value)
        if cue.value is not None:
            try:
                if cue.role == "orders":
                    self._order(cue.value)
                else:
                    self._slot.apply([_DECODERS[cue.role](cue.value, now)], now)
            except InvalidRecord:
                self._log("dead_letters", now, cue.key, cue.value)
        self._start_waves(now)

    def run_on(self) -> None:
        self._let_waves_start(None)

    def deliver(self) -> None:
        for note in read_told(self._topics["notifications"]):
            reasons = {channel: self._reason(note, channel) for channel in note.channels}
            for channel, reason in reasons.items():
                self._settle(note, "first", channel, reason, note.written_at)
            if not all(reasons.values()):
                self._reached.add(note.profile_key)
                for channel, reason in reasons.items():
                    if not reason:
                        at = note.written_at + _REMINDED_AFTER
                        self._settle(note, "reminder", channel, "", at)

    def evidence(self) -> Evidence:
        return Evidence(**{name: tuple(records) for name, records in self._topics.items()})

    def _order(self, value: bytes) -> None:
        order = validate_record(Order, value)
        for identifier in order.profile.identifiers():
            self._bought.update((identifier, item.product_id or "") for item in order.items)

    def _reason(self, note: Told, channel: str) -> str:
        """Why a first message is kept back; empty: it is not."""
        if channel == "SMS":
            return "no_channel"
        if (note.profile_key, note.product_id) in self._bought:
            return "ordered"
        if channel == "EMAIL" and not any(name.startswith("email:") for name in note.identifiers):
            return "no_address"
        return "recently_told" if note.profile_key in self._reached else ""

    def _settle(self, note: Told, step: str, channel: str, reason: str, at: int) -> None:
        fields = {
            "notification_id": note.id,
            "variant_id": note.variant_id,
            "profile_key": note.profile_key,
            "step": step,
            "channel": channel,
            "outcome": "suppressed" if reason else "sent",
            "reason": reason or None,
            "attempts": int(not reason),
            "occurred_at": format_timestamp(at),
        }
        self._log("deliveries", at, note.profile_key.encode(), orjson.dumps(fields))
        if not reason:
            self.received.append(came(note, step, "PUSH" if channel == "PUSH" else "EMAIL"))

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
