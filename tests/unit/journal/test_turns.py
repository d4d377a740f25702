# SPDX-License-Identifier: Apache-2.0
"""Compactions take turns, and become due by the work that a resume would have to do again."""

from pathlib import Path

import pytest

from journal import Journal, Limits
from journal.turns import Turns
from tests.support.journals import (
    GATE_VARIABLE,
    Lines,
    contents,
    open_journal,
    wait_until,
)

WORK = Limits(compact_work=100, compact_work_ratio=0.0)
EAGER = Limits(compact_bytes=1, compact_ratio=0.0)


class Slot:
    """Somebody who wants turns."""


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    """Who has had a turn queues up behind those who have waited, however often it asks."""
    one, two, three = Slot(), Slot(), Slot()
    turns = Turns()
    asked = [turns.ask(one), turns.ask(two), turns.ask(three)]
    turns.give_back(one)
    asked += [turns.ask(one), turns.ask(three), turns.ask(two)]
    turns.give_back(two)
    asked += [turns.ask(one), turns.ask(three)]

    assert [True, False, False, False, False, True, False, True] == asked


def test_as_many_run_at_once_as_may() -> None:
    """Two turns at once are two, not three."""
    slots = [Slot(), Slot(), Slot()]
    turns = Turns(2)

    assert [True, True, False] == [turns.ask(slot) for slot in slots]


def test_who_gives_up_or_goes_away_stands_in_nobodys_way() -> None:
    """A slot that was closed, or dropped without a word, neither keeps a turn nor its place."""
    one, two, three = Slot(), Slot(), Slot()
    turns = Turns()
    turns.ask(one)
    turns.ask(two)
    del one
    turns.give_back(two)

    assert turns.ask(three)


def open_sharing(directory: Path, turns: Turns, factory: str) -> Journal:
    """Opens a journal for which every record makes a compaction due."""
    return Journal.open(
        directory, 3, None, Lines(), token="first", factory=factory, limits=EAGER, turns=turns
    )


@pytest.mark.parametrize("factory", ["gated_lines", "unwilling_lines"])
def test_journals_that_share_turns_compact_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: str
) -> None:
    """The second helper starts once the first one's result was taken, or it failed."""
    gate = tmp_path / "gate.open"
    monkeypatch.setenv(GATE_VARIABLE, str(gate))
    turns = Turns()
    journals = [
        open_sharing(tmp_path / name, turns, f"tests.support.journals:{factory}")
        for name in ("one", "two")
    ]
    for journal in journals:
        journal.append(b"record")
        journal.sync()
        journal.durable()
    first, second = journals
    assert [True, False] == [first.compacting, second.compacting]
    gate.touch()

    def taken() -> bool:
        first.durable()
        return not first.compacting

    wait_until(taken)
    second.durable()

    assert second.compacting
    for journal in journals:
        journal.close()


def test_little_log_that_stands_for_much_work_is_compacted(directory: Path) -> None:
    """A record of a few bytes may have handed over thousands: its work makes a base due."""
    journal, _ = open_journal(directory, limits=WORK)
    journal.append(b"x")
    journal.sync()
    journal.durable(100)
    before = journal.compacting
    journal.durable(101)

    assert [False, True] == [before, journal.compacting]
    journal.close()


def test_work_that_is_in_the_base_counts_no_more(directory: Path) -> None:
    """After a compaction only the work since its start counts towards the next one."""
    journal, _ = open_journal(directory, limits=WORK)
    journal.append(b"x")
    journal.sync()
    journal.durable(101)
    journal.append(b"y")

    def taken() -> bool:
        journal.durable(150)
        return not journal.compacting

    wait_until(taken)
    journal.sync()
    journal.durable(201)
    before = journal.compacting
    journal.durable(202)

    assert [False, True] == [before, journal.compacting]
    assert 1 == len([name for name in contents(directory) if name.startswith("base")])
    journal.close()
