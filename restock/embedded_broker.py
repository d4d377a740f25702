# SPDX-License-Identifier: Apache-2.0
"""A Kafka broker inside this process, for the demo and for tests.

It is librdkafka's mock cluster, which the `confluent-kafka` wheels carry but do not wrap: this
module reaches it through `ctypes`. It speaks the Kafka protocol on random local ports, so every
client of this machine can talk to it, and it can be told to fail on purpose.

It is no substitute for Kafka: it holds records in memory only (about 5 MiB or 100,000 batches of
each partition, older ones are dropped), knows no compaction, no security and no topic
administration, and lives and dies with the process.
"""

import ctypes
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import confluent_kafka

from schemas.errors import RestockError

__all__ = ["ApiKey", "EmbeddedBroker", "EmbeddedBrokerError"]

_RD_KAFKA_PRODUCER: Final = 0
_CONF_OK: Final = 0
_ERROR_TEXT_SIZE: Final = 512

_Int = ctypes.c_int
_Pointer = ctypes.c_void_p
_Text = ctypes.c_char_p

# Name -> (result, arguments). A pointer left to ctypes' default of int would be cut to 32 bits.
_PROTOTYPES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "rd_kafka_conf_new": (_Pointer, []),
    "rd_kafka_conf_set": (_Int, [_Pointer, _Text, _Text, _Text, ctypes.c_size_t]),
    "rd_kafka_new": (_Pointer, [_Int, _Pointer, _Text, ctypes.c_size_t]),
    "rd_kafka_destroy": (None, [_Pointer]),
    "rd_kafka_err2str": (_Text, [_Int]),
    "rd_kafka_mock_cluster_new": (_Pointer, [_Pointer, _Int]),
    "rd_kafka_mock_cluster_destroy": (None, [_Pointer]),
    "rd_kafka_mock_cluster_bootstraps": (_Text, [_Pointer]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_Pointer, ctypes.c_int32]),
    "rd_kafka_mock_topic_create": (_Int, [_Pointer, _Text, _Int, _Int]),
    "rd_kafka_mock_topic_set_error": (None, [_Pointer, _Text, _Int]),
    "rd_kafka_mock_push_request_errors_array": (
        None,
        [_Pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(_Int)],
    ),
    "rd_kafka_mock_clear_request_errors": (None, [_Pointer, ctypes.c_int16]),
    "rd_kafka_mock_broker_set_down": (_Int, [_Pointer, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_up": (_Int, [_Pointer, ctypes.c_int32]),
    "rd_kafka_mock_broker_set_rtt": (_Int, [_Pointer, ctypes.c_int32, _Int]),
    "rd_kafka_mock_partition_set_leader": (
        _Int,
        [_Pointer, _Text, ctypes.c_int32, ctypes.c_int32],
    ),
    "rd_kafka_mock_partition_delete_records": (
        _Int,
        [_Pointer, _Text, ctypes.c_int32, ctypes.c_int64],
    ),
}

# Newer librdkafka only: looked up when they are called.
_LATER_PROTOTYPES: Final[dict[str, tuple[Any, list[Any]]]] = {
    "rd_kafka_mock_topic_delete": (_Int, [_Pointer, _Text]),
    "rd_kafka_mock_partition_push_request_errors": (
        _Int,
        [_Pointer, _Text, ctypes.c_int32, ctypes.c_int16, ctypes.c_size_t],
    ),
}


class EmbeddedBrokerError(RestockError):
    """The embedded broker is not to be had on this platform, or refused what it was asked."""


class ApiKey:
    """Numbers of the Kafka requests that tests let fail (from the Kafka protocol guide)."""

    PRODUCE: Final = 0
    FETCH: Final = 1
    LIST_OFFSETS: Final = 2
    METADATA: Final = 3
    OFFSET_COMMIT: Final = 8


class EmbeddedBroker:
    """One or more in-process Kafka brokers, running from construction until `close`.

    Use it as a context manager. Broker ids count from 1; a broker argument of -1 means all.

    Args:
        brokers: How many brokers the cluster has.

    Raises:
        EmbeddedBrokerError: The installed `confluent-kafka` carries no mock cluster, or it did
            not start.
    """

    def __init__(self, brokers: int = 1) -> None:
        """Start the brokers; they accept connections when this returns."""
        self._library = _load_library()
        self._brokers = brokers
        self._handle: int | None = self._new_handle()
        self._cluster: int | None = self._library.rd_kafka_mock_cluster_new(self._handle, brokers)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._handle)
            self._handle = None
            message = f"the embedded broker did not start with {brokers} brokers"
            raise EmbeddedBrokerError(message)
        self.bootstrap_servers: str = self._library.rd_kafka_mock_cluster_bootstraps(
            self._cluster
        ).decode()
        # A group join otherwise waits three seconds for members that do not exist.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    def __enter__(self) -> Self:
        """Return the running broker."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the brokers."""
        self.close()

    def close(self) -> None:
        """Stop the brokers and drop all records. A second call does nothing."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._cluster = None
        if self._handle:
            self._library.rd_kafka_destroy(self._handle)
            self._handle = None

    def create_topic(self, name: str, partitions: int) -> None:
        """Create a topic, replicated on every broker (the Kafka admin API is not served).

        Raises:
            EmbeddedBrokerError: The topic exists, or the broker is closed.
        """
        code = self._library.rd_kafka_mock_topic_create(
            self._running(), name.encode(), partitions, self._brokers
        )
        self._check(code, f"create topic {name!r}")

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its records.

        Raises:
            EmbeddedBrokerError: There is none, or librdkafka is older than 2.15.
        """
        code = self._later("rd_kafka_mock_topic_delete")(self._running(), name.encode())
        self._check(code, f"delete topic {name!r}")

    def push_partition_errors(
        self, topic: str, partition: int, api_key: int, codes: Sequence[int]
    ) -> None:
        """Let the next requests of a kind fail for one partition, and not for others.

        Args:
            topic: The partition's topic.
            partition: Its number.
            api_key: The kind of request, see `ApiKey`.
            codes: Kafka protocol error codes (0 lets one request pass).

        Raises:
            EmbeddedBrokerError: There is no such partition, or librdkafka is older than 2.15.
        """
        push = self._later("rd_kafka_mock_partition_push_request_errors")
        code = push(
            self._running(),
            topic.encode(),
            partition,
            api_key,
            len(codes),
            *map(_Int, codes),
        )
        self._check(code, f"push errors for {topic} [{partition}]")

    def push_request_errors(self, api_key: int, codes: Sequence[int]) -> None:
        """Let the next requests of a kind fail, one for each error code, in this order.

        Args:
            api_key: The kind of request, see `ApiKey`.
            codes: Kafka protocol error codes (0 lets one request pass).
        """
        self._library.rd_kafka_mock_push_request_errors_array(
            self._running(), api_key, len(codes), (_Int * len(codes))(*codes)
        )

    def clear_request_errors(self, api_key: int) -> None:
        """Forget the errors pushed for a kind of request."""
        self._library.rd_kafka_mock_clear_request_errors(self._running(), api_key)

    def set_down(self, broker: int = -1) -> None:
        """Disconnect a broker (-1: all) and refuse new connections to it."""
        code = self._library.rd_kafka_mock_broker_set_down(self._running(), broker)
        self._check(code, f"set broker {broker} down")

    def set_up(self, broker: int = -1) -> None:
        """Accept connections to a broker (-1: all) again."""
        code = self._library.rd_kafka_mock_broker_set_up(self._running(), broker)
        self._check(code, f"set broker {broker} up")

    def set_round_trip_time(self, broker: int, milliseconds: int) -> None:
        """Delay every answer of a broker (-1: all)."""
        code = self._library.rd_kafka_mock_broker_set_rtt(self._running(), broker, milliseconds)
        self._check(code, f"set the round trip time of broker {broker}")

    def set_leader(self, topic: str, partition: int, broker: int) -> None:
        """Make a broker the leader of a partition (-1: leave it without a leader)."""
        code = self._library.rd_kafka_mock_partition_set_leader(
            self._running(), topic.encode(), partition, broker
        )
        self._check(code, f"set the leader of {topic} [{partition}]")

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Drop the records of a partition before an offset, as retention would."""
        code = self._library.rd_kafka_mock_partition_delete_records(
            self._running(), topic.encode(), partition, before_offset
        )
        self._check(code, f"delete records of {topic} [{partition}]")

    def topic_error(self, topic: str, code: int) -> None:
        """Answer metadata requests for a topic with an error code (0: none any more)."""
        self._library.rd_kafka_mock_topic_set_error(self._running(), topic.encode(), code)

    def _later(self, name: str) -> Any:  # noqa: ANN401 - a function of ctypes
        _declare(self._library, name, *_LATER_PROTOTYPES[name])
        return getattr(self._library, name)

    def _running(self) -> int:
        if self._cluster is None:
            message = "the embedded broker is closed"
            raise EmbeddedBrokerError(message)
        return self._cluster

    def _check(self, code: int, action: str) -> None:
        if code:
            reason = self._library.rd_kafka_err2str(code).decode()
            message = f"the embedded broker could not {action}: {reason}"
            raise EmbeddedBrokerError(message)

    def _new_handle(self) -> int:
        text = ctypes.create_string_buffer(_ERROR_TEXT_SIZE)
        conf = self._library.rd_kafka_conf_new()
        # The client that carries the cluster never connects anywhere and has nothing to say.
        if self._library.rd_kafka_conf_set(conf, b"log_level", b"0", text, len(text)) == _CONF_OK:
            handle: int | None = self._library.rd_kafka_new(
                _RD_KAFKA_PRODUCER, conf, text, len(text)
            )
            if handle:
                return handle
        message = f"the embedded broker did not start: {text.value.decode()}"
        raise EmbeddedBrokerError(message)


def _load_library() -> ctypes.CDLL:
    """Open the librdkafka of the installed wheel and declare the functions used here."""
    path = _library_path()
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _PROTOTYPES.items():
        _declare(library, name, result, arguments)
    return library


def _declare(library: ctypes.CDLL, name: str, result: Any, arguments: list[Any]) -> None:  # noqa: ANN401 - types of ctypes
    try:
        function = getattr(library, name)
    except AttributeError:
        message = (
            f"the embedded broker needs {name}, which {Path(library._name).name} does not "  # noqa: SLF001 - a file that was opened
            "export: use a real broker, or the confluent-kafka wheel of another platform or version"
        )
        raise EmbeddedBrokerError(message) from None
    function.restype = result
    function.argtypes = arguments


def _library_path() -> Path:
    package = Path(confluent_kafka.__file__).parent
    # auditwheel and delvewheel use the first folder, delocate the second.
    folders = (package.parent / "confluent_kafka.libs", package / ".dylibs")
    found = chain.from_iterable(sorted(folder.glob("librdkafka*")) for folder in folders)
    path = next(found, None)
    if path is None:
        message = (
            "the embedded broker needs the librdkafka that comes with the confluent-kafka wheel, "
            "and this installation of confluent-kafka has none: install the wheel from PyPI, or "
            "use a real broker"
        )
        raise EmbeddedBrokerError(message)
    return path
