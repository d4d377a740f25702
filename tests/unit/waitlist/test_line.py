# SPDX-License-Identifier: Apache-2.0
"""A line of people, short or long, is a sorted list of them."""

import random
from bisect import insort
from contextlib import nullcontext

import pytest

from tests.support.cramped import cramped
from waitlist.line import Line, Person

_AT = 1_795_000_000_000
_EVER = 1 << 62


def _person(chance: random.Random, number: int) -> Person:
    return _AT + chance.randrange(20), number, b"%d" % chance.randrange(10**6)


def _line(people: list[Person]) -> Line:
    line = Line()
    for person in people:
        line.insert(*person)
    return line


def _check(line: Line, people: list[Person]) -> None:
    """Every way of looking at a line shows these people."""
    assert people == list(line)
    assert len(people) == len(line)
    assert b"".join(payload for *_, payload in people) == b"".join(
        payloads for _, payloads in line.blocks()
    )
    assert [time for time, *_ in people] == [time for times, _ in line.blocks() for time in times]
    assert [number for _, number, _ in people] == [
        number for numbers in line.numbers() for number in numbers
    ]
    if people:
        assert people[0][0] == line.first_time()
        assert people[-1][:2] == line.last()
    assert people == list(Line.unpack(line.pack()))


@pytest.mark.parametrize("size", [5, 32, 33, 70])
@pytest.mark.parametrize("is_cramped", [False, True])
def test_a_line_is_a_sorted_list(size: int, *, is_cramped: bool) -> None:
    """People come in any order, leave from anywhere, and go in front, around every length."""
    chance = random.Random(size)
    with cramped() if is_cramped else nullcontext():
        line, people = Line(), list[Person]()
        for number in range(40 * size):
            person = _person(chance, number)
            if chance.random() * 2 * size > len(people):
                line.insert(*person)
                insort(people, person)
            elif chance.random() < 0.1:
                until, limit = person[0], chance.choice([None, 0, 1, size])
                taken = [one for one in people if one[0] <= until][:limit]
                _check(line.take(until, limit), taken)
                del people[: len(taken)]
            else:
                gone = people.pop(chance.randrange(len(people)))
                assert gone[-1] == line.remove(*gone[:2])
                assert not line.holds(*gone[:2])
            if number % 7 == 0:
                _check(line, people)


@pytest.mark.parametrize("count", [0, 1, 32, 33])
def test_who_is_not_there(count: int) -> None:
    """Neither found nor removed, whether before, among or behind the others."""
    people = [(_AT + 2 * number, number, b"x") for number in range(count)]
    line = _line(people)
    for time in range(_AT - 1, _AT + 2 * count, 2):
        assert not line.holds(time, 0)
        assert line.get(time, 0) is None
        assert line.remove(time, 0) is None
    assert people == list(line)


@pytest.mark.parametrize("count", [1, 2, 32, 33])
def test_everybody_is_found_and_goes(count: int) -> None:
    """Each payload by time and number; all may leave at once, and others come afterwards."""
    people = [(_AT + number // 2, number, b"%d" % number) for number in range(count)]
    line = _line(people)
    assert [payload for *_, payload in people] == [line.get(*person[:2]) for person in people]
    _check(line.take(_EVER), people)
    _check(line, [])
    line.insert(*people[0])
    _check(line, people[:1])


def test_bytes_that_look_like_somebody() -> None:
    """The number 256 has the bytes that stand one further on in the number 1: still its own."""
    line = _line([(0, 0, b""), (0, 1, b"")])
    assert not line.holds(0, 256)
    assert line.remove(0, 256) is None
    line.insert(0, 256, b"z")
    assert line.get(0, 256) == b"z"
    assert line.remove(0, 256) == b"z"
    assert line.get(0, 1) == b""


@pytest.mark.parametrize("count", [2, 32, 33])
def test_the_packed_bytes(count: int) -> None:
    """They are in every journal: short or long, columns of this machine's integers."""
    people = [(_AT + number, number, b"ab") for number in range(count)]
    times, numbers, lengths, payloads = _line(people).pack()
    assert [_AT + number for number in range(count)] == list(memoryview(times).cast("q"))
    assert list(range(count)) == list(memoryview(numbers).cast("Q"))
    assert [2] * count == list(memoryview(lengths).cast("I"))
    assert count * b"ab" == payloads
