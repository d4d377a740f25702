# SPDX-License-Identifier: Apache-2.0
"""The live table, for a terminal of 80 columns and 24 lines or more."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from restock.demo.board import Board, Row, Totals
from restock.demo.script import ACTS, Act

__all__ = ["STARTING", "Screen", "totals_text"]

STARTING: Final = "Starting `restock run` and `restock deliver`, on a broker in this process ..."
_LINES: Final = 5
_BAR: Final = 8
_WIDE: Final = 104
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


class Screen:
    """What `rich.live.Live` shows. Set the attributes, then let it refresh.

    Attributes:
        now: The time, in epoch milliseconds.
        elapsed: Seconds since the sale began; None before.
        act: Number (from 1) and act.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._most = 1
        self.now = 0
        self.elapsed: float | None = None
        self.act: tuple[int, Act] = (1, ACTS[0])

    def add_line(self, line: str) -> None:
        """Add a line to those at the bottom."""
        self._lines.append(line)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw everything for the terminal's present width."""
        wide = options.max_width >= _WIDE
        yield Group(
            *self._heading(),
            self._table(wide=wide),
            _total(totals_text(self._board.totals())),
            _total(self._board.post.text(reasons=wide)),
            *self._bottom(),
        )

    def _heading(self) -> Sequence[RenderableType]:
        number, act = self.act
        if self.elapsed is None:
            text = STARTING
            return [Text(text, style="bold"), Text("")]
        heading = Text(f"{self.elapsed:5.1f} s  ", style="dim")
        heading.append(f"Act {number} of {len(ACTS)}: {act.title}", style="bold cyan")
        return [heading, Text(act.text, style="italic")]

    def _table(self, *, wide: bool) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
        table.add_column("Item", no_wrap=True, min_width=23)
        if wide:
            table.add_column("Rule", no_wrap=True, style="dim", min_width=21)
        table.add_column("Stock", justify="right", min_width=8, no_wrap=True)
        table.add_column("Waiting", justify="right", min_width=7)
        table.add_column("", no_wrap=True, min_width=_BAR * (2 if wide else 1))
        table.add_column("Told", justify="right", min_width=6)
        table.add_column("Reached", justify="right", min_width=7)
        table.add_column("Wave", justify="right", min_width=7, no_wrap=True)
        table.add_column("Next", justify="right", min_width=6, no_wrap=True)
        self._most = max(self._most, *(row.waiting for row in self._board.rows.values()))
        for variant_id, row in self._board.rows.items():
            cells = self._cells(variant_id, row, wide=wide)
            table.add_row(*cells, style="bold green" if row.is_fresh(self.now) else "")
        return table

    def _cells(self, variant_id: str, row: Row, *, wide: bool) -> list[RenderableType]:
        width = _BAR * (2 if wide else 1)
        next_in = row.next_wave_in(self.now)
        return [
            row.label,
            *([row.rule] if wide else []),
            _stock(row),
            f"{row.waiting:,}",
            Text(_bar(row.waiting / self._most, width), style="yellow"),
            f"{row.told:,}",
            f"{self._board.post.reached[variant_id]:,}",
            f"{row.waves} +{row.wave_size}" if row.is_fresh(self.now) else f"{row.waves or ''}",
            "" if next_in is None else f"{next_in:.1f} s",
        ]

    def _bottom(self) -> list[RenderableType]:
        # Always as many lines, so that the table does not jump.
        lines = [*self._lines, *[""] * (_LINES - len(self._lines))]
        return [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in lines]


def totals_text(totals: Totals) -> str:
    """Return the totals as one line of at most 79 characters."""
    parts = [
        f"{totals.sign_ups:,} sign-ups",
        f"{totals.waiting:,} waiting",
        f"{totals.told:,} told",
        f"{totals.told_per_second:,}/s",
    ]
    if totals.latency is not None:
        parts.append(f"stock to told {totals.latency.median} ms")
    return "  ".join(parts)


def _total(text: str) -> Text:
    return Text(text, style="bold", no_wrap=True, overflow="ellipsis")


def _stock(row: Row) -> Text:
    if row.stock is None:
        return Text("")
    return Text("sold out", style="red") if row.stock == 0 else Text(f"{row.stock:,}")


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)
