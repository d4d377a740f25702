# SPDX-License-Identifier: Apache-2.0
"""The settings of the gateway: the ``[gateway]`` table."""

import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Self

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.durations import Duration
from schemas.fields import Channel

__all__ = ["GatewaySettings"]

_SHORTEST_SECRET: Final = 32
_ORIGIN: Final = re.compile(r"\*|https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)
_COMPANY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def _check_region(region: str) -> str:
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError('must be a country of two capital letters, such as "SE"')
    return region


def _check_origin(origin: str) -> str:
    if not _ORIGIN.fullmatch(origin):
        raise ValueError('must be an origin such as "https://shop.example", or "*" for all')
    return origin


def _check_company_id(text: str) -> str:
    if not _COMPANY_ID.fullmatch(text):
        raise ValueError("must be 1 to 64 letters, digits, '-' and '_'")
    return text


def _check_network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError('must be an address or a network, such as "10.0.0.0/8"') from None
    return text


def _check_unsubscribe(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _SHORTEST_SECRET:
        raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
    return secret


_PrivateKey = Annotated[SecretStr, Field(min_length=8)]


class GatewaySettings(BaseModel):
    """Where and how sign-ups come in.

    Attributes:
        address: The address to listen at; "0.0.0.0" is every one of the machine.
        port: The port to listen at.
        private_keys: Keys for servers (`Authorization: Klaviyo-API-Key KEY`); with none there, no
            server gets in.
        company_ids: Public keys for browsers and older programs; with none there, none gets in.
        origins: Origins of pages that may sign up from a browser.
        catalogue: A file with the variants there are, an id a line: a sign-up for another one is
            refused. Left out: every variant is taken.
        region: Country of phone numbers that are written without one; left out: they are refused.
        websites: Magento's website for each of its stores, such as { 2 = "1" }: the older call
            names the store alone. A store that is not here has the website of its own number.
        consent: Channels for which the form itself has asked for explicit consent, which text
            messages and WhatsApp need.
        directory: Where the list of who waits is kept; made when it is missing.
        look_up: Whether people's sign-ups can be listed, looked up and cancelled.
        unsubscribe_secrets: Those of the mails' unsubscribe links, [sinks.NAME] unsubscribe_secret;
            older ones stay here for as long as their links are to work.
        ack_timeout: How long Kafka may take for a sign-up before it is answered with 503.
        most_waiting: So many requests may wait for Kafka at once; what is more gets 503 at once.
        body_limit: Largest body of a request, in bytes.
        ingest_body_limit: Largest body of a platform's webhook, in bytes.
        key_burst: Requests a second for each key; 0: as many as come.
        key_steady: Requests a minute for each key; 0: as many as come.
        address_burst: Requests a second for each browser's address; 0: as many as come.
        address_steady: Requests a minute for each browser's address; 0: as many as come.
        trusted_proxies: Addresses or networks whose `X-Forwarded-For` is believed.
        stop_patience: How long requests under way may take when the program is told to stop.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)

    address: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65_535)
    private_keys: tuple[_PrivateKey, ...] = Field(default=(), strict=False)
    company_ids: tuple[Annotated[str, AfterValidator(_check_company_id)], ...] = Field(
        default=(), strict=False
    )
    origins: tuple[Annotated[str, AfterValidator(_check_origin)], ...] = Field(
        default=("*",), strict=False
    )
    catalogue: Annotated[Path, Field(strict=False)] | None = None
    region: Annotated[str, AfterValidator(_check_region)] | None = None
    websites: dict[str, Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]] = Field(
        default_factory=dict
    )
    consent: tuple[Channel, ...] = Field(default=(), strict=False)
    directory: Annotated[Path, Field(strict=False)] = Path("restock-gateway")
    look_up: bool = True
    unsubscribe_secrets: tuple[Annotated[SecretStr, AfterValidator(_check_unsubscribe)], ...] = (
        Field(default=(), strict=False)
    )
    ack_timeout: Duration = Field(default=timedelta(seconds=5), ge=timedelta(milliseconds=100))
    most_waiting: int = Field(default=10_000, ge=1, le=1_000_000)
    body_limit: int = Field(default=100_000, ge=1_000)
    ingest_body_limit: int = Field(default=5_000_000, ge=1_000)
    key_burst: int = Field(default=350, ge=0)
    key_steady: int = Field(default=3_500, ge=0)
    address_burst: int = Field(default=10, ge=0)
    address_steady: int = Field(default=60, ge=0)
    trusted_proxies: tuple[Annotated[str, AfterValidator(_check_network)], ...] = Field(
        default=(), strict=False
    )
    stop_patience: Duration = timedelta(seconds=10)

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        for who in ("key", "address"):
            burst, steady = getattr(self, f"{who}_burst"), getattr(self, f"{who}_steady")
            if 0 < steady < burst:
                raise ValueError(f"{who}_steady must not be less than {who}_burst")
        return self
