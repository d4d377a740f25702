# SPDX-License-Identifier: Apache-2.0
"""`restock state`: check, back up and restore what the program remembers."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import App, Parameter

from restock.commands.common import load
from restock.errors import EXIT_FAILURE, EXIT_OK
from restock.shards import Shard, parse_shard
from restock.state_check import ShardReport, check_shard
from restock.state_copy import back_up
from restock.state_copy import restore as put_back
from restock.state_places import find_shards

__all__ = ["state"]

state = App(
    name="state", help="Check, back up or restore what the program remembers.", help_epilogue=""
)

_Json = Annotated[bool, Parameter(negative=(), show_default=False)]


@state.command
def check(
    *,
    config: Path | None = None,
    shard: str | None = None,
    state_directory: Path | None = None,
    json: _Json = False,
) -> int:
    """Read everything that a start would need, and say what is wrong with it.

    Nothing is changed. The program may run meanwhile.

    Parameters
    ----------
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    shard
        i/n, such as 0/4: only this shard. Left out: all that the directory holds.
    state_directory
        Where the state is kept, instead of [state] directory; a backup can be checked as well.
    json
        Print one JSON object {"shards": [...]}.
    """
    directory = _directory(config, state_directory)
    reports = [check_shard(folder) for folder in find_shards(directory, _shard(shard))]
    _print(reports, json=json)
    return EXIT_FAILURE if any(report.problems for report in reports) else EXIT_OK


@state.command
def backup(
    target: Path,
    /,
    *,
    config: Path | None = None,
    shard: str | None = None,
    state_directory: Path | None = None,
    json: _Json = False,
) -> int:
    """Make a consistent copy of the state, whether the program runs or not.

    Parameters
    ----------
    target
        The directory to make; it must not exist. It gets its name when all is copied and checked.
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    shard
        i/n, such as 0/4: only this shard. Left out: all that the directory holds.
    state_directory
        Where the state is kept, instead of [state] directory.
    json
        Print one JSON object {"shards": [...], "source": directory}.
    """
    directory = _directory(config, state_directory).absolute()
    _print(back_up(directory, target, _shard(shard)), json=json, source=directory)
    return EXIT_OK


@state.command
def restore(
    backup: Path,
    /,
    *,
    config: Path | None = None,
    state_directory: Path | None = None,
    replace: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    json: _Json = False,
) -> int:
    """Put a backup where the state is kept; the program must not run on it.

    Parameters
    ----------
    backup
        What restock state backup made. It is checked first and stays as it is.
    config
        The configuration file; left out: restock.toml in the working directory, if there is one.
    state_directory
        Where the state is kept, instead of [state] directory.
    replace
        Move aside the state that is there, to a name that is printed; nothing is deleted.
    json
        Print one JSON object {"shards": [...], "moved": {from: to}}.
    """
    directory = _directory(config, state_directory)
    done = put_back(backup, directory, replace=replace, now=datetime.now(UTC))
    moved = {str(report.directory): str(aside) for report, aside in done if aside is not None}
    _print([report for report, _ in done], json=json, moved=moved)
    return EXIT_OK


def _directory(config: Path | None, state_directory: Path | None) -> Path:
    settings = load(config, {"--state-directory": state_directory}).settings
    return settings.state.directory


def _shard(text: str | None) -> Shard | None:
    return None if text is None else parse_shard(text)


def _print(
    reports: list[ShardReport],
    *,
    json: bool,
    moved: dict[str, str] | None = None,
    source: Path | None = None,
) -> None:
    if json:
        content: dict[str, object] = {"shards": list(map(_as_json, reports))}
        if source is not None:
            content["source"] = str(source)
        if moved is not None:
            content["moved"] = moved
        sys.stdout.write(orjson.dumps(content).decode() + "\n")
    else:
        sys.stdout.write("" if source is None else f"copied from  {source}\n")
        for report in reports:
            sys.stdout.writelines(f"{line}\n" for line in _as_text(report))
        sys.stdout.writelines(
            f"moved aside  {place} -> {aside}\n" for place, aside in (moved or {}).items()
        )
    sys.stderr.writelines(
        f"restock: {problem}\n" for report in reports for problem in report.problems
    )


def _as_json(report: ShardReport) -> dict[str, object]:
    return {
        "shard": report.shard,
        "directory": str(report.directory),
        "rebuilding": report.rebuilding,
        "epoch": report.epoch,
        "offsets": [[topic, number, at] for (topic, number), at in sorted(report.offsets.items())],
        "variants": report.variants,
        "waiting": report.waiting,
        "bytes": report.bytes_on_disk,
        "beside": report.beside,
        "problems": report.problems,
    }


def _as_text(report: ShardReport) -> list[str]:
    epoch = "nothing durable yet" if report.epoch is None else f"resumes at epoch {report.epoch}"
    sound = "NOT SOUND" if report.problems else "sound"
    contents = f"{report.variants} variants, {report.waiting} waiting, {report.bytes_on_disk} bytes"
    rebuilding = "  a rebuild is under way: the next `restock run` goes on with it"
    return [
        f"shard {report.shard}  {report.directory}",
        f"  {sound}, {epoch}, {contents}",
        *([rebuilding] if report.rebuilding else []),
        *(f"  {topic}[{number}] at {at}" for (topic, number), at in sorted(report.offsets.items())),
        *(f"  beside  {name}" for name in report.beside),
    ]
