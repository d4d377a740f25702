# SPDX-License-Identifier: Apache-2.0
"""How an account of Klaviyo is reached."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.durations import Duration
from connectors.sinks.addresses import Network
from connectors.sinks.http_checks import check_url

__all__ = ["KlaviyoSettings"]

_MetricName = Annotated[str, Field(min_length=1, max_length=127)]


class KlaviyoSettings(BaseModel):
    """An account of Klaviyo: a `[sinks.NAME]` table of this kind.

    Attributes:
        kind: Always `"klaviyo"`.
        private_key: A private API key with the scope `events:write`.
        base_url: Where the API is.
        revision: The API's revision, `YYYY-MM-DD`.
        metric: Name of the events, on which a flow in Klaviyo starts.
        metrics: Other names for single steps of the journey, such as
            `{ reminder = "Back in Stock Reminder" }`.
        burst: Requests a second that the account may make, as long as Klaviyo says nothing else.
        steady: Requests a minute, likewise.
        patience: How long a message waits for its turn before it is put back.
        timeout: How long a request with its answer may take.
        connect_timeout: How long a connection may take.
        concurrency: How many requests may be under way at once.
        allow_networks: Networks that may be reached although they are not public.
        allow_http: Permit a base_url without TLS.
        ca_file: Certificates of authorities to trust besides the system's (PEM).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kind: Literal["klaviyo"] = "klaviyo"
    private_key: SecretStr = Field(min_length=1)
    base_url: str = "https://a.klaviyo.com"
    revision: str = Field(default="2026-07-15", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?$")
    metric: _MetricName = "Back in Stock"
    metrics: dict[str, _MetricName] = Field(default_factory=dict)
    burst: int = Field(default=10, ge=1)
    steady: int = Field(default=150, ge=1)
    patience: Duration = Field(default=timedelta(minutes=3), gt=timedelta(0))
    timeout: Duration = Field(default=timedelta(seconds=30), gt=timedelta(0))
    connect_timeout: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    concurrency: int = Field(default=20, ge=1, le=1_000)
    allow_networks: list[Network] = Field(default_factory=list)
    allow_http: bool = False
    ca_file: Path | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        try:
            check_url(self.base_url, allow_http=self.allow_http)
        except ValueError as error:
            raise ValueError(f"base_url {error}") from None
        return self
