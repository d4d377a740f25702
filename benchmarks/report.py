# SPDX-License-Identifier: Apache-2.0
"""Tables for people, JSON for programs: medians, and from the least to the largest."""

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

__all__ = ["Row", "SectionResult", "print_section", "write_json"]

_PACKAGES = ("restock", "bytewax", "confluent-kafka", "msgspec", "orjson")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one contender.

    Attributes:
        subject: the contender, or what was done.
        figure: what was measured.
        unit: its unit.
        values: one for each round, in their order.
        digits: how many digits after the point are worth showing.
    """

    subject: str
    figure: str
    unit: str
    values: Sequence[float]
    digits: int = 2


@dataclass(frozen=True, slots=True)
class SectionResult:
    """What a section found.

    Attributes:
        name: of the section.
        title: one line for people.
        rows: the figures.
        notes: what one must know to read them.
        sizes: how large it was.
    """

    name: str
    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    sizes: dict[str, float] = field(default_factory=dict)


def print_section(result: SectionResult) -> None:
    """Print one table to standard output."""
    table = Table()
    for heading in ("", "figure", "unit"):
        table.add_column(heading)
    for heading in ("median", "least", "largest", "rounds"):
        table.add_column(heading, justify="right")
    subject = None
    for row in result.rows:
        if subject is not None and row.subject != subject:
            table.add_section()
        shown = "" if row.subject == subject else row.subject
        subject = row.subject
        numbers = (statistics.median(row.values), min(row.values), max(row.values))
        texts = [f"{number:,.{row.digits}f}" for number in numbers]
        table.add_row(shown, row.figure, row.unit, *texts, str(len(row.values)))
    # A pipe has no width; the table must not be cut there.
    console = Console() if sys.stdout.isatty() else Console(width=110)
    console.print(result.title, highlight=False, markup=False)
    console.print(table)
    for note in result.notes:
        console.print(f"  {note}", highlight=False, markup=False)
    console.print()


def write_json(path: Path, results: Sequence[SectionResult]) -> None:
    """Write every figure of every round, and where it was measured.

    Args:
        path: the file.
        results: the sections, in their order.
    """
    machine = {
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "load": os.getloadavg(),
    }
    sections = {}
    for result in results:
        content = asdict(result)
        del content["name"]
        for row in content["rows"]:
            row["median"] = statistics.median(row["values"])
        sections[result.name] = content
    text = msgspec.json.format(msgspec.json.encode({"machine": machine, "sections": sections}))
    path.write_bytes(text + b"\n")
