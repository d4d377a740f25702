# SPDX-License-Identifier: Apache-2.0
"""Queues of known people: their sign-ups, and the check that all are told, once and in order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from benchmarks.errors import WrongOutput
from benchmarks.reference import IdRule
from benchmarks.trace import person_of
from schemas.events import Profile, SubscribeEvent
from schemas.timestamps import format_timestamp

__all__ = ["HOT", "Queue", "check_queues", "is_about", "restock_record"]

HOT = "$custom:::$default:::HOT"
"""The variant that a crowd waits for; no variant of a job is called so."""

_PREFIX = len("person-")


class _Profile(msgspec.Struct, gc=False):
    id: str
    email: str


class _Told(msgspec.Struct, gc=False):
    id: str
    variant_id: str
    profile: _Profile
    position: int
    quantity: int
    subscribed_at: str


@dataclass(frozen=True, slots=True)
class Queue:
    """People who wait for one variant.

    Attributes:
        variant_id: what they wait for.
        people: their numbers, in the order in which they sign up.
        since: epoch milliseconds; person `n` signs up `n` milliseconds later.
    """

    variant_id: str
    people: range
    since: int

    def records(self, first: int = 0, last: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and value of the subscription records of those at places first to last."""
        key = self.variant_id.encode()
        for person in self.people[first:last]:
            who = person_of(person)
            value = (
                f'{{"event_id":"sign-up-{person:07d}","type":"subscribe",'
                f'"variant_id":"{self.variant_id}",'
                f'"profile":{{"id":"{who.profile_id}","email":"{who.email}"}},'
                f'"occurred_at":"{format_timestamp(self.since + person)}"}}'
            )
            yield key, value.encode()

    def events(self, expires_at: int | None = None) -> Iterator[SubscribeEvent]:
        """Yield what the records mean.

        Args:
            expires_at: when the first of them expires, in epoch milliseconds; each further one a
                second later. None: they do not by themselves.
        """
        for place, person in enumerate(self.people):
            who = person_of(person)
            yield SubscribeEvent(
                self.variant_id,
                self.since + person,
                Profile(id=who.profile_id, email=who.email),
                (f"id:{who.profile_id}", f"email:{who.email}"),
                expires_at=None if expires_at is None else expires_at + place * 1000,
            )


def restock_record(variant_id: str, occurred_at: int) -> tuple[bytes, bytes]:
    """Key and value of the inventory record that brings one piece of a variant.

    Args:
        variant_id: the variant.
        occurred_at: epoch milliseconds.
    """
    value = (
        f'{{"variant_id":"{variant_id}","quantity":1,'
        f'"occurred_at":"{format_timestamp(occurred_at)}"}}'
    )
    return variant_id.encode(), value.encode()


def is_about(value: bytes, variant_id: str = HOT) -> bool:
    """Whether a notification is about the variant, told from its bytes: for millions of them."""
    return b'"variant_id":"%b"' % variant_id.encode() in value


def check_queues(
    records: Iterable[tuple[bytes, bytes]], queues: Iterable[Queue], id_of: IdRule
) -> int:
    """Hold notifications against the queues, each told in one wave; give how many they are.

    Args:
        records: key and value of every record.
        queues: everybody who must have been told.
        id_of: how the contender makes ids.

    Raises:
        WrongOutput: somebody is missing, told twice, not in their place, or somebody else's.
    """
    read = msgspec.json.Decoder(_Told).decode
    known = {queue.variant_id: (queue, bytearray(len(queue.people))) for queue in queues}
    count = 0
    for key, value in records:
        told = read(value)
        queue, seen = known.get(told.variant_id, (None, bytearray()))
        if queue is None:
            raise WrongOutput(f"{told.variant_id}: {told.profile.id} was told, but not to be told")
        place = _place(queue, key, told, id_of)
        if seen[place]:
            raise WrongOutput(f"{told.variant_id}: {told.profile.id} was told twice")
        seen[place] = 1
        count += 1
    for variant_id, (queue, seen) in known.items():
        place = seen.find(0)
        if place >= 0:
            missing, person = seen.count(0), person_of(queue.people[place])
            raise WrongOutput(f"{variant_id}: {missing} not told, first {person.profile_id}")
    return count


def _place(queue: Queue, key: bytes, told: _Told, id_of: IdRule) -> int:
    """The person's place in the queue, from 0, if all that is said of them is right."""
    number = told.profile.id[_PREFIX:]
    person = int(number) if number.isdecimal() else -1
    if person not in queue.people:
        raise WrongOutput(f"{queue.variant_id}: {told.profile.id} was told, but not to be told")
    place = queue.people.index(person)
    who, signed_up_at = person_of(person), queue.since + person
    profile_key = f"id:{who.profile_id}"
    wanted = (
        profile_key.encode(),
        id_of(queue.variant_id, profile_key, signed_up_at),
        _Profile(who.profile_id, who.email),
        place + 1,
        format_timestamp(signed_up_at),
    )
    found = (key, told.id, told.profile, told.position, told.subscribed_at)
    if found != wanted or told.quantity < 1:
        raise WrongOutput(f"{queue.variant_id}: key {key!r} says {told}, expected {wanted}")
    return place
