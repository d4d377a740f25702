# SPDX-License-Identifier: Apache-2.0
"""The settings of the program: one frozen tree, the model behind ``restock.toml``.

`Settings()` alone is the defaults, whatever the environment holds; `restock.settings_layers` lays
the file, the environment and the flags over them, so that each value's origin stays known.
"""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from connectors.durations import Duration, format_duration
from connectors.kafka.settings import KafkaSettings
from gateway.settings import GatewaySettings
from journey.plan import Plan, load_plan
from schemas.topics import TOPICS, dead_letter_topic
from waitlist.policy import PolicyBook, load_policy

__all__ = [
    "DeliverySettings",
    "HealthSettings",
    "LoggingSettings",
    "Settings",
    "StateSettings",
    "TopicSettings",
]

_GROUP = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,245}")
_HOST_NAME = re.compile(r"(?=.*[a-zA-Z])[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*\.?", re.ASCII)


def _check_topic_name(name: str) -> str:
    # Kafka allows 249 characters; four are kept for the dead-letter topic's ".dlq".
    if name in {".", ".."} or not _TOPIC_NAME.fullmatch(name):
        message = "is not a topic name: use at most 245 letters, digits, '.', '_' and '-'"
        raise ValueError(message)
    return name


def _check_address(address: str) -> str:
    if not _HOST_NAME.fullmatch(address):
        try:
            ip_address(address)
        except ValueError:
            message = (
                "is neither an IP address nor a host name; give one of this machine, without a "
                "port, or 0.0.0.0 for all"
            )
            raise ValueError(message) from None
    return address


TopicName = Annotated[str, AfterValidator(_check_topic_name)]


class TopicSettings(BaseModel):
    """The names of the topics, by role: the ``[topics]`` table.

    Attributes:
        inventory: Stock figures from the platform.
        subscriptions: Sign-ups and sign-offs.
        orders: Purchases.
        notifications: One record per person told: the result.
        waitlist: Where each variant's waitlist stands, written when it changes.
        deliveries: What became of each notification.
        items: Which item of a platform is which variant.
        leases: Which process looks after which shard.
    """

    model_config = _GROUP

    inventory: TopicName = TOPICS["inventory"].default_name
    subscriptions: TopicName = TOPICS["subscriptions"].default_name
    orders: TopicName = TOPICS["orders"].default_name
    notifications: TopicName = TOPICS["notifications"].default_name
    waitlist: TopicName = TOPICS["waitlist"].default_name
    deliveries: TopicName = TOPICS["deliveries"].default_name
    items: TopicName = TOPICS["items"].default_name
    leases: TopicName = TOPICS["leases"].default_name

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        by_role = self.by_role()
        letters = [dead_letter_topic(by_role[role]) for role in TOPICS if TOPICS[role].dead_letters]
        names = [*by_role.values(), *letters]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            message = f"{twice[0]!r} is given to more than one topic; each needs its own name"
            raise ValueError(message)
        return self

    def by_role(self) -> dict[str, str]:
        """Return the topic names keyed by role, in the order of the registry."""
        return {role: getattr(self, role) for role in type(self).model_fields}


class StateSettings(BaseModel):
    """Where the state lives and how often it becomes durable: the ``[state]`` table.

    Attributes:
        directory: Where the state is kept, made when it is missing; one process per shard uses it.
        epoch_interval: How often what was read, decided and written becomes durable together.
        slots: Parts that the variants are spread over; chosen once for a state directory.
        status_interval: How often at most the status of a variant is written.
        min_free_bytes: The program ends when fewer bytes are free on the disk; 0: never.
        lease_timeout: How long a process may be silent in the topic of leases before another
            machine takes its shard over; it ends itself after five sixths of it.
        watchdog_timeout: The program ends when nothing has become durable for so long; "0s": never.
    """

    model_config = _GROUP

    directory: Annotated[Path, Field(strict=False)] = Path("restock-state")
    epoch_interval: Duration = Field(default=timedelta(seconds=1), gt=timedelta(0))
    slots: int = Field(default=4, ge=1, le=1024)
    status_interval: Duration = timedelta(seconds=1)
    min_free_bytes: int = Field(default=16 * 1024 * 1024, ge=0)
    lease_timeout: Duration = Field(default=timedelta(seconds=60), ge=timedelta(seconds=1))
    watchdog_timeout: Duration = timedelta(minutes=5)


class DeliverySettings(BaseModel):
    """How `restock deliver` works: the ``[delivery]`` table.

    Attributes:
        directory: Where ledger and progress are kept, made when it is missing.
        epoch_interval: How often what was read becomes durable.
        retry_first: The longest pause before a message's second attempt; it doubles each time.
        retry_longest: No pause between two attempts is longer, unless the receiver asks for it.
        remember: How long outcomes, orders and sign-offs are kept in the ledger.
        breaker_failures: So many failures in a row, and a receiver is left alone for a while.
        breaker_pause: For how long at first; it doubles while the receiver goes on failing.
        breaker_longest_pause: And for how long at most.
        stop_patience: How long answers are waited for when the program is told to stop.
    """

    model_config = _GROUP

    directory: Annotated[Path, Field(strict=False)] = Path("restock-delivery")
    epoch_interval: Duration = Field(default=timedelta(seconds=1), gt=timedelta(0))
    retry_first: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    retry_longest: Duration = Field(default=timedelta(hours=1), gt=timedelta(0))
    remember: Duration = Field(default=timedelta(days=30), ge=timedelta(days=1))
    breaker_failures: int = Field(default=10, ge=1)
    breaker_pause: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    breaker_longest_pause: Duration = Field(default=timedelta(minutes=1), gt=timedelta(0))
    stop_patience: Duration = timedelta(seconds=10)


class LoggingSettings(BaseModel):
    """What is logged to standard error: the ``[logging]`` table.

    Attributes:
        level: The least severe level shown: "debug", "info", "warning" or "error".
        format: "console" for people, "json" for machines, "auto": by whether it is a terminal.
    """

    model_config = _GROUP

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class HealthSettings(BaseModel):
    """Where the program tells how it is: the ``[health]`` table.

    Attributes:
        port: Where /livez, /readyz and /metrics are served; 0: nowhere.
        address: The address to listen at; "0.0.0.0" is every one of the machine.
    """

    model_config = _GROUP

    port: int = Field(default=0, ge=0, le=65_535)
    address: Annotated[str, AfterValidator(_check_address)] = Field(
        default="127.0.0.1", min_length=1
    )


class Settings(BaseSettings):
    """Every setting of the program.

    Attributes:
        kafka: How to reach the Kafka cluster.
        topics: The names of the topics.
        state: Where the state lives.
        logging: What is logged.
        health: Where the program tells how it is.
        delivery: How messages are delivered.
        gateway: Where and how sign-ups come in.
        journey: The ``[journey]`` table as given; `plan` reads it.
        sinks: The ``[sinks.NAME]`` tables as given; `restock.ways` reads them.
        ingest: The ``[ingest.NAME]`` tables as given; `restock.sources` reads them.
        policy: The ``[policy]`` table as given; `policy_book` reads it.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix="RESTOCK_",
        env_nested_delimiter="__",
    )

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    state: StateSettings = StateSettings()
    logging: LoggingSettings = LoggingSettings()
    health: HealthSettings = HealthSettings()
    delivery: DeliverySettings = DeliverySettings()
    gateway: GatewaySettings = GatewaySettings()
    journey: dict[str, object] = Field(default_factory=dict)
    sinks: dict[str, dict[str, object]] = Field(default_factory=dict)
    ingest: dict[str, dict[str, object]] = Field(default_factory=dict)
    policy: dict[str, object] = Field(default_factory=dict)

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from nowhere but the caller, see the module's docstring."""
        return (init_settings,)

    def check_watchdog(self) -> None:
        """Check that the watchdog leaves time for what may rightly take long.

        Raises:
            ValueError: It would bark before an epoch ends, or before Kafka's time is up.
        """
        timeout = self.state.watchdog_timeout
        if not timeout:
            return
        for name, other in (
            ("state.epoch_interval", self.state.epoch_interval),
            ("kafka.delivery_timeout", self.kafka.delivery_timeout),
        ):
            if timeout <= other:
                message = (
                    f"must be more than {name} ({format_duration(other)}), but is "
                    f'{format_duration(timeout)}; "0s" switches the watchdog off'
                )
                raise ValueError(message)

    def policy_book(self) -> PolicyBook:
        """Return the wave policy that the ``[policy]`` table stands for.

        Raises:
            PolicyError: A policy setting is wrong; the message names the key's path.
        """
        return load_policy(self.policy)

    def plan(self) -> Plan:
        """Return the plan of journeys that the ``[journey]`` table stands for.

        Raises:
            PlanError: A setting is wrong; the message names the key's path.
        """
        return load_plan(self.journey)

    def check_delivery(self) -> None:
        """Check that the ledger remembers for as long as journeys look back.

        Raises:
            ValueError: It forgets too early.
            PlanError: A setting of the journey is wrong.
        """
        recently = timedelta(milliseconds=self.plan().recently_told)
        if self.delivery.remember < recently:
            message = (
                f"must be at least journey.recently_told ({format_duration(recently)}), but is "
                f"{format_duration(self.delivery.remember)}"
            )
            raise ValueError(message)
