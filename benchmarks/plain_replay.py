# SPDX-License-Identifier: Apache-2.0
"""The plainest loop that replays a trace: ``python -m benchmarks.plain_replay EVENTS OUTPUT``.

It knows the rule of the job and nothing else: stock that comes back tells everybody waiting. No
checks, no policy, no clock, no late events.
"""

import sys
from pathlib import Path

import orjson

from benchmarks.reference import hashed_id
from schemas.timestamps import parse_timestamp

__all__ = ["main"]


def main() -> None:
    """Replay the first argument's file into the second's."""
    waiting: dict[str, dict[str, dict[str, str]]] = {}
    stock: dict[str, int] = {}
    with Path(sys.argv[1]).open("rb") as lines, Path(sys.argv[2]).open("wb") as output:
        for text in lines:
            line = orjson.loads(text)
            value = line["value"]
            variant = value["variant_id"]
            if line["topic"] != "inventory":
                waiting.setdefault(variant, {}).setdefault(value["profile"]["id"], value)
                continue
            quantity = value["quantity"]
            if quantity > 0 and not stock.get(variant):
                told = waiting.pop(variant, {}).items()
                output.writelines(_notification(variant, *one, quantity) for one in told)
            stock[variant] = quantity


def _notification(variant: str, person: str, wish: dict[str, str], quantity: int) -> bytes:
    asked = parse_timestamp(wish["occurred_at"])
    return orjson.dumps(
        {
            "id": hashed_id(variant, f"id:{person}", asked),
            "variant_id": variant,
            "profile": wish["profile"],
            "quantity": quantity,
            "subscribed_at": wish["occurred_at"],
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


if __name__ == "__main__":
    main()
