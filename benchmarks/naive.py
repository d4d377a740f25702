# SPDX-License-Identifier: Apache-2.0
"""The obvious Bytewax program: stock connectors, pydantic models, state for each variant.

What somebody who has read Bytewax's guides writes in an afternoon. It knows the same one rule as
the bare loop. Offsets and state are in a recovery store; its consumer commits besides, so that
the harness sees how far it is. Started as ``python -m benchmarks.naive CONFIGURATION``; SIGTERM
ends it where it stands, as a recovery store allows.
"""

import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Literal

import bytewax.operators as op
from bytewax.connectors.kafka import (
    KafkaError,
    KafkaSink,
    KafkaSinkMessage,
    KafkaSource,
    KafkaSourceMessage,
)
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main
from pydantic import AwareDatetime, BaseModel

__all__ = ["NaiveSettings", "Notification", "SignUp", "Stock", "Waiting", "main", "parse", "tell"]


class NaiveSettings(BaseModel):
    """What the program is told.

    Attributes:
        bootstrap_servers: the broker.
        group: consumer group to commit offsets to.
        inventory: input topic.
        subscriptions: input topic.
        notifications: output topic.
        recovery: directory of the recovery store.
    """

    bootstrap_servers: str
    group: str
    inventory: str
    subscriptions: str
    notifications: str
    recovery: Path


class Stock(BaseModel):
    """A stock figure."""

    variant_id: str
    quantity: int
    occurred_at: AwareDatetime


class Profile(BaseModel):
    """A person."""

    id: str
    email: str


class SignUp(BaseModel):
    """Somebody begins to wait."""

    type: Literal["subscribe"]
    variant_id: str
    profile: Profile
    occurred_at: AwareDatetime


class Notification(BaseModel):
    """Somebody is told."""

    id: str
    variant_id: str
    profile: Profile
    cycle_opened_at: AwareDatetime
    position: int
    quantity: int
    subscribed_at: str


@dataclass(slots=True)
class Waiting:
    """The state of a variant.

    Attributes:
        quantity: the last figure.
        people: who waits, by profile, in order.
    """

    quantity: int = 0
    people: dict[str, SignUp] = field(default_factory=dict)


_Record = KafkaSinkMessage[bytes | None, bytes | None]
_Message = KafkaSourceMessage[bytes | None, bytes | None] | KafkaError[bytes | None, bytes | None]


def parse(topic: str, value: bytes) -> tuple[str, Stock | SignUp]:
    """Read a record of one of the two topics; give it by its variant.

    Raises:
        ValidationError: it is not what it should be.
    """
    event: Stock | SignUp
    if topic.endswith("subscriptions"):
        event = SignUp.model_validate_json(value)
    else:
        event = Stock.model_validate_json(value)
    return event.variant_id, event


def tell(
    state: Waiting | None, event: Stock | SignUp
) -> tuple[Waiting | None, Iterable[Notification]]:
    """Stock that comes back from none tells everybody; of several sign-ups the first counts."""
    waiting = state or Waiting()
    if isinstance(event, SignUp):
        waiting.people.setdefault(event.profile.id, event)
        return waiting, []
    told: list[Notification] = []
    if waiting.quantity <= 0 < event.quantity:
        told = [
            _notification(event, sign_up, position)
            for position, sign_up in enumerate(waiting.people.values(), 1)
        ]
        waiting.people = {}
    waiting.quantity = event.quantity
    return waiting, told


def _notification(event: Stock, sign_up: SignUp, position: int) -> Notification:
    since = sign_up.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Notification(
        id=f"{event.variant_id}/id:{sign_up.profile.id}/{since}",
        variant_id=event.variant_id,
        profile=sign_up.profile,
        cycle_opened_at=event.occurred_at,
        position=position,
        quantity=event.quantity,
        subscribed_at=since,
    )


def _flow(settings: NaiveSettings) -> Dataflow:
    brokers = [settings.bootstrap_servers]
    flow = Dataflow("naive")
    source = KafkaSource(
        brokers,
        [settings.inventory, settings.subscriptions],
        add_config={
            "group.id": settings.group,
            "enable.auto.commit": "true",
            "auto.commit.interval.ms": "1000",
        },
    )
    messages = op.input("source", flow, source)
    events = op.map("parse", messages, _parsed)
    notifications = op.stateful_flat_map("waiting", events, tell)
    records = op.map("serialise", notifications, _record)
    op.output("sink", records, KafkaSink(brokers, settings.notifications))
    return flow


def _parsed(message: _Message) -> tuple[str, Stock | SignUp]:
    if isinstance(message, KafkaError):
        raise TypeError(f"unreadable: {message.err}")
    return parse(message.topic or "", message.value or b"")


def _record(keyed: tuple[str, Notification]) -> _Record:
    notification = keyed[1]
    key = f"id:{notification.profile.id}".encode()
    return KafkaSinkMessage(key, notification.model_dump_json().encode())


def _end(_number: int, _frame: FrameType | None) -> None:
    # Bytewax looks for an interrupt only; what is not in an epoch yet is done again anyway.
    os._exit(0)


def main() -> None:
    """Run until SIGTERM."""
    settings = NaiveSettings.model_validate_json(Path(sys.argv[1]).read_bytes())
    signal.signal(signal.SIGTERM, _end)
    settings.recovery.mkdir(parents=True, exist_ok=True)
    init_db_dir(settings.recovery, 1)
    cli_main(
        _flow(settings),
        epoch_interval=timedelta(seconds=10),
        recovery_config=RecoveryConfig(str(settings.recovery)),
    )


if __name__ == "__main__":
    main()
