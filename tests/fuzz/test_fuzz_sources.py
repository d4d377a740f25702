# SPDX-License-Identifier: Apache-2.0
"""A few seconds of fuzzing, the same each time; for longer see `tests.fuzz.fuzz_sources`."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_RUNS = 15_000


def test_made_up_bytes_come_to_an_answer(tmp_path: Path) -> None:
    """From the samples on, through every source: nothing is raised, every record is valid."""
    pytest.importorskip("atheris", reason="atheris is built for Linux only")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    _fuzz("--seed", str(corpus))
    assert 50 < len(list(corpus.iterdir()))
    options = [f"-runs={_RUNS}", "-seed=1", "-max_len=4096", f"-artifact_prefix={tmp_path}/"]
    done = _fuzz(*options, str(corpus))
    assert f"Done {_RUNS} runs" in done.stderr


def _fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.fuzz_sources", *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=55,
        check=False,
    )
    assert 0 == done.returncode, done.stderr[-2_000:]
    return done
