# SPDX-License-Identifier: Apache-2.0
"""The settings that all sinks over HTTP have."""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from connectors.durations import Duration
from connectors.sinks.addresses import Network
from connectors.sinks.http import HttpOptions
from connectors.sinks.http_checks import check_url

__all__ = ["HttpSettings"]


class HttpSettings(BaseModel):
    """How requests are made.

    Attributes:
        timeout: How long a request with its answer may take.
        connect_timeout: How long a connection may take.
        concurrency: How many requests may be under way at once.
        allow_networks: Networks that may be reached although they are not public.
        allow_http: Permit a URL without TLS; what it carries is then readable on its way.
        ca_file: Certificates of authorities to trust besides the system's (PEM).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    timeout: Duration = Field(default=timedelta(seconds=15), gt=timedelta(0))
    connect_timeout: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    concurrency: int = Field(default=20, ge=1, le=10_000)
    allow_networks: list[Network] = Field(default_factory=list)
    allow_http: bool = False
    ca_file: Path | None = Field(default=None, strict=False)

    def check_place(self, name: str, url: str) -> None:
        """See that a URL of the settings can be used.

        Raises:
            ValueError: it cannot; the message begins with the setting's name.
        """
        try:
            check_url(url, allow_http=self.allow_http)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None

    def http_options(self) -> HttpOptions:
        """The same for the client."""
        return HttpOptions(
            concurrency=self.concurrency,
            timeout=self.timeout.total_seconds(),
            connect_timeout=self.connect_timeout.total_seconds(),
            allow_networks=self.allow_networks,
            ca_file=self.ca_file,
        )
