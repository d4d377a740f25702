# SPDX-License-Identifier: Apache-2.0
"""A working directory of its own for each test, without variables of ours."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start the test in an empty directory; no setting comes from the machine."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("RESTOCK_"):
            monkeypatch.delenv(name)
    return tmp_path
