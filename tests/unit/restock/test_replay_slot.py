# SPDX-License-Identifier: Apache-2.0
"""A replay that applies many moments at a time decides what one moment after the other decides."""

import json
from pathlib import Path

import pytest

from restock.cli import main
from restock.replay import Decisions, Replay
from restock.replay_batches import BatchReader
from restock.replay_slot import ReplaySlot
from tests.support.cramped import cramped
from tests.support.traces import Trace, draw_trace
from waitlist.policy import PolicyBook, load_policy
from waitlist.slot import Slot

_TRACES_A_TEST = 50
_VECTORS = sorted(path.parent for path in Path(__file__).parents[2].glob("vectors/*/events.jsonl"))

_seeds = pytest.mark.parametrize("first_seed", range(0, 300, _TRACES_A_TEST))


def replayed(
    decisions: Decisions, trace: Trace, lines_at_once: int, *, silent: bool = False
) -> tuple[list[bytes], dict[str, int]]:
    """The notifications of a trace, and its summary."""
    texts = [json.dumps(line).encode() + b"\n" for line in trace.lines]
    reader = BatchReader("trace", trace.until)
    batches = []
    for start in range(0, len(texts), lines_at_once):
        batches.append(reader.read(b"".join(texts[start : start + lines_at_once])))
        if reader.is_done:
            break
    replay = Replay(decisions, trace.until, silent=silent)
    told = [value for values in replay.run_batches(batches) for value in values]
    return told, replay.summary().as_dict()


@_seeds
def test_many_moments_at_a_time_decide_alike(first_seed: int) -> None:
    """Notifications, their order and the summary are those of a slot asked at every moment."""
    for seed in range(first_seed, first_seed + _TRACES_A_TEST):
        trace = draw_trace(seed)
        expected = replayed(Slot(load_policy(trace.policy)), trace, 1)
        for at_once in (1, 3, 1000):
            found = replayed(ReplaySlot(load_policy(trace.policy)), trace, at_once)
            assert expected == found, (seed, at_once)


@_seeds
def test_they_decide_alike_when_cramped(first_seed: int) -> None:
    """The same with tiny blocks, buckets and portions: what only long queues reach otherwise."""
    with cramped():
        for seed in range(first_seed, first_seed + _TRACES_A_TEST):
            trace = draw_trace(seed, lines=120)
            expected = replayed(Slot(load_policy(trace.policy)), trace, 1)
            assert expected == replayed(ReplaySlot(load_policy(trace.policy)), trace, 50), seed


@pytest.mark.parametrize("kind", [Slot, ReplaySlot])
def test_silence_changes_no_figure(kind: type[Slot]) -> None:
    """A replay that makes no notifications counts the same."""
    for seed in range(100):
        trace = draw_trace(seed)
        _, expected = replayed(kind(load_policy(trace.policy)), trace, 1000)
        assert ([], expected) == replayed(kind(load_policy(trace.policy)), trace, 1000, silent=True)


def test_nothing_is_kept_for_a_journal() -> None:
    """However much happens, there are no redo records, which nobody would take."""
    slot = ReplaySlot(PolicyBook())
    replayed(slot, draw_trace(3), 1000)
    assert [] == slot.take_records()


@pytest.mark.parametrize("vector", _VECTORS, ids=lambda path: path.name)
def test_the_command_reproduces_vector(
    vector: Path, own_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, as a user would run it, gives exactly the notifications and the summary."""
    output = own_directory / "told.jsonl"
    policy = vector / "policy.toml"
    arguments = ["replay", str(vector / "events.jsonl"), "--policy", str(policy), "--json"]
    assert 0 == main([*arguments, "--output", str(output)])
    expected = [_without_key(line) for line in _lines(vector / "expected.jsonl")]
    assert expected == [json.loads(line) for line in _lines(output)]
    summary = json.loads((vector / "summary.json").read_text())
    assert summary == json.loads(capsys.readouterr().out)
    assert 0 == main([*arguments, "--summary-only"])
    assert summary == json.loads(capsys.readouterr().out)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def _without_key(line: str) -> object:
    value = json.loads(line)
    del value["profile_key"]
    return value
