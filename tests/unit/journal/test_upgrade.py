# SPDX-License-Identifier: Apache-2.0
"""A state directory of an earlier release is taken over, that of a later one refused."""

import json
from pathlib import Path

import pytest

from journal.directory import StateDirectory
from journal.errors import JournalVersion, StateMismatch

OLDEST = {"state_format": 2}


def identity(state_format: int, slots: int = 4) -> dict[str, str | int]:
    """Whose a directory is."""
    return {"flow": "restock", "state_format": state_format, "slots": slots}


def make(directory: Path, state_format: int) -> None:
    """Make a directory as the release of that format does."""
    with StateDirectory.open(directory, identity(state_format), created="then"):
        pass


def test_an_older_directory_says_who_writes_it_once_it_is_raised(tmp_path: Path) -> None:
    """Only then, only what was raised, and only once."""
    make(tmp_path, 2)
    before = json.loads((tmp_path / "identity.json").read_text())
    with StateDirectory.open(tmp_path, identity(4), created="now", oldest=OLDEST) as state:
        assert identity(2) == StateDirectory.read_identity(tmp_path)
        assert {"state_format": 2} == state.raise_identity()
        assert {} == state.raise_identity()
    after = json.loads((tmp_path / "identity.json").read_text())
    assert {**before, "identity": identity(4)} == after
    with pytest.raises(StateMismatch, match="state_format is 4 there, but 2 in this run"):
        StateDirectory.open(tmp_path, identity(2), created="then")


@pytest.mark.parametrize("state_format", [1, 5])
def test_a_directory_without_a_way_up_is_refused(tmp_path: Path, state_format: int) -> None:
    """Too old or from a later release: the format found and those that can be read are named."""
    make(tmp_path, state_format)
    with pytest.raises(JournalVersion, match=rf"state_format {state_format}, but 2 to 4 is needed"):
        StateDirectory.open(tmp_path, identity(4), created="now", oldest=OLDEST)
    assert identity(state_format) == StateDirectory.read_identity(tmp_path)


def test_other_fields_of_an_older_directory_must_agree(tmp_path: Path) -> None:
    """A way up from its format is no way from another number of slots."""
    make(tmp_path, 2)
    with pytest.raises(StateMismatch, match="slots is 4 there, but 5 in this run"):
        StateDirectory.open(tmp_path, identity(4, slots=5), created="now", oldest=OLDEST)


def test_a_directory_of_the_same_release_is_left_alone(tmp_path: Path) -> None:
    """Nothing is raised and nothing written."""
    make(tmp_path, 4)
    before = (tmp_path / "identity.json").stat().st_mtime_ns
    with StateDirectory.open(tmp_path, identity(4), created="now", oldest=OLDEST) as state:
        assert {} == state.raise_identity()
    assert before == (tmp_path / "identity.json").stat().st_mtime_ns
