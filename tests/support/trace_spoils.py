# SPDX-License-Identifier: Apache-2.0
"""Values that are no valid records, each for one reason."""

import random
from collections.abc import Mapping

from tests.naive.times import write_time

__all__ = ["spoil"]

_AHEAD = 600_000
_QUANTITIES: tuple[object, ...] = ("5", True, 1.5, 2**53, [], -(2**53))
_POLICIES: tuple[object, ...] = ("DENY", "", True, [])


def spoil(chance: random.Random, value: Mapping[str, object], now: int) -> object:
    """Something that is not valid, or rarely null: a tombstone."""
    if chance.random() < 0.3:
        return chance.choice((None, None, 7, True, "text", [], {}, [value]))
    spoiled: list[dict[str, object]] = [
        {"variant_id": bad} for bad in ("", None, 7, "x" * 256, "a\nb", "a\x7fb", "a\x85b")
    ]
    bad_times = (
        None,
        True,
        "",
        1_795_000_000,
        now + 0.5,
        now + _AHEAD + 1,
        write_time(now)[:-1],
        write_time(now).replace("T", " "),
        "2026-11-20T10:00:60Z",
        "2026-02-29T10:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:00Z",
        "2026-11-20T10:00:00.Z",
        "2026-11-20T10:00:00+24:00",
        "2000-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٦-11-20T10:00:00Z",
        " 2026-11-20T10:00:00Z",
    )
    spoiled += [{"occurred_at": bad} for bad in bad_times]
    if "type" not in value:
        spoiled += [{"quantity": bad} for bad in _QUANTITIES]
        spoiled += [{"sequence": bad} for bad in ("0", False, 0.5, 2**53)]
        spoiled += [{"location_id": bad} for bad in ("", 5, "a\tb", "x" * 256)]
        spoiled += [{"policy": bad} for bad in _POLICIES]
        spoiled += [{"available": 1}, {"published": "true"}, {"event_id": ""}, {"source": 5}]
    else:
        people: tuple[object, ...] = (
            None,
            {},
            "P1",
            [],
            {"id": None},
            {"id": ""},
            {"id": 7},
            {"email": " \t\r\n\v\f"},
            {"phone_number": "none"},
            {"id": "P1", "email": " "},
            {"id": "P1", "phone_number": ""},
            {"name": "P1"},
        )
        spoiled += [{"profile": bad} for bad in people]
        spoiled += [{"type": bad} for bad in (None, "", "Subscribe", "unsubscribe ", 7)]
    if value.get("type") == "subscribe":
        lists: tuple[object, ...] = ("EMAIL", ["FAX"], ["email"], [None], {}, ["EMAIL", 7])
        spoiled += [{"channels": bad} for bad in (*lists, [])]
        spoiled += [{"consent": bad} for bad in lists]
        spoiled += [{"priority": bad} for bad in (10, -1, True, "1", 0.5)]
        spoiled += [{"expires_at": bad} for bad in ("", 0, False, "tomorrow")]
        spoiled += [{"locale": ""}, {"market": 7}, {"event_id": False}]
    if value.get("type") != "unsubscribe":
        products: tuple[object, ...] = (
            [],
            "T",
            {"title": ""},
            {"title": 5},
            {"price": ""},
            {"price": True},
        )
        spoiled += [{"product": bad} for bad in products]
    return {**value, **chance.choice(spoiled)}
