# SPDX-License-Identifier: Apache-2.0
"""Shards and starting points, as the command line gives them."""

import pytest

from restock.commands.run import parse_start
from restock.errors import UsageError
from restock.shards import Shard, parse_shard


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
