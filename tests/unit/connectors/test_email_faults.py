# SPDX-License-Identifier: Apache-2.0
"""What the sink `email` makes of a mail server's replies, and of its faults."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from connectors.sinks.contract import Resolution
from connectors.sinks.testing import Behaviour, sample_message
from tests.support.mail_server import SENT, MailServer, against, one, opened

RETRY, FINAL = Resolution.RETRY, Resolution.FINAL
TO = "customer-0@example.com"


@pytest.mark.parametrize(
    ("reply", "resolution", "connections"),
    [
        ("450 4.2.0 busy", Resolution.RETRY, 1),
        ("550 5.1.1 no such user", Resolution.FINAL, 1),
        ("421 4.3.2 closing", Resolution.RETRY, 2),
    ],
)
def test_one_of_many_is_refused(reply: str, resolution: Resolution, connections: int) -> None:
    """The others on the same connection do not notice; only after 421 it is another one."""

    async def claim(server: MailServer) -> None:
        server.replies["customer-3@example.com"] = reply
        async with opened(server.port, connections=1) as sink:
            answers = list(await sink.send([sample_message(number) for number in range(8)]))
        refused = answers.pop(3)
        assert [SENT] * 7 == answers
        assert (resolution, f"smtp_{reply[:3]}") == (refused.resolution, refused.reason)
        expected = [f"customer-{number}@example.com" for number in range(8) if number != 3]
        assert expected == server.recipients
        assert connections == server.accepted

    against(claim)


@pytest.mark.parametrize(
    ("stage", "reply", "resolution", "reason"),
    [
        (TO, "450 4.2.1 x", RETRY, "smtp_450"),
        (TO, "451 x", RETRY, "smtp_451"),
        (TO, "452 4.2.2 full", RETRY, "smtp_452"),
        (TO, "530 5.7.0 first log in", RETRY, "authentication"),
        (TO, "550 5.1.1 x", FINAL, "smtp_550"),
        (TO, "551 x", FINAL, "smtp_551"),
        (TO, "552 5.2.2 full", FINAL, "smtp_552"),
        (TO, "553 x", FINAL, "smtp_553"),
        (TO, "554 x", FINAL, "smtp_554"),
        (TO, "354 x", RETRY, "garbled"),
        (TO, "99 x", RETRY, "garbled"),
        (TO, "what?", RETRY, "garbled"),
        (TO, "550 " + "x" * 20_000, RETRY, "garbled"),
        ("DATA", "451 4.3.0 x", RETRY, "smtp_451"),
        ("DATA", "552 5.3.4 x", FINAL, "too_large"),
        ("DATA", "554 5.7.1 x", FINAL, "smtp_554"),
        ("DATA", "250", SENT.resolution, ""),
        ("MAIL", "451 x", RETRY, "smtp_451"),
        ("MAIL", "550 5.7.1 not your address", RETRY, "sender_refused"),
        ("MAIL", "552 5.3.4 too big", FINAL, "too_large"),
        ("MAIL", "535 5.7.8 x", RETRY, "authentication"),
        ("MAIL", "421 4.7.0 too many", RETRY, "smtp_421"),
    ],
)
def test_what_replies_mean(stage: str, reply: str, resolution: Resolution, reason: str) -> None:
    """The recipient's or the mail's refusal is final with 5xx; all else passes, or is mended."""

    async def claim(server: MailServer) -> None:
        server.replies[stage] = reply
        async with opened(server.port) as sink:
            answer = await one(sink, sample_message(0))
            assert (resolution, reason) == (answer.resolution, answer.reason)
            assert not answer.throttled
            server.replies.clear()
            assert SENT == await one(sink, sample_message(1))

    against(claim)


@pytest.mark.parametrize("stage", ["MAIL", TO, "DATA"])
def test_too_high_a_rate_slows_everything_down(stage: str) -> None:
    """That is not the message's fault, and does not count as an attempt."""

    async def claim(server: MailServer) -> None:
        server.replies[stage] = "454 Throttling failure: Maximum sending rate exceeded"
        async with opened(server.port) as sink:
            answer = await one(sink, sample_message(0))
        assert (RETRY, "smtp_454", True) == (answer.resolution, answer.reason, answer.throttled)
        assert answer.wait

    against(claim)


def test_an_answer_shows_nobodys_address() -> None:
    """A server repeats it in its replies: of them only the codes are kept."""

    async def claim(server: MailServer) -> None:
        server.replies[TO] = f"550 5.1.1 <{TO}> user unknown"
        async with opened(server.port) as sink:
            answer = await one(sink, sample_message(0))
        assert "the server answered 550 5.1.1 to the recipient" == answer.detail

    against(claim)


def test_a_connection_that_fails_to_reset_is_dropped() -> None:
    """Nothing of a refused mail is left for the next."""

    async def claim(server: MailServer) -> None:
        server.replies.update({TO: "550 x", "RSET": "500 what?"})
        async with opened(server.port) as sink:
            assert FINAL == (await one(sink, sample_message(0))).resolution
            assert SENT == await one(sink, sample_message(1))
        assert 2 == server.accepted

    against(claim)


def test_a_server_that_closes_in_mid_mail() -> None:
    """Whether it has the mail nobody knows: it is tried again with the same id."""

    async def claim(server: MailServer) -> None:
        server.behave(Behaviour.STALL, times=1)
        async with opened(server.port) as sink:
            sending = asyncio.create_task(one(sink, sample_message(0)))
            while not server.contents:  # noqa: ASYNC110 - nobody tells when it came
                await asyncio.sleep(0.001)
            await server.hang_up()
            answer = await sending
            assert (RETRY, "connection_lost") == (answer.resolution, answer.reason)
            server.behave(Behaviour.CUT, times=1)
            answer = await one(sink, replace(sample_message(0), attempt=2))
            assert (RETRY, "garbled") == (answer.resolution, answer.reason)
            assert SENT == await one(sink, replace(sample_message(0), attempt=3))
        assert [sample_message(0).id] * 3 == server.ids

    against(claim)


async def _silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def _dripping(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # A greeting without an end: each line is in time, the whole never is.
    while not writer.is_closing():
        writer.write(b"220-wait\r\n")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("behaviour", [_silent, _dripping])
@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_server_that_never_gets_to_the_point(
    behaviour: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    security: str,
) -> None:
    """A mail takes as long as the setting says, however much is said meanwhile."""

    async def run() -> None:
        writers: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await behaviour(reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            async with opened(port, timeout="100ms", security=security) as sink:
                async with asyncio.timeout(5):
                    answer = await one(sink, sample_message(0))
                assert answer.reason in {"timeout", "tls"}
                assert RETRY == answer.resolution
                for writer in writers:
                    writer.transport.abort()
        finally:
            server.close()

    asyncio.run(run())


def test_nobody_listens() -> None:
    """That passes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def run() -> None:
        async with opened(port) as sink:
            answer = await one(sink, sample_message(0))
        assert (RETRY, "connection_refused") == (answer.resolution, answer.reason)

    asyncio.run(run())
