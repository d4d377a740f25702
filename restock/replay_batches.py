# SPDX-License-Identifier: Apache-2.0
"""A trace in portions of some hundred lines, decoded: the hot path of a replay.

Tiers, tried in turn. All but the last may only accept, and only what the last accepts, with the
same result:

1. all lines of a portion by one call of msgspec, values included, where stock comes as plain
   figures; then columns of fields, each checked or converted by one call;
2. the same with details of the stock, then record by record;
3. line by line, then also with fields that are not known;
4. `restock.replay_lines` for the line and `schemas.decode` for the value, which also find what is
   wrong with either.

A property test holds the others to the last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from restock.replay_lines import TOMBSTONE, Line, is_blank, read_line
from restock.replay_records import (
    AnyRecord,
    event_of,
    read_all,
    read_beside_unknown,
    read_one,
    read_plain,
)
from schemas.decode import decode_inventory, decode_subscription
from schemas.errors import InvalidRecord
from schemas.events import Event
from schemas.timestamps import parse_timestamp

__all__ = ["Batch", "BatchReader", "batches_of_lines"]


@dataclass(slots=True)
class Batch:
    """Consecutive lines of a trace.

    Attributes:
        events: What the valid records among them say, in order.
        arrivals: Of each event, in epoch milliseconds.
        lines: How many lines they were; blank ones do not count.
        dead_lettered: Of these, values that were no valid record.
        tombstones: Of these, values that were null.
        end: Arrival of the last line up to here, whatever it held; 0 while there was none.
    """

    events: list[Event] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    lines: int = 0
    dead_lettered: int = 0
    tombstones: int = 0
    end: int = 0

    def add(self, event: Event | None, at: int) -> None:
        """Add a line's event; None: it was a tombstone."""
        self.lines += 1
        self.end = at
        if event is None:
            self.tombstones += 1
        else:
            self.events.append(event)
            self.arrivals.append(at)

    def decode(self, line: Line) -> None:
        """Add a line whose value is still to be decoded."""
        read = decode_inventory if line.topic == "inventory" else decode_subscription
        try:
            self.add(None if line.value == TOMBSTONE else read(line.value, line.at), line.at)
        except InvalidRecord:
            self.lines += 1
            self.end = line.at
            self.dead_lettered += 1


def batches_of_lines(lines: Iterable[Line], size: int) -> Iterator[Batch]:
    """Yield batches of lines that have been read already.

    Args:
        lines: In the order of their arrival.
        size: How many make a batch.
    """
    batch = Batch()
    for line in lines:
        batch.decode(line)
        if batch.lines >= size:
            yield batch
            batch = Batch(end=batch.end)
    yield batch


class BatchReader:
    """Reads a trace from its beginning.

    Args:
        name: The file's name, for errors.
        until: Reading stops at the first line later than this (epoch milliseconds); None: at the
            end.

    Attributes:
        is_done: Whether a line later than ``until`` has been met: nothing else is to be read.
    """

    def __init__(self, name: str, until: int | None) -> None:
        self.is_done = False
        self._name = name
        self._until = until
        self._last = 0
        self._lines_before = 0

    def read(self, portion: bytes) -> Batch:
        """Decode the next lines.

        Args:
            portion: Whole lines; the last of a file may lack its end.

        Raises:
            ReplayError: A line is not JSON, has another shape, or goes back in time.
        """
        # Three times as quick as to count them.
        count = len(portion) - len(portion.replace(b"\n", b"")) + (not portion.endswith(b"\n"))
        batch = self._read_at_once(portion, count) or self._read_line_by_line(portion, count)
        self._lines_before += count
        self._last = batch.end
        return batch

    def _read_at_once(self, portion: bytes, count: int) -> Batch | None:
        """Read lines that are as nearly all are; None when one of them is not."""
        try:
            events, arrivals = read_plain(portion, count)
        except ValueError:
            pass
        else:
            if not self._follow(arrivals):
                return None
            return Batch(events, arrivals, lines=count, end=arrivals[-1])
        try:
            records, arrivals = read_all(portion, count)
        except ValueError:
            return None
        if not self._follow(arrivals):
            return None
        return self._settle(records, arrivals, portion)

    def _follow(self, arrivals: list[int]) -> bool:
        """Whether lines with these arrivals, which are in order, are the next to read."""
        in_time = self._until is None or arrivals[-1] <= self._until
        return in_time and self._last <= arrivals[0]

    def _settle(self, records: list[AnyRecord], arrivals: list[int], portion: bytes) -> Batch:
        batch = Batch()
        texts: list[bytes] = []
        for place, (record, at) in enumerate(zip(records, arrivals, strict=True)):
            try:
                batch.add(event_of(record, at), at)
            except ValueError:
                texts = texts or portion.split(b"\n")
                self._read_slowly(texts[place], place, batch)
        return batch

    def _read_line_by_line(self, portion: bytes, count: int) -> Batch:
        batch = Batch(end=self._last)
        read = read_one
        for place, text in enumerate(portion.split(b"\n")[:count]):
            record = read(text)
            if record is None and read is read_one:
                record = read_beside_unknown(text)
                if record is not None:
                    # Whatever gives a line fields of its own gives them to the next as well.
                    read = read_beside_unknown
            if (record is None or not self._is_settled(record, batch)) and not is_blank(text):
                self._read_slowly(text, place, batch)
                if self.is_done:
                    break
        return batch

    def _is_settled(self, record: AnyRecord, batch: Batch) -> bool:
        """Add a line, unless it is for the last tier to say what it is."""
        try:
            at = parse_timestamp(record.at)
            if at < batch.end or (self._until is not None and at > self._until):
                return False
            batch.add(event_of(record, at), at)
        except ValueError:
            return False
        return True

    def _read_slowly(self, text: bytes, place: int, batch: Batch) -> None:
        number = self._lines_before + place + 1
        line = read_line(text, f"{self._name}:{number}", batch.end, self._until)
        if line is None:
            self.is_done = True
        else:
            batch.decode(line)
