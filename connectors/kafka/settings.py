# SPDX-License-Identifier: Apache-2.0
"""How Kafka is reached: settings, and the librdkafka configurations made of them.

Any librdkafka property can be given in `options`. It goes to every client, because the consumers,
producers and admin clients of one program talk to one cluster; a client ignores what is not for
its kind. Refused are only the properties on which the guarantees rest, and those that have a
setting of their own.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator
from typing_extensions import override

from connectors.durations import Duration

__all__ = [
    "KafkaSettings",
    "Option",
    "admin_config",
    "consumer_config",
    "is_secret",
    "producer_config",
    "redacted",
]

Option = str | int | float | bool
"""The value of a librdkafka property."""

_MASK: Final = "**********"
_SECRET_WORDS: Final = ("password", "passphrase", "secret", "key.pem", "ssl_key", "bearer.config")

# Property -> the values that leave the guarantees whole.
_GUARANTEED: Final[Mapping[str, frozenset[str]]] = {
    "acks": frozenset({"all", "-1"}),
    "auto.offset.reset": frozenset({"error"}),
    "check.crcs": frozenset({"true"}),
    "delivery.report.only.error": frozenset({"true"}),
    "enable.auto.commit": frozenset({"false"}),
    "enable.auto.offset.store": frozenset({"false"}),
    "enable.gapless.guarantee": frozenset({"true"}),
    "enable.idempotence": frozenset({"true"}),
    "message.send.max.retries": frozenset({"2147483647"}),
    "request.required.acks": frozenset({"all", "-1"}),
    "retries": frozenset({"2147483647"}),
    "transactional.id": frozenset(),
}

# Property -> the setting of ours that decides it.
_OWN_SETTING: Final[Mapping[str, str]] = {
    "bootstrap.servers": "bootstrap_servers",
    "client.id": "client_id",
    "delivery.timeout.ms": "delivery_timeout",
    "group.id": "group_id",
    "message.timeout.ms": "delivery_timeout",
    "metadata.broker.list": "bootstrap_servers",
}

_SHARED: Final[Mapping[str, Option]] = {
    "log_level": 4,  # warnings; they go to the program's log, see `clients`
    # By default a broker that is back is tried after up to ten seconds.
    "reconnect.backoff.max.ms": 1_000,
    "socket.keepalive.enable": True,
}

_CONSUMER: Final[Mapping[str, Option]] = {
    "auto.offset.reset": "error",
    # Without it a record that was damaged on its way is taken for what it seems to say.
    "check.crcs": True,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    # The default of a second caps catch-up at about 118,000 events a second.
    "fetch.queue.backoff.ms": 5,
    # A partition that was left out of a fetch waits for it to return.
    "fetch.wait.max.ms": 50,
    # Some 50 ms of work lie ready; more would not be read faster, but cost memory and cache.
    "queued.max.messages.kbytes": 8_192,
    "queued.min.messages": 10_000,
}

_PRODUCER: Final[Mapping[str, Option]] = {
    "acks": "all",
    # A topic that was deleted must not come back by itself, with whatever a broker's defaults are.
    "allow.auto.create.topics": False,
    "compression.type": "lz4",
    "delivery.report.only.error": True,
    # After a record that is refused nothing more is sent: what lies behind it in the queue of a
    # partition must not overtake it.
    "enable.gapless.guarantee": True,
    "enable.idempotence": True,
    "linger.ms": 0.5,
    # Large enough for any dead letter; the broker's own limit still applies.
    "message.max.bytes": 16_000_000,
    # No record gives up by itself while those behind it go on: `delivery_timeout` is for all.
    "message.timeout.ms": 0,
    # Java's choice, so that our keys fall where Java programs put them.
    "partitioner": "murmur2_random",
    "queue.buffering.max.kbytes": 65_536,
}


class KafkaSettings(BaseModel):
    """How to reach and use the Kafka cluster: the `[kafka]` table.

    Attributes:
        bootstrap_servers: Addresses `host:port`, separated by commas.
        group_id: The consumer group under which progress is committed, for lag tools only.
        client_id: The name under which brokers log this program.
        options: Further librdkafka properties, for example TLS and SASL.
        max_record_bytes: Input records with a longer value are dead letters.
        batch_size: At most so many records are taken from Kafka at once.
        connect_timeout: How long to wait for an answer before the cluster counts as down.
        delivery_timeout: How long to wait while brokers acknowledge nothing that was written,
            before the program gives up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    bootstrap_servers: str = Field(default="localhost:9092", min_length=1)
    group_id: str = Field(default="restock", min_length=1)
    client_id: str = Field(default="restock", min_length=1)
    options: dict[str, Option] = Field(default_factory=dict)
    max_record_bytes: int = Field(default=1_000_000, ge=1)
    batch_size: int = Field(default=5_000, ge=1, le=1_000_000)
    connect_timeout: Duration = Field(default=timedelta(seconds=10), gt=timedelta(0))
    delivery_timeout: Duration = Field(default=timedelta(minutes=2), gt=timedelta(0))

    @field_validator("options")
    @classmethod
    def _refuse_what_breaks_guarantees(cls, options: dict[str, Option]) -> dict[str, Option]:
        for name, value in options.items():
            if name in _OWN_SETTING:
                message = f"{name} cannot be given here: use the setting kafka.{_OWN_SETTING[name]}"
                raise ValueError(message)
            if name in _GUARANTEED and _text(value) not in _GUARANTEED[name]:
                message = (
                    f"{name} cannot be {_text(value)}: the guarantee that nothing is lost or told "
                    "twice rests on it; remove the option"
                )
                raise ValueError(message)
        return options

    @field_serializer("options")
    def _mask_secrets(self, options: dict[str, Option]) -> dict[str, Option]:
        return redacted(options)

    @override
    def __repr_args__(self) -> list[tuple[str | None, object]]:
        """Show every field, secrets masked."""
        return [
            (name, redacted(self.options) if name == "options" else value)
            for name, value in super().__repr_args__()
        ]


def is_secret(name: str) -> bool:
    """Say whether the value of a librdkafka property must never be shown."""
    return any(word in name for word in _SECRET_WORDS)


def redacted(options: Mapping[str, Option]) -> dict[str, Option]:
    """Copy librdkafka properties with the secret values masked."""
    return {name: _MASK if is_secret(name) else value for name, value in options.items()}


def consumer_config(settings: KafkaSettings) -> dict[str, Option]:
    """Return the librdkafka configuration of a consumer."""
    return _merged(settings, {"group.id": settings.group_id, **_CONSUMER})


def producer_config(settings: KafkaSettings) -> dict[str, Option]:
    """Return the librdkafka configuration of a producer."""
    return _merged(settings, _PRODUCER)


def admin_config(settings: KafkaSettings) -> dict[str, Option]:
    """Return the librdkafka configuration of an admin client."""
    return _merged(settings, {})


def _merged(settings: KafkaSettings, ours: Mapping[str, Option]) -> dict[str, Option]:
    own = {"bootstrap.servers": settings.bootstrap_servers, "client.id": settings.client_id}
    # Guaranteed properties in `options` only repeat ours, but maybe as text, which the Python
    # client refuses for some.
    free = {name: value for name, value in settings.options.items() if name not in _GUARANTEED}
    return {**_SHARED, **own, **ours, **free}


def _text(value: Option) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
