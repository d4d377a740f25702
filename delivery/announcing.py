# SPDX-License-Identifier: Apache-2.0
"""Tells Kafka what the ledger says: an outcome for each entry, a dead letter for what failed.

Entries are told in the order in which they were settled, and marked once the brokers have them.
A crash in between tells them again: whoever reads the topic of deliveries knows an entry by
notification, step and channel.
"""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from connectors.kafka.dead_letters import undelivered
from connectors.kafka.records import Outgoing, Record
from delivery.batch import Batch
from delivery.settling import read_letter
from schemas.timestamps import format_timestamp

__all__ = ["Announced", "Announcer", "Writes"]

_AT_ONCE: Final = 5_000
_LOOK_SECONDS: Final = 1.0
_APPLICATION: Final = "restock-delivery"

_encode: Final = msgspec.json.Encoder().encode


class Writes(Protocol):
    """Writes to Kafka, such as `connectors.kafka.writer.Writer`."""

    def write(self, outgoing: Outgoing) -> None:
        """Queue records."""

    def flush(self) -> None:
        """Wait until the brokers have all of them."""


@dataclass(slots=True)
class Announced:
    """A change: the brokers have all entries up to this one.

    Attributes:
        number: of the entry.
        reached: set once that is durable.
    """

    number: int
    reached: threading.Event

    def write(self, batch: Batch) -> None:
        """Mark them."""
        batch.connection.execute("UPDATE announced SET number = ?", (self.number,))

    def committed(self) -> None:
        """The next ones may be looked for."""
        self.reached.set()


class Announcer:
    """A thread that tells Kafka.

    Args:
        connection: reads the ledger; used by this thread alone.
        writer: writes to Kafka; used by this thread alone.
        topic: of deliveries.
        submit: hands a change to the ledger.
        on_error: told of what ends the program.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        writer: Writes,
        topic: str,
        submit: Callable[[Announced], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        """Tell nothing yet."""
        self._connection = connection
        self._writer = writer
        self._topic = topic
        self._submit = submit
        self._on_error = on_error
        self._news = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin with what an earlier run has left."""
        self._thread.start()

    def wake(self) -> None:
        """There are new entries."""
        self._news.set()

    def close(self, patience: float) -> None:
        """Tell what there is, wait for that so long at most, and end."""
        self._stop.set()
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        try:
            while True:
                ending = self._stop.is_set()
                self._news.clear()
                while self._tell_some():
                    pass
                if ending:
                    return
                self._news.wait(_LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not go unnoticed
            self._on_error(error)

    def _tell_some(self) -> bool:
        """Tell some thousand entries; whether there may be more."""
        rows = self._connection.execute(
            "SELECT number, notification_id, step, channel, variant_id, profile_key, outcome, "
            "reason, attempts, first_at, settled_at, letter FROM entries "
            "WHERE number > (SELECT number FROM announced) ORDER BY number LIMIT ?",
            (_AT_ONCE,),
        ).fetchall()
        if not rows:
            return False
        self._writer.write(Outgoing(self._topic, [_delivery(*row[1:]) for row in rows]))
        for row in rows:
            if row[-1] is not None:
                self._writer.write(_dead_letter(*row[1:]))
        self._writer.flush()
        reached = threading.Event()
        self._submit(Announced(rows[-1][0], reached))
        while not reached.wait(_LOOK_SECONDS):
            if self._stop.is_set():
                return False
        return len(rows) == _AT_ONCE


def _delivery(  # noqa: PLR0913, PLR0917 - a row of the ledger
    notification_id: str,
    step: str,
    channel: str,
    variant_id: str,
    profile_key: str,
    outcome: str,
    reason: str,
    attempts: int,
    _first_at: int,
    settled_at: int,
    _letter: bytes | None,
) -> Record:
    value = {
        "notification_id": notification_id,
        "variant_id": variant_id,
        "profile_key": profile_key,
        "step": step,
        "channel": channel,
        "outcome": outcome,
        "reason": reason or None,
        "attempts": attempts,
        "occurred_at": format_timestamp(settled_at),
    }
    return profile_key.encode(), _encode(value)


def _dead_letter(
    _notification_id: str,
    step: str,
    channel: str,
    _variant_id: str,
    profile_key: str,
    _outcome: str,
    reason: str,
    attempts: int,
    first_at: int,
    _settled_at: int,
    packed: bytes,
) -> Outgoing:
    letter = read_letter(packed)
    place = (letter.topic, letter.partition, letter.offset)
    explanation = {
        "reason": reason,
        "why": letter.why,
        "detail": letter.detail,
        "step": step,
        "channel": channel,
        "attempts": str(attempts),
        "first-failed-at": format_timestamp(first_at),
    }
    return undelivered(place, (profile_key.encode(), letter.value), _APPLICATION, explanation)
