# SPDX-License-Identifier: Apache-2.0
"""Offsets that must not be ahead, and dead letters that must be there once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from tests.torture.contents import Contents, TopicRecord
from tests.torture.verdict import Problem

__all__ = ["dead_letter_problems", "offset_problems"]

_ROLES: Final = ("inventory", "subscriptions")


def offset_problems(contents: Contents) -> Iterator[Problem]:
    """The group's offsets are never ahead of the state, nor either of them of the topic."""
    ends: Counter[tuple[str, int]] = Counter()
    for role, records in zip(_ROLES, (contents.inventory, contents.subscriptions), strict=True):
        for record in records:
            place = (role, record.partition)
            ends[place] = max(ends[place], record.offset + 1)
    for what, offsets in (("committed", contents.committed), ("stored", contents.stored)):
        for (topic, partition), offset in offsets.items():
            end = ends[_role(topic), partition]
            if offset > end:
                yield Problem("offset", f"{topic} [{partition}]: {what} {offset}, the end is {end}")
    for (topic, partition), offset in contents.committed.items():
        stored = contents.stored.get((topic, partition), 0)
        if contents.stored and offset > stored:
            text = f"{topic} [{partition}]: committed {offset}, but only {stored} is in the state"
            yield Problem("offset", text)


def dead_letter_problems(
    contents: Contents, broken: Iterable[tuple[str, TopicRecord]], *, complete: bool
) -> Iterator[Problem]:
    """Every invalid record is a dead letter once, with its key and value untouched.

    Args:
        contents: with the dead letters of both topics.
        broken: the invalid records, each with the role of its topic.
        complete: whether all of them must be there.
    """
    places: dict[tuple[bytes | None, bytes | None], list[str]] = {}
    for role, record in broken:
        place = f"{role} [{record.partition}] {record.offset}"
        places.setdefault((record.key, record.value), []).append(place)
    found = Counter((letter.key, letter.value) for letter in contents.dead_letters)
    for letter, count in found.items():
        expected = len(places.get(letter, ()))
        if not expected:
            yield Problem("foreign", f"a dead letter of no invalid record: {letter!r}")
        elif count > expected:
            text = f"{count} dead letters of {expected} records: {letter!r}"
            yield Problem("duplicated", text)
    for letter, where in places.items():
        if complete and found[letter] < len(where):
            text = f"{found[letter]} dead letters of {len(where)} records {letter!r}, at {where}"
            yield Problem("lost", text)


def _role(topic: str) -> str:
    """The role that the topic's name ends with."""
    return next((role for role in _ROLES if topic.endswith(role)), topic)
