# SPDX-License-Identifier: Apache-2.0
"""`restock deliver` as a process, and who receives what it sends: a mail server, an endpoint."""

import asyncio
import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Literal

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from confluent_kafka import Producer
from standardwebhooks import Webhook, WebhookVerificationError

from schemas.timestamps import format_timestamp
from tests.support import shop as shops
from tests.support.offices import notification
from tests.support.shop import PATIENCE, Shop, now

__all__ = ["SECRET", "Deliveries", "Receipt", "Receivers", "opened_receivers", "ways"]

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of tests alone

_MESSAGE_ID: Final = re.compile(rb"^message-id:\s*<([^@>]+)@", re.IGNORECASE | re.MULTILINE)
_DELIVERY: Final = """\
[delivery]
directory = "{directory}"
epoch_interval = "200ms"
{more}
[journey]
{journey}
[journey.channels]
EMAIL = "mail"
PUSH = "hook"
[sinks.mail]
kind = "email"
host = "127.0.0.1"
port = {mail_port}
security = "none"
from_address = "Shop <shop@example.com>"
connections = {concurrency}
[sinks.hook]
kind = "webhook"
url = "http://127.0.0.1:{hook_port}/hook"
allow_http = true
allow_networks = ["127.0.0.0/8"]
secrets = ["{secret}"]
concurrency = {concurrency}
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that a receiver has taken.

    Attributes:
        by: which receiver.
        id: tells a repeat from another message: `webhook-id`, or `Message-ID` up to its @.
        about: the notification's id by webhook, the recipient's address by mail.
        at: when, in seconds of `time.monotonic`.
    """

    by: Literal["mail", "hook"]
    id: str
    about: str
    at: float


@dataclass  # no slots: aiosmtpd looks at all members, which Python 3.11.2 cannot bear
class Receivers:
    """A mail server and an endpoint in a thread of their own; all but the ports may be changed.

    Attributes:
        mail_port: of the mail server, on 127.0.0.1.
        hook_port: of the endpoint.
        receipts: what was taken, in its order, whether it was answered or not.
        faults: requests whose signature is not right, mails without an id.
        delay: seconds between a receipt and its answer.
        status: what the endpoint answers with.
        on_receipt: called between a receipt and its answer, in the thread of the receivers.
    """

    mail_port: int = 0
    hook_port: int = 0
    receipts: list[Receipt] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    delay: float = 0.0
    status: int = 200
    on_receipt: Callable[[Receipt], None] = lambda _receipt: None

    @property
    def ids(self) -> list[str]:
        """The ids of what was taken, sorted."""
        return sorted(receipt.id for receipt in list(self.receipts))

    def wait_for(self, count: int, process: "subprocess.Popen[str]") -> None:
        """Wait until so many messages were taken, while a process lives."""
        deadline = monotonic() + PATIENCE
        while len(self.receipts) < count:
            assert process.poll() is None, process.communicate()
            assert monotonic() < deadline, f"{len(self.receipts)} of {count} came"
            sleep(0.01)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as the library wants it
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        found = _MESSAGE_ID.search(envelope.content)
        if found is None:
            self.faults.append("a mail without a Message-ID")
            return "554 5.6.0 no Message-ID"
        await self._take(Receipt("mail", found[1].decode(), envelope.rcpt_tos[0], monotonic()))
        return "250 OK"

    async def handle_request(self, request: web.Request) -> web.Response:
        """Take a webhook."""
        body = await request.read()
        try:
            Webhook(SECRET).verify(body, dict(request.headers))
        except WebhookVerificationError as error:
            self.faults.append(f"webhook {request.headers.get('webhook-id')}: {error}")
            return web.Response(status=401)
        (about,) = json.loads(body)["data"]["notifications"]
        await self._take(Receipt("hook", request.headers["webhook-id"], about["id"], monotonic()))
        return web.Response(status=self.status)

    async def _take(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self.on_receipt(receipt)
        if self.delay:
            await asyncio.sleep(self.delay)


@contextmanager
def opened_receivers() -> Iterator[Receivers]:
    """Receivers that listen for as long as the block lasts."""
    receivers = Receivers()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="receivers")
    thread.start()

    def call(work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE)

    stack = contextlib.AsyncExitStack()
    try:
        call(_serve(receivers, stack))
        yield receivers
    finally:
        call(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(receivers: Receivers, stack: contextlib.AsyncExitStack) -> None:
    sessions: set[SMTP] = set()

    def session() -> SMTP:
        begun = SMTP(receivers, hostname="localhost", loop=asyncio.get_running_loop())
        sessions.add(begun)
        return begun

    mail = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    stack.push_async_callback(_hang_up, mail, sessions)
    receivers.mail_port = mail.sockets[0].getsockname()[1]
    application = web.Application()
    application.router.add_post("/hook", receivers.handle_request)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receivers.hook_port = runner.addresses[0][1]


async def _hang_up(server: asyncio.Server, sessions: set[SMTP]) -> None:
    server.close()
    for session in sessions:
        if session.transport is not None:
            session.transport.close()
    # The library ends its own tasks when it hears that a connection is lost.
    await asyncio.sleep(0.05)


def ways(
    directory: Path,
    receivers: Receivers,
    *,
    journey: str = "",
    more: str = "",
    concurrency: int = 4,
) -> str:
    """The part of a configuration that leads to receivers: EMAIL by mail, PUSH by webhook.

    Args:
        directory: where the ledger is to be.
        receivers: where messages go.
        journey: lines of the [journey] table.
        more: lines of the [delivery] table.
        concurrency: messages on their way at once, by each of the two.
    """
    return _DELIVERY.format(
        directory=directory,
        mail_port=receivers.mail_port,
        hook_port=receivers.hook_port,
        journey=journey,
        more=more,
        concurrency=concurrency,
        secret=SECRET,
    )


class Deliveries:
    """What `restock deliver` reads and writes, for the topics of a shop.

    Args:
        shop: is given the configuration to deliver with.
        receivers: where messages go.
        concurrency: see `ways`, as of the others.
        journey: lines of the [journey] table.
        more: lines of the [delivery] table.
    """

    def __init__(
        self,
        shop: Shop,
        receivers: Receivers,
        *,
        concurrency: int = 4,
        journey: str = "",
        more: str = "",
    ) -> None:
        self.shop = shop
        self.ledger = shop.directory / "delivery" / "shard-0-of-1" / "ledger.sqlite3"
        with shop.config.open("a") as config:
            directory = shop.directory / "delivery"
            config.write(
                ways(directory, receivers, concurrency=concurrency, journey=journey, more=more)
            )
        self.topics = shop.topics
        self._producer = Producer({"bootstrap.servers": shop.bootstrap_servers, "log_level": 0})

    def notify(self, person: str, variant: str = "V", position: int = 1, **changes: object) -> str:
        """Tell somebody, by webhook unless `changes` say otherwise; the notification's id."""
        value = notification(
            person, variant, position, now() - 1_000, **({"channels": ["PUSH"]} | changes)
        )
        self.send(self.topics.notifications, f"id:{person}", value)
        known: str = json.loads(value)["id"]
        return known

    def order(self, person: str, variant: str = "V", **changes: object) -> None:
        """Somebody buys."""
        value: dict[str, object] = {
            "order_id": f"order of {person}",
            "profile": {"id": person},
            "items": [{"variant_id": variant}],
            "occurred_at": format_timestamp(now()),
        }
        self.send(self.topics.orders, f"id:{person}", json.dumps(value | changes).encode())

    def sign_off(self, person: str, variant: str = "V") -> None:
        """Somebody does not want to be told any more."""
        value: dict[str, object] = {
            "type": "unsubscribe",
            "variant_id": variant,
            "profile": {"id": person},
            "occurred_at": format_timestamp(now()),
        }
        self.send(self.topics.subscriptions, variant, json.dumps(value).encode())

    def status(self, variant: str, *, offered: bool) -> None:
        """A variant is in stock, or is not."""
        moment = format_timestamp(now())
        value: dict[str, object] = {
            "variant_id": variant,
            "quantity": 5 if offered else 0,
            "offered": offered,
            "cycle": 1,
            "cycle_opened_at": moment,
            "waiting": 0,
            "told": 1,
            "next_wave_at": None,
            "updated_at": moment,
            "product": {},
        }
        self.send(self.topics.waitlist, variant, json.dumps(value).encode())

    def send(self, topic: str, key: str, value: bytes) -> None:
        """Write a record; `flush` waits for it."""
        self._producer.produce(topic, value, key)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has all that was written."""
        assert 0 == self._producer.flush(PATIENCE)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ``restock deliver`` once the broker has all; the shop ends it at last."""
        self.flush()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "restock", "deliver"),
                *("--config", str(self.shop.config), *arguments),
            ],
            cwd=self.shop.directory,
            env=shops._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.shop._processes.append(process)
        return process

    def outcomes(self, count: int) -> list[dict[str, Any]]:
        """What the topic of deliveries says, once it holds so many records."""
        self.flush()
        return self.shop.wait_for(self.topics.deliveries, count)

    def wait_for_entries(self, count: int) -> None:
        """Wait until the ledger has so many entries."""
        deadline = monotonic() + PATIENCE
        while not self.ledger.exists() or len(self.entries()) < count:
            assert monotonic() < deadline, f"{len(self.entries())} of {count} entries"
            sleep(0.02)

    def entries(self) -> list[tuple[str, str, str, str]]:
        """Person, channel, outcome and reason of each entry of the ledger, sorted."""
        with closing(sqlite3.connect(self.ledger)) as connection:
            return connection.execute(
                "SELECT profile_key, channel, outcome, reason FROM entries "
                "ORDER BY profile_key, channel"
            ).fetchall()
