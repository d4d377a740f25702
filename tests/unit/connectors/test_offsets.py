# SPDX-License-Identifier: Apache-2.0
"""An answer without an offset is no answer."""

from collections.abc import Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from confluent_kafka import TopicPartition

from connectors.errors import BrokerUnreachable
from connectors.kafka.offsets import LATEST, list_offsets
from connectors.kafka.settings import KafkaSettings

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

PLACES = [("told", 0), ("told", 1)]


class Admin:
    """Answers with the offsets given, as the client does for brokers that hang."""

    def __init__(self, *offsets: int) -> None:
        self._offsets = offsets

    def list_offsets(
        self, asked: Mapping[TopicPartition, Any], request_timeout: float
    ) -> dict[TopicPartition, Future[Any]]:
        """One answer for each partition."""
        assert request_timeout > 0
        answers = {}
        for place, offset in zip(asked, self._offsets, strict=True):
            answers[place] = Future[Any]()
            answers[place].set_result(SimpleNamespace(offset=offset))
        return answers


def ask(*offsets: int) -> dict[tuple[str, int], int]:
    """What the connectors make of it."""
    return list_offsets(cast("AdminClient", Admin(*offsets)), KafkaSettings(), PLACES, LATEST)


def test_offsets_are_passed_on() -> None:
    """-1 says that no record is as late as the time asked for."""
    assert {("told", 0): 7, ("told", 1): -1} == ask(7, -1)


def test_a_broker_that_hangs_has_not_answered() -> None:
    """The client gives -1001 for it, without an error: taken for an end, people are told twice."""
    with pytest.raises(BrokerUnreachable, match="did not tell the offsets of told within"):
        ask(7, -1001)
