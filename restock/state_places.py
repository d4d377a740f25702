# SPDX-License-Identifier: Apache-2.0
"""Where state is kept: the folders of shards in a directory, and what to say where there are none.

A directory with state has a folder `shard-i-of-n` for each shard; a backup looks the same.
"""

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from restock.errors import StateError
from restock.shards import Shard

__all__ = ["find_backup", "find_shards", "shard_name"]

_SHARD: Final = re.compile(r"shard-([0-9]{1,6})-of-([0-9]{1,6})", re.ASCII)
_NAME_IT: Final = "name the right [state] directory with --state-directory"
_LISTED: Final = 5


def shard_name(directory: Path) -> str | None:
    """The name i/n of the shard that a folder is named for; None when it is named otherwise."""
    match = _SHARD.fullmatch(directory.name)
    return f"{match[1]}/{match[2]}" if match else None


def find_shards(state: Path, chosen: Shard | None) -> list[Path]:
    """The folders of the shards in a state directory, by number.

    Args:
        state: The state directory, or a backup.
        chosen: Only this one; None: all.

    Raises:
        StateError: There is none, or not the one that was chosen, or it cannot be looked for.
    """
    found = _shards_in(state)
    if not found:
        raise StateError(_explain(state, _NAME_IT))
    if chosen is None:
        return [found[key] for key in sorted(found)]
    key = (chosen.count, chosen.index)
    if key not in found:
        there = ", ".join(f"{index}/{count}" for count, index in sorted(found))
        message = (
            f"{state} holds no state of shard {chosen}, but of {there}: give one of these as "
            "--shard, or another --state-directory"
        )
        raise StateError(message)
    return [found[key]]


def find_backup(backup: Path, state: Path) -> list[Path]:
    """The folders of the shards in a backup, by number.

    Args:
        backup: What `restock.state_copy.back_up` made.
        state: The state directory, which is not offered in the place of a backup.

    Raises:
        StateError: There is none; the message names those that are in the same folder.
    """
    found = _shards_in(backup)
    if found:
        return [found[key] for key in sorted(found)]
    names = _backups_beside(backup, state)
    listed = ", ".join(["..."] * (len(names) > _LISTED) + names[-_LISTED:])
    folder = backup.absolute().parent
    beside = f"{folder} holds {listed}" if names else f"there is none in {folder}"
    raise StateError(_explain(backup, f"name what `restock state backup` made; {beside}"))


def _backups_beside(place: Path, state: Path) -> list[str]:
    """Directories with state in them, in the folder that a place is in or would be in."""
    names = []
    with suppress(StateError):
        for folder in _folders_in(place.absolute().parent):
            if folder.name.startswith(".") or folder == state.absolute():
                continue
            with suppress(StateError):
                names += [folder.name] if _shards_in(folder) else []
    return names


def _shards_in(state: Path) -> dict[tuple[int, int], Path]:
    """The folders of shards, by how many there are and number."""
    return {
        (int(match[2]), int(match[1])): folder
        for folder in _folders_in(state)
        if (match := _SHARD.fullmatch(folder.name))
    }


def _folders_in(place: Path) -> list[Path]:
    try:
        return sorted(folder for folder in place.iterdir() if folder.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        message = f"{place} cannot be looked into: {error.strerror}; check who owns it"
        raise StateError(message) from error


def _explain(place: Path, remedy: str) -> str:
    if not place.exists():
        return f"{place} does not exist: {remedy}"
    if not place.is_dir():
        return f"{place} is not a directory: {remedy}"
    if shard_name(place.absolute()) is not None:
        folder = place.absolute().parent
        return f"{place} is the folder of one shard: name the directory that it is in, {folder}"
    return f"{place} holds no state: {remedy}"
