# SPDX-License-Identifier: Apache-2.0
"""A disk that is soon full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["fill", "small_disk"]

SECONDS = 40


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """Mount a disk of its own at a folder; skips the test where that is not permitted.

    Args:
        place: The folder, which is made.
        size: For instance "3m".
    """
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "restock-test", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    except FileNotFoundError:
        pytest.skip("no mount command for a small disk")
    if done.returncode:
        pytest.skip("mounting a small disk is not permitted")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=SECONDS)


def fill(disk: Path, leave: int = 0) -> Path:
    """Write a file that takes what is free, but for so many bytes."""
    file = disk / "fill"
    free = os.statvfs(disk)
    file.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
    return file
