# SPDX-License-Identifier: Apache-2.0
"""The receivers against which delivery is measured: what they count, and when they answer."""

import asyncio
import smtplib
from collections.abc import Callable

import pytest
from typing_extensions import override

from benchmarks.http_receiver import HttpProtocol
from benchmarks.receipts import Receipts
from benchmarks.smtp_receiver import SmtpProtocol


class Time:
    """A clock that the test moves, and what is to be called at which time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def call_at(self, when: float, call: Callable[[], None]) -> None:
        """Keeps a call for its time."""
        self.calls.append((when, call))

    def pass_until(self, moment: float) -> None:
        """Moves on, and calls what falls due on the way."""
        while due := [each for each in self.calls if each[0] <= moment]:
            self.calls.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = moment


def receipts_of(time: Time, delay: float) -> Receipts:
    """Receipts that go by the test's clock."""
    return Receipts(delay, lambda: time.now, time.call_at)


def test_messages_wait_for_the_gate_and_then_for_their_delay() -> None:
    """What came before the gate is answered evenly over one delay, what comes later after one."""
    time, answered = Time(), list[tuple[str, float]]()
    receipts = receipts_of(time, 0.1)

    def answer(name: str) -> Callable[[], None]:
        return lambda: answered.append((name, round(time.now, 3)))

    receipts.take(b"a", answer("a"))
    receipts.take(b"b", answer("b"))
    time.pass_until(200.0)
    assert [] == answered
    receipts.release()
    time.pass_until(200.02)
    receipts.take(b"c", answer("c"))
    time.pass_until(201.0)

    assert [("a", 200.05), ("b", 200.1), ("c", 200.12)] == answered


def test_a_report_counts_messages_ids_and_the_time_from_the_gate() -> None:
    """A message that comes again is one more message, and no further id."""
    time = Time()
    receipts = receipts_of(time, 0.0)
    receipts.take(b"a", lambda: None)
    assert {"taken": 1, "different": 1, "held": 1, "seconds": 0.0} == receipts.report()
    receipts.release()
    time.pass_until(102.5)
    receipts.take(b"b", lambda: None)
    receipts.take(b"a", lambda: None)

    assert {"taken": 3, "different": 2, "held": 0, "seconds": 2.5} == receipts.report()


def test_a_digest_knows_ids_whatever_their_order() -> None:
    """Two that got the same ids have the same digest, and another id makes another."""
    digests = []
    for ids in ((b"a", b"b"), (b"b", b"a"), (b"a", b"c")):
        receipts = receipts_of(Time(), 0.0)
        for each in ids:
            receipts.take(each, lambda: None)
        digests.append(receipts.digest())

    assert digests[0] == digests[1] != digests[2]


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_requests_are_counted_however_they_are_cut(size: int) -> None:
    """Two requests on one connection, in pieces of any size, are two messages with two answers."""
    receipts, wire = receipts_of(Time(), 0.0), Wire()
    receipts.release()
    protocol = HttpProtocol(receipts)
    protocol.connection_made(wire)
    for name in ("one", "two"):
        request = f"POST / HTTP/1.1\r\nWebhook-Id: {name}\r\nContent-Length: 6\r\n\r\n\r\n\r\n{{}}"
        data = request.encode()
        for start in range(0, len(data), size):
            protocol.data_received(data[start : start + size])

    assert 2 == receipts.report()["different"]
    assert [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"] * 2 == wire.written


def test_mail_is_taken_as_smtplib_hands_it_in() -> None:
    """Mails over one connection are counted by their Message-ID, and the client sees no error."""

    async def main() -> dict[str, float]:
        loop = asyncio.get_running_loop()
        receipts = Receipts(0.001, loop.time, loop.call_at)
        receipts.release()
        server = await loop.create_server(lambda: SmtpProtocol(receipts), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(hand_in, port)
        server.close()
        await server.wait_closed()
        return receipts.report()

    report = asyncio.run(main())
    assert (3, 2) == (report["taken"], report["different"])


def hand_in(port: int) -> None:
    """Three mails, two of them with the same id; one has a line that is but a full stop."""
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for name in ("one", "two", "one"):
            mail = f"Subject: x\r\nMessage-ID: <{name}@example.com>\r\n\r\nA\r\n.\r\nB\r\n"
            smtp.sendmail("shop@example.com", "ann@example.com", mail.encode())
