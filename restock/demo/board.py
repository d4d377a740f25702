# SPDX-License-Identifier: Apache-2.0
"""What the live table shows: kept from what the topics carry while the sale goes on.

It is a picture for the eye. The summary and its checks are made without it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from restock.demo.catalogue import Item
from restock.demo.configuration import rule_text
from restock.demo.evidence import LoggedRecord, Told, read_delivered, read_told
from restock.demo.latency import Latency, latency_of
from restock.demo.post_board import PostBoard
from restock.demo.script import Cue
from restock.settings import TopicSettings
from schemas.timestamps import parse_timestamp
from waitlist.policy import Policy, PolicyBook

__all__ = ["Board", "Row", "Totals"]

_WAVE_SETTLES: Final = 150
"""A wave is spoken of when no further notification of it came for so many milliseconds."""
_RATE_SPAN: Final = 1_000


@dataclass(slots=True)
class Row:
    """One variant of the table. Times are epoch milliseconds.

    Attributes:
        label: The item's name.
        policy: Its rule.
        rule: The rule in a few words.
        stock: The figure that the platform sent last.
        waiting: People waiting, by the waitlist topic.
        told: People told, by the notifications topic.
        waves: Waves so far.
        wave_size: People of the last wave.
        wave_at: When its last notification was seen; 0 before the first wave.
        next_wave_at: When the next wave may start, if one is due.
        last: The last notification seen.
        announced: Whether its wave has been spoken of.
        restocked_at: When stock came back that the next first wave is measured from.
    """

    label: str
    policy: Policy
    rule: str
    stock: int | None = None
    waiting: int = 0
    told: int = 0
    waves: int = 0
    wave_size: int = 0
    wave_at: int = 0
    next_wave_at: int | None = None
    last: Told | None = None
    announced: bool = True
    restocked_at: int | None = None

    def is_fresh(self, now: int, for_ms: int = 900) -> bool:
        """Say whether a wave has just gone out."""
        return self.wave_at > 0 and now - self.wave_at < for_ms

    def next_wave_in(self, now: int) -> float | None:
        """Return the seconds until the next wave, while people wait for one."""
        if self.next_wave_at is None or not self.waiting or self.next_wave_at <= now:
            return None
        return (self.next_wave_at - now) / 1000


@dataclass(frozen=True, slots=True)
class Totals:
    """The line under the table.

    Attributes:
        sign_ups: Records sent to the subscriptions topic.
        waiting: People waiting.
        told: People told.
        told_per_second: In the last second.
        latency: From stock that came back to people told; None before the first.
    """

    sign_ups: int
    waiting: int
    told: int
    told_per_second: int
    latency: Latency | None


@dataclass(slots=True)
class Board:
    """All rows, and the lines that tell what happens.

    Attributes:
        topics: The names of the topics.
        rows: By variant, in the order of the table.
        lines: What has happened, the newest last; whoever shows them takes them out.
        post: What becomes of the notifications.
        sign_ups: Records sent to the subscriptions topic.
        dead_letters: Records set aside, by the topic that they are on.
        durations: From stock that came back to people told, in milliseconds.
        recent: When notifications were seen in the last second, and how many.
    """

    topics: TopicSettings
    rows: dict[str, Row]
    lines: deque[str] = field(default_factory=deque)
    post: PostBoard = field(default_factory=PostBoard)
    sign_ups: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=list)
    recent: deque[tuple[int, int]] = field(default_factory=deque)

    @classmethod
    def of(cls, items: Sequence[Item], policies: PolicyBook, topics: TopicSettings) -> "Board":
        """Return the board before the sale."""
        rows = {}
        for item in items:
            policy = policies.for_variant(item.variant_id)
            rows[item.variant_id] = Row(item.label, policy, rule_text(policy))
        return cls(topics, rows)

    def sent(self, cue: Cue, now: int) -> None:
        """Take note of a record that the platform has sent."""
        if cue.note:
            self.lines.append(cue.note)
        if cue.role == "subscriptions":
            self.sign_ups += cue.variant_id != ""
        elif cue.quantity is not None:
            row = self.rows[cue.variant_id]
            threshold = row.policy.min_quantity
            if cue.quantity < threshold:
                row.restocked_at = None
            elif row.stock is not None and row.stock < threshold:
                row.restocked_at = now
            row.stock = cue.quantity

    def seen(self, records: Iterable[tuple[str, LoggedRecord]], now: int) -> None:
        """Take note of records that the program has written."""
        notifications: list[LoggedRecord] = []
        deliveries: list[LoggedRecord] = []
        for topic, record in records:
            if topic == self.topics.notifications:
                notifications.append(record)
            elif topic == self.topics.waitlist:
                self._status(record)
            elif topic == self.topics.deliveries:
                deliveries.append(record)
            else:
                self.dead_letters[topic] += 1
        if notifications:
            self.recent.append((now, len(notifications)))
        notes = read_told(notifications)
        self.post.told(notes)
        for note in notes:
            self._told(self.rows[note.variant_id], note, now)
        for found in read_delivered(deliveries):
            self.post.settled(found)

    def tick(self, now: int) -> None:
        """Speak of the waves that are complete."""
        for row in self.rows.values():
            if not row.announced and now - row.wave_at > _WAVE_SETTLES and row.last is not None:
                row.announced = True
                self.lines.append(_wave_line(row, row.last))
        while self.recent and self.recent[0][0] < now - _RATE_SPAN:
            self.recent.popleft()

    def told(self) -> int:
        """How many people have been told."""
        return sum(row.told for row in self.rows.values())

    def happened(self) -> int:
        """A number that grows with everybody told and everything that becomes of it."""
        return self.told() + self.post.sent.total() + self.post.kept_back.total()

    def last_told_at(self) -> int:
        """When the last notification was seen; 0: there is none."""
        return max(row.wave_at for row in self.rows.values())

    def totals(self) -> Totals:
        """Return the line under the table."""
        return Totals(
            self.sign_ups,
            sum(row.waiting for row in self.rows.values()),
            self.told(),
            sum(count for _, count in self.recent),
            latency_of(self.durations),
        )

    def _status(self, record: LoggedRecord) -> None:
        status = orjson.loads(record.value or b"{}")
        row = self.rows.get(status.get("variant_id", ""))
        if row is not None:
            row.waiting = status["waiting"]
            due = status["next_wave_at"]
            row.next_wave_at = None if due is None else parse_timestamp(due)

    def _told(self, row: Row, note: Told, now: int) -> None:
        last = row.last
        row.told += 1
        if last is None or (last.cycle, last.wave) != (note.cycle, note.wave):
            self._measure(row, note)
            row.waves += 1
            row.wave_size = 0
            row.announced = False
        elif row.restocked_at is not None and note.wave == 1:
            self.durations.append(note.written_at - row.restocked_at)
        row.wave_size += 1
        row.wave_at = now
        row.last = note

    def _measure(self, row: Row, note: Told) -> None:
        """Measure the first waves that no rule held back."""
        since = row.restocked_at
        held_back = row.policy.dwell > 0 or (
            row.last is not None
            and since is not None
            and row.last.triggered_at + row.policy.wait > since
        )
        if since is None or note.wave != 1 or held_back:
            row.restocked_at = None
        else:
            self.durations.append(note.written_at - since)


def _wave_line(row: Row, note: Told) -> str:
    units = "all who wait" if row.policy.per_unit is None else f"{note.quantity} in stock"
    people = "1 person" if row.wave_size == 1 else f"{row.wave_size:,} people"
    return f"{row.label}: wave {row.waves}, {units}: {people} told"
