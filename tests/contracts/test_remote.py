# SPDX-License-Identifier: Apache-2.0
"""A sink in a process of its own keeps the contract, and outlives the deaths of that process."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typing_extensions import override

from connectors.errors import SinkError
from connectors.sinks.contract import Answer, Message, Resolution, Sink
from connectors.sinks.lines import FileSettings, FileSink
from connectors.sinks.testing import Receiver, SinkContract, sample_message
from delivery.remote import RemoteSink
from tests.contracts.test_webhook import webhook_sink
from tests.support.receiver import HttpReceiver, http_receiver


class TestRemoteWebhook(SinkContract):
    """The webhook sink, in another process."""

    patience = 30.0

    @override
    def receiver(self) -> AbstractAsyncContextManager[HttpReceiver]:
        return http_receiver("webhook-id")

    @override
    def sink(self, receiver: Receiver) -> Sink:
        assert isinstance(receiver, HttpReceiver)
        return RemoteSink("hook", partial(webhook_sink, receiver.url))


class _Pid:
    """Answers with the number of its process, and dies when it is asked to."""

    concurrency = 3
    batch_size = 1

    async def open(self) -> None:
        """There is nothing to open."""

    async def close(self) -> None:
        """Nor to close."""

    async def send(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """Say who answers; after the step "die" or "hang" nobody does; "fail" is a fault."""
        if messages[0].step == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if messages[0].step == "hang":
            os.kill(os.getpid(), signal.SIGSTOP)
        if messages[0].step == "fail":
            raise ValueError("oops")
        return [Answer(Resolution.SENT, str(os.getpid()))] * len(messages)


def test_it_runs_elsewhere_and_is_started_again_when_it_dies() -> None:
    """What it had is to be tried again; what comes later is sent by its successor."""

    async def claim() -> None:
        sink = RemoteSink("pid", _Pid)
        await sink.open()
        assert sink.concurrency == 3
        (first,) = await sink.send([sample_message(1)])
        assert first.reason != str(os.getpid())
        (lost,) = await sink.send([replace(sample_message(2), step="die")])
        assert (lost.resolution, lost.reason) == (Resolution.RETRY, "sink_died")
        answer = lost
        async with asyncio.timeout(20):
            while answer.resolution is not Resolution.SENT:
                (answer,) = await sink.send([sample_message(1)])
                await asyncio.sleep(0.05)
        assert answer.reason not in {first.reason, str(os.getpid())}
        await sink.close()

    asyncio.run(claim())


def test_a_process_that_hangs_is_ended() -> None:
    """Nobody waits for it longer than for its patience, and its successor sends."""

    async def claim() -> None:
        sink = RemoteSink("pid", _Pid, patience=0.5)
        await sink.open()
        (lost,) = await sink.send([replace(sample_message(2), step="hang")])
        assert lost.reason == "sink_died"
        await sink.close()

    asyncio.run(claim())


def test_a_fault_of_the_sink_is_told_to_the_caller() -> None:
    """And does not end the process."""

    async def claim() -> None:
        sink = RemoteSink("pid", _Pid)
        await sink.open()
        with pytest.raises(RuntimeError, match="ValueError: oops"):
            await sink.send([replace(sample_message(2), step="fail")])
        (answer,) = await sink.send([sample_message(1)])
        assert answer.resolution is Resolution.SENT
        await sink.close()

    asyncio.run(claim())


def test_what_is_set_wrongly_is_said_at_open(tmp_path: Path) -> None:
    """The error of the other process, with the name of the sink."""
    settings = FileSettings(path=tmp_path / "nowhere" / "file")
    with pytest.raises(SinkError, match=r"^sinks\.out: .*nowhere"):
        asyncio.run(RemoteSink("out", partial(FileSink, settings)).open())
