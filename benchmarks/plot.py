# SPDX-License-Identifier: Apache-2.0
"""Draws how cost and throughput change with size.

Started as ``python -m benchmarks.plot RESULTS.json FOLDER``. Reads what
``python -m benchmarks scale --json RESULTS.json`` wrote, and writes ``performance-events.svg`` and
``performance-variants.svg``. The band goes from the least to the largest round.
"""

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import msgspec

from benchmarks.scale import CPU, RATE

__all__ = ["Panel", "Point", "draw", "main", "nice_ceiling", "read_points", "short"]

_WIDTH, _HEIGHT = 860, 330
_PANEL, _GAP, _LEFT, _TOP, _PLOT = 350, 70, 60, 92, 176
_INK, _SOFT, _GRID = "#1f2328", "#59636e", "#e4e8ec"
_COLOURS = ("#0969da", "#1a7f37")
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)
_LINES = 4
_SIZE = re.compile(r"([\d,]+) events, ([\d,]+) variants")


class _Row(msgspec.Struct):
    subject: str
    figure: str
    values: list[float]
    median: float


class _Section(msgspec.Struct):
    rows: list[_Row]


class _Results(msgspec.Struct):
    sections: dict[str, _Section]


@dataclass(frozen=True, slots=True)
class Point:
    """A size and what was measured there.

    Attributes:
        size: events or variants.
        median: of the rounds.
        least: of the rounds.
        largest: of the rounds.
    """

    size: int
    median: float
    least: float
    largest: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the two halves of a picture.

    Attributes:
        title: what the vertical axis says.
        points: in the order of their sizes.
        digits: after the point, in the labels.
    """

    title: str
    points: Sequence[Point]
    digits: int


def main(arguments: Sequence[str]) -> int:
    """Write both pictures and return the exit code.

    Args:
        arguments: the file of results and the folder to write to.
    """
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m benchmarks.plot RESULTS.json FOLDER\n")
        return 2
    results = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=_Results)
    rows = results.sections["scale"].rows
    for place, name in enumerate(("events", "variants")):
        fixed = _fixed(rows, 1 - place)
        panels = [
            Panel("CPU time per event, us", read_points(rows, CPU, place, fixed), 2),
            Panel(
                "events per second of CPU, thousands",
                [_thousands(point) for point in read_points(rows, RATE, place, fixed)],
                0,
            ),
        ]
        other = ("variants", "events")[place]
        title = f"Cost and throughput over the number of {name}"
        subtitle = f"{short(fixed)} {other}; median and range of the rounds"
        picture = draw(title, subtitle, name, panels)
        Path(arguments[1], f"performance-{name}.svg").write_text(picture)
    return 0


def read_points(rows: Sequence[_Row], figure: str, place: int, fixed: int) -> list[Point]:
    """The points of one series, by size.

    Args:
        rows: of the section.
        figure: which figure.
        place: what grows: 0 the events, 1 the variants.
        fixed: the number of the other.
    """
    points = []
    for row in rows:
        sizes = _sizes(row)
        if row.figure == figure and sizes[1 - place] == fixed:
            points.append(Point(sizes[place], row.median, min(row.values), max(row.values)))
    return sorted(points, key=lambda point: point.size)


def draw(title: str, subtitle: str, unit: str, panels: Sequence[Panel]) -> str:
    """The picture as SVG text.

    Args:
        title: its headline.
        subtitle: what holds for all of it.
        unit: of the horizontal axes.
        panels: from left to right.
    """
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}" '
            'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="8" fill="#ffffff"/>',
        _text(_LEFT - 36, 34, title, 18, _INK, bold=True),
        _text(_LEFT - 36, 54, subtitle, 12, _SOFT),
    ]
    for number, panel in enumerate(panels):
        left = _LEFT + number * (_PANEL + _GAP)
        parts += _panel(panel, left, unit, _COLOURS[number % len(_COLOURS)])
    return "\n".join([*parts, "</svg>", ""])


def nice_ceiling(value: float) -> float:
    """A round number not below a value, easily cut into four."""
    unit: float = 10.0 ** math.floor(math.log10(value / _LINES))
    return _LINES * unit * next(step for step in _STEPS if _LINES * unit * step >= value)


def short(size: int) -> str:
    """A size as people say it: 100k, 1M."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size:,}"


def _panel(panel: Panel, left: int, unit: str, colour: str) -> list[str]:
    top, bottom = nice_ceiling(max(point.largest for point in panel.points)), _TOP + _PLOT
    sizes = [math.log10(point.size) for point in panel.points]
    span = (sizes[-1] - sizes[0]) or 1.0

    def x(place: int) -> float:
        return left + 24 + (sizes[place] - sizes[0]) / span * (_PANEL - 60)

    def y(value: float) -> float:
        return bottom - value / top * _PLOT

    parts = [_text(left - 36, _TOP - 14, panel.title, 12, _INK, bold=True)]
    for line in range(_LINES + 1):
        value = top * line / _LINES
        parts.append(
            f'<line x1="{left}" y1="{y(value):.1f}" x2="{left + _PANEL - 14}" y2="{y(value):.1f}" '
            f'stroke="{_GRID if line else _SOFT}"/>'
        )
        parts.append(_text(left - 8, y(value) + 4, f"{value:g}", 11, _SOFT, anchor="end"))
    above = [f"{x(n):.1f},{y(p.largest):.1f}" for n, p in enumerate(panel.points)]
    below = [f"{x(n):.1f},{y(p.least):.1f}" for n, p in enumerate(panel.points)]
    parts.append(
        f'<polygon points="{" ".join([*above, *reversed(below)])}" fill="{colour}" opacity="0.15"/>'
    )
    middle = " ".join(f"{x(n):.1f},{y(p.median):.1f}" for n, p in enumerate(panel.points))
    parts.append(f'<polyline points="{middle}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
    for number, point in enumerate(panel.points):
        at, height = x(number), y(point.median)
        label = f"{point.median:,.{panel.digits}f}"
        over = max(_TOP + 10, y(point.largest) - 9)
        parts += [
            f'<circle cx="{at:.1f}" cy="{height:.1f}" r="4" fill="{colour}"/>',
            _text(at, over, label, 12, _INK, anchor="middle", bold=True),
            _text(at, bottom + 18, short(point.size), 11, _SOFT, anchor="middle"),
        ]
    parts.append(_text(left + (_PANEL - 14) / 2, bottom + 40, unit, 12, _SOFT, anchor="middle"))
    return parts


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    colour: str,
    *,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}"{weight}>{escape(text)}</text>'
    )


def _fixed(rows: Sequence[_Row], place: int) -> int:
    """The number that most of the sizes have in common."""
    seen = [_sizes(row)[place] for row in rows]
    return max(seen, key=seen.count)


def _sizes(row: _Row) -> tuple[int, int]:
    match = _SIZE.fullmatch(row.subject)
    if match is None:
        message = f"{row.subject!r} is not a size of the section scale"
        raise ValueError(message)
    events, variants = (int(number.replace(",", "")) for number in match.groups())
    return events, variants


def _thousands(point: Point) -> Point:
    return Point(point.size, point.median / 1e3, point.least / 1e3, point.largest / 1e3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
