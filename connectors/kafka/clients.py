# SPDX-License-Identifier: Apache-2.0
"""Make Kafka clients: errors of configuration in one line, librdkafka's log in the program's."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from connectors.errors import KafkaOptionError
from connectors.kafka.repeats import Warnings
from connectors.kafka.settings import (
    KafkaSettings,
    admin_config,
    consumer_config,
    is_secret,
    producer_config,
)

__all__ = [
    "LASTING_ERRORS",
    "ErrorCallback",
    "close_within",
    "new_admin",
    "new_consumer",
    "new_producer",
]

_LOG: Final = logging.getLogger(__name__)
# `options` go to every kind of client on purpose: not worth a warning at each start. A fatal error
# is raised as well, and becomes the line that the program ends with.
_TOLD_OTHERWISE: Final = frozenset({"CONFWARN", "FATAL"})
_TOLD_TO_CALLBACK: Final = frozenset({"FAIL"})
"""A lost connection: librdkafka calls `error_cb` with the same words, where there is one."""

Client = TypeVar("Client")

ErrorCallback = Callable[[KafkaError], None]
"""Called from within a client's calls with errors that belong to no record."""

LASTING_ERRORS: Final = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - public constants, named so by the library
        KafkaError._SSL,  # noqa: SLF001
    }
)
"""Codes of errors that waiting does not cure."""


class _ClientLog:
    """Passes librdkafka's log lines on to the program's log, those of a kind once a minute.

    A client that has lost its broker would otherwise say so twenty times a second.
    """

    def __init__(self, told_otherwise: Collection[str]) -> None:
        self._told_otherwise = told_otherwise
        self._warnings = Warnings(_LOG)

    def log(self, _level: int, pattern: str, facility: str, *rest: object) -> None:
        if facility not in self._told_otherwise:
            self._warnings.warn(facility, pattern % (facility, *rest))


def new_consumer(settings: KafkaSettings, on_error: ErrorCallback, **config: Any) -> Consumer:  # noqa: ANN401 - librdkafka's callbacks
    """Make a consumer; it connects in the background.

    Args:
        settings: How to reach the cluster.
        on_error: Called from `consume` with errors that belong to no record.
        config: Further entries, for example `on_commit`.

    Raises:
        KafkaOptionError: librdkafka does not take the configuration.
    """
    return _new(Consumer, consumer_config(settings), error_cb=on_error, **config)


def new_producer(settings: KafkaSettings, on_error: ErrorCallback, **config: Any) -> Producer:  # noqa: ANN401 - librdkafka's callbacks
    """Make a producer; it connects in the background.

    Args:
        settings: How to reach the cluster.
        on_error: Called from `poll` and `flush` with errors that belong to no record.
        config: Further entries.

    Raises:
        KafkaOptionError: librdkafka does not take the configuration.
    """
    return _new(Producer, producer_config(settings), error_cb=on_error, **config)


def new_admin(settings: KafkaSettings) -> AdminClient:
    """Make an admin client; it connects in the background.

    Raises:
        KafkaOptionError: librdkafka does not take the configuration.
    """
    return _new(AdminClient, admin_config(settings))


def close_within(consumer: Consumer, seconds: float) -> None:
    """Close a consumer, but do not wait for brokers that do not answer.

    librdkafka closes a consumer only when its last commit was answered, for minutes if need be.
    What is not closed by then goes with the process.

    Args:
        consumer: It is not to be used any more.
        seconds: How long to wait at most.
    """
    closing = threading.Thread(target=consumer.close, name="consumer-close", daemon=True)
    closing.start()
    closing.join(seconds)


def _new(kind: Callable[..., Client], config: Mapping[str, object], **callbacks: object) -> Client:
    told = _TOLD_OTHERWISE | (_TOLD_TO_CALLBACK if "error_cb" in callbacks else frozenset())
    try:
        return kind({**config}, logger=_ClientLog(told), **callbacks)
    except (KafkaException, TypeError, ValueError) as error:
        raise KafkaOptionError(_explain(error, config)) from None


def _explain(error: Exception, config: Mapping[str, object]) -> str:
    cause = error.args[0] if error.args else error
    text = cause.str() if isinstance(cause, KafkaError) else str(cause)
    for name, value in config.items():
        if is_secret(name) and str(value):
            text = text.replace(str(value), "**********")
    text = " ".join(text.split())
    return f"kafka.options: {text}; see librdkafka's CONFIGURATION.md for the options there are"
