# SPDX-License-Identifier: Apache-2.0
"""Who this process is, and whether another one still lives."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.kafka.lease_standing import is_dead
from restock.holder import process_start, this_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MOMENT = datetime(2026, 11, 21, tzinfo=UTC)


def test_this_process_is_described(tmp_path: Path) -> None:
    """Pid, place and lock are there, and what proves that it is this boot and this process."""
    found = this_process(tmp_path, tmp_path.stat(), MOMENT)
    assert (os.getpid(), str(tmp_path)) == (found.pid, found.directory)
    assert tmp_path.stat().st_ino == found.lock_inode
    assert process_start(os.getpid()) == found.process_start
    assert None not in {found.boot_id, found.process_start, found.pid_namespace}
    assert 1_795_219_200_000 == found.started_at


def test_a_killed_process_is_dead_before_its_parent_asks() -> None:
    """A process that has ended has no start any more, even while its parent has not looked."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert isinstance(process_start(child.pid), int)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(child.pid) is None
    assert process_start(child.pid) is None


def test_only_what_is_known_proves_death(tmp_path: Path) -> None:
    """This process, asked about from another directory, is alive; with another start it is not."""
    (tmp_path / "lock").touch()
    here = this_process(tmp_path, tmp_path.stat(), MOMENT)
    there = this_process(tmp_path, (tmp_path / "lock").stat(), MOMENT)
    assert not is_dead(here, there, process_start)
    earlier = here.model_copy(update={"process_start": 1})
    assert is_dead(earlier, there, process_start)
