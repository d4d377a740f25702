# SPDX-License-Identifier: Apache-2.0
"""What people do about the messages that reach them: some buy, some want no more of them."""

import json
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, Final
from zlib import crc32

from restock.demo.orders import order_record
from restock.demo.received import Received
from restock.demo.script import Cue
from schemas.identifiers import person_identifiers
from schemas.timestamps import format_timestamp

__all__ = ["Shoppers"]

_PER_MILLE_BUY: Final = 350
_PER_MILLE_SIGN_OFF: Final = 30


class Shoppers:
    """People with a message before them; the same person always does the same.

    Args:
        pause: How long they think about it, in milliseconds.
    """

    def __init__(self, pause: int) -> None:
        self._pause = pause
        self._seen: set[tuple[str, str]] = set()
        self._thinking: list[tuple[int, int, Received]] = []

    def read(self, received: Iterable[Received], now: int) -> None:
        """Messages have come to people, at a time in epoch milliseconds."""
        for message in received:
            if not (message.taken and message.sound and message.is_first):
                continue
            about = (_profile_key(message), message.variant_id)
            if about not in self._seen:
                self._seen.add(about)
                heappush(self._thinking, (now + self._pause, len(self._seen), message))

    def act(self, now: int) -> list[Cue]:
        """Return what those do now who have thought about it long enough."""
        cues = []
        while self._thinking and self._thinking[0][0] <= now:
            message = heappop(self._thinking)[-1]
            dice = crc32(_profile_key(message).encode()) % 1000
            if dice < _PER_MILLE_BUY:
                cues.append(_bought(message, now))
            elif dice < _PER_MILLE_BUY + _PER_MILLE_SIGN_OFF:
                cues.append(_signed_off(message, now))
        return cues


def _profile_key(message: Received) -> str:
    return person_identifiers(**message.profile)[0]


def _bought(message: Received, now: int) -> Cue:
    item = {"variant_id": message.variant_id}
    record = order_record(f"bought-{message.id}", message.profile, item, now)
    return Cue(0, "orders", _profile_key(message).encode(), json.dumps(record).encode())


def _signed_off(message: Received, now: int) -> Cue:
    """What the shop's unsubscribe page writes: all that it knows is in the message's link."""
    record: dict[str, Any] = {
        "type": "unsubscribe",
        "variant_id": message.variant_id,
        "profile": dict(message.profile),
        "occurred_at": format_timestamp(now),
    }
    key = message.variant_id.encode()
    return Cue(0, "subscriptions", key, json.dumps(record, ensure_ascii=False).encode())
