# SPDX-License-Identifier: Apache-2.0
"""The metrics of sources of stock, whoever reads them: the gateway or `restock ingest`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import Metric

from restock.metrics import labelled

__all__ = ["Taken", "source_metrics"]

_MILLISECONDS = 1_000


class Taken(Protocol):
    """What has come of a source's messages so far."""

    @property
    def outcomes(self) -> Counter[str]:
        """Messages by what became of them."""
        ...

    @property
    def refusals(self) -> Counter[str]:
        """What no record could be made of, by reason."""
        ...

    @property
    def records(self) -> int:
        """So many were made."""
        ...

    @property
    def last_at(self) -> int:
        """When the last message was taken, in epoch milliseconds; 0: none was."""
        ...


def source_metrics(sources: Mapping[str, Taken]) -> Iterator[Metric]:
    """Yield the metrics of sources by their names; any thread may ask."""
    messages: dict[tuple[str, ...], float] = {}
    refusals: dict[tuple[str, ...], float] = {}
    for name, each in sources.items():
        # Lists, because another thread may count meanwhile.
        messages |= {(name, outcome): count for outcome, count in list(each.outcomes.items())}
        refusals |= {(name, reason): count for reason, count in list(each.refusals.items())}
    yield labelled("restock_ingest_messages_total", messages)
    yield labelled("restock_ingest_refusals_total", refusals)
    yield labelled(
        "restock_ingest_records_total", {(name,): each.records for name, each in sources.items()}
    )
    yield labelled(
        "restock_ingest_last_message_timestamp_seconds",
        {(name,): each.last_at / _MILLISECONDS for name, each in sources.items() if each.last_at},
    )
