# SPDX-License-Identifier: Apache-2.0
"""What a supervised process tells its supervisor, and when it refuses to be one."""

import os
from pathlib import Path

import pytest

from connectors.errors import BrokerUnreachable, LeaseHeld, NotCopartitioned, StateDisowned
from connectors.errors import TopicMissing as Missing
from journal.errors import JournalCorrupt, JournalError, JournalFailed, StateLocked, StateMismatch
from restock.errors import StartupError, UsageError
from restock.settings import Settings
from restock.shards import Shard
from restock.supervised import EXIT_IN_VAIN, run_supervised, tie_to
from restock.supervisor_wiring import health_port
from schemas.errors import RestockError


def caused_by(cause: JournalError) -> StartupError:
    """As `restock run` raises what the state directory says."""
    error = StartupError(str(cause))
    error.__cause__ = cause
    return error


def failing(error: RestockError | None) -> int:
    """A run that ends so."""
    if error is not None:
        raise error
    return 0


@pytest.mark.parametrize(
    "error",
    [
        NotCopartitioned("2 and 3 partitions"),
        StateDisowned("another state"),
        caused_by(StateMismatch(Path("state"), "slots", 4, 8)),
        caused_by(JournalCorrupt("it is not an identity", Path("identity.json"))),
    ],
)
def test_a_start_in_vain_has_an_exit_code_of_its_own(
    error: RestockError, capsys: pytest.CaptureFixture[str]
) -> None:
    """State or topics that are not the shard's are told in one line, as ever."""
    assert EXIT_IN_VAIN == run_supervised(lambda: failing(error), lambda: None)
    assert f"restock: {error}\n" == capsys.readouterr().err


def test_the_layout_of_the_state_directory_is_looked_at_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """State of another shard count is nothing that passes."""
    error = StartupError("of another shard count")
    assert EXIT_IN_VAIN == run_supervised(lambda: 0, lambda: failing(error))
    assert "restock: of another shard count\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        BrokerUnreachable("no broker"),
        LeaseHeld("by another host"),
        Missing("create it"),
        StartupError("the health port is taken"),
        caused_by(StateLocked(Path("state"), 7)),
        caused_by(JournalFailed("write", Path("state"), "no space")),
    ],
)
def test_what_passes_is_raised_as_ever(error: RestockError) -> None:
    """Another start may find it gone."""
    with pytest.raises(type(error)):
        run_supervised(lambda: failing(error), lambda: None)


def test_a_run_that_ends_well_is_0() -> None:
    """Nothing is added."""
    assert 0 == run_supervised(lambda: failing(None), lambda: None)


def test_only_the_parent_is_a_supervisor() -> None:
    """A process whose supervisor is gone, or which never had one, does not start."""
    with pytest.raises(StartupError, match="--supervisor is for"):
        tie_to(os.getpid())


def test_each_shard_has_a_health_port_by_its_number() -> None:
    """It stays the same wherever the shard runs, and 0 is still nowhere."""
    settings = Settings(health={"port": 9000})
    assert [9000, 9003] == [health_port(settings, Shard(index, 4)) for index in (0, 3)]
    assert 0 == health_port(Settings(), Shard(3, 4))


def test_a_port_that_there_is_not_is_refused() -> None:
    """Before any process is started."""
    settings = Settings(health={"port": 65_535})
    with pytest.raises(UsageError, match=r"health.port: 65535 leaves no port for shard 1/4"):
        health_port(settings, Shard(1, 4))
