# SPDX-License-Identifier: Apache-2.0
"""A slot's whole state as chunks of bytes, for the journal's base.

Each chunk is MessagePack, ``[kind, content]``. Lines and index buckets are written as
they lie in memory, so that millions of people are read back at the speed of copying, and figures by
the column. Variants stand in the order of their numbers: equal states give equal images.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from msgspec import DecodeError, convert

from schemas.events import WaveHeader
from waitlist.completing import complete
from waitlist.errors import StateError
from waitlist.index import IdentifierIndex
from waitlist.line import Line, PackedLine
from waitlist.migrations import upgrade_chunk
from waitlist.redo import VERSION, decode, encode, pack_header
from waitlist.redo_stock import PackedRows, pack_facts, pack_rows, redo_named, unpack_rows
from waitlist.state import State
from waitlist.told import TakenWave
from waitlist.variant import Variant, Wave

__all__ = ["dump_state", "load_state"]

_HEAD, _BUCKETS, _VARIANTS, _RUNNING, _STANDING, _FIGURES = range(6)
_WITHOUT_STANDING = 1
"""The version whose images have neither standings nor what waves took."""

_PEOPLE_A_CHUNK = 50_000
_VARIANTS_A_CHUNK = 2_000
_ROWS_A_CHUNK = 10_000

_Lines = list[tuple[int, PackedLine]]
"""(priority, line)."""


def dump_state(state: State) -> Iterator[bytes]:
    """The chunks of the whole state."""
    state.settle()
    swept = state.index.swept, state.standing.swept
    before = state.forgotten_before, state.sweeps_before
    yield encode((_HEAD, (VERSION, state.arrivals, *swept, *before)))
    for buckets in state.index.dump():
        yield encode((_BUCKETS, buckets))
    for chunks in state.standing.dump():
        yield encode((_STANDING, chunks))
    for first in range(0, len(state.variants), _ROWS_A_CHUNK):
        numbers = slice(first, first + _ROWS_A_CHUNK)
        rows = pack_rows(state.variants.figures, numbers)
        yield encode((_FIGURES, (first, state.variants.ids[numbers], rows)))
    for group in _groups(state.variants):
        yield encode((_VARIANTS, [_pack_variant(state, variant) for variant in group]))
    for wave in state.running:
        content = (pack_header(wave.header), wave.position, _pack_lines(wave.lines))
        yield encode((_RUNNING, content))


def load_state(state: State, chunks: Iterable[bytes]) -> None:
    """Fill a new state from the chunks of a dump.

    Raises:
        StateError: a chunk is not one that this version can read.
    """
    parts = _Parts()
    version: object = None
    try:
        for chunk in chunks:
            kind, content = decode(chunk)
            if kind == _HEAD:
                version = content[0]
            _take(state, parts, kind, upgrade_chunk(version, kind, content))
    except (DecodeError, TypeError, ValueError, LookupError) as error:
        message = f"the dumped state cannot be read: {error}"
        raise StateError(message) from error
    state.index = IdentifierIndex.load(parts.buckets, parts.buckets_swept)
    state.standing.load(parts.standing, parts.standing_swept)
    state.restore_turns()
    if version == _WITHOUT_STANDING:
        complete(state)


@dataclass(slots=True)
class _Parts:
    """What can be put together only once all chunks have been read."""

    buckets: list[bytes] = field(default_factory=list)
    buckets_swept: int = 0
    standing: list[tuple[int, bytes]] = field(default_factory=list)
    standing_swept: int = 0


def _take(state: State, parts: _Parts, kind: int, content: list[Any]) -> None:
    if kind == _HEAD:
        _, state.arrivals, parts.buckets_swept, parts.standing_swept, *before = content
        state.forgotten_before, state.sweeps_before = before
    elif kind == _BUCKETS:
        parts.buckets += content
    elif kind == _STANDING:
        parts.standing += content
    elif kind == _FIGURES:
        _unpack_figures(state, *content)
    elif kind == _VARIANTS:
        for packed in content:
            _unpack_variant(state, *packed)
    elif kind == _RUNNING:
        _unpack_wave(state, *content)
    else:
        message = f"a chunk of the unknown kind {kind}"
        raise StateError(message)


def _groups(variants: Iterable[Variant]) -> Iterator[list[Variant]]:
    group: list[Variant] = []
    people = 0
    for variant in variants:
        if variant.is_plain():
            continue
        group.append(variant)
        people += variant.waiting
        if people >= _PEOPLE_A_CHUNK or len(group) >= _VARIANTS_A_CHUNK:
            yield group
            group, people = [], 0
    if group:
        yield group


def _unpack_figures(state: State, first: int, ids: list[str], rows: PackedRows) -> None:
    redo_named(state, first, ids)
    unpack_rows(state.variants.figures, slice(first, first + len(ids)), len(ids), rows)


def _pack_variant(state: State, variant: Variant) -> tuple[object, ...]:
    queue = variant.queue
    packed = None
    if queue is not None:
        packed = (
            _pack_lines(sorted(queue.lines.items())),
            _pack_lines(sorted(queue.parked.items())),
            queue.parked_in if queue.parked else 0,
            queue.parked_from if queue.parked else 0,
        )
    facts = None if variant.rare is None else pack_facts(variant.facts())
    return variant.variant_id, facts, variant.told, packed, state.remembered(variant)


def _unpack_variant(
    state: State,
    variant_id: str,
    facts: list[Any] | None,
    told: int,
    packed: list[Any] | None,
    taken: list[Any],
) -> None:
    variant = state.variant(variant_id)
    if facts is not None:
        variant.restore(cast("Any", facts))
    variant.told = told
    if taken:
        variant.taken = convert(taken, tuple[TakenWave, ...])
    if packed is not None:
        lines, parked, parked_in, parked_from = packed
        queue = variant.open_queue()
        queue.parked_in = parked_in
        queue.parked_from = parked_from
        for priority, line in lines:
            queue.restore_line(priority, line, parked=False)
        for priority, line in parked:
            queue.restore_line(priority, line, parked=True)
        variant.waiting = len(queue)
        state.waiting += variant.waiting


def _unpack_wave(state: State, header: list[Any], position: int, lines: _Lines) -> None:
    unpacked = [(priority, Line.unpack(line)) for priority, line in lines]
    wave = Wave(WaveHeader(*header), unpacked, position)
    state.run(state.variant(wave.header.variant_id), wave)


def _pack_lines(lines: Iterable[tuple[int, Line]]) -> _Lines:
    return [(priority, line.pack()) for priority, line in lines]
