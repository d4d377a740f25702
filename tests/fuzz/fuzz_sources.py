# SPDX-License-Identifier: Apache-2.0
"""Bytes made up by atheris against every source of webhooks.

For longer, from the project's folder, with the options of libFuzzer::

    python -m tests.fuzz.fuzz_sources -max_total_time=3600 CORPUS

The first byte of an input says which source reads it, the second which topic it comes under, and
the rest is the body. `python -m tests.fuzz.fuzz_sources --seed CORPUS` puts the samples there.
"""

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # it ships none

with atheris.instrument_imports(include=["connectors.inbound"]):
    from tests.support.platforms import SOURCES, said, values

__all__ = ["TOPICS", "check", "main"]

TOPICS = (
    "",
    "inventory_levels/update",
    "inventory_levels/disconnect",
    "products/update",
    "products/delete",
    "inventory_items/delete",
    "product_variant_deleted",
)
_KINDS = tuple(SOURCES)
_PREFIX = 2


def check(data: bytes) -> None:
    """See that an input comes to an answer, and every record of it is valid."""
    if len(data) < _PREFIX:
        return
    source = SOURCES[_KINDS[data[0] % len(_KINDS)]]()
    topic = TOPICS[data[1] % len(TOPICS)]
    headers = {"x_shopify_topic": topic, "saleor_event": topic} if topic else {}
    message = said(data[_PREFIX:], **headers)
    source.is_authentic(message)
    source.event_id(message)
    for _ in range(2):
        mapped = source.map(message)
        values(mapped)
        assert mapped.records or mapped.refusals or mapped.learned or mapped.ignored


def main(arguments: list[str]) -> None:
    """Put the samples into a folder, or make up inputs until an end is asked for."""
    if arguments[1:2] == ["--seed"]:
        _seed(Path(arguments[2]))
        return
    atheris.Setup(arguments, check)
    atheris.Fuzz()


def _seed(corpus: Path) -> None:
    samples = Path(__file__).parents[1] / "samples"
    for number, kind in enumerate(_KINDS):
        for topic in range(len(TOPICS)):
            for path in samples.glob(f"{kind.partition('_')[0]}_*"):
                prefix = bytes([number, topic])
                (corpus / f"{kind}-{topic}-{path.name}").write_bytes(prefix + path.read_bytes())


if __name__ == "__main__":
    main(sys.argv)
