# SPDX-License-Identifier: Apache-2.0
"""The sink `webhook`: what a receiver gets, and what its answers mean."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook

from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.testing import Behaviour, sample_message
from connectors.sinks.webhook import WebhookSettings, WebhookSink
from tests.support.certificates import make_certificates
from tests.support.receiver import HttpReceiver, answer, endless, http_receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MESSAGE = sample_message(1)


def settings_of(url: str, **changes: object) -> WebhookSettings:
    """Make settings as a file gives them, for a local receiver."""
    table = {
        "url": url,
        "secrets": [SECRET],
        "timeout": "20s",
        "allow_http": True,
        "allow_networks": ["127.0.0.1"],
    }
    return WebhookSettings.model_validate({**table, **changes})


@asynccontextmanager
async def opened(receiver: HttpReceiver, **changes: object) -> AsyncIterator[WebhookSink]:
    """Open a sink to a receiver for as long as the block lasts."""
    sink = WebhookSink(settings_of(receiver.url, **changes), time.time)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def sent(sink: WebhookSink, message: Message = MESSAGE) -> Answer:
    """Send one message."""
    [answer] = await sink.send([message])
    return answer


def test_a_receiver_can_verify_what_it_gets() -> None:
    """By the package of Standard Webhooks; the records within are byte for byte those in Kafka."""

    async def claim() -> None:
        first, second = MESSAGE.notifications[0], sample_message(2).notifications[0]
        digest = replace(MESSAGE, notifications=(first, b"\n" + second))
        async with http_receiver() as receiver, opened(receiver) as sink:
            assert Answer(Resolution.SENT) == await sent(sink, digest)
            [request] = receiver.requests
            body = Webhook(SECRET).verify(request.body, dict(request.headers))
            assert "application/json" == request.headers["content-type"]
            assert {
                "type": "stock.back",
                "timestamp": "2026-11-20T10:00:00.000Z",
                "data": {
                    "step": "first",
                    "channel": "EMAIL",
                    "notifications": [json.loads(first), json.loads(second)],
                },
            } == body
            assert b'"notifications":[' + first + b",\n" + second + b"]}}" in request.body

    asyncio.run(claim())


def test_the_timestamp_is_that_of_the_attempt() -> None:
    """A second attempt has the same id and body, and a time and signature of its own."""

    async def claim() -> None:
        moments = iter([1_795_262_400.9, 1_795_262_460.0])
        async with http_receiver() as receiver:
            sink = WebhookSink(settings_of(receiver.url), lambda: next(moments))
            await sink.open()
            await sent(sink)
            await sent(sink, replace(MESSAGE, attempt=2))
            await sink.close()
            first, second = receiver.requests
        assert MESSAGE.id == first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert ["1795262400", "1795262460"] == [
            request.headers["webhook-timestamp"] for request in (first, second)
        ]
        assert first.headers["webhook-signature"] != second.headers["webhook-signature"]

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, Answer(Resolution.SENT)),
        (204, {}, Answer(Resolution.SENT)),
        (301, {"Location": "http://10.0.0.1/"}, Answer(Resolution.FINAL, "redirected")),
        (400, {}, Answer(Resolution.FINAL, "http_400")),
        (404, {}, Answer(Resolution.FINAL, "http_404")),
        (408, {}, Answer(Resolution.RETRY, "http_408")),
        (410, {}, Answer(Resolution.DISABLE, "http_410")),
        (425, {}, Answer(Resolution.RETRY, "http_425")),
        (429, {"Retry-After": "7"}, Answer(Resolution.RETRY, "http_429", "", 7.0, throttled=True)),
        (429, {}, Answer(Resolution.RETRY, "http_429", "", 1.0, throttled=True)),
        (500, {}, Answer(Resolution.RETRY, "http_500")),
        (503, {"Retry-After": "30"}, Answer(Resolution.RETRY, "http_503", "", 30.0)),
        (599, {}, Answer(Resolution.RETRY, "http_599")),
    ],
)
def test_what_a_status_means(status: int, headers: dict[str, str], expected: Answer) -> None:
    """The table of the sink, by real answers; a redirect is not followed."""

    async def claim() -> None:
        async with http_receiver() as receiver, opened(receiver) as sink:
            receiver.reply(answer(status, headers))
            got = await sent(sink)
            assert expected == replace(got, detail="")
            assert got.detail == ("" if got.resolution is Resolution.SENT else f"HTTP {status}")
            assert 1 == len(receiver.requests)

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour.GARBAGE, Answer(Resolution.SENT)),
        (Behaviour.STALL, Answer(Resolution.RETRY, "timeout", "TimeoutError")),
        (Behaviour.CUT, Answer(Resolution.RETRY, "disconnected", "ClientPayloadError")),
    ],
)
def test_what_a_bad_answer_means(behaviour: Behaviour, expected: Answer) -> None:
    """A body is of no account, but half an answer is none."""

    async def claim() -> None:
        async with http_receiver() as receiver, opened(receiver, timeout="100ms") as sink:
            receiver.behave(behaviour)
            assert expected == await sent(sink)

    asyncio.run(claim())


def test_an_endless_body_is_an_answer() -> None:
    """What the receiver says after the first 64 KiB does not unsay the status."""

    async def claim() -> None:
        async with http_receiver() as receiver, opened(receiver) as sink:
            receiver.reply(endless)
            assert Answer(Resolution.SENT) == await sent(sink)

    asyncio.run(claim())


def test_five_hundred_are_in_flight() -> None:
    """Requests that wait for their answers do so together."""

    async def claim() -> None:
        gate = asyncio.Event()
        accept = answer(200)

        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(receiver.requests) == 500:
                gate.set()
            await gate.wait()
            await accept(reader, writer)

        async with (
            http_receiver() as receiver,
            opened(receiver, concurrency=500) as sink,
        ):
            receiver.reply(reply)
            answers = await asyncio.gather(
                *(sent(sink, sample_message(number)) for number in range(500))
            )
            assert [Answer(Resolution.SENT)] * 500 == answers
            assert 500 == receiver.connections

    asyncio.run(claim())


def test_a_title_cannot_leave_the_body() -> None:
    """A product's title is data within JSON, whatever it holds; the signature holds."""

    async def claim() -> None:
        title = 'tote"}]}}\r\nwebhook-id: 2\r\n\r\n\u2028'
        record = json.loads(MESSAGE.notifications[0])
        record["product"]["title"] = title
        message = replace(MESSAGE, notifications=(json.dumps(record).encode(),))
        async with http_receiver() as receiver, opened(receiver) as sink:
            assert Answer(Resolution.SENT) == await sent(sink, message)
            [request] = receiver.requests
            body = Webhook(SECRET).verify(request.body, dict(request.headers))
            assert title == body["data"]["notifications"][0]["product"]["title"]
            assert MESSAGE.id == request.headers["webhook-id"]

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (replace(MESSAGE, id="1\r\nX-Evil: 1"), "invalid_header"),
        (replace(MESSAGE, notifications=(b'{"triggered_at":',)), "invalid_record"),
        (replace(MESSAGE, notifications=(b"{}",)), "invalid_record"),
        (replace(MESSAGE, notifications=(*MESSAGE.notifications, b'"],"x"')), "invalid_record"),
    ],
)
def test_what_cannot_be_sent_is_given_up(message: Message, reason: str) -> None:
    """An id that would end its header, a record that would end the body: nothing is connected."""

    async def claim() -> None:
        async with http_receiver() as receiver, opened(receiver) as sink:
            got = await sent(sink, message)
            assert (Resolution.FINAL, reason) == (got.resolution, got.reason)
            assert 0 == receiver.accepted

    asyncio.run(claim())


def test_private_receivers_are_refused_by_default() -> None:
    """Without a list of networks nothing behind the door is reached, and no retry would help."""

    async def claim() -> None:
        async with http_receiver() as receiver, opened(receiver, allow_networks=[]) as sink:
            got = await sent(sink)
            assert (Resolution.FINAL, "address_refused") == (got.resolution, got.reason)
            assert "127.0.0.1" not in got.detail
            assert 0 == receiver.accepted

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("days", "expected"), [(1, (Resolution.SENT, "")), (-1, (Resolution.RETRY, "certificate"))]
)
def test_an_expired_certificate_is_never_sent_to(
    tmp_path: Path, days: int, expected: tuple[Resolution, str]
) -> None:
    """It is tried again until it is renewed; until then the receiver sees no request."""
    certificates = make_certificates(tmp_path, days=days)

    async def claim() -> None:
        async with (
            http_receiver(tls=certificates.server) as receiver,
            opened(receiver, ca_file=str(certificates.ca_file), timeout="20s") as sink,
        ):
            got = await sent(sink)
            assert expected == (got.resolution, got.reason)
            assert (days > 0) == bool(receiver.requests)

    asyncio.run(claim())


def test_further_headers_are_sent() -> None:
    """As the settings have them, with a value that no print of the settings shows."""

    async def claim() -> None:
        async with (
            http_receiver() as receiver,
            opened(receiver, headers={"Authorization": "Bearer made-up"}) as sink,
        ):
            await sent(sink)
            assert "Bearer made-up" == receiver.requests[0].headers["authorization"]
            settings = settings_of(receiver.url, headers={"Authorization": "Bearer made-up"})
            assert "made-up" not in f"{settings!r} {settings.model_dump(mode='json')}"

    asyncio.run(claim())


def test_it_can_go_unsigned_on_purpose() -> None:
    """Without secrets, and told so, it sends the id and the time only."""

    async def claim() -> None:
        async with (
            http_receiver() as receiver,
            opened(receiver, secrets=[], unsigned=True) as sink,
        ):
            await sent(sink)
            assert "webhook-signature" not in receiver.requests[0].headers

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"secrets": []}, "give either secrets, or unsigned"),
        ({"unsigned": True}, "give either secrets, or unsigned"),
        ({"secrets": ["hunter2"]}, "secret 0 must begin with"),
        ({"headers": {"webhook-id": "1"}}, "headers.webhook-id cannot be given"),
        ({"allow_networks": ["10.0.0.1/8"]}, "expected a network"),
        ({"concurrency": 0}, "greater than or equal to 1"),
        ({"timeout": 0}, "greater than 0"),
        ({"retries": 3}, "retries"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object], problem: str) -> None:
    """Before anything is opened, and without showing a secret."""
    with pytest.raises(ValidationError, match="url must begin with https"):
        settings_of("http://shop.example/", allow_http=False)
    with pytest.raises(ValidationError, match=problem) as caught:
        settings_of("https://shop.example/", **{"allow_http": False, **changes})
    assert "hunter2" not in str(caught.value)


def test_settings_are_written_as_they_are_read() -> None:
    """Networks and durations as text, secrets masked."""
    settings = settings_of("https://shop.example/hooks")
    written = settings.model_dump(mode="json")
    assert ["127.0.0.1/32"] == written["allow_networks"]
    assert "20s" == written["timeout"]
    assert timedelta(seconds=5) == settings.connect_timeout
    assert ["**********"] == written["secrets"]
