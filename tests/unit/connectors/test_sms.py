# SPDX-License-Identifier: Apache-2.0
"""The sink `sms`: what the provider gets, and what its answers mean."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from msgspec import structs
from pydantic import ValidationError

from connectors.errors import SinkError
from connectors.sinks.content import read_notification
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.sms import SmsSettings, SmsSink
from connectors.sinks.sms_content import SmsText, TextError, e164
from connectors.sinks.testing import Behaviour, sample_message
from tests.support.receiver import HttpReceiver, answer, http_receiver

MESSAGE = replace(sample_message(1), channel="SMS")
NOTIFIED = read_notification(MESSAGE.notifications[0])


def settings_of(base_url: str, **changes: object) -> SmsSettings:
    """Make settings as a file gives them, for a local provider."""
    table = {
        "account": "AC1",
        "token": "made up",
        "sender": "+12015550100",
        "base_url": base_url,
        "timeout": "20s",
        "allow_http": True,
        "allow_networks": ["127.0.0.1"],
    }
    return SmsSettings.model_validate({**table, **changes})


@asynccontextmanager
async def opened(receiver: HttpReceiver, **changes: object) -> AsyncIterator[SmsSink]:
    """Open a sink to a provider for as long as the block lasts."""
    sink = SmsSink(settings_of(receiver.url, **changes), time.time)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


@asynccontextmanager
async def provider() -> AsyncIterator[HttpReceiver]:
    """Listen for as long as the block lasts."""
    async with http_receiver("i-twilio-idempotency-token") as receiver:
        yield receiver


async def sent(sink: SmsSink, message: Message = MESSAGE) -> Answer:
    """Send one message."""
    [answer] = await sink.send([message])
    return answer


def message_with(field: str, values: dict[str, object]) -> Message:
    """Return the message with other values in the record's profile or product."""
    record = json.loads(MESSAGE.notifications[0])
    record[field] = values
    return replace(MESSAGE, notifications=(json.dumps(record).encode(),))


def test_the_provider_gets_a_form() -> None:
    """As Twilio documents it: path, credentials, number, sender and text; the id in a header."""

    async def claim() -> None:
        async with provider() as receiver, opened(receiver) as sink:
            assert Answer(Resolution.SENT) == await sent(sink)
            [request] = receiver.requests
            assert "/hook/2010-04-01/Accounts/AC1/Messages.json" == request.target
            credentials = request.headers["authorization"].removeprefix("Basic ")
            assert b"AC1:made up" == base64.b64decode(credentials)
            assert "application/x-www-form-urlencoded" == request.headers["content-type"]
            assert {
                "To": ["+12015550001"],
                "From": ["+12015550100"],
                "Body": ["Canvas tote is back in stock: https://shop.example/tote"],
            } == parse_qs(request.body.decode())
            assert [MESSAGE.id] == receiver.ids

    asyncio.run(claim())


def test_a_messaging_service_can_choose_the_sender() -> None:
    """Then no sender is named."""

    async def claim() -> None:
        async with (
            provider() as receiver,
            opened(receiver, sender="", messaging_service="MG1") as sink,
        ):
            await sent(sink)
            form = parse_qs(receiver.requests[0].body.decode())
            assert ["MG1"] == form["MessagingServiceSid"]
            assert "From" not in form

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 21211, (Resolution.FINAL, "invalid_number", False)),
        (400, 21610, (Resolution.FINAL, "unsubscribed", False)),
        (400, 21614, (Resolution.FINAL, "not_a_mobile_number", False)),
        (400, 21611, (Resolution.RETRY, "throttled", True)),
        (400, 30001, (Resolution.RETRY, "throttled", True)),
        (429, 20429, (Resolution.RETRY, "throttled", True)),
        (429, None, (Resolution.RETRY, "throttled", True)),
        (401, 20003, (Resolution.RETRY, "authentication", False)),
        (401, None, (Resolution.RETRY, "authentication", False)),
        (400, 29999, (Resolution.FINAL, "http_400", False)),
        (400, None, (Resolution.FINAL, "http_400", False)),
        (302, None, (Resolution.FINAL, "redirected", False)),
        (503, None, (Resolution.RETRY, "http_503", False)),
    ],
)
def test_what_an_error_means(
    status: int, code: int | None, expected: tuple[Resolution, str, bool]
) -> None:
    """The provider's own code where the table knows it, else the status; no number is shown."""
    body = {"code": code, "message": "'+12015550001' is not valid", "status": status}

    async def claim() -> None:
        async with provider() as receiver, opened(receiver) as sink:
            receiver.reply(answer(status, body=json.dumps(body).encode()))
            got = await sent(sink)
            assert expected == (got.resolution, got.reason, got.throttled)
            assert "2015550001" not in got.detail

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status":"queued","error_code":null}', Answer(Resolution.SENT)),
        (b"<html>", Answer(Resolution.SENT)),
        (b"\xff", Answer(Resolution.SENT)),
        (b'["code"]', Answer(Resolution.SENT)),
        (
            b'{"status":"failed","error_code":21610}',
            Answer(Resolution.FINAL, "unsubscribed", "HTTP 201, error 21610 of the provider"),
        ),
    ],
)
def test_what_is_accepted_can_have_failed(body: bytes, expected: Answer) -> None:
    """A body that cannot be read is of no account; one that names an error is."""

    async def claim() -> None:
        async with provider() as receiver, opened(receiver) as sink:
            receiver.reply(answer(201, body=body))
            assert expected == await sent(sink)

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("behaviour", "reason"), [(Behaviour.STALL, "timeout"), (Behaviour.CUT, "disconnected")]
)
def test_a_lost_answer_is_tried_again(behaviour: Behaviour, reason: str) -> None:
    """With the same token: a provider that heeds it sends once."""

    async def claim() -> None:
        async with provider() as receiver:
            receiver.behave(behaviour, times=1)
            async with opened(receiver, timeout="100ms") as sink:
                got = await sent(sink)
            assert (Resolution.RETRY, reason) == (got.resolution, got.reason)
            async with opened(receiver) as sink:
                await sent(sink, replace(MESSAGE, attempt=2))
            assert [MESSAGE.id] * 2 == receiver.ids

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (message_with("profile", {"email": "customer@example.com"}), "no_address"),
        (message_with("profile", {"phone_number": "+1 555"}), "invalid_number"),
        (replace(MESSAGE, notifications=(b"{}",)), "invalid_record"),
        (replace(MESSAGE, id="1\r\nX-Evil: 1"), "invalid_header"),
    ],
)
def test_what_cannot_be_sent_is_given_up(message: Message, reason: str) -> None:
    """No number, no text, no record, no header: nothing is connected."""

    async def claim() -> None:
        async with provider() as receiver, opened(receiver) as sink:
            got = await sent(sink, message)
            assert (Resolution.FINAL, reason) == (got.resolution, got.reason)
            assert 0 == receiver.accepted

    asyncio.run(claim())


def test_what_is_not_known_is_left_out() -> None:
    """The text of the defaults is whole without a title or a URL; one's own template may insist."""

    async def claim() -> None:
        async with provider() as receiver:
            async with opened(receiver) as sink:
                await sent(sink, message_with("product", {}))
                form = parse_qs(receiver.requests[0].body.decode())
                assert ["What you asked for is back in stock"] == form["Body"]
            async with opened(receiver, text="{{ product.title }}") as sink:
                got = await sent(sink, message_with("product", {}))
                assert (Resolution.FINAL, "template") == (got.resolution, got.reason)

    asyncio.run(claim())


def test_a_title_cannot_leave_its_field() -> None:
    """What it holds is text of the message, and neither a further field nor a header."""
    title = "tote&To=+46\r\nX-Evil: 1\r\n\r\n"
    message = message_with("product", {"title": title, "url": "https://shop.example/"})

    async def claim() -> None:
        async with provider() as receiver, opened(receiver) as sink:
            assert Answer(Resolution.SENT) == await sent(sink, message)
            [request] = receiver.requests
            form = parse_qs(request.body.decode())
            assert ["+12015550001"] == form["To"]
            assert form["Body"][0].startswith(title)
            assert "x-evil" not in request.headers

    asyncio.run(claim())


def test_private_providers_are_refused_by_default() -> None:
    """The credentials go nowhere that was not meant."""

    async def claim() -> None:
        async with provider() as receiver, opened(receiver, allow_networks=[]) as sink:
            got = await sent(sink)
            assert (Resolution.FINAL, "address_refused") == (got.resolution, got.reason)
            assert 0 == receiver.accepted

    asyncio.run(claim())


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+46 70-174 06 05", "", "+46701740605"),
        ("070-174 06 05", "SE", "+46701740605"),
        ("(201) 555-0123", "US", "+12015550123"),
        ("+44 (0)20 7946 0958", "SE", "+442079460958"),
    ],
)
def test_numbers_are_written_as_e164(number: str, region: str, expected: str) -> None:
    """A number that names its country keeps it; others are of the region that is set."""
    assert expected == e164(number, region)


@pytest.mark.parametrize(
    ("number", "region"),
    [("070-174 06 05", ""), ("5550123", "US"), ("+1 201", ""), ("none", "SE"), ("+999123456", "")],
)
def test_numbers_that_nobody_could_call_are_refused(number: str, region: str) -> None:
    """Without a country, too short, or no number at all."""
    with pytest.raises(ValueError, match=r"^$"):
        e164(number, region)


def test_a_text_can_ask_what_is_known() -> None:
    """Fields that are not known can be asked for and replaced, and a digest can be told whole."""
    text = SmsText("{% if product.url %}{{ product.url }}{% else %}soon{% endif %} {{ quantity }}")
    assert "https://shop.example/tote 20" == text.render([NOTIFIED])
    digest = SmsText("{% for one in notifications %}{{ one.product.title }}. {% endfor %}")
    assert "Canvas tote. Canvas tote." == digest.render([NOTIFIED, NOTIFIED])


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ product.titel }}", "no attribute 'titel'"),
        ("{{ customer }}", "'customer' is undefined"),
        ("one\n{{ product.title", "text, line 2"),
        ("{{ quantity / 0 }}", "division by zero"),
        ("{{ none }}", "not known"),
        ("{{ product.__class__.__mro__ }}", "unsafe"),
        ("{% include 'other' %}", "text: "),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_open(source: str, problem: str) -> None:
    """An undefined name, a slip of syntax, and whatever reaches for more than is given."""

    async def claim() -> None:
        sink = SmsSink(settings_of("https://provider.example", text=source), time.time)
        with pytest.raises(SinkError, match=problem):
            await sink.open()

    asyncio.run(claim())


def test_a_value_that_is_not_known_is_not_shown_as_none() -> None:
    """Better no message than one that says "None"."""
    unknown = structs.replace(NOTIFIED, product=structs.replace(NOTIFIED.product, title=None))
    with pytest.raises(TextError, match="not known"):
        SmsText("{{ product.title }}").render([unknown])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"base_url": "http://provider.example"}, "base_url must begin with https"),
        ({"messaging_service": "MG1"}, "give either sender or messaging_service"),
        ({"sender": ""}, "give either sender or messaging_service"),
        ({"region": "Sweden"}, "region must be"),
        ({"token": ""}, "at least 1"),
        ({"account": ""}, "at least 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object], problem: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ValidationError, match=problem):
        SmsSettings.model_validate(
            {"account": "AC1", "token": "made up", "sender": "Shop", **changes}
        )


def test_a_sink_that_is_not_open_says_so() -> None:
    """Before `open` there is no text to send."""
    with pytest.raises(SinkError, match=r"call open\(\)"):
        asyncio.run(sent(SmsSink(settings_of("https://provider.example"), time.time)))
