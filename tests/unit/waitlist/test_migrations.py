# SPDX-License-Identifier: Apache-2.0
"""State of earlier versions is brought up step by step as it is read; later state is refused."""

from typing import Any

import pytest

from tests.support.golden import slot_bytes
from waitlist.errors import StateError
from waitlist.migrations import (
    MIGRATIONS,
    OLDEST_VERSION,
    VERSION,
    Migration,
    upgrade_chunk,
    upgrade_record,
)
from waitlist.redo import decode, encode
from waitlist.slot import empty_slot

_LATER = VERSION + 1
_SHOE = ["shoe", 1, "P1"]


def _noted(step: int) -> Migration:
    """A migration that leaves its mark on operations and chunks."""

    def operations(given: list[list[Any]]) -> list[list[Any]]:
        return [[*operation, step] for operation in given]

    def chunk(kind: int, content: Any) -> Any:  # noqa: ANN401 - as in the product
        return [*content, (kind, step)]

    return Migration(operations, chunk)


def test_each_step_takes_what_the_one_before_gave() -> None:
    """From version 3 to 6 by the steps of 3, 4 and 5, in this order."""
    steps = {step: _noted(step) for step in range(1, 6)}
    assert [[*_SHOE, 3, 4, 5]] == upgrade_record(3, [_SHOE], migrations=steps, target=6)
    expected = ["head", (0, 3), (0, 4), (0, 5)]
    assert expected == upgrade_chunk(3, 0, ["head"], migrations=steps, target=6)


def test_what_a_step_leaves_out_stays_as_it_is() -> None:
    """A step that says nothing of chunks, or nothing of operations, changes nothing there."""
    assert [_SHOE] == upgrade_record(1, [_SHOE], migrations={1: Migration()}, target=2)
    assert _SHOE == upgrade_chunk(1, 2, _SHOE, migrations={1: Migration()}, target=2)


def test_the_version_that_is_written_needs_no_step() -> None:
    """It is understood as it is, the usual case."""
    assert [_SHOE] == upgrade_record(VERSION, [_SHOE], migrations={})
    assert _SHOE == upgrade_chunk(VERSION, 0, _SHOE, migrations={})


@pytest.mark.parametrize("version", [_LATER, 0, -1, None, "1", True, 1.0, 40])
def test_a_version_without_a_way_up_is_refused(version: object) -> None:
    """Later, older than any step, behind a gap, or no version at all: both are named."""
    steps = {50: _noted(5), 30: _noted(3)} if version == 40 else MIGRATIONS
    target = 60 if version == 40 else VERSION
    with pytest.raises(StateError, match=rf"format {version}, this version of restock reads .*to"):
        upgrade_record(version, [_SHOE], migrations=steps, target=target)
    with pytest.raises(StateError, match=rf"format {version}, .* {target}: use the release"):
        upgrade_chunk(version, 0, _SHOE, migrations=steps, target=target)


def test_every_version_from_the_oldest_has_its_step() -> None:
    """The registry has no gap, and ends right before the version that is written."""
    assert list(range(OLDEST_VERSION, VERSION)) == sorted(MIGRATIONS)


def test_a_slot_refuses_records_and_images_of_a_later_release() -> None:
    """The message names the format found and those that are read, in one line."""
    record = encode((_LATER, (5, 1, None)))
    with pytest.raises(StateError, match=f"has format {_LATER}, .* reads 1 to {VERSION}:"):
        empty_slot().apply_record(record)
    kind, (_, *rest) = decode(bytes.fromhex(slot_bytes()["image"][0]))
    with pytest.raises(StateError, match=f"has format {_LATER}, .* reads 1 to {VERSION}:"):
        empty_slot().load(iter([encode((kind, [_LATER, *rest]))]))


def test_an_image_that_lacks_its_head_is_refused() -> None:
    """Without a version nothing can be understood."""
    chunks = slot_bytes()["image"][1:]
    with pytest.raises(StateError, match="format None"):
        empty_slot().load(map(bytes.fromhex, chunks))
