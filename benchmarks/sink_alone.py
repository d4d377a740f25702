# SPDX-License-Identifier: Apache-2.0
"""A sink without the delivery around it: no Kafka, no ledger, nothing is judged or tried again.

It is in the process that sends, where restock gives it one of its own.

Started as ``python -m benchmarks.sink_alone FILE CONFIGURATION``, with the configuration that
restock is given; SIGTERM ends it.
"""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from pydantic import BaseModel

from benchmarks.notifications import read_messages
from connectors.sinks.contract import Message, Resolution, Sink
from connectors.sinks.email import EmailSink
from connectors.sinks.email_settings import EmailSettings
from connectors.sinks.webhook import WebhookSettings, WebhookSink
from restock.commands.common import load
from restock.ways import read_sinks

__all__ = ["main"]


async def _send_all(sink: Sink, messages: list[Message]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await sink.open()
    left = iter(messages)
    await asyncio.gather(*(_work(sink, left) for _ in range(sink.concurrency)))
    await stop.wait()
    await sink.close()


async def _work(sink: Sink, left: Iterator[Message]) -> None:
    while batch := list(islice(left, sink.batch_size)):
        for answer in await sink.send(batch):
            if answer.resolution is not Resolution.SENT:
                sys.exit(f"not sent: {answer.reason} {answer.detail}")


def main() -> None:
    """Run until SIGTERM."""
    path, config = Path(sys.argv[1]), Path(sys.argv[2])
    [settings] = read_sinks(load(config).settings).values()
    messages = read_messages(path)
    gc.freeze()
    asyncio.run(_send_all(_sink(settings), messages))


def _sink(settings: BaseModel) -> Sink:
    if isinstance(settings, WebhookSettings):
        return WebhookSink(settings, time.time)
    assert isinstance(settings, EmailSettings)  # noqa: S101 - the harness has written it
    return EmailSink(settings, lambda: datetime.now(UTC), time.monotonic)


if __name__ == "__main__":
    main()
