# SPDX-License-Identifier: Apache-2.0
"""The command line: exit codes, one-line errors, and no command imported before it is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from restock import cli
from restock.cli import main
from schemas.errors import RestockError

COMMAND = Path(sys.executable).with_name("restock")


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed program."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, **environment},
        check=False,
    )


def test_without_arguments_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """`restock` alone lists the commands and the exit codes."""
    assert main([]) == 0
    shown = capsys.readouterr().out
    for word in ("demo", "run", "replay", "topics", "config", "--version", "Exit codes"):
        assert word in shown


@pytest.mark.parametrize("name", ["run", "replay", "demo", "topics create", "config show"])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has a help of its own."""
    assert main([*name.split(), "--help"]) == 0
    assert f"Usage: restock {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("run", "SIGTERM and Ctrl-C stop it"),
        ("replay", 'Each line of the trace is {"at": TIME'),
        ("demo", "no Kafka, Docker or account is needed"),
    ],
)
def test_the_help_of_a_command_says_all_there_is_to_know(
    name: str, fact: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than its line in the list of commands, filled to the width, and nothing beside it."""
    monkeypatch.setenv("COLUMNS", "80")
    assert 0 == main([name, "--help"])
    shown = capsys.readouterr().out
    assert fact in " ".join(shown.split())
    assert 80 >= max(map(len, shown.splitlines()))
    assert "Exit codes" not in shown
    assert "[default: False]" not in shown


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the installed distribution."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("restock 0.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bogus"], 'Unknown command "bogus"'),
        (["run", "extra"], "'extra' is one argument too many; see restock run --help"),
        (["demo", "--plane"], "Did you mean --plain? See restock demo --help"),
        (["topics", "creat"], "see restock topics --help"),
        (["config", "bogus"], 'Unknown command "bogus"'),
        (["config", "show", "--bogus"], "Unknown option: --bogus"),
        (["replay"], "EVENTS"),
        (["replay", "events.jsonl"], "--output"),
        (["topics", "create", "--partitions", "many"], "--partitions"),
        (["topics", "create", "--partitions", "0"], "--partitions 0: must be from 1"),
        (["topics", "create", "--replication-factor", "0"], "--replication-factor 0: must be"),
        (["run", "--shard", "4/4"], "--shard 4/4: must be i/n"),
        (["run", "--shard", ""], "--shard : must be i/n"),
        (["run", "--shards", "0-4/4"], "--shards 0-4/4: must be numbers or ranges below n"),
        (["run", "--shard", "0/4", "--shards", "1-2/4"], "--shard is for one shard, --shards for"),
        (["run", "--from", "yesterday"], "--from yesterday: "),
        (["run", "--config", "missing.toml"], "missing.toml: cannot be read"),
        (["config", "check", "--config", "missing.toml"], "missing.toml: cannot be read"),
    ],
)
def test_wrong_usage_is_one_line_and_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake on the command line ends with exit code 2 and one line that names it."""
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("restock: ")
    assert message in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RestockError("it failed"), 1, "restock: it failed\n"),
        (OSError(28, "No space left", "/data"), 1, "restock: /data: No space left\n"),
        (OSError(28, "No space left"), 1, "restock: input or output: No space left\n"),
        (KeyError("x"), 1, "restock: unexpected KeyError: 'x'; this is a bug"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_ends_a_command_decides_the_exit_code(
    error: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Failures are 1, Ctrl-C is 130, and none shows a traceback."""

    def fail(_words: list[str]) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert code == main(["config", "check"])
    shown = capsys.readouterr().err
    assert shown.startswith(message)
    assert "Traceback" not in shown


@pytest.mark.parametrize("way", ["--debug", "RESTOCK_DEBUG"])
def test_a_traceback_can_be_asked_for(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --debug or RESTOCK_DEBUG=1 errors come as they are."""
    arguments = ["config", "check", "--config", "missing.toml"]
    if way == "--debug":
        arguments.append(way)
    else:
        monkeypatch.setenv(way, "1")
    with pytest.raises(RestockError):
        main(arguments)


def test_the_program_reports_an_error_as_one_line() -> None:
    """As a process too: nothing on standard output, one line on standard error, code 2."""
    done = run("config", "check", RESTOCK_KAFKA__GROUP="x")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "restock: environment RESTOCK_KAFKA__GROUP: is not a setting; "
        "did you mean RESTOCK_KAFKA__GROUP_ID?\n"
    )


def test_a_closed_pipe_ends_it_quietly() -> None:
    """When nobody reads its output any more it stops without a word, as after SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [COMMAND, "config", "show"],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=50,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.returncode == 141
    assert done.stderr == b""


def test_no_broker_is_one_line_and_1() -> None:
    """A cluster that does not answer is a failure that names the address."""
    done = run(
        "topics",
        "check",
        "--bootstrap-servers",
        "127.0.0.1:1",
        RESTOCK_KAFKA__CONNECT_TIMEOUT="1s",
    )
    assert done.returncode == 1
    assert done.stderr.startswith("restock: no Kafka broker answers at 127.0.0.1:1 within 1 s")
    assert done.stderr.count("\n") == 1


def test_starting_imports_nothing_heavy() -> None:
    """The list of commands is shown without loading Bytewax, librdkafka or pydantic."""
    script = (
        "import sys; from restock.cli import main; main(['--version']); "
        "print(sorted({'bytewax', 'confluent_kafka', 'pydantic', 'structlog'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout.splitlines()[1:] == ["[]"]
