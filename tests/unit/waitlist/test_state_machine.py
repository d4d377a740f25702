# SPDX-License-Identifier: Apache-2.0
"""A slot and the reference model driven side by side by Hypothesis, which shortens what it finds.

Unlike a replay this starts waves late or twice at one moment, takes people in portions while events
come in between, and swaps the slot for one rebuilt from its records. Hypothesis is derandomised: a
failure is always the same, and prints its steps.
"""

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from schemas.encode import encode_slice
from tests.naive.model import Model
from tests.naive.records import read_record
from tests.support.compare import product_record
from waitlist.policy import load_policy
from waitlist.slot import Slot

_START = 1_795_000_000_000
_VARIANTS = ("a", "b")

_waits = st.sampled_from(["1ms", "2ms", "3ms"])
_spans = st.sampled_from(["0ms", "1ms", "2ms", "5ms"])
_policies = st.fixed_dictionaries(
    {"wait": _waits},
    optional={
        "min_quantity": st.integers(1, 2),
        "per_unit": st.sampled_from(["none", 1, 1, 2]),
        "dwell": _spans,
        "late_grace": _spans,
        "safety_stock": st.integers(0, 1),
        "expires_after": st.sampled_from(["none", "3ms", "10ms"]),
        "remember": _spans,
        "remember_sign_offs": _spans,
    },
)
_variants = st.sampled_from(_VARIANTS)
_lags = st.sampled_from([0, 0, 1, 2, 5])
_quantities = st.sampled_from([0, 1, 2, 3, 4, None])
_profiles = st.fixed_dictionaries(
    {"id": st.sampled_from(["1", "2", "3"])}, optional={"email": st.sampled_from(["x@y", "z@y"])}
)


class SlotBesideModel(RuleBasedStateMachine):
    """Both are told the same; nothing that can be seen may differ."""

    @initialize(policy=_policies)
    def begin(self, policy: dict[str, object]) -> None:
        """Start afresh under a policy."""
        self.policy = policy
        self.model = Model(policy)
        self.slot = Slot(load_policy(policy))
        self.records: list[bytes] = []
        self.now = _START
        self.taken: list[tuple[str, object]] = []

    @rule(
        variant=_variants,
        quantity=_quantities,
        lag=_lags,
        sequence=st.integers(0, 1),
        place=st.sampled_from([None, None, "A", "B"]),
        extra=st.sampled_from(
            [{}, {}, {}, {"available": False}, {"available": True}, {"policy": "continue"}]
        ),
    )
    def stock(
        self,
        variant: str,
        quantity: int | None,
        lag: int,
        sequence: int,
        place: str | None,
        extra: dict[str, object],
    ) -> None:
        """A stock figure arrives."""
        value = {
            "variant_id": variant,
            "quantity": quantity,
            "occurred_at": self.now - lag,
            "sequence": sequence,
            "location_id": place,
            **extra,
        }
        self._apply("inventory", value)

    @rule(
        variant=_variants,
        profile=_profiles,
        lag=_lags,
        priority=st.sampled_from([0, 0, 0, 1]),
        life=st.sampled_from([None, None, -1, 1, 3, 8]),
    )
    def subscribe(
        self,
        variant: str,
        profile: dict[str, object],
        lag: int,
        priority: int,
        life: int | None,
    ) -> None:
        """Somebody signs up."""
        value = {
            "type": "subscribe",
            "variant_id": variant,
            "profile": profile,
            "occurred_at": self.now - lag,
            "priority": priority,
            "expires_at": None if life is None else self.now + life,
        }
        self._apply("subscriptions", value)

    @rule(variant=_variants, profile=_profiles, lag=_lags)
    def unsubscribe(self, variant: str, profile: dict[str, object], lag: int) -> None:
        """Somebody signs off."""
        value = {
            "type": "unsubscribe",
            "variant_id": variant,
            "profile": profile,
            "occurred_at": self.now - lag,
        }
        self._apply("subscriptions", value)

    @rule(span=st.sampled_from([1, 1, 2, 3, 8]))
    def let_time_pass(self, span: int) -> None:
        """The clock goes on, perhaps beyond a time at which a wave is due."""
        self.now += span

    @rule()
    def start_due_waves(self) -> None:
        """Both start what is due; then nothing is due any more."""
        self.slot.start_due_waves(self.now)
        self.model.start_waves(self.now)
        slot_due, due = self.slot.next_due(), self.model.next_wave(self.now)
        assert slot_due is None or slot_due > self.now
        assert due is None or (slot_due is not None and slot_due <= due)

    @precondition(lambda self: self.slot.pending())
    @rule(limit=st.integers(1, 3))
    def take(self, limit: int) -> None:
        """Some of the people told are handed over."""
        expected = min(limit, self.slot.pending())
        before = len(self.taken)
        self.taken += [
            (key.decode(), json.loads(value))
            for part in self.slot.take_slices(limit)
            for key, value in encode_slice(part)
        ]
        assert expected == len(self.taken) - before

    @rule(from_dump=st.booleans())
    def restore(self, from_dump: bool) -> None:  # noqa: FBT001 - Hypothesis passes it by name
        """The slot is replaced by one rebuilt from its dump, or from all records so far."""
        self.records += self.slot.take_records()
        rebuilt = Slot(load_policy(self.policy))
        if from_dump:
            rebuilt.load(self.slot.dump())
        else:
            for record in self.records:
                rebuilt.apply_record(record)
        assert list(self.slot.dump()) == list(rebuilt.dump())
        self.slot = rebuilt

    @invariant()
    def same_people_are_told_in_the_same_order(self) -> None:
        """What was taken is what the model told, and the rest is pending."""
        if hasattr(self, "model"):
            told = self.model.notifications
            assert told[: len(self.taken)] == self.taken
            assert len(told) == len(self.taken) + self.slot.pending()

    @rule()
    def count_who_waits(self) -> None:
        """As many wait."""
        assert self.model.waiting(self.now) == self.slot.waiting(self.now)

    def _apply(self, topic: str, value: dict[str, object]) -> None:
        self.model.apply(read_record(topic, value, self.now), self.now)
        self.slot.apply([product_record(topic, value, self.now)], self.now)


TestSlotBesideModel = SlotBesideModel.TestCase
TestSlotBesideModel.settings = settings(
    max_examples=400,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
