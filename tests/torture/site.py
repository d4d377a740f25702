# SPDX-License-Identifier: Apache-2.0
"""Where one state is tormented: its topics, its configuration file, its directory."""

import sqlite3
from contextlib import closing
from pathlib import Path
from pickle import loads
from typing import Final

from restock.settings import Settings, TopicSettings
from restock.topic_plan import planned_topics
from schemas.topics import dead_letter_topic
from tests.torture.brokers import Broker

__all__ = ["Site"]

_CONFIG: Final = """\
[kafka]
bootstrap_servers = "{bootstrap_servers}"
group_id = "{name}"
connect_timeout = "{patience}"
delivery_timeout = "{patience}"
[kafka.options]
"reconnect.backoff.max.ms" = 500
[state]
directory = "{state}"
epoch_interval = "{epoch}"
status_interval = "500ms"
[logging]
format = "json"
[topics]
{topics}
{policy}
"""

_POSITIONS: Final = """\
SELECT ser_change FROM snaps
WHERE step_id LIKE '%kafka-in%' AND snap_epoch < (
    SELECT min(worker_frontier) FROM fronts WHERE ex_num = (SELECT max(ex_num) FROM fronts)
)
ORDER BY snap_epoch DESC LIMIT 1
"""


class Site:
    """Topics, a configuration file and a state directory of their own.

    Args:
        directory: holds configuration, state and logs; it exists.
        broker: where the topics are.
        name: what the topics' names begin with; nobody else's do.
        policy: the ``[policy]`` table of the configuration file.
        epoch: how long an epoch takes.
        patience: how long the program waits for a broker, as a duration.
        turn: people that a slot tells in a turn; None: as many as the program does by itself.
    """

    def __init__(
        self,
        directory: Path,
        broker: Broker,
        name: str,
        *,
        policy: str = "",
        epoch: str = "60ms",
        patience: str = "20s",
        turn: int | None = None,
    ) -> None:
        self.directory = directory
        self.bootstrap_servers = broker.bootstrap_servers
        self.name = name
        self.turn = turn
        self.state = directory / "state"
        self.config = directory / "restock.toml"
        self.topics = TopicSettings(
            **{role: f"{name}.{role}" for role in Settings().topics.by_role()}
        )
        names = (f'{role} = "{topic}"' for role, topic in self.topics.by_role().items())
        self.config.write_text(
            _CONFIG.format(
                bootstrap_servers=broker.bootstrap_servers,
                name=name,
                patience=patience,
                state=self.state,
                epoch=epoch,
                topics="\n".join(names),
                policy=policy,
            )
        )

    @property
    def inputs(self) -> tuple[str, str]:
        """The topics that the program reads."""
        return self.topics.inventory, self.topics.subscriptions

    @property
    def checked(self) -> tuple[str, ...]:
        """The topics that the checker reads."""
        return (*self.inputs, self.topics.notifications, *map(dead_letter_topic, self.inputs))

    def create_topics(self, broker: Broker, partitions: int) -> None:
        """Make every topic that the program needs."""
        broker.create_topics(list(planned_topics(self.topics)), partitions)

    def stored(self) -> dict[tuple[str, int], int]:
        """The offsets that the recovery store would resume from; empty when it holds none.

        To be asked while no life is on.
        """
        file = self.state / "shard-0-of-1" / "recovery" / "part-0.sqlite3"
        if not file.exists():
            return {}
        with closing(sqlite3.connect(file)) as store:
            row = store.execute(_POSITIONS).fetchone()
        if row is None or row[0] is None:
            return {}
        offsets: dict[tuple[str, int], int] = loads(row[0])  # noqa: S301 - the program wrote it
        return offsets
