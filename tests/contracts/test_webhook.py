# SPDX-License-Identifier: Apache-2.0
"""The sink `webhook` keeps the contract."""

import time
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from ipaddress import ip_network

from typing_extensions import override

from connectors.sinks.contract import Sink
from connectors.sinks.testing import Receiver, SinkContract
from connectors.sinks.webhook import WebhookSettings, WebhookSink
from tests.support.receiver import HttpReceiver, http_receiver


class TestWebhook(SinkContract):
    """Against a local receiver."""

    @override
    def receiver(self) -> AbstractAsyncContextManager[HttpReceiver]:
        return http_receiver("webhook-id")

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, HttpReceiver)
        return webhook_sink(receiver.url)


def webhook_sink(url: str) -> WebhookSink:
    """A sink with short timeouts for a receiver on this machine."""
    settings = WebhookSettings(
        url=url,
        unsigned=True,
        timeout=timedelta(milliseconds=600),
        allow_http=True,
        allow_networks=[ip_network("127.0.0.1")],
    )
    return WebhookSink(settings, time.time)
