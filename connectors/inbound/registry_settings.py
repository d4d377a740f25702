# SPDX-License-Identifier: Apache-2.0
"""The settings of a schema registry."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from connectors.inbound.feed_settings import FetchSettings

__all__ = ["RegistrySettings"]


class RegistrySettings(FetchSettings):
    """Messages in Confluent's wire format: an `[ingest.NAME.registry]` table.

    Attributes:
        url: Where the registry is; left out: all messages are Protobuf, by
            `descriptors`.
        username: For the registry.
        password: For the registry.
        descriptors: A file of Protobuf descriptors (`protoc --include_imports
            --descriptor_set_out`), for registries that do not give theirs out.
        message: The full name of the message in it, such as "shop.Stock".
        max_bytes: Largest schema that is read.
    """

    url: str | None = None
    username: str | None = Field(default=None, min_length=1)
    password: SecretStr | None = None
    descriptors: Path | None = Field(default=None, strict=False)
    message: str | None = Field(default=None, min_length=1)
    max_bytes: int = Field(default=1_000_000, ge=1)

    @model_validator(mode="after")
    def _can_read(self) -> Self:
        if (self.descriptors is None) != (self.message is None):
            raise ValueError("descriptors and message belong together: give both, or neither")
        if (self.url is None) == (self.descriptors is None):
            raise ValueError("give either url, or descriptors and message")
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together: give both, or neither")
        if self.url is not None:
            self.check_request(self.url)
        return self
