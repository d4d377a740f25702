# SPDX-License-Identifier: Apache-2.0
"""What a rebuild remembers, when it is over, and when it may begin."""

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.directory import StateDirectory
from restock.errors import StartupError
from restock.rebuilding import Rebuilding, check_empty, check_not_rebuilding
from restock.settings import Settings
from restock.shards import Shard

STOCK, PEOPLE = ("restock.inventory", 0), ("restock.subscriptions", 0)
LEFT = {"version": 1, "spans": [[*STOCK, 10, 30], [*PEOPLE, 0, 5]]}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    """A new state directory."""
    with StateDirectory.open(tmp_path / "state", {"flow": "restock"}, created="now") as state:
        yield state


def write(state: StateDirectory, content: object) -> Path:
    """Leave what a rebuild that was cut short leaves."""
    file = state.path / "rebuilding.json"
    file.write_text(json.dumps(content))
    return file


def begin(state: StateDirectory, *, wanted: bool = False) -> Rebuilding | None:
    """Begin, or go on."""
    return Rebuilding.begin(Settings(), Shard(), state, wanted=wanted)


def test_without_the_flag_nothing_begins(state: StateDirectory) -> None:
    """An empty state directory alone is no reason."""
    assert begin(state) is None
    assert not (state.path / "rebuilding.json").exists()


def test_it_has_caught_up_when_every_partition_was_read_to_its_end(
    state: StateDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    """Durably read, not merely handed out; how far it is stands in the log."""
    write(state, LEFT)
    rebuilding = begin(state)
    assert rebuilding is not None
    with caplog.at_level(logging.INFO):
        rebuilding.on_durable({STOCK: 12})
        rebuilding.on_durable({STOCK: 31, PEOPLE: 4})
        assert not rebuilding.recall.caught_up
        rebuilding.on_durable({STOCK: 31, PEOPLE: 5})
    assert rebuilding.recall.caught_up
    assert "rebuilding: 2 of 25 records read" in caplog.messages
    assert "rebuilding: 25 of 25 records read" in caplog.messages


def test_it_is_over_when_every_slot_goes_on(state: StateDirectory) -> None:
    """Until then the file stays, and the next start goes on."""
    file = write(state, LEFT)
    rebuilding = begin(state)
    assert rebuilding is not None
    rebuilding.recall.continued.update(range(Settings().state.slots - 1))
    assert not rebuilding.finish()
    assert file.exists()
    rebuilding.recall.continued.add(Settings().state.slots - 1)
    assert rebuilding.finish()
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "cannot be read"),
        ({"version": 1, "spans": [["restock.inventory", 0, 1]]}, "cannot be read"),
        ({"version": 2, "spans": []}, "has version 2, this program reads 1"),
    ],
)
def test_what_is_left_of_a_rebuild_must_make_sense(
    state: StateDirectory, content: object, problem: str
) -> None:
    """One line says what is wrong and what to do."""
    write(state, content)
    with pytest.raises(StartupError, match=f"rebuilding.json {problem}.* run --rebuild again"):
        begin(state, wanted=True)


def test_it_needs_a_directory_without_state(state: StateDirectory) -> None:
    """State that counts is never overwritten; a rebuild under way is gone on with."""
    check_empty(state)
    state.mark_durable()
    with pytest.raises(StartupError, match="holds state: --rebuild makes it anew"):
        check_empty(state)
    write(state, LEFT)
    check_empty(state)


def test_others_keep_their_hands_off_a_rebuild(state: StateDirectory) -> None:
    """Whoever would run the ordinary flow on half of a state is refused."""
    check_not_rebuilding(state.path)
    write(state, LEFT)
    with pytest.raises(StartupError, match="is being rebuilt from the topics"):
        check_not_rebuilding(state.path)


def test_the_flow_that_reads_the_past_ends_with_the_program(state: StateDirectory) -> None:
    """Its event is set by itself or by the program's, which it never sets."""
    write(state, LEFT)
    rebuilding = begin(state)
    assert rebuilding is not None
    stop = threading.Event()
    either = rebuilding.ends_with(stop)
    assert not either.is_set()
    rebuilding.on_durable({STOCK: 30, PEOPLE: 5})
    assert (True, False) == (either.is_set(), stop.is_set())
    other = rebuilding.ends_with(stop)
    stop.set()
    assert other.is_set()
