# SPDX-License-Identifier: Apache-2.0
"""The end of the delivery flow: hands over to the ledger, and makes epochs wait for it."""

from typing import Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from typing_extensions import override

from connectors.failure import Failure
from connectors.kafka.writer import Writer
from dataflows.sorting import Portion
from delivery.office import Office

__all__ = ["DESK_KEY", "Desk"]

DESK_KEY: Final = "desk"
"""The key of every item: there is one desk."""


class Desk(FixedPartitionedSink[Portion, bytes]):
    """An epoch is durable only when the ledger has its news and Kafka its dead letters.

    Args:
        office: keeps the ledger.
        letters: writes dead letters; used by the flow's thread alone.
        failure: where an error is left that ends the run.
    """

    def __init__(self, office: Office, letters: Writer, failure: Failure) -> None:
        """Take nothing yet."""
        self._part = _Part(office, letters, failure)

    @override
    def list_parts(self) -> list[str]:
        """Return the name of the only part."""
        return [DESK_KEY]

    @override
    def part_fn(self, item_key: str) -> int:
        """Return the only part."""
        return 0

    @override
    def build_part(
        self, step_id: str, for_part: str, resume_state: bytes | None
    ) -> StatefulSinkPartition[Portion, bytes]:
        """Return the only part; what it has to remember is in the ledger."""
        return self._part


class _Part(StatefulSinkPartition[Portion, bytes]):
    def __init__(self, office: Office, letters: Writer, failure: Failure) -> None:
        self._office = office
        self._letters = letters
        self._failure = failure

    @override
    def write_batch(self, values: list[Portion]) -> None:
        try:
            for portion in values:
                self._office.take(portion.news)
                for letter in portion.letters:
                    self._letters.write(letter)
        except Exception as error:  # noqa: BLE001 - whatever it is, Bytewax would panic
            self._failure.record(error)

    @override
    def snapshot(self) -> bytes:
        try:
            self._letters.flush()
            self._office.barrier(lambda: self._failure.error is not None)
        except Exception as error:
            self._failure.record(error)
            raise
        if self._failure.error is not None:
            # The process is about to end; the epoch must not become durable before it does.
            raise self._failure.error
        return b""
