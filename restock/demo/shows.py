# SPDX-License-Identifier: Apache-2.0
"""How the sale is shown: a live table on a terminal, plain lines in a pipe, or not at all."""

from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.live import Live
from typing_extensions import override

from restock.demo.board import Board
from restock.demo.screen import STARTING, Screen, totals_text
from restock.demo.script import ACTS, Act

__all__ = ["LiveShow", "PlainShow", "Show", "SilentShow"]

_TOTALS_EVERY: Final = 2.0


class Show(Protocol):
    """Something that shows the board. A context manager."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; what has been shown stays."""

    def update(self, elapsed: float | None, now: int, act: tuple[int, Act]) -> None:
        """Show the board as it is.

        Args:
            elapsed: Seconds since the sale began; None before.
            now: The time, in epoch milliseconds.
            act: Number (from 1) and act.
        """


class SilentShow:
    """Shows nothing: for whoever wants the result only."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""

    def update(self, elapsed: float | None, now: int, act: tuple[int, Act]) -> None:  # noqa: ARG002
        """Forget the lines."""
        self._board.lines.clear()


class PlainShow(SilentShow):
    """Prints lines without any control codes, as things happen."""

    def __init__(self, board: Board, console: Console) -> None:
        super().__init__(board)
        self._console = console
        self._act = 0
        self._totals_at = 0.0

    @override
    def __enter__(self) -> Self:
        """Say that the program is being started."""
        self._print(STARTING)
        return self

    @override
    def update(self, elapsed: float | None, now: int, act: tuple[int, Act]) -> None:
        """Print what is new."""
        if elapsed is None:
            return
        number, play = act
        if number != self._act:
            self._act = number
            self._print(f"Act {number} of {len(ACTS)}: {play.title}. {play.text}")
        while self._board.lines:
            self._print(f"{elapsed:5.1f} s  {self._board.lines.popleft()}")
        if elapsed - self._totals_at >= _TOTALS_EVERY:
            self._totals_at = elapsed
            self._print(f"{elapsed:5.1f} s  {totals_text(self._board.totals())}")
            if self._board.post.sent:
                self._print(f"{elapsed:5.1f} s  {self._board.post.text(reasons=False)}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class LiveShow:
    """A table that changes in place."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._screen = Screen(board)
        self._live = Live(
            self._screen, console=console, auto_refresh=False, vertical_overflow="crop"
        )

    def __enter__(self) -> Self:
        """Draw the table."""
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the table as it is, and the cursor under it."""
        self._live.stop()

    def update(self, elapsed: float | None, now: int, act: tuple[int, Act]) -> None:
        """Draw the table anew."""
        prefix = "" if elapsed is None else f"{elapsed:5.1f} s  "
        while self._board.lines:
            self._screen.add_line(prefix + self._board.lines.popleft())
        self._screen.now, self._screen.elapsed, self._screen.act = now, elapsed, act
        self._live.refresh()
