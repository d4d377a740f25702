# SPDX-License-Identifier: Apache-2.0
"""What `restock ingest` says of calls that make no sense, and what a dry run shows."""

import io
import json
import sys
from pathlib import Path

import pytest
from typing_extensions import override

from connectors.errors import InboundError
from restock.cli import main
from restock.commands.ingest import ingest
from restock.errors import ConfigError, UsageError
from restock.ingesting_files import are_lines, moment_of_file
from restock.ingesting_progress import shown
from restock.ingesting_taking import Tally

RECORD = b'{"variant_id":"v","quantity":1,"occurred_at":"2025-11-20T12:00:00Z"}'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a configuration file, unless the test writes one."""
    monkeypatch.chdir(tmp_path)


def test_a_dry_run_shows_records_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is connected; what is refused is said on standard error."""
    file = tmp_path / "trace.jsonl"
    file.write_bytes(RECORD + b"\n\n{}\n")
    assert 0 == ingest("restock", file, dry_run=True)
    out, err = capsys.readouterr()
    assert RECORD.decode() + "\n" == out
    assert (
        "2 messages read, 1 record would be written, 1 refused\n"
        "  missing_field: variant_id: Field required\n"
    ) == err


def test_standard_input_holds_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless it is said that it does not."""
    line = b'{"at": 1, "topic": "subscriptions", "value": {}}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RECORD + b"\n" + line)))
    assert 0 == main(["ingest", "restock", "-", "--dry-run", "--json"])
    *_, summary = capsys.readouterr().out.splitlines()
    assert {
        "messages": 2, "records": 1, "refused": 0, "refusals": {}, "ignored": {"other_topic": 1},
    } == json.loads(summary)  # fmt: skip
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n" + RECORD)))
    assert 0 == ingest("restock", Path("-"), lines=False, dry_run=True)
    assert "1 record would be written" in capsys.readouterr().err


def test_how_lines_are_told_from_documents() -> None:
    """By the name; the flag has the last word."""
    assert are_lines(Path("a.JSONL"), None)
    assert are_lines(Path("a.ndjson"), None)
    assert not are_lines(Path("a.json"), None)
    assert are_lines(Path("a.json"), wanted=True)
    assert not are_lines(Path("-"), wanted=False)


def test_the_time_of_a_file(tmp_path: Path) -> None:
    """What was given, else its own, but never later than now."""
    file = tmp_path / "x"
    file.touch()
    assert 5 == moment_of_file(file, 5, lambda: 9)
    assert 9 == moment_of_file(file, None, lambda: 9)
    assert 9 == moment_of_file(Path("-"), None, lambda: 9)
    assert file.stat().st_mtime_ns // 1_000_000 == moment_of_file(file, None, lambda: 1 << 60)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("restock", {"at": "yesterday"}, "--at yesterday: not RFC 3339"),
        ("restock", {"at": "2999-01-01T00:00:00Z"}, "is in the future"),
        ("restock", {"every": "soon"}, "--every soon"),
        ("restock", {"every": "0s"}, "more than 0"),
        ("restock", {"topic": "t", "every": "1m"}, "--every is for feeds"),
        ("restock", {"topic": "t", "lines": True}, "are for files"),
        ("restock", {}, "there is nothing to read"),
        ("feed", {"topic": "t"}, "--topic: a feed"),
        ("feed", {"lines": True}, "--lines: a feed"),
        ("feed", {"every": "1m", "at": "1763640000000"}, "--every and --at"),
    ],
)
def test_calls_that_make_no_sense(name: str, fields: dict[str, object], message: str) -> None:
    """One line, before anything is read."""
    with pytest.raises(UsageError, match=message):
        ingest(name, **fields)  # type: ignore[arg-type]  # as the command line gives them


def test_an_unknown_flag_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Although a lone hyphen is one."""
    assert 2 == main(["ingest", "restock", "--quick"])
    assert "Unknown option: '--quick'" in capsys.readouterr().err


def test_files_that_make_no_sense(tmp_path: Path) -> None:
    """Together with a topic or a repetition, or not there."""
    file = tmp_path / "x.json"
    with pytest.raises(UsageError, match=r"x\.json: cannot be read: No such file"):
        ingest("restock", file, dry_run=True)
    with pytest.raises(UsageError, match=r"x\.json: cannot be read: No such file"):
        ingest("feed", file, dry_run=True)
    with pytest.raises(UsageError, match="--topic and files"):
        ingest("restock", file, topic="t")
    with pytest.raises(UsageError, match="--every and files"):
        ingest("feed", file, every="1m")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        ingest("restock", tmp_path, dry_run=True)


def test_the_file_of_a_feed_that_is_cut_is_named(tmp_path: Path) -> None:
    """There may be many."""
    (tmp_path / "cut.json").write_bytes(b'[{"id": "a"')
    with pytest.raises(InboundError, match=r"cut\.json: the feed is cut short"):
        ingest("feed", tmp_path / "cut.json", dry_run=True)


def test_a_setting_of_the_environment_that_is_nested_without_end_is_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And so refused as any other."""
    monkeypatch.setenv("RESTOCK_INGEST__FEED__URL", "[" * 100_000)
    with pytest.raises(ConfigError, match="url must be a URL"):
        ingest("feed", dry_run=True)


def test_a_wrong_table_is_named_with_its_file(tmp_path: Path) -> None:
    """As every other setting."""
    (tmp_path / "restock.toml").write_text('[ingest.erp]\nkind = "feed"\nurl = "x"\n')
    with pytest.raises(ConfigError, match=r"^restock\.toml: ingest\.erp: url must be a URL"):
        ingest("erp")
    with pytest.raises(ConfigError, match=r"^there is no table \[ingest\.crm\]"):
        ingest("crm")


def test_a_file_of_descriptors_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Before any message is read."""
    (tmp_path / "restock.toml").write_text(
        '[ingest.restock.registry]\ndescriptors = "nothing.desc"\nmessage = "a.B"\n'
    )
    (tmp_path / "x.json").write_bytes(RECORD)
    with pytest.raises(ConfigError, match=r"ingest\.restock\.registry\.descriptors: nothing\.d"):
        ingest("restock", tmp_path / "x.json", dry_run=True)


class Terminal(io.StringIO):
    """Somebody looks on."""

    @override
    def isatty(self) -> bool:
        """It is one."""
        return True


def test_progress_is_shown_on_a_terminal_only() -> None:
    """In a pipe there is nothing but the summary."""
    tally, pipe, terminal = Tally(), io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        with shown(stream, tally) as advance:
            tally.messages = 12_345
            advance()
    assert "" == pipe.getvalue()
    assert "12,345 messages" in terminal.getvalue()
