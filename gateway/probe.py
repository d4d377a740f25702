# SPDX-License-Identifier: Apache-2.0
"""Asks Kafka every few seconds whether it is there, so that /readyz knows without a sign-up."""

import asyncio
from typing import Final

from connectors.errors import BrokerUnreachable
from connectors.kafka.admin import read_cluster
from connectors.kafka.clients import new_admin
from connectors.kafka.settings import KafkaSettings

__all__ = ["KafkaProbe"]

_PAUSE_SECONDS: Final = 2.0


class KafkaProbe:
    """Keeps asking while `run` runs.

    Args:
        settings: how to reach Kafka.

    Attributes:
        trouble: why the last question had no answer; None: it had.

    Raises:
        KafkaOptionError: librdkafka does not take the settings.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin = new_admin(settings)
        self.trouble: str | None = None

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                await asyncio.to_thread(read_cluster, self._admin, self._settings)
            except BrokerUnreachable as error:
                self.trouble = str(error)
            else:
                self.trouble = None
            await asyncio.sleep(_PAUSE_SECONDS)
