# SPDX-License-Identifier: Apache-2.0
"""Who this process is, told so that a later one can prove that it is dead."""

import os
import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from schemas.leases import LeaseHolder

__all__ = ["process_start", "this_process"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
# proc_pid_stat(5): counted from the state, which follows the name in parentheses.
_STATE: Final = 0
_START: Final = 19
_ENDED: Final = frozenset({b"Z", b"X", b"x"})
_COMMAND_SECONDS: Final = 5


def this_process(directory: Path, lock: os.stat_result, started: datetime) -> LeaseHolder:
    """Describe this process.

    Args:
        directory: The shard's state directory.
        lock: The file whose lock this process holds.
        started: When it was started, with a time zone.
    """
    return LeaseHolder(
        host=platform.node() or "unknown",
        pid=os.getpid(),
        started_at=int(started.timestamp() * 1000),
        directory=str(directory.absolute()),
        boot_id=_boot_id(),
        process_start=process_start(os.getpid()),
        pid_namespace=_pid_namespace(),
        lock_device=lock.st_dev,
        lock_inode=lock.st_ino,
    )


def process_start(pid: int) -> int | None:
    """Tell when a process began, in clock ticks since the boot.

    Returns:
        None when there is no such process, or it has ended and only waits for its parent to ask.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 1 :].split()
    return None if fields[_STATE] in _ENDED else int(fields[_START])


def _boot_id() -> str | None:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip() or None
    except OSError:
        return _darwin_boot_id() if sys.platform == "darwin" else None


def _darwin_boot_id() -> str | None:
    command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _pid_namespace() -> int | None:
    try:
        return _PID_NAMESPACE.stat().st_ino
    except OSError:
        return None
