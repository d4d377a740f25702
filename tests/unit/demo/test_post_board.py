# SPDX-License-Identifier: Apache-2.0
"""What the screen shows of the post."""

from collections import deque
from dataclasses import replace

from restock.demo.evidence import read_delivered, read_told
from restock.demo.post_board import PostBoard
from tests.support.demo_runs import came, rehearse

RUN = rehearse()
NOTES = read_told(RUN.evidence.notifications)
PUSH = [message for message in RUN.received if message.channel == "PUSH"]


def test_it_is_done_when_nothing_is_missing() -> None:
    """Notifications open what their outcomes close, reminders and all."""
    board = PostBoard()
    board.told(NOTES)
    assert not board.is_done
    outcomes = read_delivered(RUN.evidence.deliveries)
    for found in outcomes[:-1]:
        board.settled(found)
    assert not board.is_done
    board.settled(outcomes[-1])
    assert board.is_done


def test_people_are_counted_once() -> None:
    """Whoever is told by two ways, or reminded, is reached once; a repeated record is none."""
    board = PostBoard()
    outcomes = read_delivered(RUN.evidence.deliveries)
    for found in (*outcomes, *outcomes):
        board.settled(found)
    reached = {found.notification_id for found in outcomes if found.outcome == "sent"}
    assert len(reached) == board.reached.total()
    assert len(RUN.received) == board.sent.total()


def test_a_fault_and_its_end_are_told_once() -> None:
    """One line says that a receiver fails, another that all it turned away has come since."""
    lines: deque[str] = deque()
    board = PostBoard()
    turned_away = [replace(message, taken=False) for message in PUSH[:3]]
    board.received([*turned_away, *turned_away], lines)
    board.received([came(NOTES[0], "first", "EMAIL"), *PUSH[:2]], lines)
    assert ["the webhook receiver fails: 503 to all that comes"] == list(lines)
    board.received(PUSH[2:5], lines)
    assert "the 3 webhooks it turned away have come again, and arrived" == lines[-1]
    assert 2 == len(lines)


def test_the_totals_fit_in_a_line() -> None:
    """Without the reasons the line fits 79 columns, whatever the figures; with them it goes on."""
    board = PostBoard()
    board.sent.update({"EMAIL": 22_345, "PUSH": 22_345})
    board.kept_back.update({"sold_out": 12_000, "ordered": 10_345})
    board.reminders = 22_345
    text = board.text(reasons=False)
    assert "22,345 mails, 22,345 webhooks sent (22,345 reminders)  22,345 kept back" == text
    assert f"{text}: 12,000 sold out, 10,345 ordered" == board.text(reasons=True)
