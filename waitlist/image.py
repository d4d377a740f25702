# SPDX-License-Identifier: Apache-2.0
"""A slot's whole state as chunks of bytes, for the journal's base.

Each chunk is MessagePack, ``[kind, content]``. Lines and index buckets are written as
they lie in memory, so that millions of people are read back at the speed of copying.
Variants are sorted by id, and those of which nothing is known are left out: equal states
give equal images.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from msgspec import DecodeError

from schemas.events import WaveHeader
from waitlist.errors import StateError
from waitlist.index import IdentifierIndex
from waitlist.line import Line, PackedLine
from waitlist.migrations import upgrade_chunk
from waitlist.queue import Queue
from waitlist.redo import VERSION, decode, encode, pack_facts, pack_header
from waitlist.state import State
from waitlist.variant import Variant, Wave

__all__ = ["dump_state", "load_state"]

_HEAD, _BUCKETS, _VARIANTS, _RUNNING = range(4)
_PEOPLE_A_CHUNK = 50_000
_VARIANTS_A_CHUNK = 2_000

_Lines = list[tuple[int, PackedLine]]
"""(priority, line)."""


def dump_state(state: State) -> Iterator[bytes]:
    """The chunks of the whole state."""
    state.settle()
    yield encode((_HEAD, (VERSION, state.arrivals, state.index.swept)))
    for buckets in state.index.dump():
        yield encode((_BUCKETS, buckets))
    for variants in _groups(state.variants):
        packed = [_pack_variant(state.variants[variant_id]) for variant_id in variants]
        yield encode((_VARIANTS, packed))
    for wave in state.running:
        content = (pack_header(wave.header), wave.position, _pack_lines(wave.lines))
        yield encode((_RUNNING, content))


def load_state(state: State, chunks: Iterable[bytes]) -> None:
    """Fill a new state from the chunks of a dump.

    Raises:
        StateError: a chunk is not one that this version can read.
    """
    buckets: list[bytes] = []
    swept = 0
    version: object = None
    try:
        for chunk in chunks:
            kind, content = decode(chunk)
            if kind == _HEAD:
                version = content[0]
            content = upgrade_chunk(version, kind, content)
            if kind == _HEAD:
                _, state.arrivals, swept = content
            elif kind == _BUCKETS:
                buckets += content
            elif kind == _VARIANTS:
                for packed in content:
                    _unpack_variant(state, *packed)
            elif kind == _RUNNING:
                _unpack_wave(state, *content)
            else:
                message = f"a chunk of the unknown kind {kind}"
                raise StateError(message)
    except (DecodeError, TypeError, ValueError, LookupError) as error:
        message = f"the dumped state cannot be read: {error}"
        raise StateError(message) from error
    state.index = IdentifierIndex.load(buckets, swept)
    state.restore_turns()


def _groups(variants: dict[str, Variant]) -> Iterator[list[str]]:
    group: list[str] = []
    people = 0
    for variant_id in sorted(variants):
        if variants[variant_id].is_blank():
            continue
        group.append(variant_id)
        people += len(variants[variant_id].queue or ())
        if people >= _PEOPLE_A_CHUNK or len(group) >= _VARIANTS_A_CHUNK:
            yield group
            group, people = [], 0
    if group:
        yield group


def _pack_variant(variant: Variant) -> tuple[object, ...]:
    queue = variant.queue
    packed = None
    if queue is not None:
        packed = (
            _pack_lines(sorted(queue.lines.items())),
            _pack_lines(sorted(queue.parked.items())),
            queue.parked_in if queue.parked else 0,
        )
    return variant.variant_id, pack_facts(variant.facts()), variant.told, packed


def _unpack_variant(
    state: State, variant_id: str, facts: list[Any], told: int, packed: list[Any] | None
) -> None:
    variant = state.variant(variant_id)
    variant.restore(cast("Any", facts))
    variant.told = told
    if packed is not None:
        lines, parked, parked_in = packed
        variant.queue = Queue()
        variant.queue.parked_in = parked_in
        for priority, line in lines:
            variant.queue.restore_line(priority, line, parked=False)
        for priority, line in parked:
            variant.queue.restore_line(priority, line, parked=True)
        state.waiting += len(variant.queue)


def _unpack_wave(state: State, header: list[Any], position: int, lines: _Lines) -> None:
    unpacked = [(priority, Line.unpack(line)) for priority, line in lines]
    wave = Wave(WaveHeader(*header), unpacked, position)
    state.run(state.variant(wave.header.variant_id), wave)


def _pack_lines(lines: Iterable[tuple[int, Line]]) -> _Lines:
    return [(priority, line.pack()) for priority, line in lines]
