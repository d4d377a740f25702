# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: N818 - the names say what is wrong; that it is an error is known from the root
"""What can be wrong with stored state.

```
JournalError
├── JournalMissing    a file that is needed does not exist
├── JournalCorrupt    a file or a marker is not what was written
├── JournalVersion    another format, or another slot
├── JournalFailed     the operating system refused to read, write or sync
├── StateMismatch     the state directory belongs to another set-up
└── StateLocked       the state directory is in use by another process
```

Every message is one line: what is wrong, where, and what to do. The package imports nothing else of
this project, so the tree has a root of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "JournalCorrupt",
    "JournalError",
    "JournalFailed",
    "JournalMissing",
    "JournalVersion",
    "StateLocked",
    "StateMismatch",
]

_RESTORE = (
    "restore a backup of the state directory as a whole "
    "(journal and recovery store are one unit), or rebuild the state from the topics"
)


class JournalError(Exception):
    """Root of everything that the journal and the state directory raise."""


class JournalMissing(JournalError):
    """A file does not exist although something durable names it.

    Args:
        file: The file that should be there.
        named_by: Who names it, for instance "the slot's marker".
    """

    def __init__(self, file: Path, named_by: str = "the slot's marker") -> None:
        super().__init__(f"{file} is missing, but {named_by} names it: {_RESTORE}")
        self.file = file


class JournalCorrupt(JournalError):
    """Stored bytes are not the bytes that were written.

    Args:
        what: What does not fit.
        file: The file, or words for what is not a file.
        offset: The byte position in it, if there is one.
    """

    def __init__(self, what: str, file: Path | str, offset: int | None = None) -> None:
        place = f"{file}" if offset is None else f"{file} at byte {offset}"
        super().__init__(f"{place} is damaged: {what}; {_RESTORE}")
        self.what = what
        self.file = file
        self.offset = offset


class JournalVersion(JournalError):
    """Stored bytes are sound, but of another format version or of another slot.

    Args:
        field: What differs, for instance "format version".
        file: The file, or words for what is not a file.
        found: What is stored.
        expected: What this program needs.
    """

    def __init__(self, field: str, file: Path | str, found: object, expected: object) -> None:
        super().__init__(
            f"{file} has {field} {found}, but {expected} is needed: use the release and the state "
            f"directory that belong together, or {_RESTORE}"
        )
        self.file = file
        self.found = found
        self.expected = expected


class JournalFailed(JournalError):
    """The operating system refused; the journal takes nothing more until it is opened again.

    Nothing durable is lost: a restart resumes from the last durable marker.

    Args:
        what: What was being done.
        file: The file or folder concerned.
        reason: Why it failed.
    """

    def __init__(self, what: str, file: Path, reason: object) -> None:
        why = reason.strerror or reason if isinstance(reason, OSError) else reason
        super().__init__(
            f"cannot {what} {file}: {why}; check free space, permissions and the disk, then "
            "restart (the run resumes from the last durable epoch)"
        )
        self.file = file


class StateMismatch(JournalError):
    """A state directory was made by a run with another identity.

    Args:
        directory: The state directory.
        field: The field of the identity that differs.
        found: Its value in the directory, None when absent.
        expected: Its value in this run, None when absent.
    """

    def __init__(
        self, directory: Path, field: str, found: str | int | None, expected: str | int | None
    ) -> None:
        super().__init__(
            f"state directory {directory}: {field} is {_shown(found)} there, but {_shown(expected)}"
            f" in this run: run with {field} {_shown(found)}, or with an empty state directory, "
            "which begins anew"
        )
        self.field = field
        self.found = found
        self.expected = expected


class StateLocked(JournalError):
    """Another process holds the lock of a state directory.

    Args:
        directory: The state directory.
        holder: The process id that the lock file names, if it names one.
    """

    def __init__(self, directory: Path, holder: int | None) -> None:
        who = "" if holder is None else f" (pid {holder})"
        super().__init__(
            f"state directory {directory} is in use by another process{who}: stop it first"
        )
        self.holder = holder


def _shown(value: str | int | None) -> str:
    return "absent" if value is None else repr(value)
