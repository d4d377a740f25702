# SPDX-License-Identifier: Apache-2.0
"""The tasks of a journey in the ledger: one row for each open channel of its step."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from delivery.batch import Batch
from journey.journey import Journey
from journey.plan import Plan
from journey.state import OpenChannel

__all__ = ["Rank", "Ready", "Ripening", "put_tasks"]

Rank = tuple[int, int]
"""When a wave started in epoch milliseconds, and a place in it."""

_RIPE_AT_ONCE: Final = 2_000


class Ready:
    """Tasks that have become ready: for each sink and variant their ranks."""

    def __init__(self) -> None:
        """None so far."""
        self.ranks: defaultdict[tuple[str, str], list[Rank]] = defaultdict(list)

    def add(self, sink: str, variant_id: str, rank: Rank) -> None:
        """Note one."""
        self.ranks[sink, variant_id].append(rank)


def put_tasks(
    batch: Batch,
    number: int,
    journey: Journey,
    rank: Rank,
    plan: Plan,
    now: int,
    ready: Ready,
    channels: Iterable[OpenChannel] | None = None,
) -> None:
    """Write the tasks of a journey.

    Args:
        batch: where to.
        number: of the journey.
        journey: the journey.
        rank: of its notification.
        plan: says which sink serves a channel.
        now: epoch milliseconds; what is due by then is ready.
        ready: is told of those.
        channels: only these of its open channels; None: all.
    """
    variant_id = journey.notified.variant_id
    for opened in journey.open if channels is None else channels:
        sink = plan.routes[opened.channel]
        is_ready = opened.next_at <= now
        row = (number, opened.channel, sink, variant_id, *rank, opened.next_at, int(is_ready))
        batch.tasks.append(row)
        if is_ready:
            ready.add(sink, variant_id, rank)


@dataclass(slots=True)
class Ripening:
    """A change: what has fallen due becomes ready.

    Attributes:
        now: epoch milliseconds.
        ready: what has become so.
    """

    now: int
    ready: Ready

    def write(self, batch: Batch) -> None:
        """Mark some thousand; whoever has asked asks again."""
        rows = batch.connection.execute(
            "UPDATE tasks SET ready = 1 WHERE (journey, channel) IN ("
            "SELECT journey, channel FROM tasks WHERE ready = 0 AND due_at <= ? "
            "ORDER BY due_at LIMIT ?) RETURNING sink, variant_id, wave_at, position",
            (self.now, _RIPE_AT_ONCE),
        )
        for sink, variant_id, wave_at, position in rows.fetchall():
            self.ready.add(sink, variant_id, (wave_at, position))

    def committed(self) -> None:
        """Nobody waits for it."""
