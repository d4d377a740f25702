# SPDX-License-Identifier: Apache-2.0
"""How an account of Klaviyo is reached."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from connectors.durations import Duration
from connectors.sinks.http_settings import HttpSettings

__all__ = ["KlaviyoSettings"]

_MetricName = Annotated[str, Field(min_length=1, max_length=127)]


class KlaviyoSettings(HttpSettings):
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
    """

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
    concurrency: int = Field(default=20, ge=1, le=1_000)

    @model_validator(mode="after")
    def _can_work(self) -> Self:
        self.check_place("base_url", self.base_url)
        return self
