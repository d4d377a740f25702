# SPDX-License-Identifier: Apache-2.0
"""Where stock comes from: from the ``[ingest.NAME]`` tables to the sources that read messages.

Each kind has its settings and its source in `connectors.inbound`; only those that are used are
imported.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.errors import InboundError
from connectors.inbound.cloudevents import CloudEventsSource
from connectors.inbound.contract import Learned, Source
from connectors.inbound.feed_settings import FetchSettings
from connectors.inbound.registry_settings import RegistrySettings
from connectors.inbound.wire import Schemas, WireSource, open_schemas
from restock.errors import ConfigError
from restock.settings import Settings, TopicName

__all__ = [
    "KINDS",
    "CommonSettings",
    "SourceSettings",
    "build_plain",
    "build_source",
    "open_wire",
    "read_source",
    "read_sources",
    "settings_class",
    "try_sources",
]


class _Kind(NamedTuple):
    """The module of a kind in `connectors.inbound`, and its classes there.

    Attributes:
        learns: whether its messages say which item is which variant; what was learned before must
            then be told again.
    """

    settings_module: str
    settings: str
    module: str
    source: str
    learns: bool = False


def _platform(name: str, prefix: str, *, learns: bool = False) -> _Kind:
    return _Kind(name, f"{prefix}Settings", name, f"{prefix}Source", learns)


KINDS: Mapping[str, _Kind] = {
    "bigcommerce": _platform("bigcommerce", "BigCommerce"),
    "centra": _platform("centra", "Centra"),
    "debezium": _platform("debezium", "Debezium"),
    "feed": _Kind("feed_settings", "FeedSettings", "feed", "FeedSource"),
    "klaviyo": _platform("klaviyo_catalog", "KlaviyoCatalog"),
    "magento": _platform("magento", "Magento", learns=True),
    "mapping": _platform("mapping", "Mapping"),
    "restock": _platform("plain", "Plain"),
    "saleor": _platform("saleor", "Saleor"),
    "scayle": _platform("scayle", "Scayle"),
    "shopify": _platform("shopify", "Shopify", learns=True),
}
"""For each kind of source where its settings and its class are."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)


class CommonSettings(BaseModel):
    """What every `[ingest.NAME]` table may have beside the settings of its kind.

    Attributes:
        topic: The topic that `restock ingest NAME` reads when no file is given.
        cloudevents: "auto": messages that are CloudEvents are unwrapped; "never".
        registry: Messages are in Confluent's wire format; the registry that has their schemas.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    topic: TopicName | None = None
    cloudevents: Literal["auto", "never"] = "auto"
    registry: RegistrySettings | None = Field(default=None)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One `[ingest.NAME]` table.

    Attributes:
        name: of the table.
        kind: of the source.
        common: what every kind has.
        own: the settings of its kind.
    """

    name: str
    kind: str
    common: CommonSettings
    own: BaseModel

    @property
    def learns(self) -> bool:
        """Whether its source must be told what was learned before."""
        return KINDS[self.kind].learns


def settings_class(kind: str) -> type[BaseModel]:
    """The settings of a kind of source."""
    module, name = KINDS[kind].settings_module, KINDS[kind].settings
    found: type[BaseModel] = getattr(import_module(f"connectors.inbound.{module}"), name)
    return found


def read_sources(settings: Settings) -> dict[str, SourceSettings]:
    """Read and check all ``[ingest.NAME]`` tables.

    Raises:
        ConfigError: one is wrong; the message names the key.
    """
    return {name: _read(name, table) for name, table in settings.ingest.items()}


def read_source(settings: Settings, name: str) -> SourceSettings:
    """Read and check one ``[ingest.NAME]`` table; the defaults of the kind NAME if there is none.

    Raises:
        ConfigError: it is wrong, or there is none and it cannot do without.
    """
    if name not in settings.ingest and name not in KINDS:
        known = ", ".join(sorted(settings.ingest)) or "none"
        raise ConfigError(
            f"there is no table [ingest.{name}] (there are: {known}): make one, or name one of the "
            f"kinds {', '.join(KINDS)}"
        )
    return _read(name, settings.ingest.get(name, {}))


def build_plain(settings: SourceSettings) -> Source:
    """Make the source of a table for messages that are in no wrapper.

    Raises:
        ConfigError: the file that says which item is which variant cannot be read.
    """
    kind = KINDS[settings.kind]
    make: Any = getattr(import_module(f"connectors.inbound.{kind.module}"), kind.source)
    source: Source = make(settings.own, settings.name)
    read_items: Callable[[], Sequence[Learned]] = getattr(settings.own, "read_items", tuple)
    try:
        for learned in read_items():
            source.learn(learned)
    except InboundError as error:
        raise ConfigError(f"ingest.{settings.name}.items: {error}") from None
    return source


def build_source(settings: SourceSettings, schemas: Schemas | None = None) -> Source:
    """Make the source of a table.

    Args:
        settings: the table.
        schemas: those of messages in Confluent's wire format, which see each message before the
            source does; None: messages are in no such format.

    Raises:
        ConfigError: as above.
    """
    source = build_plain(settings)
    if schemas is not None:
        source = WireSource(source, schemas)
    return source if settings.common.cloudevents == "never" else CloudEventsSource(source)


def open_wire(settings: SourceSettings) -> Schemas | None:
    """Make what decodes the messages of a table in Confluent's wire format; None: they are in none.

    Raises:
        ConfigError: the file of descriptors cannot be used.
    """
    registry = settings.common.registry
    if registry is None:
        return None
    try:
        return open_schemas(registry)
    except (InboundError, OSError) as error:
        reason = (
            f"{registry.descriptors} cannot be read: {error.strerror}"
            if isinstance(error, OSError)
            else error
        )
        raise ConfigError(f"ingest.{settings.name}.registry.descriptors: {reason}") from None


def try_sources(settings: Settings) -> None:
    """Make the sources of all tables: the files that they name are read, nothing is connected.

    Raises:
        ConfigError: a table is wrong, or a file that it names.
    """
    for source in read_sources(settings).values():
        build_source(source, open_wire(source))
        place = f"ingest.{source.name}"
        for path, part in ((place, source.own), (f"{place}.registry", source.common.registry)):
            if isinstance(part, FetchSettings) and part.ca_file is not None:
                _try_certificates(path, part.ca_file)


def _try_certificates(path: str, file: Path) -> None:
    from connectors.inbound.feed_fetching import trusted  # noqa: PLC0415 - only where there is one

    try:
        trusted(file)
    except InboundError as error:
        raise ConfigError(f"{path}: {error}") from None


def _read(name: str, table: Mapping[str, object]) -> SourceSettings:
    place = f"ingest.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{place}: a source's name is of a-z, 0-9 and _, and begins with a letter"
        )
    kind = table.get("kind", name)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ConfigError(f"{place}.kind: must be one of {', '.join(KINDS)}")
    common = {key: table[key] for key in CommonSettings.model_fields if key in table}
    own = {key: value for key, value in table.items() if key not in common}
    try:
        return SourceSettings(
            name,
            kind,
            CommonSettings.model_validate(common),
            settings_class(kind).model_validate({**own, "kind": kind}),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join([place, *map(str, first["loc"])])
        words = " ".join(first["msg"].removeprefix("Value error, ").split())
        raise ConfigError(f"{path}: {words}; see docs/ingest.md") from None
