# SPDX-License-Identifier: Apache-2.0
"""CloudEvents 1.0 around the messages of any source.

https://github.com/cloudevents/spec: in binary mode the attributes are headers (`ce-*` in HTTP,
`ce_*` in Kafka) and the body is the platform's; in structured mode both are one JSON object, or a
list of them. What is no CloudEvent passes through as it is.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import unquote

import msgspec

from connectors.inbound.contract import Learned, Mapped, Message, Refusal, Source
from connectors.inbound.records import Unfit
from connectors.inbound.webhook_reading import moment
from connectors.inbound.webhook_source import each_of

__all__ = ["CloudEventsSource"]

_Unwrap = Callable[[], tuple[str | None, Message]]
"""Returns what an event is called, and what is in it; raises `Unfit` where it is not as the
specification of version 1.0 wants it."""

_STRUCTURED: Final = "application/cloudevents"
_VERSION: Final = "1.0"
_MARK: Final = b'"specversion"'
_MODES: Final = ("ce-", "ce_")


class _Event(msgspec.Struct, frozen=True):
    """An event in structured mode; the rest of its attributes are not looked at."""

    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


_read: Final = msgspec.json.Decoder(_Event).decode
_split: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class CloudEventsSource:
    """Unwraps events for another source.

    The event's time stands in for the time of arrival, which sources fall back on where a body
    says no time.

    Args:
        inner: reads what is inside.
    """

    def __init__(self, inner: Source) -> None:
        self._inner = inner

    def is_authentic(self, message: Message) -> bool:
        """Ask the other source about the message as it came: that is what is signed."""
        return self._inner.is_authentic(message)

    def event_id(self, message: Message) -> str | None:
        """Return the source and the id of an event, which together are its own."""
        try:
            events = _events(message)
            if len(events) != 1:
                return None
            name, inner = events[0]()
        except Unfit:
            return None
        return self._inner.event_id(inner) if name is None else name

    def map(self, message: Message) -> Mapped:
        """Turn each event of a message into records."""
        try:
            events = _events(message)
        except Unfit as error:
            return Mapped(refusals=(Refusal(error.reason, str(error)),))
        return each_of(events, lambda unwrap: self._inner.map(unwrap()[1]))

    def learn(self, learned: Learned) -> None:
        """Tell the other source."""
        self._inner.learn(learned)


def _events(message: Message) -> Sequence[_Unwrap]:
    """Return what unwraps each message within a message.

    Raises:
        Unfit: it says that it holds events, but they cannot be told from each other.
    """
    for mode in _MODES:
        if f"{mode}specversion" in message.headers:
            return [partial(_binary, message, mode)]
    kind = message.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == f"{_STRUCTURED}-batch+json":
        return [partial(_structured, message, bytes(part)) for part in _parts(message.body)]
    if kind == f"{_STRUCTURED}+json" or (not kind and _looks_structured(message.body)):
        return [partial(_structured, message, message.body)]
    if kind.startswith(_STRUCTURED):
        raise Unfit("bad_cloudevent", "the event is in a format other than JSON")
    return [lambda: (None, message)]


def _binary(message: Message, mode: str) -> tuple[str, Message]:
    # Values of HTTP headers are percent-encoded (HTTP protocol binding, section 3.1.3.2).
    read = unquote if mode == "ce-" else str
    found = {
        name.removeprefix(mode): read(value)
        for name, value in message.headers.items()
        if name.startswith(mode)
    }
    if not all(found.get(name) for name in ("id", "source", "type")):
        raise Unfit("bad_cloudevent", "the event lacks its id, source or type")
    _check_version(found["specversion"])
    arrived_at = _time(found.get("time"), message.arrived_at)
    return _name(found["source"], found["id"]), replace(message, arrived_at=arrived_at)


def _structured(message: Message, body: bytes) -> tuple[str, Message]:
    try:
        event = _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unfit("bad_cloudevent", "the event is not as CloudEvents 1.0 says") from None
    _check_version(event.specversion)
    if not (event.id and event.source and event.type):
        raise Unfit("bad_cloudevent", "the event lacks its id, source or type")
    inner = replace(
        message,
        body=_data(event),
        arrived_at=_time(event.time, message.arrived_at),
        headers={**message.headers, **_inner_headers(event)},
    )
    return _name(event.source, event.id), inner


def _inner_headers(event: _Event) -> Mapping[str, str]:
    return {"content-type": event.datacontenttype or "application/json", "ce-type": event.type}


def _data(event: _Event) -> bytes:
    if event.data_base64 is None:
        # As it stands there, so that no number is touched.
        return b"" if isinstance(event.data, msgspec.UnsetType) else bytes(event.data)
    if not isinstance(event.data, msgspec.UnsetType):
        raise Unfit("bad_cloudevent", "the event has both data and data_base64")
    try:
        return base64.b64decode(event.data_base64, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("bad_cloudevent", "data_base64 is not base64") from None


def _parts(body: bytes) -> list[msgspec.Raw]:
    try:
        return _split(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unfit("bad_cloudevent", "the batch is no list of events") from None


def _looks_structured(body: bytes) -> bool:
    """Whether a message that says not what it is, as in a file, is an event."""
    if _MARK not in body:
        return False
    try:
        return bool(_read(body).specversion)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _check_version(version: str) -> None:
    if version != _VERSION:
        raise Unfit("bad_cloudevent", "the event is of another version than 1.0")


def _time(text: str | None, arrived_at: int) -> int:
    return arrived_at if text is None else moment(text, "the event's time", arrived_at)


def _name(source: str, identifier: str) -> str:
    return f"{source} {identifier}"
