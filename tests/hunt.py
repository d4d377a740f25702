# SPDX-License-Identifier: Apache-2.0
"""A hunt for differences between product and reference model, as long as you like.

``python -m tests.hunt --seed 1 --count 1000`` compares a thousand traces; a difference is printed
with its seed and the shortest trace that still shows it, as a replay would read it. Exit status 1
when there was any.
"""

import argparse
import json
import random
import sys
from contextlib import nullcontext

from tests.support.compare import differ_in_replay, differ_side_by_side, shrink
from tests.support.cramped import cramped
from tests.support.rebuilding import RandomRebuild
from tests.support.traces import Trace, draw_trace

__all__ = ["differ", "explain", "main"]


def differ(trace: Trace) -> str | None:
    """The first difference of any kind, from replay, step by step, or after restoring."""
    chance = random.Random(trace.seed)
    return (
        differ_in_replay(trace)
        or differ_side_by_side(trace, chance)
        or differ_side_by_side(trace, chance, RandomRebuild(trace.policy, chance, 0.3))
    )


def explain(trace: Trace, difference: str) -> str:
    """The seed, the difference, and the shortest trace that still differs."""
    small = shrink(trace, differ)
    lines = [json.dumps(line, ensure_ascii=False) for line in small.lines]
    return "\n".join(
        [
            f"seed {trace.seed}: {difference}",
            f"shortened: {differ(small)}",
            f"policy {json.dumps(small.policy, ensure_ascii=False)} until {small.until}",
            *lines,
        ]
    )


def main() -> int:
    """Hunt; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first trace")
    parser.add_argument("--count", type=int, default=1000, help="how many traces")
    parser.add_argument("--lines", type=int, default=60, help="lines of a trace")
    parser.add_argument("--cramped", action="store_true", help="with tiny inner sizes")
    options = parser.parse_args()
    found = 0
    with cramped() if options.cramped else nullcontext():
        for seed in range(options.seed, options.seed + options.count):
            trace = draw_trace(seed, options.lines)
            if difference := differ(trace):
                found += 1
                sys.stdout.write(explain(trace, difference) + "\n\n")
                sys.stdout.flush()
    sys.stdout.write(f"{options.count} traces from seed {options.seed}: {found} differ\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
