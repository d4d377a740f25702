# SPDX-License-Identifier: Apache-2.0
"""The demo's webhook receiver: what it takes, and every way in which a signature can be wrong."""

import asyncio
import base64
import http.client
import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from standardwebhooks.webhooks import Webhook

from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.webhook import WebhookSettings, WebhookSink
from restock.demo.received import Received
from restock.demo.receivers import Receivers, listening
from restock.demo.webhook_receiver import WebhookReceiver, is_signed
from tests.support.demo_runs import rehearse

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOW = 1_795_168_800.0
BODY = json.dumps(
    {"data": {"notifications": [{"variant_id": "v", "profile": {"id": "A", "email": None}}]}}
).encode()


def headers(*, at: float = NOW, body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    """The headers of a request, signed by the reference."""
    moment = datetime.fromtimestamp(at, UTC)
    return {
        "webhook-id": "n1",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": Webhook(secret).sign("n1", moment, body.decode()),
    }


def test_a_right_signature_is_accepted() -> None:
    """What the reference implementation signs is right, beside another signature as well."""
    right = headers()
    assert is_signed(KEY, right, BODY, NOW)
    assert is_signed(KEY, right | {"webhook-signature": "v1,AAAA " + right["webhook-signature"]},
                     BODY, NOW)  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-id": "n2"},
        {"webhook-timestamp": str(int(NOW) + 1)},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": ""},
        {"webhook-signature": headers()["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": "v1,é"},
        headers(secret="whsec_" + base64.b64encode(bytes(32)).decode()),
        headers(body=b"{}"),
    ],
)
def test_a_wrong_signature_is_refused(wrong: dict[str, str]) -> None:
    """Another id, time, version, secret or body is not what was signed."""
    assert not is_signed(KEY, headers() | wrong, BODY, NOW)


@pytest.mark.parametrize(("late", "expected"), [(300, True), (301, False), (-301, False)])
def test_an_old_attempt_is_refused(late: int, *, expected: bool) -> None:
    """An attempt is good for five minutes: nobody can send it again later."""
    assert expected == is_signed(KEY, headers(), BODY, NOW + late)


def test_the_webhooks_of_the_program_are_taken() -> None:
    """Requests of the real sink are right, and tell whom they are for."""
    note = rehearse().evidence.notifications[0].value or b""

    async def deliver(receivers: Receivers) -> list[Answer]:
        settings = WebhookSettings.model_validate({
            "url": receivers.webhook_url, "allow_http": True, "secrets": [SECRET],
            "allow_networks": ["127.0.0.0/8"],
        })  # fmt: skip
        sink = WebhookSink(settings, datetime.now(UTC).timestamp)
        await sink.open()
        answers = await sink.send([Message("ab12", "PUSH", "first", "", (note,))] * 2)
        await sink.close()
        return answers

    with listening(SECRET, "s" * 32) as receivers:
        assert [Answer(Resolution.SENT)] * 2 == asyncio.run(deliver(receivers))
    assert [("ab12", True, True)] * 2 == [
        (message.id, message.taken, message.sound) for message in receivers.took
    ]
    assert receivers.took[0].profile["id"].encode() in note


def test_what_is_not_signed_is_unauthorized() -> None:
    """A stranger is told so, and noted; the connection goes on."""
    with listening(SECRET, "s" * 32) as receivers:
        connection = http.client.HTTPConnection(urlsplit(receivers.webhook_url).netloc, timeout=5)
        for _ in range(2):
            connection.request("POST", "/", BODY, {"webhook-id": "n1"})
            answer = connection.getresponse()
            assert (401, b"") == (answer.status, answer.read())
        connection.close()
    stranger = Received("n1", "PUSH", taken=False, sound=False, variant_id="", profile={})
    assert [stranger] * 2 == list(receivers.took)


def test_a_fault_lasts_from_the_next_request_on() -> None:
    """Everything is turned away for as long as was asked, and then taken again."""
    took: list[Received] = []
    now = [NOW]
    receiver = WebhookReceiver(SECRET, lambda: now[0], took.append)
    receiver.fail_for(2)
    statuses = []
    for seconds in (100, 101.9, 102):
        now[0] = NOW + seconds
        statuses.append(asyncio.run(answer_of(receiver, now[0])))
    assert [503, 503, 204] == statuses
    assert [False, False, True] == [message.taken for message in took]
    assert [("v", {"id": "A"})] * 3 == [(message.variant_id, message.profile) for message in took]


async def answer_of(receiver: WebhookReceiver, at: float) -> int:
    """The status that a receiver answers a webhook with."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = [f"{name}: {value}" for name, value in headers(at=at).items()]
        head = ["POST / HTTP/1.1", *lines, f"Content-Length: {len(BODY)}", "", ""]
        writer.write("\r\n".join(head).encode() + BODY)
        status = int((await reader.readline()).split()[1])
        writer.close()
        await writer.wait_closed()
    return status
