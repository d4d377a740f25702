# SPDX-License-Identifier: Apache-2.0
"""What keeps a dead or a superseded process's records apart from ours."""

import logging
import time
from collections.abc import Mapping
from typing import Final, Protocol

from confluent_kafka.admin import AdminClient

from connectors.kafka.delivered import OnFound, read_delivered
from connectors.kafka.offsets import LATEST, list_offsets
from connectors.kafka.records import Identify, Partition
from connectors.kafka.settings import KafkaSettings

__all__ = ["Guard", "read_stragglers"]

_LOG: Final = logging.getLogger(__name__)
_QUIET_SECONDS: Final = 0.1
"""What a killed process has handed to its machine's network arrives within this, on a network
that works."""
_LONGEST_ROUNDS: Final = 30
"""The process before is dead: what still comes after seconds is not its."""


class Guard(Protocol):
    """What the sink needs of a lease."""

    @property
    def after_crash(self) -> bool:
        """Whether records of the process before may still be on their way to the topics."""

    def check(self) -> None:
        """Check that nobody else can be writing.

        Raises:
            LeaseLost: Somebody can.
        """


def read_stragglers(
    admin: AdminClient,
    settings: KafkaSettings,
    ends: Mapping[Partition, int],
    identify: Mapping[str, Identify],
    origin: bytes | None,
    ids: dict[str, set[bytes]],
    found: OnFound,
) -> dict[Partition, int]:
    """Read what a process that was killed still had on its way, until nothing more comes.

    Args:
        admin: The client to ask with.
        settings: How to reach Kafka.
        ends: How far the output has been read.
        identify: For each topic how its records are identified.
        origin: Our own mark among the records of several writers, as for `read_delivered`.
        ids: The ids found in each topic; those of stragglers are added.
        found: Called with each of the stragglers.

    Returns:
        How far the output has been read now.

    Raises:
        BrokerUnreachable: The brokers do not answer.
    """
    known = dict(ends)
    for _ in range(_LONGEST_ROUNDS):
        time.sleep(_QUIET_SECONDS)
        now = list_offsets(admin, settings, known.keys(), LATEST)
        ranges = {place: (end, now[place]) for place, end in known.items() if end < now[place]}
        known.update({place: end for place, (_, end) in ranges.items()})
        # Other writers go on all the time: only what is ours says that more may come.
        stragglers = read_delivered(settings, ranges, identify, origin, found)
        late = sum(map(len, stragglers.values()))
        if not late:
            return known
        _LOG.info("%d records of the process before came after this one had started", late)
        for topic, more in stragglers.items():
            ids.setdefault(topic, set()).update(more)
    _LOG.warning(
        "records keep coming to %s: somebody else writes there, which restock takes for its own",
        ", ".join(sorted(ids)),
    )
    return known
