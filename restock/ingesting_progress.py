# SPDX-License-Identifier: Apache-2.0
"""How far an ingestion has got, for people at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from restock.ingesting_feeds import Taken
from restock.ingesting_taking import Tally

__all__ = ["feed_for_people", "for_people", "shown"]

_REFRESHES_A_SECOND = 4


@contextmanager
def shown(stream: TextIO, tally: Tally) -> Iterator[Callable[[], None]]:
    """Show counts on a terminal until the block ends, then take them away; elsewhere nothing.

    Args:
        stream: where.
        tally: what is counted.

    Yields:
        What to call now and then.
    """
    if not stream.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        console=Console(file=stream),
        transient=True,
        refresh_per_second=_REFRESHES_A_SECOND,
    )
    with bar:
        task = bar.add_task("ingesting", total=None)

        def advance() -> None:
            bar.update(
                task,
                description=f"{tally.messages:,} messages, {tally.records:,} records, "
                f"{tally.refused:,} refused",
            )

        yield advance


def for_people(tally: Tally, *, written: bool) -> str:
    """Sum up what has become of messages, in lines."""
    parts = [
        _counted(tally.messages, "message") + " read",
        f"{_counted(tally.records, 'record')} {'written' if written else 'would be written'}",
        f"{tally.refused:,} refused",
    ]
    if tally.ignored:
        reasons = ", ".join(f"{name} {count:,}" for name, count in sorted(tally.ignored.items()))
        parts.append(f"{sum(tally.ignored.values()):,} without consequence ({reasons})")
    return f"{', '.join(parts)}\n{_refusals(tally)}"


def feed_for_people(name: str, taken: Taken, *, written: bool) -> str:
    """Sum up how a feed compares with the stream, in lines."""
    counts = taken.counts
    return (
        f"{name}: {counts.same:,} same, {counts.changed:,} changed, {counts.new:,} new, "
        f"{counts.absent:,} absent, {counts.newer:,} newer in the stream, {counts.mixed:,} mixed "
        f"(figures by location), {counts.refused:,} refused: "
        f"{_counted(taken.records, 'record')} {'written' if written else 'would be written'}\n"
        f"{_refusals(taken.tally)}"
    )


def _refusals(tally: Tally) -> str:
    lines = [f"  {refusal.reason}: {refusal.detail}\n" for refusal in tally.first]
    more = sum(tally.refusals.values()) - len(tally.first)
    return "".join([*lines, f"  ... and {more:,} more\n" if more else ""])


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
