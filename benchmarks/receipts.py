# SPDX-License-Identifier: Apache-2.0
"""What a receiver of messages has got, and the answers it owes; runs in the receiver's process.

Every answer takes the same time, so those that are due stand in a line, and one timer serves all.
Until the gate is opened messages are counted, but not answered: so the measurement begins with
everything prepared, and with as much in flight as there ever is.
"""

import asyncio
import hashlib
import json
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from typing_extensions import override

__all__ = ["DIGEST", "RELEASE", "REPORT", "Connection", "Receipts", "receive"]

RELEASE: Final = b"release\n"
"""Opens the gate."""
REPORT: Final = b"report\n"
"""Asks how many messages came, and when the last one did."""
DIGEST: Final = b"digest\n"
"""Asks for the fingerprint of all ids."""

_AT_ONCE_SECONDS: Final = 0.001


class Receipts:
    """Counts messages, and answers each when it is due.

    Args:
        delay: seconds from a message, or a command before it, to the answer.
        clock: seconds that never go back, those of the loop.
        call_at: lets something be called at such a time.
    """

    def __init__(
        self,
        delay: float,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._delay = delay
        self._clock = clock
        self._call_at = call_at
        self._held: list[Callable[[], None]] = []
        self._due: deque[tuple[float, Callable[[], None]]] = deque()
        self._ids: set[bytes] = set()
        self._taken = 0
        self._last_at = 0.0
        self._released_at: float | None = None

    def take(self, message_id: bytes, answer: Callable[[], None]) -> None:
        """Count a message, and answer it in time; before the gate is open: not yet."""
        self._taken += 1
        self._ids.add(message_id)
        self._last_at = self._clock()
        if self._released_at is None:
            self._held.append(answer)
        else:
            self.later(answer)

    def later(self, answer: Callable[[], None]) -> None:
        """Answer something that is no message."""
        if self._delay:
            self._owe(self._clock() + self._delay, answer)
        else:
            answer()

    def release(self) -> None:
        """Open the gate: what is held is answered in the time that an answer takes, evenly."""
        now = self._released_at = self._clock()
        held, self._held = self._held, []
        for number, answer in enumerate(held, 1):
            if self._delay:
                self._owe(now + self._delay * number / len(held), answer)
            else:
                answer()

    def report(self) -> dict[str, float]:
        """What has come so far.

        Returns:
            `taken`: messages; `different`: their ids; `held`: those that wait for the gate;
            `seconds`: from the opening of the gate to the last message.
        """
        opened_at = self._last_at if self._released_at is None else self._released_at
        return {
            "taken": self._taken,
            "different": len(self._ids),
            "held": len(self._held),
            "seconds": self._last_at - opened_at,
        }

    def digest(self) -> str:
        """The fingerprint of all ids, whatever the order in which they came."""
        return hashlib.sha256(b"\n".join(sorted(self._ids))).hexdigest()

    def _owe(self, due: float, answer: Callable[[], None]) -> None:
        self._due.append((due, answer))
        if len(self._due) == 1:
            self._call_at(due, self._pay)

    def _pay(self) -> None:
        due, soon = self._due, self._clock() + _AT_ONCE_SECONDS
        while due and due[0][0] <= soon:
            due.popleft()[1]()
        if due:
            self._call_at(due[0][0], self._pay)


class Connection(asyncio.Protocol):
    """A connection of a receiver's; what is written after its end goes nowhere.

    Args:
        receipts: counts.
    """

    def __init__(self, receipts: Receipts) -> None:
        self._receipts = receipts
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - as asyncio promises
        self._transport = transport

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


class _Control(Connection):
    """Answers the harness, a line for each of its lines."""

    @override
    def data_received(self, data: bytes) -> None:
        answer: object = None
        if data == RELEASE:
            self._receipts.release()
        elif data == DIGEST:
            answer = self._receipts.digest()
        else:
            answer = self._receipts.report()
        self._write(json.dumps(answer).encode() + b"\n")


def receive(make: Callable[[Receipts], asyncio.Protocol]) -> None:
    """Receive until killed: ``MODULE PLACE DELAY``.

    The ports, that of the receiver and that of the harness, are written to the file PLACE.

    Args:
        make: makes the protocol of a connection.
    """
    place, delay = Path(sys.argv[1]), float(sys.argv[2])
    asyncio.run(_receive(make, place, delay))


async def _receive(make: Callable[[Receipts], asyncio.Protocol], place: Path, delay: float) -> None:
    loop = asyncio.get_running_loop()
    receipts = Receipts(delay, loop.time, loop.call_at)
    servers = [
        await loop.create_server(lambda: make(receipts), "127.0.0.1", 0, backlog=1024),
        await loop.create_server(lambda: _Control(receipts), "127.0.0.1", 0),
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    written = place.with_suffix(".new")
    written.write_text(json.dumps(ports))
    written.rename(place)
    await asyncio.Event().wait()
