# SPDX-License-Identifier: Apache-2.0
"""The variants there are, from a file; read again when it changes."""

import os
from pathlib import Path

from connectors.errors import ConnectorError

__all__ = ["Catalogue", "CatalogueError"]


class CatalogueError(ConnectorError):
    """The file with the variants there are cannot be read."""


class Catalogue:
    """Knows whether there is a variant.

    Args:
        path: a file of text, UTF-8, a variant's id a line; empty lines are left out.

    Raises:
        CatalogueError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids: frozenset[str] = frozenset()
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def __contains__(self, variant_id: object) -> bool:
        """Whether there is such a variant."""
        return variant_id in self._ids

    def __len__(self) -> int:
        """How many there are."""
        return len(self._ids)

    def refresh(self) -> bool:
        """Read the file again if it is another, or was written since.

        Returns:
            Whether it was read.

        Raises:
            CatalogueError: it cannot be read; what was read before stays in force.
        """
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_ino, status.st_size, status.st_mtime_ns)
                if seen == self._seen:
                    return False
                text = file.read().decode("utf-8-sig")
        except OSError as error:
            raise CatalogueError(
                f"gateway.catalogue: {self._path}: {error.strerror}; give a file with a variant's "
                "id a line"
            ) from None
        except UnicodeDecodeError as error:
            raise CatalogueError(
                f"gateway.catalogue: {self._path}: not UTF-8 at byte {error.start}"
            ) from None
        self._ids = frozenset(line.strip() for line in text.splitlines()) - {""}
        self._seen = seen
        return True
