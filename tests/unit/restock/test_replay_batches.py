# SPDX-License-Identifier: Apache-2.0
"""Reading a trace in portions gives what reading it line by line gives, however it is cut."""

import json
import random
from collections.abc import Iterator

import pytest

from restock.errors import ReplayError
from restock.replay_batches import Batch, BatchReader, batches_of_lines
from restock.replay_lines import read_lines
from tests.support.traces import draw_trace

AT = 1_795_000_000_000
_PORTIONS = (1, 2, 7, 1000)

_STOCK = b'{"variant_id": "A", "quantity": 1, "occurred_at": 1795000000000}'
_WISH = (
    b'{"type": "subscribe", "variant_id": "A", "profile": {"email": " Ada@X.org "}, '
    b'"occurred_at": "2026-11-18T11:06:40.000Z"}'
)


def line(value: bytes = _STOCK, topic: bytes = b"inventory", at: bytes = b"1795000000000") -> bytes:
    """The text of a line with these parts."""
    return b'{"at": ' + at + b', "topic": "' + topic + b'", "value": ' + value + b"}\n"


def stock(variant: bytes = b'"A"', occurred_at: bytes = b"1795000000000") -> bytes:
    """A line with a figure that has these parts."""
    return line(
        b'{"variant_id": ' + variant + b', "quantity": 1, "occurred_at": ' + occurred_at + b"}"
    )


PLAIN = line()
WISH = line(_WISH, b"subscriptions")
LATER = line(at=b"1795000000001")


def outcome(batches: Iterator[Batch]) -> tuple[object, ...]:
    """All that batches say together; of an error, its message alone."""
    whole = Batch()
    try:
        for batch in batches:
            whole.events += batch.events
            whole.arrivals += batch.arrivals
            whole.lines += batch.lines
            whole.dead_lettered += batch.dead_lettered
            whole.tombstones += batch.tombstones
            whole.end = batch.end
    except ReplayError as error:
        return (str(error),)
    return (
        whole.events,
        whole.arrivals,
        whole.lines,
        whole.dead_lettered,
        whole.tombstones,
        whole.end,
    )


def line_by_line(lines: list[bytes], until: int | None) -> tuple[object, ...]:
    """What the slow way makes of a trace."""
    return outcome(batches_of_lines(read_lines(lines, "trace.jsonl", until), 10))


def in_portions(lines: list[bytes], until: int | None, size: int) -> tuple[object, ...]:
    """What the quick way makes of it, so many lines at a time."""
    return outcome(_portions(lines, BatchReader("trace.jsonl", until), size))


def _portions(lines: list[bytes], reader: BatchReader, size: int) -> Iterator[Batch]:
    for start in range(0, len(lines), size):
        yield reader.read(b"".join(lines[start : start + size]))
        if reader.is_done:
            return


@pytest.mark.parametrize("first_seed", range(0, 400, 100))
def test_drawn_traces_are_read_alike(first_seed: int) -> None:
    """Whatever records a trace holds, valid or not, and wherever it is cut or ends."""
    for seed in range(first_seed, first_seed + 100):
        trace = draw_trace(seed)
        lines = [
            json.dumps(each, ensure_ascii=seed % 2 == 0).encode() + b"\n" for each in trace.lines
        ]
        expected = line_by_line(lines, trace.until)
        for size in _PORTIONS:
            assert expected == in_portions(lines, trace.until, size), (seed, size)


@pytest.mark.parametrize("first_seed", range(0, 400, 100))
def test_damaged_traces_are_read_alike(first_seed: int) -> None:
    """A byte changed, left out or put in gives the same records or the same error."""
    for seed in range(first_seed, first_seed + 100):
        chance = random.Random(seed)
        trace = draw_trace(seed, lines=12)
        more: dict[str, object] = {"offset": 1, "x": [{}, 1.5]} if chance.random() < 0.5 else {}
        if more and chance.random() < 0.5:
            _add_to_values(trace.lines, more)
        lines = [json.dumps(each | more).encode() + b"\n" for each in trace.lines]
        place = chance.randrange(len(lines))
        lines[place] = _damaged(lines[place][:-1], chance) + b"\n"
        expected = line_by_line(lines, None)
        for size in _PORTIONS:
            assert expected == in_portions(lines, None, size), (seed, size)


def _add_to_values(lines: list[dict[str, object]], more: dict[str, object]) -> None:
    for each in lines:
        if isinstance(each["value"], dict):
            each["value"] |= more


def _damaged(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    put = chance.choice(b'0-.e"{}[],:x \\\x00\x7f\xc3\xff').to_bytes()
    return text[:at] + chance.choice((put, b"")) + text[at + chance.choice((0, 1)) :]


@pytest.mark.parametrize(
    "lines",
    [
        [PLAIN, WISH, LATER],
        [PLAIN, WISH, LATER[:-1]],
        [PLAIN.replace(b"\n", b"\r\n"), WISH],
        [PLAIN, b"\n", WISH],
        [PLAIN, b" \t\xc2\xa0\n", WISH],
        [PLAIN, b"\n", b"rubbish\n"],
        [b"\n"],
        [line(at=b'"2026-11-18T11:06:40Z"'), line(at=b'"2026-11-18T12:06:40.5+01:00"')],
        [line(at=b'"2026-11-18T11:06:40Z"'), PLAIN],
        [PLAIN, line(at=b'"2026-11-18T11:06:40Z"')],
        [LATER, PLAIN],
        [LATER, WISH],
        [line(at=b"1795000000000.0"), PLAIN],
        [line(at=b"1"), PLAIN],
        [line(b"null"), WISH, line(b"null", b"subscriptions")],
        [PLAIN, line(b"1"), LATER],
        [PLAIN, line(_WISH), line(_STOCK, b"subscriptions")],
        [PLAIN, line(topic=b"orders")],
        [PLAIN.replace(b'"at"', b'"offset": 1, "at"'), WISH],
        [PLAIN.replace(b'"quantity"', b'"unknown": [NaN], "quantity"'), WISH],
        [PLAIN.replace(b'"quantity"', b'"unknown": 01, "quantity"'), WISH],
        [PLAIN.replace(b'"quantity"', b'"unknown": {"x": 1}, "quantity"'), WISH],
        [PLAIN.replace(b'"topic"', b'"topic": "subscriptions", "topic"'), WISH],
        [PLAIN.replace(b'"topic"', b'"t\\u006fpic"'), WISH],
        [PLAIN.replace(b'"value"', b'"value": 7, "value"'), WISH],
        [PLAIN.replace(b'"at"', b'"at": null, "at"'), WISH],
        [PLAIN.replace(b'"quantity": 1', b'"quantity": 1, "policy": "continue"'), WISH],
        [PLAIN.replace(b'"quantity": 1', b'"quantity": 1, "sequence": null'), WISH],
        [PLAIN.replace(b'"quantity": 1', b'"quantity": 1.0, "sequence": 2.0'), WISH],
        [stock(b'"A\\u0007"'), WISH],
        [stock(b'"A\x7f"'), WISH],
        [stock(b'"A\xc2\x85"'), WISH],
        [stock(b'"\\ud800"'), WISH],
        [stock(b'"\xff"'), WISH],
        [stock(occurred_at=b"1795000600000"), stock(occurred_at=b"1795000600001"), WISH],
        [stock(occurred_at=b'"2026-11-18 11:06:40Z"'), WISH],
        [WISH.replace(b" Ada@X.org ", b"  "), PLAIN],
        [PLAIN.replace(b"{", b"{\n", 1), WISH],
        [PLAIN[:-2] + b"\n", b"}\n", WISH],
        [PLAIN[:-1] + WISH, LATER],
        [line(b"[" * 100_000 + b"]" * 100_000), WISH],
        [b'{"value": ' + b"[" * 100_000 + b"\n"],
    ],
)
@pytest.mark.parametrize("until", [None, AT])
def test_unusual_lines_are_read_alike(lines: list[bytes], until: int | None) -> None:
    """What the quick tiers leave, or would take for something else, the slow one decides."""
    texts = b"".join([PLAIN, WISH, *lines]).splitlines(keepends=True)
    expected = line_by_line(texts, until)
    for size in _PORTIONS:
        assert expected == in_portions(texts, until, size)


def test_nothing_is_read_behind_the_last_moment() -> None:
    """The first later line ends the reading, though what follows in its portion is rubbish."""
    reader = BatchReader("trace.jsonl", AT)
    assert 1 == reader.read(PLAIN + LATER + b"rubbish\n").lines
    assert reader.is_done


def test_errors_count_the_lines_of_all_portions() -> None:
    """The number is that of the line in the file, blank lines included."""
    reader = BatchReader("trace.jsonl", None)
    reader.read(PLAIN * 3)
    reader.read(PLAIN + b"\n")
    with pytest.raises(ReplayError, match=r"^trace\.jsonl:7: "):
        reader.read(PLAIN + b"rubbish\n")
