# SPDX-License-Identifier: Apache-2.0
"""What people at a terminal see of a replay, and what everything else does not."""

from io import StringIO

from rich.console import Console

from restock.replay_batches import Batch
from restock.replay_progress import shown

AT = 1_795_000_000_000


def test_a_terminal_shows_share_lines_speed_and_moment() -> None:
    """The bar says how far it is in the file, in lines and in the trace's own time."""
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=110, _environ={})
    clock = iter((10.0, 12.0, 14.0)).__next__
    with shown(1000, console, clock) as advance:
        advance(250, Batch(lines=600_000, end=AT))
        advance(250, Batch(lines=600_000, end=AT))
    text = screen.getvalue()
    assert " 50%" in text
    assert "1,200,000 lines, 300,000/s, at 2026-11-18T11:06" in text


def test_a_trace_of_unknown_size_is_shown_as_well() -> None:
    """Where there is nothing to take a share of, lines, speed and moment are shown."""
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=110, _environ={})
    with shown(None, console, lambda: 0.0) as advance:
        advance(250, Batch(lines=2, end=AT))
    assert "2 lines" in screen.getvalue()
