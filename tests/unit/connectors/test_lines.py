# SPDX-License-Identifier: Apache-2.0
"""Messages as lines of a file or of a stream: each whole, and safe before it is answered."""

import asyncio
import errno
import io
import json
import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pydantic import ValidationError
from typing_extensions import override

from connectors.errors import SinkError
from connectors.sinks.contract import Answer, Message, Resolution
from connectors.sinks.lines import ConsoleSettings, ConsoleSink, FileSettings, FileSink
from tests.support.fake_klaviyo import message, notification
from tests.support.small_disk import fill, small_disk

SENT = Answer(Resolution.SENT)


def send(sink: FileSink | ConsoleSink, *batches: Sequence[Message]) -> list[list[Answer]]:
    """Opens a sink, sends batches and closes it."""

    async def main() -> list[list[Answer]]:
        await sink.open()
        answers = [await sink.send(batch) for batch in batches]
        await sink.close()
        return answers

    return asyncio.run(main())


def to_file(path: Path, *batches: Sequence[Message]) -> list[list[Answer]]:
    """Sends batches to a file."""
    return send(FileSink(FileSettings(path=path)), *batches)


def lines_of(path: Path) -> list[Any]:
    """The lines of a file, read as JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_message_is_a_line(tmp_path: Path) -> None:
    """With all that is known of it, and the records as they are in Kafka."""
    digest = message(3, notification(3), notification(4))
    assert [[SENT, SENT]] == to_file(tmp_path / "out", [message(1), digest])
    first, second = lines_of(tmp_path / "out")
    assert {
        "id": f"{1:032x}",
        "channel": "EMAIL",
        "step": "first",
        "template": "back_in_stock",
        "attempt": 1,
        "notifications": [json.loads(notification(1))],
    } == first
    assert [f"{3:032x}", f"{4:032x}"] == [each["id"] for each in second["notifications"]]


def test_lines_are_appended(tmp_path: Path) -> None:
    """What an earlier batch, or an earlier run, has written stays."""
    to_file(tmp_path / "out", [message(1)], [message(2)])
    to_file(tmp_path / "out", [message(3)])
    assert [f"{number:032x}" for number in (1, 2, 3)] == [
        line["id"] for line in lines_of(tmp_path / "out")
    ]


def test_a_torn_line_is_ended(tmp_path: Path) -> None:
    """What a crash cut short spoils no later line."""
    path = tmp_path / "out"
    path.write_bytes(b'{"id":"torn')
    to_file(path, [message(1)])
    torn, whole = path.read_text().splitlines()
    assert '{"id":"torn' == torn
    assert f"{1:032x}" == json.loads(whole)["id"]


def test_a_record_over_several_lines_becomes_one(tmp_path: Path) -> None:
    """White space between the parts of a record does not break its line."""
    pretty = json.dumps(json.loads(notification(1)), indent=2).replace("\n", "\r\n").encode()
    to_file(tmp_path / "out", [message(1, pretty)])
    [line] = lines_of(tmp_path / "out")
    assert [json.loads(pretty)] == line["notifications"]


def test_what_is_no_record_is_given_up(tmp_path: Path) -> None:
    """It would make a line that nobody can read; the others are written."""
    [answers] = to_file(tmp_path / "out", [message(1, b"{"), message(2)])
    assert [Resolution.FINAL, Resolution.SENT] == [each.resolution for each in answers]
    assert "invalid_record" == answers[0].reason
    assert 1 == len(lines_of(tmp_path / "out"))


def test_a_file_that_is_moved_away_is_made_anew(tmp_path: Path) -> None:
    """A log rotation needs no signal."""

    async def main() -> None:
        sink = FileSink(FileSettings(path=tmp_path / "out"))
        await sink.open()
        await sink.send([message(1)])
        (tmp_path / "out").rename(tmp_path / "old")
        assert [SENT] == await sink.send([message(2)])
        await sink.close()

    asyncio.run(main())
    assert [f"{2:032x}"] == [line["id"] for line in lines_of(tmp_path / "out")]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """It holds addresses of people."""
    to_file(tmp_path / "out", [message(1)])
    assert 0o600 == stat.S_IMODE((tmp_path / "out").stat().st_mode)


def test_lines_are_on_the_disk_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced after the last write of a batch, and its directory when it is new."""
    calls: list[str] = []
    write, fsync = os.write, os.fsync

    def noted_write(file: int, data: bytes) -> int:
        calls.append("write")
        return write(file, data)

    def noted_fsync(file: int) -> None:
        calls.append("directory" if stat.S_ISDIR(os.fstat(file).st_mode) else "sync")
        fsync(file)

    monkeypatch.setattr(os, "write", noted_write)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    to_file(tmp_path / "out", [message(1), message(2)], [message(3)])
    first = ["sync", "directory", "write", "sync", "directory"]
    assert [*first, "write", "sync"] == calls


@pytest.mark.parametrize(
    ("code", "reason"),
    [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EIO, "not_written")],
)
def test_a_disk_that_fails_is_a_reason_to_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    """No message is lost, or taken for written, whatever the disk says."""
    path = tmp_path / "out"

    async def main() -> None:
        sink = FileSink(FileSettings(path=path))
        await sink.open()

        def fail(_: int) -> None:
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            [answer] = await sink.send([message(1)])
        assert (Resolution.RETRY, reason) == (answer.resolution, answer.reason)
        assert [SENT] == await sink.send([message(1)])
        await sink.close()

    asyncio.run(main())


def test_after_a_full_disk_every_line_is_whole(tmp_path: Path) -> None:
    """A line that found no room is ended, and its message comes again."""
    with small_disk(tmp_path / "disk", "64k"):
        path = tmp_path / "disk" / "out"
        messages = [message(number) for number in range(100)]

        async def main() -> None:
            sink = FileSink(FileSettings(path=path))
            await sink.open()
            filling = fill(tmp_path / "disk", leave=8_192)
            answers = await sink.send(messages)
            assert {"disk_full"} == {answer.reason for answer in answers}
            filling.unlink()
            assert [SENT] * 100 == await sink.send(messages)
            await sink.close()

        asyncio.run(main())
        lines = path.read_bytes().splitlines()
        assert [json.loads(line)["id"] for line in lines[-100:]] == [each.id for each in messages]


@pytest.mark.parametrize("name", ["missing/out", "."])
def test_a_file_that_cannot_be_is_refused_at_open(tmp_path: Path, name: str) -> None:
    """The line names the file."""
    with pytest.raises(SinkError, match=str(tmp_path)):
        to_file(tmp_path / name)


def test_what_is_no_file_is_refused_at_open(tmp_path: Path) -> None:
    """Nobody can promise that a pipe keeps what it was given."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SinkError, match="not a regular file"):
        to_file(tmp_path / "pipe")


def test_a_sink_that_is_not_open_says_so(tmp_path: Path) -> None:
    """Sending before `open` is an error of the caller."""
    sink = FileSink(FileSettings(path=tmp_path / "out"))
    with pytest.raises(SinkError, match="call open"):
        asyncio.run(sink.send([message(1)]))


def to_console(stream: BinaryIO, *batches: Sequence[Message]) -> list[list[Answer]]:
    """Sends batches to a stream."""
    settings = ConsoleSettings.model_validate({"timeout": "200ms"})
    return send(ConsoleSink(settings, stream), *batches)


def test_the_console_has_the_same_lines(tmp_path: Path) -> None:
    """Whoever reads standard output reads what is in the file."""
    stream = io.BytesIO()
    assert [[SENT]] == to_console(stream, [message(1)])
    to_file(tmp_path / "out", [message(1)])
    assert (tmp_path / "out").read_bytes() == stream.getvalue()


def test_a_reader_that_went_away_is_a_reason_to_retry() -> None:
    """A closed pipe is an answer, and not an exception."""

    async def main() -> list[Answer]:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb", buffering=0) as stream:
            sink = ConsoleSink(ConsoleSettings(), stream)
            await sink.open()
            os.close(reading)
            answers = await sink.send([message(1)])
        answers += await sink.send([message(1)])
        await sink.close()
        return answers

    answers = asyncio.run(main())
    assert [(Resolution.RETRY, "closed")] * 2 == [
        (each.resolution, each.reason) for each in answers
    ]


def test_a_reader_that_does_not_read_is_not_waited_for() -> None:
    """Every wait has a bound, also that for a pipe which is full."""
    free = threading.Event()

    class Stuck(io.BytesIO):
        @override
        def write(self, data: Any) -> int:
            if data:
                free.wait(20)
            return super().write(data)

    try:
        [[answer]] = to_console(Stuck(), [message(1)])
    finally:
        free.set()
    assert (Resolution.RETRY, "timeout") == (answer.resolution, answer.reason)


@pytest.mark.parametrize("table", [{}, {"path": 7}, {"path": "x", "timeout": 0}, {"kind": "web"}])
def test_settings_that_cannot_work_are_refused(table: dict[str, Any]) -> None:
    """A file needs a path, and time."""
    with pytest.raises(ValidationError):
        FileSettings.model_validate(table)
