# SPDX-License-Identifier: Apache-2.0
"""How far a replay has got, for people at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from restock.replay_batches import Batch
from schemas.timestamps import format_timestamp

__all__ = ["shown"]

_REFRESHES_A_SECOND = 4
"""Each takes some milliseconds from the replay."""

_TO_THE_MINUTE = len("2026-11-20T10:00")


@contextmanager
def shown(
    total: int | None, console: Console, seconds: Callable[[], float]
) -> Iterator[Callable[[int, Batch], None]]:
    """Show a bar until the block ends, then take it away.

    The bar says how much of the file has been read, how many lines in all and a second, and which
    moment of the trace that is.

    Args:
        total: Size of the trace in bytes; None: it is not known.
        console: Where it is shown.
        seconds: A clock, from any moment on.

    Yields:
        What to call for each portion that has been read, with its size in bytes.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[lines]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        refresh_per_second=_REFRESHES_A_SECOND,
    )
    begun = seconds()
    lines = 0
    with bar:
        task = bar.add_task("replaying", total=total, lines="")

        def advance(size: int, batch: Batch) -> None:
            nonlocal lines
            lines += batch.lines
            rate = lines / max(seconds() - begun, 0.001)
            moment = format_timestamp(batch.end)[:_TO_THE_MINUTE] if batch.end else ""
            bar.update(task, advance=size, lines=f"{lines:,} lines, {rate:,.0f}/s, at {moment}")

        yield advance
