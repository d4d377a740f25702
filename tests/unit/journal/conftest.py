# SPDX-License-Identifier: Apache-2.0
"""What the tests of the journal share."""

from pathlib import Path

import pytest

from tests.support.journals import InlineHelper


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The folder of a slot, which does not exist yet."""
    return tmp_path / "slots" / "0003"


@pytest.fixture
def inline_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compactions are done by the time they are started."""
    monkeypatch.setattr("journal.compaction.subprocess.Popen", InlineHelper)
