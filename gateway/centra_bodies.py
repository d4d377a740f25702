# SPDX-License-Identifier: Apache-2.0
"""Bodies of Centra's back-in-stock call."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.variants import DEFAULT_CATALOGUE, compose

__all__ = ["CentraSubscription", "ShipTo"]

_NO_STATE: Final = "00"
"""What stands in a variant's id for the state of a country that has none."""

_Country = Annotated[str, StringConstraints(pattern="^[A-Za-z]{2}$")]
_State = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9]{0,3}$")]
_Item = Annotated[str, StringConstraints(pattern="^[0-9]{1,20}-[0-9]{1,20}$")]
_Language = Annotated[
    str, StringConstraints(pattern="^([A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2})?$")
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ShipTo(_Model):
    """Where somebody wants it sent.

    Attributes:
        country: by ISO 3166-1, two letters.
        state: its part of an ISO 3166-2 code behind the hyphen; none where there is no state.
    """

    country: _Country = Field(description="By ISO 3166-1.", examples=["SE"])
    state: _State | None = Field(default=None, description="By ISO 3166-2.", examples=["CA"])

    def market(self) -> str:
        """Return the country, and the state where there is one: "SE", "US-CA"."""
        country, state = self.parts()
        return country if state == _NO_STATE else f"{country}-{state}"

    def parts(self) -> tuple[str, str]:
        """Return country and state as they stand in an id, the state "00" where there is none."""
        return self.country.upper(), (self.state or _NO_STATE).upper()


class CentraSubscription(_Model):
    """The body of a request.

    Attributes:
        item: display item and size, such as "12366-23400".
        ship_to: where to.
        email: as typed.
        language: such as "sv"; becomes the sign-up's locale as it is. Empty: none.
    """

    item: _Item = Field(
        description="Display item and size, joined by a hyphen.", examples=["12366-23400"]
    )
    ship_to: ShipTo = Field(alias="shipTo")
    email: str = Field(examples=["ada@shop.example"])
    language: _Language | None = Field(default=None, examples=["sv"])

    def variant_id(self) -> str:
        """Return the composite id, its last part in the form `12366_SE_00_23400`."""
        display_item, _, size = self.item.partition("-")
        external = "_".join((display_item, *self.ship_to.parts(), size))
        return compose("$custom", DEFAULT_CATALOGUE, external)
