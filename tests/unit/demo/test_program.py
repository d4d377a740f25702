# SPDX-License-Identifier: Apache-2.0
"""The demo's stage: the process under show, what it says when it dies, and what is cleared."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from restock.demo import run_demo, runner
from restock.demo.configuration import (
    Places,
    configuration_text,
    deliver_configuration_text,
    policy_table,
)
from restock.demo.errors import ProgramDied
from restock.demo.post_summary import PostSummary
from restock.demo.program import Program, deliver_command, run_command
from restock.demo.rules import Rule, Violation
from restock.demo.summary import Summary
from restock.errors import UsageError
from restock.settings_layers import load_settings
from restock.ways import read_sinks
from schemas.errors import RestockError
from waitlist.policy import load_policy


def python(code: str) -> tuple[str, ...]:
    """A command that runs Python code."""
    return (sys.executable, "-c", code)


WAITS = "import time; print('ready', flush=True); time.sleep(60)"
LEAVES_ON_SIGTERM = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}));"
    "print('ready', flush=True); signal.pause()"
)


def until_ready(program: Program) -> None:
    """Wait until the process has said that it is ready."""
    while program.last_lines() != ["ready"]:
        program.check_alive()


def is_running(pid: int | None) -> bool:
    """Say whether a process of ours is there; it is gone once waited for."""
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True


def test_stopping_waits_for_a_clean_end(tmp_path: Path) -> None:
    """SIGTERM ends the program, and exit code 0 is as it should be."""
    with Program("restock run", tmp_path, python(LEAVES_ON_SIGTERM.format(code=0)), {}) as program:
        until_ready(program)
        program.stop()
        assert not is_running(program.pid)


def test_an_unclean_end_is_an_error(tmp_path: Path) -> None:
    """Another exit code after SIGTERM is told, with what the program said last."""
    with Program("restock run", tmp_path, python(LEAVES_ON_SIGTERM.format(code=3)), {}) as program:
        until_ready(program)
        with pytest.raises(ProgramDied, match="exit code 3 after SIGTERM") as caught:
            program.stop()
    assert ["ready"] == caught.value.last_lines


def test_an_early_end_is_noticed(tmp_path: Path) -> None:
    """A program that ends by itself has died, whatever its exit code."""
    with Program("restock run", tmp_path, python("print('no broker')"), {}) as program:
        os.waitid(os.P_PID, program.pid or 0, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ProgramDied, match="exit code 0 before its time") as caught:
            program.check_alive()
    assert ["no broker"] == caught.value.last_lines


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_no_process_is_left_behind(tmp_path: Path, error: type[BaseException]) -> None:
    """Whatever ends the demo ends the program."""
    program = Program("restock run", tmp_path, python(WAITS), {})

    def fail() -> None:
        with program:
            until_ready(program)
            raise error

    with pytest.raises(error):
        fail()
    assert not is_running(program.pid)


def test_the_program_does_not_see_the_settings_around_it(tmp_path: Path) -> None:
    """A broker or a policy in the environment must not change the demo."""
    code = "import os; print(sorted(name for name in os.environ if name[:2] in ('RE', 'XY')))"
    environment = {"RESTOCK_KAFKA__BOOTSTRAP_SERVERS": "elsewhere:9092", "XY": "1"}
    with Program("restock run", tmp_path, python(code), environment) as program:
        os.waitid(os.P_PID, program.pid or 0, os.WEXITED | os.WNOWAIT)
        assert ["['XY']"] == program.last_lines()


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel does it")
def test_a_demo_killed_outright_takes_the_program_with_it(tmp_path: Path) -> None:
    """Even after kill -9 of the demo the program does not stay."""
    demo = (
        "import os, sys, time; from pathlib import Path;"
        "from restock.demo.program import Program;"
        f"command = [sys.executable, '-c', {WAITS!r}];"
        f"program = Program('restock run', Path({str(tmp_path)!r}), command, os.environ);"
        "program.__enter__()\n"
        "while program.last_lines() != ['ready']: pass\n"
        "print(program.pid, flush=True); time.sleep(60)"
    )
    read, write = os.pipe()
    pid = os.posix_spawn(
        sys.executable,
        python(demo),
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)],
    )
    os.close(write)
    with os.fdopen(read) as output:
        program = int(output.readline())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while Path(f"/proc/{program}/stat").exists():
        if Path(f"/proc/{program}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
            break


def test_the_configuration_is_one_the_program_accepts(tmp_path: Path) -> None:
    """The generated restock.toml holds the broker, the state directory and the whole policy."""
    policy = policy_table(20)
    file = tmp_path / "restock.toml"
    file.write_text(configuration_text("127.0.0.1:1", tmp_path / "state", policy), "utf-8")
    settings = load_settings(file, environment={}, directory=tmp_path).settings
    assert "127.0.0.1:1" == settings.kafka.bootstrap_servers
    assert tmp_path / "state" == settings.state.directory
    assert load_policy(policy) == settings.policy_book()


@pytest.mark.parametrize(("seconds", "delay"), [(20, 2_500), (5, 625)])
def test_so_is_that_of_the_deliveries(tmp_path: Path, seconds: float, delay: int) -> None:
    """It holds both receivers with their secrets, and a reminder that fits the sale's length."""
    places = Places(2525, "http://127.0.0.1:1/x", "whsec_" + "A" * 44, "s" * 32)
    file = tmp_path / "restock.toml"
    text = deliver_configuration_text("127.0.0.1:1", tmp_path / "ledger", places, seconds)
    file.write_text(text, "utf-8")
    settings = load_settings(file, environment={}, directory=tmp_path).settings
    assert {"mail", "app"} == set(read_sinks(settings))
    assert ["first", "reminder"] == [step.name for step in settings.plan().steps]
    assert delay == settings.plan().steps[1].delay
    assert tmp_path / "ledger" == settings.delivery.directory


def test_the_real_programs_are_started(tmp_path: Path) -> None:
    """The commands are `restock run` and `restock deliver` of this very installation."""
    file = tmp_path / "restock.toml"
    assert (sys.executable, "-m", "restock", "run") == run_command(file)[:4]
    assert (sys.executable, "-m", "restock", "deliver") == deliver_command(file)[:4]


@pytest.mark.parametrize(
    "wrong", [{"seconds": 4.9}, {"seconds": 601.0}, {"people": 19}, {"people": 20_001}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    """What the embedded broker cannot hold, or the eye cannot follow, is not begun."""
    with pytest.raises(UsageError, match=f"--{next(iter(wrong))} .*: must be from"):
        run_demo(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["run", "deliver"])
def test_a_program_dying_ends_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    """Exit code 1, the last lines of the program, and nothing left in the temporary directory."""
    for other in ("run", "deliver"):
        monkeypatch.setattr(runner, f"{other}_command", lambda _: python(WAITS))
    died = python("import sys; sys.exit('no way')")
    monkeypatch.setattr(runner, f"{name}_command", lambda _: died)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert 1 == run_demo(plain=True)
    errors = capsys.readouterr().err
    assert f"`restock {name}` has ended with exit code 1 before its time" in errors
    assert "\n  no way\n" in errors
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("json", [False, True])
def test_a_broken_rule_fails_the_demo(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, json: bool
) -> None:
    """Exit code 1 says that the run broke a rule, and the output says which."""
    post = PostSummary({}, {"first": {}, "reminder": {}}, {"first": {}, "reminder": {}}, 0, 0, 0)
    broken = Summary({}, 0, 0, None, post, (Violation(Rule.SIZE, "a wave too large"),))
    monkeypatch.setattr(runner, "_run", lambda *_, **__: broken)
    assert 1 == run_demo(json=json)
    assert "a wave too large" in capsys.readouterr().out


def test_another_error_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line reports errors; the demo does not hide them."""

    def refuse(*_: object, **__: object) -> Summary:
        raise RestockError("no mock cluster here")

    monkeypatch.setattr(runner, "_run", refuse)
    with pytest.raises(RestockError, match="no mock cluster"):
        run_demo()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_the_demo(monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> None:
    """The exit code is the one a shell gives for the signal, and old handlers come back."""

    def interrupted(*_: object, **__: object) -> Summary:
        signal.raise_signal(number)
        raise AssertionError

    before = signal.getsignal(number)
    monkeypatch.setattr(runner, "_run", interrupted)
    assert code == run_demo()
    assert before == signal.getsignal(number)
