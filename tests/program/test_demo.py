# SPDX-License-Identifier: Apache-2.0
"""`restock demo` as a newcomer meets it: a process, the real programs, a broker inside."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from restock.demo.rules import Rule
from restock.demo.script import ACTS

DEMO = (sys.executable, "-m", "restock", "demo", "--seconds", "5", "--people", "120")


def environment(tmp_path: Path) -> dict[str, str]:
    """An environment that would lead astray, with a temporary directory to look into."""
    return {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "RESTOCK_KAFKA__BOOTSTRAP_SERVERS": "nowhere.invalid:9092",
        "COLUMNS": "80",
        "FORCE_COLOR": "1",
    }


def start(tmp_path: Path, *flags: str) -> "subprocess.Popen[str]":
    """Start the demo with its output in a pipe."""
    return subprocess.Popen(
        (*DEMO, *flags),
        env=environment(tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_sale_in_a_pipe(tmp_path: Path) -> None:
    """Plain lines tell of five acts and their waves, and every rule was kept."""
    with start(tmp_path) as process:
        output, errors = process.communicate(timeout=55)
    assert (0, "") == (process.returncode, errors), output
    assert "\x1b" not in output
    places = [output.index(f"Act {number} of 5: {act.title}") for number, act in enumerate(ACTS, 1)]
    assert sorted(places) == places
    assert "Vela Runner 2 EU 42: wave 2, " in output
    assert [True] * len(Rule) == [f"  ok    {rule.value}" in output for rule in Rule]
    assert [] == list(tmp_path.iterdir())


def test_a_sale_as_json(tmp_path: Path) -> None:
    """One object is printed and nothing else; its figures are those of the topics."""
    with start(tmp_path, "--json", "--seed", "5") as process:
        output, errors = process.communicate(timeout=55)
    assert (0, "") == (process.returncode, errors), output
    found = json.loads(output)
    assert [] == found["violations"]
    assert 6 == found["dead_letters"]
    assert found["signed_up"] == (
        found["notifications"] + found["signed_off"] + found["waiting"]
    ), found
    post = found["deliveries"]
    assert 0 < post["reached"] < found["notifications"]
    assert {"EMAIL", "PUSH"} == set(post["sent"]["first"]) == set(post["sent"]["reminder"])
    assert "ordered" in post["kept_back"]["reminder"]
    assert 0 == post["failed"]
    assert 0 < found["latency_ms"]["median"] <= found["latency_ms"]["p99"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing_behind(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C in the middle of the sale ends it; no process and no file stays."""
    with start(tmp_path) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Act 2"):
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=55)
    assert (code, "") == (process.returncode, errors)
    assert [] == list(tmp_path.iterdir())
    assert not programs_of(tmp_path)


def programs_of(directory: Path) -> list[str]:
    """The running processes that were started with a file of a directory, where /proc tells."""
    commands = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            commands.append(file.read_text("utf-8", "replace").replace("\0", " "))
    return [command for command in commands if f"--config {directory}" in command]
