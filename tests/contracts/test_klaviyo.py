# SPDX-License-Identifier: Apache-2.0
"""The sink `klaviyo` keeps the contract."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network

from pydantic import SecretStr
from typing_extensions import override

from connectors.sinks.contract import Sink
from connectors.sinks.klaviyo import KlaviyoSink
from connectors.sinks.klaviyo_settings import KlaviyoSettings
from connectors.sinks.testing import Behaviour, Receiver, SinkContract
from tests.support.fake_klaviyo import FakeKlaviyo
from tests.support.receiver import HttpReceiver, answer


class KlaviyoReceiver(HttpReceiver):
    """Accepts by 202; ids are those of the events."""

    def __init__(self) -> None:
        super().__init__("")
        self.behave(Behaviour.ACCEPT)

    @property
    @override
    def ids(self) -> list[str]:
        items = [item for request in self.requests for item in FakeKlaviyo.items_of(request.body)]
        events = [event for item in items for event in item["attributes"]["events"]["data"]]
        return [event["attributes"]["unique_id"] for event in events]

    @override
    def behave(self, behaviour: Behaviour, *, times: int | None = None) -> None:
        if behaviour is Behaviour.ACCEPT:
            self.reply(answer(202), times=times)
        else:
            super().behave(behaviour, times=times)


class TestKlaviyo(SinkContract):
    """Against a local receiver, with more room in its windows than any test needs."""

    @override
    def receiver(self) -> AbstractAsyncContextManager[KlaviyoReceiver]:
        return _receiver()

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, KlaviyoReceiver)
        settings = KlaviyoSettings(
            private_key=SecretStr("made up"),
            base_url=receiver.url,
            burst=10_000,
            steady=600_000,
            timeout=timedelta(milliseconds=300),
            allow_http=True,
            allow_networks=[ip_network("127.0.0.1")],
        )
        return KlaviyoSink(settings, time.time)


@asynccontextmanager
async def _receiver() -> AsyncIterator[KlaviyoReceiver]:
    receiver = KlaviyoReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield receiver
