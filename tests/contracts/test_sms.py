# SPDX-License-Identifier: Apache-2.0
"""The sink `sms` keeps the contract."""

import time
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from ipaddress import ip_network

from pydantic import SecretStr
from typing_extensions import override

from connectors.sinks.contract import Sink
from connectors.sinks.sms import SmsSettings, SmsSink
from connectors.sinks.testing import Receiver, SinkContract
from tests.support.receiver import HttpReceiver, http_receiver


class TestSms(SinkContract):
    """Against a local provider."""

    channel = "SMS"

    @override
    def receiver(self) -> AbstractAsyncContextManager[HttpReceiver]:
        return http_receiver("i-twilio-idempotency-token")

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, HttpReceiver)
        settings = SmsSettings(
            account="AC1",
            token=SecretStr("made up"),
            sender="+12015550100",
            base_url=receiver.url,
            timeout=timedelta(milliseconds=600),
            allow_http=True,
            allow_networks=[ip_network("127.0.0.1")],
        )
        return SmsSink(settings, time.time)
