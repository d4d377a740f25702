# SPDX-License-Identifier: Apache-2.0
"""The run ends while there still is space."""

import os
from pathlib import Path

import pytest

from restock.errors import StateError
from restock.free_space import check_space


def file_system(monkeypatch: pytest.MonkeyPatch, free: int, flags: int = 0) -> None:
    """Let every directory lie on one with so many free blocks of 1 KiB."""
    fields = (1024, 1024, 10_000, free, free, 0, 0, 0, flags, 255)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(fields))


def test_enough_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly as much as is asked for; and nothing, when nothing is."""
    file_system(monkeypatch, 100)
    check_space(tmp_path, 100 * 1024)
    file_system(monkeypatch, 0)
    check_space(tmp_path, 0)


def test_too_little_is_named_with_both_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is free, what is wanted, and the setting's name."""
    file_system(monkeypatch, 1536)
    with pytest.raises(StateError, match=r"1\.5 MiB are free .* 2\.0 of \[state\] min_free_bytes"):
        check_space(tmp_path, 2 << 20)


def test_a_disk_that_turned_read_only_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As file systems do when the disk reports errors; also where space is not looked at."""
    file_system(monkeypatch, 10_000, os.ST_RDONLY)
    with pytest.raises(StateError, match="read-only"):
        check_space(tmp_path, 0)


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    """Unmounted, for instance."""
    with pytest.raises(StateError, match="gone cannot be looked at: No such file"):
        check_space(tmp_path / "gone", 0)
