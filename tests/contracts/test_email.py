# SPDX-License-Identifier: Apache-2.0
"""The sink `email` keeps the contract."""

import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from connectors.sinks.contract import Sink
from connectors.sinks.email import EmailSink
from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.testing import Receiver, SinkContract
from tests.support.mail_server import MailServer, mail_server


class TestEmail(SinkContract):
    """Against a mail server in the same process."""

    @override
    def receiver(self) -> AbstractAsyncContextManager[MailServer]:
        return mail_server()

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, MailServer)
        settings = EmailSettings(
            host="127.0.0.1",
            port=receiver.port,
            security="none",
            from_address="Shop <hello@shop.example.com>",
            ehlo_name="localhost",
            timeout=timedelta(milliseconds=300),
        )
        return EmailSink(settings, lambda: datetime.now(UTC), time.monotonic)
