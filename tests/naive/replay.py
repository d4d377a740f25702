# SPDX-License-Identifier: Apache-2.0
"""Replay of the reference model: docs/semantics.md section 5 over parsed lines."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.naive.model import Model
from tests.naive.records import BadRecordError, read_record
from tests.naive.times import read_time

__all__ = ["BadLineError", "Outcome", "read_lines", "replay"]


class BadLineError(ValueError):
    """A line that ends the replay: not JSON, of another shape, or back in time."""


@dataclass(frozen=True)
class Outcome:
    """What a replay decided: notifications as (profile key, value), and the summary's numbers."""

    notifications: list[tuple[str, dict[str, object]]]
    summary: dict[str, int]
    model: Model


def read_lines(path: Path) -> list[dict[str, object]]:
    """The lines of an events file, blank ones left out.

    Raises:
        BadLineError: A line is not a JSON object.
    """
    lines = []
    for number, text in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            line = json.loads(text.decode("utf-8"), parse_constant=_reject)
        except ValueError as error:
            raise BadLineError(f"{path}:{number}: not JSON: {error}") from error
        if not isinstance(line, dict):
            raise BadLineError(f"{path}:{number}: not an object")
        lines.append(line)
    return lines


def replay(
    lines: Iterable[Mapping[str, object]], policy: Mapping[str, object], until: int | None = None
) -> Outcome:
    """Replay ``{"at", "topic", "value"}`` lines under a ``[policy]`` table.

    Raises:
        BadLineError: A line is of another shape or goes back in time.
    """
    model = Model(policy)
    summary = dict.fromkeys(
        ("events", "dead_lettered", "tombstones", "notifications", "waiting", "variants"), 0
    )
    clock = 0
    for at, group in groupby(_until(lines, until), key=lambda timed: timed[0]):
        if at < clock:
            raise BadLineError("at goes back in time")
        if summary["events"]:
            _run_to(model, clock, at - 1)
        clock = at
        for _, line in group:
            _read_line(model, line, at, summary)
        model.start_waves(at)
    clock = _run_to(model, clock, until)
    summary["notifications"] = len(model.notifications)
    summary["waiting"] = model.waiting(clock if until is None else until)
    summary["variants"] = len(model.variants)
    return Outcome(model.notifications, summary, model)


def _until(
    lines: Iterable[Mapping[str, object]], until: int | None
) -> Iterable[tuple[int, Mapping[str, object]]]:
    for line in lines:
        if set(line) & {"at", "topic", "value"} != {"at", "topic", "value"}:
            raise BadLineError("at, topic and value are required")
        at = read_time(line["at"])
        if until is not None and at > until:
            return
        if line["topic"] not in ("inventory", "subscriptions"):
            raise BadLineError("topic")
        yield at, line


def _run_to(model: Model, clock: int, limit: int | None) -> int:
    """Start what falls due after the clock up to a limit (None: all); returns the last start."""
    while (due := model.next_wave(clock)) is not None and (limit is None or due <= limit):
        clock = due
        model.start_waves(clock)
    return clock


def _read_line(model: Model, line: Mapping[str, object], at: int, summary: dict[str, int]) -> None:
    summary["events"] += 1
    if line["value"] is None:
        summary["tombstones"] += 1
        return
    try:
        record = read_record(str(line["topic"]), line["value"], at)
    except BadRecordError:
        summary["dead_lettered"] += 1
        return
    model.apply(record, at)


def _reject(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
