# SPDX-License-Identifier: Apache-2.0
"""The list of who waits for what, as the gateway sees it: read here, kept by another process."""

import asyncio
import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final

from connectors.kafka.settings import KafkaSettings
from gateway.settings import GatewaySettings
from gateway.waiting_keeper import keep_list
from gateway.waiting_queries import Waiting, find, of_person
from gateway.waiting_reader import Standing, Task
from gateway.waiting_store import Rules
from gateway.waiting_tables import list_file

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

__all__ = ["WaitingList"]

_LOG: Final = logging.getLogger(__name__)
_MILLISECOND: Final = timedelta(milliseconds=1)
_STARTING: Final = "the list of who waits is being built"
_GONE: Final = "the process that keeps the list of who waits has ended"
_PATIENCE_SECONDS: Final = 60.0
_ENDING_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 2.0


class WaitingList:
    """Answers who waits for what, from the topics, some milliseconds behind them.

    Args:
        settings: where the list is kept.
        kafka: how to reach Kafka.
        subscriptions: the topic of sign-ups.
        notifications: the topic of who was told.
        expires_after: how long somebody waits at most; None: for ever.
        remember: how long it counts that somebody was told.
        remember_sign_offs: how long it counts that somebody signed off.
        clock: seconds since the epoch.

    Attributes:
        trouble: why nothing can be answered for now; None: it can.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        kafka: KafkaSettings,
        subscriptions: str,
        notifications: str,
        expires_after: timedelta | None,
        *,
        remember: timedelta = timedelta(days=7),
        remember_sign_offs: timedelta = timedelta(days=365),
        clock: Callable[[], float] = time.time,
    ) -> None:
        rules = Rules(
            None if expires_after is None else expires_after // _MILLISECOND,
            remember // _MILLISECOND,
            remember_sign_offs // _MILLISECOND,
        )
        self._task = Task(kafka, settings.directory, subscriptions, notifications, rules)
        self._file = list_file(settings.directory)
        self._clock = clock
        self._standing = Standing(None, 0)
        self._stopping = threading.Event()
        self._watching: threading.Thread | None = None
        self.trouble: str | None = _STARTING

    @property
    def is_ready(self) -> bool:
        """Whether the list has caught up with its topics since it was started."""
        return self.trouble is None

    @property
    def behind(self) -> int:
        """How many records were still to be read when last looked."""
        return self._standing.behind

    @property
    def as_of(self) -> int | None:
        """All that Kafka had by then is in the list; epoch milliseconds, None: not known yet."""
        return self._standing.as_of

    def start(self) -> None:
        """Start the process that keeps the list, and whoever looks after it."""
        self._watching = threading.Thread(target=self._watch, name="waiting-list", daemon=True)
        self._watching.start()

    def stop(self) -> None:
        """End the process; what it had not committed is read again next time."""
        self._stopping.set()
        if self._watching is not None:
            self._watching.join()
            self._watching = None

    async def find(self, identity: str) -> Waiting | None:
        """Look somebody up by the id of the notification that will answer them.

        Raises:
            ListUnreadable: the list cannot be read.
        """
        return await asyncio.to_thread(find, self._file, identity, self._now())

    async def of_person(
        self, identifier: str, *, after: tuple[int, str], limit: int
    ) -> list[Waiting]:
        """List what somebody waits for.

        Args:
            identifier: normalised, as `schemas.identifiers.person_identifiers` returns them.
            after: time and id of the last one that is known already.
            limit: how many at most.

        Raises:
            ListUnreadable: the list cannot be read.
        """
        return await asyncio.to_thread(
            of_person, self._file, identifier, self._now(), after=after, limit=limit
        )

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _watch(self) -> None:
        """Keep a process running until told to stop."""
        while not self._stopping.is_set():
            try:
                self._keep()
            except OSError as error:
                self.trouble = f"the list of who waits is not kept: {error.strerror or error}"
            if not self._stopping.is_set():
                _LOG.warning("%s; it is started again", self.trouble)
                self._stopping.wait(_PAUSE_SECONDS)

    def _keep(self) -> None:
        """Run a process until it ends.

        Raises:
            OSError: there is no memory, or no file descriptor, to start it with.
        """
        ours, process = self._launch()
        try:
            self._listen(ours)
        finally:
            ours.close()
            _end(process)

    def _launch(self) -> "tuple[Connection, SpawnProcess]":
        context = multiprocessing.get_context("spawn")
        # Both ways, because only so does the other end notice that this one is closed.
        ours, theirs = context.Pipe()
        process = context.Process(
            target=keep_list, args=(self._task, theirs), name="waiting-list", daemon=True
        )
        process.start()
        theirs.close()
        return ours, process

    def _listen(self, pipe: Connection) -> None:
        """Take note of what the process says until it ends, is silent, or is to be stopped."""
        heard = time.monotonic()
        said = None
        while not self._stopping.is_set():
            if not pipe.poll(0.1):
                if time.monotonic() - heard > _PATIENCE_SECONDS:
                    said = "the process that keeps the list of who waits does not answer"
                    break
                continue
            heard = time.monotonic()
            try:
                standing: Standing = pipe.recv()
            except (EOFError, OSError):
                break
            said = standing.trouble
            if said is None:
                self._standing = standing
                self.trouble = None if standing.as_of is not None else _STARTING
        self.trouble = said or _GONE


def _end(process: "SpawnProcess") -> None:
    process.join(_ENDING_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
