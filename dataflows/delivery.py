# SPDX-License-Identifier: Apache-2.0
"""The flow from notification records to people.

::

    kafka-in -> sort -> desk

One input over notifications, orders, sign-offs and statuses; what they say goes into the ledger,
exactly once in effect, since the ledger knows what it has been told before. Everything else
happens behind the desk (`delivery.office`), at the pace of those who receive, and never holds up
the reading: so a wave of ten is known, and can have its turn, while a million others are being
sent.
"""

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.kafka.records import RawBatch
from dataflows.desk import DESK_KEY
from dataflows.sorting import Portion, Sorter

__all__ = ["FLOW_ID", "build_flow"]

FLOW_ID = "delivery"


def build_flow(
    source: Source[RawBatch], sorter: Sorter, desk: Sink[tuple[str, Portion]]
) -> Dataflow:
    """Wire the flow.

    Args:
        source: batches of records of the four topics.
        sorter: says what they mean.
        desk: takes it.
    """
    flow = Dataflow(FLOW_ID)
    raw = op.input("kafka-in", flow, source)
    portions = op.map("sort", raw, lambda batch: (DESK_KEY, sorter(batch)))
    op.output("desk", portions, desk)
    return flow
