# SPDX-License-Identifier: Apache-2.0
"""Shards and starting points, as the command line gives them."""

import pytest

from restock.commands.run import parse_start
from restock.errors import UsageError
from restock.shards import Shard, parse_shard, parse_shards


@pytest.mark.parametrize(("text", "shard"), [("0/1", Shard(0, 1)), ("3/16", Shard(3, 16))])
def test_a_shard_is_i_of_n(text: str, shard: Shard) -> None:
    """The two numbers are read, and written the same way."""
    assert shard == parse_shard(text)
    assert text == str(shard)


@pytest.mark.parametrize("text", ["", "1", "1/1", "0/0", "-1/2", "a/2", "1/2/3", " 0/1", "0/1\n"])
def test_other_shards_are_refused(text: str) -> None:
    """Anything but 0 <= i < n is an error that says so."""
    with pytest.raises(UsageError, match="0 <= i < n"):
        parse_shard(text)


@pytest.mark.parametrize(
    ("text", "indexes"),
    [("0-3/16", [0, 1, 2, 3]), ("0,2,5-7/16", [0, 2, 5, 6, 7]), ("3,0/4", [0, 3]), ("0/1", [0])],
)
def test_shards_are_numbers_and_ranges(text: str, indexes: list[int]) -> None:
    """They come in ascending order, all of one count."""
    count = int(text.split("/")[1])
    assert [Shard(index, count) for index in indexes] == list(parse_shards(text))


@pytest.mark.parametrize(
    "text",
    ["", "0", "0-3", "/4", "-/4", "0-/4", "-3/4", "3-0/4", "0-4/4", "0,,1/4", "0-1-2/4", "0 1/4"],
)
def test_other_lists_of_shards_are_refused(text: str) -> None:
    """Each number must be below n, and each range go upwards."""
    with pytest.raises(UsageError, match=r"--shards .*: must be numbers or ranges below n"):
        parse_shards(text)


def test_a_shard_is_not_named_twice() -> None:
    """Two processes on one shard is what must never be."""
    with pytest.raises(UsageError, match="--shards 0-2,2/4: names shard 2 twice"):
        parse_shards("0-2,2/4")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("earliest", "earliest"),
        ("latest", "latest"),
        ("1795000000000", 1_795_000_000_000),
        ("2026-11-18T11:06:40Z", 1_795_000_000_000),
    ],
)
def test_a_start_is_a_word_or_a_time(text: str, start: str | int) -> None:
    """Both forms of a timestamp name the same moment."""
    assert start == parse_start(text)


@pytest.mark.parametrize("text", ["", "now", "1795000000", "2026-11-18", "9" * 5000])
def test_other_starts_are_refused(text: str) -> None:
    """Seconds, dates without time and words unknown are errors."""
    with pytest.raises(UsageError, match="--from"):
        parse_start(text)
