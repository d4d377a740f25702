# SPDX-License-Identifier: Apache-2.0
"""The worked examples in tests/vectors, through the product and through the reference model."""

import json
import tomllib
from pathlib import Path

import pytest

from restock.replay import Replay
from restock.replay_lines import read_lines
from schemas.encode import encode_slice
from schemas.events import WaveSlice
from tests.naive import replay as naive
from waitlist.policy import load_policy
from waitlist.slot import Slot

_VECTORS = sorted(path.parent for path in Path(__file__).parents[2].glob("vectors/*/events.jsonl"))

every_vector = pytest.mark.parametrize("vector", _VECTORS, ids=lambda path: path.name)


def test_no_vector_is_missing() -> None:
    """All sixteen vectors are found."""
    assert len(_VECTORS) == 16


@every_vector
def test_product_reproduces_vector(vector: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product's replay gives exactly the notifications, in order, and the summary."""
    run = Replay(slot := Slot(load_policy(_policy(vector))))
    keys: list[str] = []
    take_slices = slot.take_slices

    def take_and_keep_keys(limit: int) -> list[WaveSlice]:
        slices = take_slices(limit)
        keys.extend(key.decode() for part in slices for key, _ in encode_slice(part))
        return slices

    monkeypatch.setattr(slot, "take_slices", take_and_keep_keys)
    events = vector / "events.jsonl"
    with events.open("rb") as lines:
        values = [json.loads(value) for value in run.run(read_lines(lines, str(events)))]
    told = [{"profile_key": key, **value} for key, value in zip(keys, values, strict=True)]
    assert _expected(vector) == told
    assert _summary(vector) == run.summary().as_dict()


@every_vector
def test_model_reproduces_vector(vector: Path) -> None:
    """The reference model gives exactly the notifications, in order, and the summary."""
    outcome = naive.replay(naive.read_lines(vector / "events.jsonl"), _policy(vector))
    told = [{"profile_key": key, **value} for key, value in outcome.notifications]
    assert _expected(vector) == told
    assert _summary(vector) == outcome.summary


def _policy(vector: Path) -> dict[str, object]:
    policy: dict[str, object] = tomllib.loads((vector / "policy.toml").read_text()).get(
        "policy", {}
    )
    return policy


def _expected(vector: Path) -> list[dict[str, object]]:
    text = (vector / "expected.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _summary(vector: Path) -> dict[str, int]:
    summary: dict[str, int] = json.loads((vector / "summary.json").read_text())
    return summary
