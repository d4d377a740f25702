# SPDX-License-Identifier: Apache-2.0
"""Section *engine*: what single operations cost, without Kafka, Bytewax and disk."""

import gc

from benchmarks.bench import Bench
from benchmarks.memory import LAYOUTS, measure_waiting
from benchmarks.operations import OPERATIONS, make_data
from benchmarks.report import Row, SectionResult

__all__ = ["run"]

_LEAST_ROUNDS = 3


def run(bench: Bench) -> SectionResult:
    """Measure every operation in every round, and memory in a fresh process.

    Raises:
        WrongOutput: an operation did not do what it was measured for.
    """
    sizes = bench.options.sizes
    bench.say("engine: making up events")
    data = make_data(sizes.job.variants, sizes.engine, bench.started_at)
    costs: dict[str, list[float]] = {each.name: [] for each in OPERATIONS}
    for _ in range(max(_LEAST_ROUNDS, sizes.rounds)):
        for operation in OPERATIONS:
            bench.say(f"engine: {operation.name}")
            gc.collect()
            nanoseconds, done = operation.measure(data)
            scale = 1 if operation.unit == "ns" else 1000
            costs[operation.name].append(nanoseconds / done / scale)
    rows = [
        Row(each.package, each.name, each.unit, costs[each.name], 0 if each.unit == "ns" else 2)
        for each in OPERATIONS
    ]
    for layout in LAYOUTS:
        bench.say(f"engine: memory, {layout}")
        used = measure_waiting(layout, sizes.waiting, sizes.job.variants)
        rows.append(Row("memory", f"{sizes.waiting:,} waiting, {layout}", "MiB", [used], 0))
    return SectionResult(
        name="engine",
        title=f"engine: {sizes.job.variants:,} variants, {sizes.engine:,} events and people",
        rows=rows,
        notes=[
            "CPU time of one process.",
            "A turn: apply a batch, start waves, hand over, make records for the journal.",
        ],
        sizes={"variants": sizes.job.variants, "operations": sizes.engine},
    )
