# SPDX-License-Identifier: Apache-2.0
"""A client of schema registries, by the interface that Confluent's has.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html. What a number stands
for never changes there, so nothing is asked twice.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

import msgspec
from pydantic import SecretStr

from connectors.errors import InboundError
from connectors.inbound.feed_fetching import Unanswered, fetch
from connectors.inbound.registry_settings import RegistrySettings

__all__ = ["Get", "Registry", "Schema", "SchemaKind", "getter"]

SchemaKind = Literal["AVRO", "JSON", "PROTOBUF"]

Get = Callable[[str], bytes]
"""Gets what is at a path of the registry; raises `Unanswered`."""

_WHAT: Final = "the schema registry"
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500
_TIMES: Final = 4
_FIRST_PAUSE_SECONDS: Final = 0.25
_DEEPEST: Final = 20
"""Schemas that refer to each other."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema with all that it refers to.

    Attributes:
        kind: in which language it is.
        text: the schema; of Protobuf a FileDescriptorProto in base64.
        references: name and text of each schema that it refers to, those before which refer to
            none that comes later.
    """

    kind: SchemaKind
    text: str
    references: tuple[tuple[str, str], ...] = ()


class _Reference(msgspec.Struct, frozen=True):
    name: str
    subject: str
    version: int


class _Answer(msgspec.Struct, frozen=True):
    schema: str
    schemaType: SchemaKind = "AVRO"  # noqa: N815 - the registry's name
    references: tuple[_Reference, ...] | None = ()


_read: Final = msgspec.json.Decoder(_Answer).decode


def getter(settings: RegistrySettings) -> Get:
    """Make what asks a registry; each call waits for the answer, outside of any event loop."""
    asking = settings
    if settings.username is not None and settings.password is not None:
        pair = f"{settings.username}:{settings.password.get_secret_value()}".encode()
        basic = SecretStr(f"Basic {base64.b64encode(pair).decode()}")
        asking = settings.model_copy(
            update={"headers": {**settings.headers, "Authorization": basic}}
        )
    base = (settings.url or "").rstrip("/")

    def get(path: str) -> bytes:
        return asyncio.run(fetch(_WHAT, f"{base}{path}", asking, settings.max_bytes)).body

    return get


class Registry:
    """Reads schemas.

    Args:
        get: asks the registry.
        pause: waits for so many seconds, before a registry that is away is asked again.
    """

    def __init__(self, get: Get, pause: Callable[[float], object] = time.sleep) -> None:
        self._get = get
        self._pause = pause

    def schema(self, number: int) -> Schema | None:
        """Return the schema of a number; None: there is none.

        Raises:
            InboundError: the registry does not answer, or not as one.
        """
        path = f"/schemas/ids/{number}"
        answer = self._answer(path)
        if answer is None:
            return None
        suffix = ""
        if answer.schemaType == "PROTOBUF":
            # Its text is for a compiler; this form is what the compiler would make of it.
            suffix = "?format=serialized"
            answer = self._answer(path + suffix) or answer
        found: dict[str, str] = {}
        self._collect(answer, suffix, found, 0)
        return Schema(answer.schemaType, answer.schema, tuple(found.items()))

    def _collect(self, answer: _Answer, suffix: str, found: dict[str, str], depth: int) -> None:
        if depth > _DEEPEST:
            raise InboundError(f"{_WHAT}: schemas refer to each other in a circle")
        for reference in answer.references or ():
            if reference.name in found:
                continue
            subject = quote(reference.subject, safe="")
            path = f"/subjects/{subject}/versions/{reference.version}{suffix}"
            other = self._answer(path)
            if other is None:
                raise InboundError(
                    f"{_WHAT} lacks the schema {reference.name} that another refers to"
                )
            self._collect(other, suffix, found, depth + 1)
            found[reference.name] = other.schema

    def _answer(self, path: str) -> _Answer | None:
        body = self._ask(path)
        if body is None:
            return None
        try:
            return _read(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InboundError(f"{_WHAT} does not answer as one ({error}): check `url`") from None

    def _ask(self, path: str) -> bytes | None:
        for attempt in range(_TIMES):
            try:
                return self._get(path)
            except Unanswered as error:
                if error.status == _NOT_FOUND:
                    return None
                lasting = error.status is not None and error.status < _SERVER_ERROR
                if lasting or attempt + 1 == _TIMES:
                    raise
            self._pause(_FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("the last attempt returns or raises")
