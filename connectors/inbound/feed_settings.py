# SPDX-License-Identifier: Apache-2.0
"""The settings of catalogue feeds."""

from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.durations import Duration
from connectors.sinks.addresses import Network
from connectors.sinks.http_checks import check_further_header, check_url

__all__ = ["FeedFields", "FeedSettings", "FetchSettings"]

_MODEL: Final = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class FetchSettings(BaseModel):
    """How something is fetched over HTTP.

    Attributes:
        headers: Further headers of each request, such as Authorization.
        timeout: How long a request with its answer may take.
        connect_timeout: How long a connection may take.
        allow_networks: Networks that may be reached although they are not public.
        allow_http: Permit a URL without TLS; what it carries is then readable on its way.
        ca_file: Certificates of authorities to trust besides the system's (PEM).
    """

    model_config = _MODEL

    headers: dict[str, SecretStr] = Field(default_factory=dict)
    timeout: Duration = Field(default=timedelta(minutes=1), gt=timedelta(0))
    connect_timeout: Duration = Field(default=timedelta(seconds=5), gt=timedelta(0))
    allow_networks: list[Network] = Field(default_factory=list)
    allow_http: bool = False
    ca_file: Path | None = Field(default=None, strict=False)

    def check_request(self, url: str) -> None:
        """See that a URL of the settings can be asked with these headers.

        Raises:
            ValueError: it cannot; the message begins with the setting's name.
        """
        try:
            check_url(url, allow_http=self.allow_http)
        except ValueError as error:
            raise ValueError(f"url {error}") from None
        for name, value in self.headers.items():
            check_further_header(name, value.get_secret_value())


class FeedFields(BaseModel):
    """What the fields of a feed's items are called; of one within another `outer/inner`.

    In XML the name is that of the element, without its namespace; of an attribute `@name`.

    Attributes:
        id: The variant's id.
        quantity: The figure.
        product_id: The product's id; not looked for by default.
        title: The product's name.
        variant_title: What tells the variant apart; not looked for by default.
        url: The product's page.
        image_url: The product's picture.
        currency: That of the price; not looked for by default.
        price: The price.
    """

    model_config = _MODEL

    id: str = Field(default="id", min_length=1)
    quantity: str = Field(default="inventory_quantity", min_length=1)
    product_id: str | None = Field(default=None, min_length=1)
    title: str | None = Field(default="title", min_length=1)
    variant_title: str | None = Field(default=None, min_length=1)
    url: str | None = Field(default="link", min_length=1)
    image_url: str | None = Field(default="image_link", min_length=1)
    currency: str | None = Field(default=None, min_length=1)
    price: str | None = Field(default="price", min_length=1)


class FeedSettings(FetchSettings):
    """A catalogue feed, whole each time: an `[ingest.NAME]` table of this kind.

    The defaults are those of Klaviyo's custom catalogue feeds. Whether an item is shown when it is
    sold out (`inventory_policy`) has nothing to do with its stock, and is not read.

    Attributes:
        kind: Always `"feed"`.
        url: Where the feed is fetched when no file is given.
        format: "json", "xml" or "auto": by the first character.
        items: In JSON the name of the list within an object (`outer/inner`), in XML the name of the
            items' elements; left out: the document is the list.
        fields: What the items' fields are called.
        variant_prefix: What the record's variant id begins with.
        numbers_in_text: Take figures in text, such as "7", in JSON as well.
        absent: What becomes of variants that the feed no longer holds: "ignore" or "sold_out".
        max_absent: A feed that lacks a larger share of the variants in stock is refused.
        max_bytes: Largest feed that is read.
    """

    kind: Literal["feed"] = "feed"
    url: str | None = None
    format: Literal["auto", "json", "xml"] = "auto"
    items: str | None = Field(default=None, min_length=1)
    fields: FeedFields = FeedFields()
    variant_prefix: str = "$custom:::$default:::"
    numbers_in_text: bool = False
    absent: Literal["ignore", "sold_out"] = "ignore"
    max_absent: float = Field(default=0.5, ge=0, le=1)
    max_bytes: int = Field(default=100_000_000, ge=1)
    timeout: Duration = Field(default=timedelta(minutes=5), gt=timedelta(0))

    @model_validator(mode="after")
    def _can_fetch(self) -> Self:
        if self.url is not None:
            self.check_request(self.url)
        return self
