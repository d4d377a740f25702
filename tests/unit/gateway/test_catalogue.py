# SPDX-License-Identifier: Apache-2.0
"""The variants there are."""

from pathlib import Path

import pytest

from gateway.catalogue import Catalogue, CatalogueError


def test_it_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """And not otherwise; blanks and empty lines mean nothing."""
    path = tmp_path / "variants.txt"
    path.write_text("\ufeffA\n\n  B \r\n", encoding="utf-8")
    catalogue = Catalogue(path)
    assert ("A" in catalogue, "B" in catalogue, "" in catalogue, 2) == (
        True,
        True,
        False,
        len(catalogue),
    )
    assert not catalogue.refresh()
    path.write_text("A\nB\nC\n", encoding="utf-8")
    assert catalogue.refresh()
    assert "C" in catalogue


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """What was read before stays in force."""
    path = tmp_path / "variants.txt"
    with pytest.raises(CatalogueError, match=r"variants\.txt: No such file"):
        Catalogue(path)
    path.write_text("A", encoding="utf-8")
    catalogue = Catalogue(path)
    path.write_bytes(b"A\n\xff\n")
    with pytest.raises(CatalogueError, match="not UTF-8 at byte 2"):
        catalogue.refresh()
    assert "A" in catalogue
