# SPDX-License-Identifier: Apache-2.0
"""State that is rebuilt from records and notifications goes on as if it had never been lost."""

import json
import random
from collections import Counter
from typing import Any

import pytest

from schemas.told import Told, read_told
from tests.support.recalling import run_with_a_loss
from tests.support.traces import draw_trace
from waitlist.index import fingerprint
from waitlist.past import History, Past

_TRACES_A_TEST = 40
_seeds = pytest.mark.parametrize("first_seed", range(0, 160, _TRACES_A_TEST))
_AT = 1_795_000_000_000


def _again(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> set[str]:
    """Ids that are told for the second time."""
    return {value["id"] for value in before} & {value["id"] for value in after}


def _without_number(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cycles in which nobody was told leave no trace to count them by."""
    return [{**value, "cycle": None} for value in values]


def _places(values: list[dict[str, Any]]) -> Counter[tuple[object, ...]]:
    return Counter((v["variant_id"], v["cycle"], v["wave"], v["position"]) for v in values)


@_seeds
def test_rebuilt_state_decides_what_the_lost_one_would_have(first_seed: int) -> None:
    """Lost between two moments: from then on the same people, in the same waves, at the same time.

    All but the numbers of cycles, which only must not be used twice. Left out are traces in which
    a sign-up is sent again after it was forgotten, and so is told twice under one id anyway.
    """
    compared = 0
    for seed in range(first_seed, first_seed + _TRACES_A_TEST):
        outcome = run_with_a_loss(draw_trace(seed), random.Random(seed))
        if _again(outcome.before, outcome.kept):
            continue
        assert _without_number(outcome.kept) == _without_number(outcome.rebuilt), seed
        assert 1 >= max(_places(outcome.before + outcome.rebuilt).values(), default=0), seed
        compared += len(outcome.kept)
    assert compared


def test_state_lost_in_a_wave_tells_nobody_twice() -> None:
    """People of a wave who were not written yet wait again; those who were are not told again.

    But for those whom the lost state would have told again as well; see above.
    """
    cut = 0
    for seed in range(120):
        outcome = run_with_a_loss(draw_trace(seed), random.Random(seed), in_a_wave=True)
        kept = _again(outcome.before, outcome.kept)
        assert _again(outcome.before, outcome.rebuilt) <= kept, seed
        assert 1 >= max(_places(outcome.before + outcome.rebuilt).values(), default=0), seed
        cut += outcome.people_cut
    assert cut


def _told(person: str, asked: int, at: int, cycle: int, wave: int = 1) -> Told:
    return Told("v", (f"id:{person}", "email:e"), asked, at, cycle, at - 10, wave)


def test_the_past_finds_answers_by_profile_key_and_time() -> None:
    """Exactly the sign-up that was answered; other identifiers only say when and in which cycle."""
    past = Past()
    past.add(_told("P1", _AT, _AT + 50, 70_000))
    past.add(_told("P1", _AT + 60, _AT + 90, 70_001))
    past.add(_told("P2", _AT, _AT + 50, 70_000))
    key, email = fingerprint("v", "id:P1"), fingerprint("v", "email:e")
    assert (_AT + 50, 70_000) == past.answer("v", key, _AT)
    assert (_AT + 90, 70_001) == past.answer("v", key, _AT + 60)
    assert past.answer("v", key, _AT + 1) is None
    assert past.answer("v", email, _AT) is None
    assert [_AT + 50, _AT + 90] == past.told_at(key)
    assert [] == past.told_at(email)
    assert [(_AT + 50, 70_000), (_AT + 90, 70_001), (_AT + 50, 70_000)] == past.told_under(
        "v", email
    )
    assert (3, 70_001, 0) == (len(past), past.last_cycle("v"), past.last_cycle("other"))


def test_a_history_is_that_of_the_last_cycle_whatever_the_order() -> None:
    """Its number, opening and last wave; the last start of any wave; how many were told."""
    history = History()
    for told in (_told("P", 1, 500, 3, 2), _told("Q", 1, 900, 2, 9), _told("R", 1, 400, 3)):
        history.add(told)
    assert History(3, 490, 2, 900, 3) == history


_NOTIFICATION: dict[str, Any] = {
    "id": "0" * 32, "variant_id": "v", "profile": {"email": " A@b.c", "age": 7}, "cycle": 1,
    "cycle_opened_at": "2026-11-20T10:00:00.000Z", "wave": 1, "position": 1, "new": [1],
    "subscribed_at": "2026-11-20T10:00:00.001Z", "triggered_at": "2026-11-20T10:00:01.000Z",
}  # fmt: skip


def test_a_notification_is_read_back() -> None:
    """Fields that a later release may add are not in the way."""
    told = read_told(json.dumps(_NOTIFICATION).encode())
    opened = 1_795_168_800_000
    assert Told("v", ("email:a@b.c",), opened + 1, opened + 1000, 1, opened, 1) == told


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": {}},
        {"profile": {"email": " "}},
        {"profile": {"id": ""}},
        {"cycle": 0},
        {"wave": 0},
        {"cycle": "1"},
        {"triggered_at": "yesterday"},
        {"variant_id": None},
    ],
)
def test_what_is_no_notification_told_nobody(wrong: dict[str, Any]) -> None:
    """Records of somebody else in the topic are left out."""
    assert read_told(json.dumps({**_NOTIFICATION, **wrong}).encode()) is None


def test_bytes_that_are_no_record_told_nobody() -> None:
    """Tombstones and other bytes are left out."""
    assert [None, None, None] == [read_told(None), read_told(b"\xff"), read_told(b"[" * 100_000)]
