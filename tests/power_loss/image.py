# SPDX-License-Identifier: Apache-2.0
"""What a disk holds after a power cut, from what `shim.c` noted and what was in the page cache."""

import os
import random
import shutil
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

__all__ = ["Disk", "Luck"]


class Luck(Enum):
    """How much of what was never synced had reached the disk all the same."""

    NOTHING = "nothing"
    NAMES = "every name, but no content"
    SOME = "names and contents as chance would have it"


@dataclass(frozen=True)
class Disk:
    """A watched directory and its image.

    Attributes:
        root: The directory that the program uses.
        notes: What the shim keeps beside it, on the same file system.
    """

    root: Path
    notes: Path

    def environment(self, shim: Path, forget: str = "") -> dict[str, str]:
        """The variables with which a program runs on this disk.

        Args:
            shim: The compiled shim.
            forget: The bug to plant, see `shim.c`.
        """
        return {
            "LD_PRELOAD": str(shim),
            "POWER_LOSS_ROOT": str(self.root),
            "POWER_LOSS_IMAGE": str(self.notes),
            "POWER_LOSS_FORGET": forget,
        }

    def begin(self) -> None:
        """Note that everything in the directory is on the disk."""
        shutil.rmtree(self.notes, ignore_errors=True)
        for folder in ("files", "pins", "folders"):
            (self.notes / folder).mkdir(parents=True)
        for place, folders, names in os.walk(self.root):
            here = Path(place)
            lines = [f"{(here / name).stat().st_ino} d {name}\n" for name in folders]
            for name in names:
                file = here / name
                inode = str(file.stat().st_ino)
                shutil.copyfile(file, self.notes / "files" / inode)
                (self.notes / "pins" / inode).hardlink_to(file)
                lines.append(f"{inode} f {name}\n")
            (self.notes / "folders" / str(here.stat().st_ino)).write_text("".join(lines))

    def cut(self, luck: Luck, chance: random.Random) -> None:
        """Replace the directory by what is left of it, and begin anew from there.

        Args:
            luck: How much was left.
            chance: Decides where luck does not.
        """
        left = self.root.with_name(f"{self.root.name}.left")
        left.mkdir()
        self._rebuild(self.root, self.root.stat().st_ino, left, luck, chance)
        shutil.rmtree(self.root)
        left.rename(self.root)
        self.begin()

    def _rebuild(
        self, place: Path | None, inode: int, target: Path, luck: Luck, chance: random.Random
    ) -> None:
        synced = self._listing(inode)
        current = _current(place)
        for name in sorted({*synced, *current}):
            pair = (synced.get(name), current.get(name))
            entry = pair[{Luck.NOTHING: 0, Luck.NAMES: 1}.get(luck, chance.randrange(2))]
            if entry is None:
                continue
            number, kind = entry
            if kind == "d":
                (target / name).mkdir()
                inner = place / name if place is not None and current.get(name) == entry else None
                self._rebuild(inner, number, target / name, luck, chance)
            else:
                (target / name).write_bytes(self._content(number, luck, chance))

    def _listing(self, inode: int) -> dict[str, tuple[int, str]]:
        note = self.notes / "folders" / str(inode)
        entries = {}
        for line in note.read_text().splitlines() if note.exists() else ():
            number, kind, name = line.split(" ", 2)
            entries[name] = (int(number), kind)
        return entries

    def _content(self, inode: int, luck: Luck, chance: random.Random) -> bytes:
        note, pin = self.notes / "files" / str(inode), self.notes / "pins" / str(inode)
        synced = note.read_bytes() if note.exists() else b""
        current = pin.read_bytes() if pin.exists() else b""
        if luck is not Luck.SOME:
            return synced
        # Appended bytes may be there, or in part, or only the file's new length may be.
        if current.startswith(synced):
            torn = current[: chance.randint(len(synced), len(current))]
            longer = synced.ljust(len(current), b"\0")
            return chance.choice([synced, torn, longer, current])
        return chance.choice([synced, current])


def _current(place: Path | None) -> dict[str, tuple[int, str]]:
    if place is None:
        return {}
    return {
        entry.name: (entry.inode(), "d" if entry.is_dir() else "f") for entry in os.scandir(place)
    }
