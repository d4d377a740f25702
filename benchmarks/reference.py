# SPDX-License-Identifier: Apache-2.0
"""What must come out of the job, worked out plainly, and the check of what did come out."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

import msgspec

from benchmarks.errors import WrongOutput
from benchmarks.trace import Trace, person_of, variant_name
from schemas.timestamps import format_timestamp

__all__ = ["IdRule", "check", "expected_output", "hashed_id", "plain_id", "restocks"]

IdRule = Callable[[str, str, int], str]
"""The id of a notification: (variant_id, profile key, subscribed_at in epoch milliseconds)."""

_SHOWN = 3


class _Profile(msgspec.Struct):
    id: str
    email: str


class _Notification(msgspec.Struct):
    id: str
    variant_id: str
    profile: _Profile
    quantity: int
    subscribed_at: str


def expected_output(trace: Trace, id_of: IdRule) -> dict[str, int]:
    """Everybody who must be told, once each.

    The rule of the job: stock that comes back (from none to some) tells everybody waiting for
    the variant; of several sign-ups of a person the first counts.

    Args:
        trace: the job.
        id_of: how the contender makes ids.

    Returns:
        The number of the sign-up that counts, by the id of its notification.
    """
    waiting: dict[int, dict[int, int]] = {}
    for number, person in enumerate(trace.sign_ups):
        waiting.setdefault(trace.wanted[person], {}).setdefault(person, number)
    told: list[int] = []
    stock: dict[int, int] = {}
    for variant, quantity in trace.stock_figures():
        if quantity > 0 and not stock.get(variant):
            told += waiting.pop(variant, {}).values()
        stock[variant] = quantity
    return {_id_of_sign_up(trace, number, id_of): number for number in told}


def restocks(trace: Trace) -> int:
    """How many events of the job bring a variant from no stock to some."""
    stock: dict[int, int] = {}
    count = 0
    for variant, quantity in trace.stock_figures():
        count += quantity > 0 and not stock.get(variant)
        stock[variant] = quantity
    return count


def hashed_id(variant_id: str, profile_key: str, subscribed_at: int) -> str:
    """The id as docs/semantics.md section 1 has it, written from that text."""
    text = "\0".join([variant_id, profile_key, str(subscribed_at)])
    return sha256(text.encode("utf-8")).hexdigest()[:32]


def plain_id(variant_id: str, profile_key: str, subscribed_at: int) -> str:
    """An id that costs nothing, for contenders that owe nobody the real one."""
    return f"{variant_id}/{profile_key}/{format_timestamp(subscribed_at)}"


def check(
    records: Iterable[tuple[bytes, bytes]], expected: Mapping[str, int], trace: Trace
) -> None:
    """Hold notification records against the reference.

    Args:
        records: key and value of every record of the output topic.
        expected: what `expected_output` gave.
        trace: the job.

    Raises:
        WrongOutput: one is missing, too many, told twice, or wrong in key, person or quantity.
    """
    read = msgspec.json.Decoder(_Notification).decode
    told: Counter[str] = Counter()
    for key, value in records:
        notification = read(value)
        told[notification.id] += 1
        number = expected.get(notification.id)
        if number is not None:
            _check_fields(key, notification, trace, number)
    _none("told twice", [each for each, times in told.items() if times > 1])
    _none("told but not to be told", [each for each in told if each not in expected])
    _none("not told", [each for each in expected if each not in told])


def _check_fields(key: bytes, notification: _Notification, trace: Trace, number: int) -> None:
    person = trace.sign_ups[number]
    who = person_of(person)
    wanted = (
        variant_name(trace.wanted[person]),
        _Profile(who.profile_id, who.email),
        format_timestamp(trace.signed_up_at(number)),
        f"id:{who.profile_id}".encode(),
    )
    found = (notification.variant_id, notification.profile, notification.subscribed_at, key)
    if found != wanted or notification.quantity < 1:
        message = f"notification {notification.id} with key {key!r} says {notification}"
        raise WrongOutput(f"{message}, expected {wanted}")


def _id_of_sign_up(trace: Trace, number: int, id_of: IdRule) -> str:
    person = trace.sign_ups[number]
    key = f"id:{person_of(person).profile_id}"
    return id_of(variant_name(trace.wanted[person]), key, trace.signed_up_at(number))


def _none(problem: str, ids: list[str]) -> None:
    if ids:
        shown = ", ".join(sorted(ids)[:_SHOWN])
        raise WrongOutput(f"{len(ids)} {problem}, for example {shown}")
