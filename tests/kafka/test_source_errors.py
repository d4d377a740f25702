# SPDX-License-Identifier: Apache-2.0
"""The source rides out what passes by itself, and ends the run with what does not."""

import pytest
from bytewax.inputs import AbortExecution, StatefulSourcePartition
from confluent_kafka import KafkaError

from connectors.errors import OffsetsLost
from connectors.failure import Failure
from connectors.kafka.records import RawBatch
from connectors.kafka.source import KafkaSource, Offsets
from restock.embedded_broker import ApiKey, EmbeddedBroker
from tests.support.kafka import (
    numbered,
    opened_source,
    produce,
    source_part,
    take,
    values,
)


def test_retention_that_passes_while_reading_is_an_error() -> None:
    """The consumer never jumps: the offsets it wanted and those there are stand in the error."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 10))
        with opened_source(broker.bootstrap_servers, ["t"]) as source:
            part = _part_behind(source, broker)
            with pytest.raises(OffsetsLost, match=r"t \[0\]: .* offset 1, .* 4 to 10"):
                take(part, 100)


def test_transient_errors_are_ridden_out() -> None:
    """Fetches that fail for a moment neither end the flow nor move or repeat an offset."""
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 50))
        broker.push_request_errors(ApiKey.FETCH, [6, 7, 13])
        with opened_source(broker.bootstrap_servers, ["t"]) as source:
            messages = take(source_part(source), 50)

    assert [b"%d" % number for number in range(50)] == values(messages)


def test_an_error_ends_the_run_through_the_failure() -> None:
    """With a failure to leave the error in, Bytewax only sees an abort, which it takes calmly."""
    failure = Failure()
    with EmbeddedBroker() as broker:
        broker.create_topic("t", 1)
        produce(broker.bootstrap_servers, "t", numbered(0, 10))
        with opened_source(broker.bootstrap_servers, ["t"], failure=failure) as source:
            part = _part_behind(source, broker)
            with pytest.raises(AbortExecution):
                take(part, 100)
            with pytest.raises(AbortExecution):
                part.next_batch()

    assert isinstance(failure.error, OffsetsLost)


def _part_behind(
    source: KafkaSource, broker: EmbeddedBroker
) -> StatefulSourcePartition[RawBatch, Offsets]:
    """A part that is to read from offset 1, of records that are there from 4 on by now."""
    # Or its client might have fetched them already.
    broker.push_request_errors(ApiKey.FETCH, [KafkaError.NOT_LEADER_FOR_PARTITION] * 1_000)
    part = source_part(source, {("t", 0): 1})
    broker.delete_records("t", 0, 4)
    broker.clear_request_errors(ApiKey.FETCH)
    return part
