# SPDX-License-Identifier: Apache-2.0
"""The files of a replay: a trace in, notifications out, and after an error no output at all."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from restock.errors import ReplayError
from restock.replay import Decisions, Replay, Summary
from restock.replay_batches import Batch, BatchReader
from restock.replay_lines import parse_until
from restock.settings_layers import read_toml
from waitlist.errors import PolicyError
from waitlist.policy import PolicyBook, load_policy

__all__ = ["read_policy", "replay_file"]

_READ_AT_ONCE = 1 << 17
"""What this decodes into fits a processor's cache; megabytes take twice the time."""

_WRITE_AT_ONCE = 1 << 20

_REFUSED_A_COLLECTION = 100_000


def replay_file(
    events: Path,
    output: Path | None,
    *,
    policy: Path | None,
    until: str | None,
    decisions: Callable[[PolicyBook], Decisions],
    progress: Callable[[int, Batch], object],
) -> Summary:
    """Replay the trace ``events`` into the file ``output``.

    Args:
        events: The trace, one JSON object a line.
        output: Where the notification values go, one a line; replaced only when all went well.
            None: they are counted, but not made.
        policy: A file with a ``[policy]`` table; None: the default policy.
        until: The last moment of the clock, as `parse_until` reads it.
        decisions: Makes what decides, from the policy.
        progress: Called for each portion that has been read, with its size in bytes.

    Raises:
        ReplayError: Something given cannot be used. ``output`` does not exist afterwards, unless
            it is itself one of the files to be read.
    """
    if output is not None:
        _refuse_overwriting(output, events, policy)
    try:
        book = read_policy(policy) if policy else PolicyBook()
        last = parse_until(until) if until is not None else None
        replay = Replay(decisions(book), last, silent=output is None)
        with _opened(events) as source, _replaced(output) as sink, _collector_off():
            batches = _batches(source, events, BatchReader(str(events), last), progress)
            for values in replay.run_batches(batches):
                if values:
                    sink.write(b"\n".join(values) + b"\n")
        return replay.summary()
    except BaseException:
        if output is not None and output.is_file():
            with suppress(OSError):
                output.unlink()
        raise


def read_policy(file: Path) -> PolicyBook:
    """Read the ``[policy]`` table of a configuration file; its other tables are passed over.

    Raises:
        ReplayError: The policy is wrong; the message names the file and the key's path.
        ConfigError: The file cannot be read or is not TOML.
    """
    table = read_toml(file).get("policy", {})
    if not isinstance(table, Mapping):
        message = f"{file}: policy: must be a table; write its settings below a line [policy]"
        raise ReplayError(message)
    try:
        return load_policy(table)
    except PolicyError as error:
        message = f"{file}: {error}; see docs/semantics.md section 4"
        raise ReplayError(message) from None


def _refuse_overwriting(output: Path, *inputs: Path | None) -> None:
    for file in inputs:
        if file and output.exists() and file.exists() and output.samefile(file):
            message = f"--output {output}: is also read; name another file"
            raise ReplayError(message)


def _batches(
    source: BinaryIO,
    events: Path,
    reader: BatchReader,
    progress: Callable[[int, Batch], object],
) -> Iterator[Batch]:
    refused = 0
    for portion in _portions(source, events):
        batch = reader.read(portion)
        progress(len(portion), batch)
        yield batch
        if reader.is_done:
            return
        refused += batch.dead_lettered
        if refused >= _REFUSED_A_COLLECTION:
            refused = 0
            gc.collect(1)


def _portions(source: BinaryIO, events: Path) -> Iterator[bytes]:
    """Whole lines, as many as there are in what is read at once."""
    unfinished: list[bytes] = []
    while part := _read(source, events):
        end = part.rfind(b"\n") + 1
        if end:
            yield b"".join([*unfinished, part[:end]])
            unfinished.clear()
        if end < len(part):
            unfinished.append(part[end:])
    if unfinished:
        yield b"".join(unfinished)


def _read(source: BinaryIO, events: Path) -> bytes:
    try:
        return source.read(_READ_AT_ONCE)
    except OSError as error:
        raise _unreadable(events, error) from error


def _opened(events: Path) -> BinaryIO:
    try:
        return events.open("rb", buffering=0)
    except OSError as error:
        raise _unreadable(events, error) from error


def _unreadable(events: Path, error: OSError) -> ReplayError:
    return ReplayError(f"{events}: cannot be read: {error.strerror}; name a file of events")


@contextmanager
def _replaced(output: Path | None) -> Iterator[BinaryIO]:
    """Open a file beside ``output`` that takes its place when the block ends well.

    What is no regular file, such as a device or a pipe, is written to directly; without an output
    nothing is written.
    """
    if output is None:
        yield BytesIO()
        return
    direct = output.exists() and not output.is_file() and not output.is_dir()
    target = output.resolve()
    written = target if direct else target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if output.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        with written.open("wb", buffering=_WRITE_AT_ONCE) as sink:
            yield sink
        if not direct:
            written.replace(target)
    except OSError as error:
        message = f"--output {output}: cannot be written: {error.strerror}; name a writable file"
        raise ReplayError(message) from error
    finally:
        if not direct:
            with suppress(OSError):
                written.unlink(missing_ok=True)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep Python's cycle collector away from the state, which holds no cycles.

    A full collection walks every variant and queue, again and again while they grow. Only where
    records are refused, with exceptions, may there be anything to collect: see `_batches`.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
