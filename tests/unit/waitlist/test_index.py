# SPDX-License-Identifier: Apache-2.0
"""The identifier index: what is done for many at once is what is done one by one."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from waitlist.index import IdentifierIndex, fingerprint, fingerprints

_RECORDS = 3_000
_AT = 1_795_000_000_000


def _key(number: int) -> bytes:
    return fingerprint("shoe", f"id:{number}")


def _filled(count: int) -> IdentifierIndex:
    index = IdentifierIndex()
    for number in range(count):
        index.add(_key(number), _AT + number, number)
    return index


def _buckets(index: IdentifierIndex) -> list[bytes]:
    return [bucket for chunk in index.dump() for bucket in chunk]


def test_fingerprints_are_those_of_each() -> None:
    """A person's identifiers at once, whatever letters they are of."""
    identifiers = ["id:p", "email:größe@example.com", ""]
    expected = [fingerprint("Schuh", identifier) for identifier in identifiers]
    assert expected == fingerprints("Schuh", identifiers)
    assert {10} == set(map(len, expected))


def test_splits_that_waited_give_the_same_buckets() -> None:
    """It does not show in the bytes when buckets were split, many at once or each at its time."""
    at_once, each = IdentifierIndex(), IdentifierIndex()
    for number in range(_RECORDS):
        at_once.add(_key(number), _AT, number)
        each.add(_key(number), _AT, number)
        list(each.dump())
    assert -(-_RECORDS // 12) == len(_buckets(each))
    assert _buckets(each) == _buckets(at_once)


def test_everybody_is_found_while_splits_wait() -> None:
    """Whoever was added is found, and nobody else, at every size."""
    index = IdentifierIndex()
    for number in range(_RECORDS):
        assert not index.find(_key(number))
        index.add(_key(number), _AT + number, number)
        some = number * 7 % (number + 1)
        assert [(_AT + some, some)] == index.find(_key(some))


def test_number_of_buckets_is_that_of_the_most_records_there_were() -> None:
    """Those who are removed leave the buckets that were due for them."""
    index = _filled(_RECORDS)
    for number in range(_RECORDS):
        assert index.remove(_key(number), _AT + number, number)
    assert [b""] * -(-_RECORDS // 12) == _buckets(index)


def test_strangers_are_added_together() -> None:
    """The first identifier has one tag, the others another."""
    index = IdentifierIndex()
    keys = [_key(number) for number in range(3)]
    assert index.add_strangers(keys, _AT, (8, 9))
    assert [[(_AT, 8)], [(_AT, 9)], [(_AT, 9)]] == list(map(index.find, keys))
    assert len(index) == 3


@pytest.mark.parametrize("known", range(3))
def test_who_is_known_is_no_stranger(known: int) -> None:
    """With a record under one of the identifiers nothing is added under any."""
    index = IdentifierIndex()
    keys = [_key(number) for number in range(3)]
    index.add(keys[known], _AT, 1)
    assert not index.add_strangers(keys, _AT, (8, 9))
    assert len(index) == 1
    index.add_each(keys, _AT, (8, 9))
    assert len(index) == 4


def test_strangers_are_the_same_as_others() -> None:
    """The same buckets come of either way in."""
    strangers, others = IdentifierIndex(), IdentifierIndex()
    for number in range(0, _RECORDS, 2):
        keys = [_key(number), _key(number + 1)]
        assert strangers.add_strangers(keys, _AT + number, (number, number + 1))
        others.add_each(keys, _AT + number, (number, number + 1))
    assert _buckets(others) == _buckets(strangers)


@pytest.mark.parametrize("buckets", [1, 7, 100, 1_000])
def test_a_sweep_drops_what_is_forgotten_and_nothing_else(buckets: int) -> None:
    """Bucket after bucket; once it has been around, only the others are left, in their order."""
    index, others = _filled(_RECORDS), _filled(_RECORDS)
    forgotten = set(random.Random(buckets).sample(range(_RECORDS), _RECORDS // 3))

    def are_forgotten(times: NDArray[np.uint64], tags: NDArray[np.uint64]) -> NDArray[np.bool_]:
        assert (times == _AT + tags).all()
        return np.isin(tags, list(forgotten))

    rounds = 0
    for _ in range(600 // buckets + 1):
        rounds += index.sweep(buckets, are_forgotten)
    assert rounds
    assert _RECORDS - len(forgotten) == len(index)
    for number in range(_RECORDS):
        expected = [] if number in forgotten else others.find(_key(number))
        assert expected == index.find(_key(number))


def test_what_was_dumped_goes_on_alike() -> None:
    """Buckets and the sweep's place come back, and grow as the others do."""
    index = _filled(_RECORDS)
    copy = IdentifierIndex.load(_buckets(index), index.swept)
    for one in (index, copy):
        for number in range(_RECORDS, _RECORDS + 500):
            one.add(_key(number), _AT, number)
    assert _buckets(index) == _buckets(copy)
    assert len(index) == len(copy)
