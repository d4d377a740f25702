# SPDX-License-Identifier: Apache-2.0
"""Settings that say where in a message a product's fields stand."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ProductPlaces"]


class ProductPlaces(BaseModel):
    """Where it stands what is known of a product: columns, or pointers.

    Attributes:
        product_id: Its id.
        title: Its name.
        variant_title: What tells the variant apart from the product's others.
        url: Its page.
        image_url: Its picture.
        currency: That of the price.
        price: A number, or text that is carried as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    product_id: str | None = Field(default=None, min_length=1)
    title: str | None = Field(default=None, min_length=1)
    variant_title: str | None = Field(default=None, min_length=1)
    url: str | None = Field(default=None, min_length=1)
    image_url: str | None = Field(default=None, min_length=1)
    currency: str | None = Field(default=None, min_length=1)
    price: str | None = Field(default=None, min_length=1)
