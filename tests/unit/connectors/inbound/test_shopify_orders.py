# SPDX-License-Identifier: Apache-2.0
"""Whatever a shop does, and in whatever order its webhooks come: who is told is what is right."""

import json
import random
from dataclasses import dataclass, field

import pytest

from connectors.inbound.contract import Message
from connectors.inbound.shopify import ShopifySource
from connectors.inbound.shopify_settings import ShopifySettings
from schemas.timestamps import format_timestamp
from tests.naive.replay import replay
from tests.support.platforms import NOW, ms, values

BEGINNING = ms("2026-11-20T09:00:00Z")
SEQUENCES = 150


@dataclass
class Shop:
    """A shop with one product, and the webhooks that it sends."""

    clock: int = BEGINNING
    published: bool = True
    policies: dict[int, str] = field(default_factory=lambda: {10: "deny"})
    """Of each variant there is."""
    levels: dict[tuple[int, int], int] = field(default_factory=dict)
    """By variant and location."""
    hooks: list[Message] = field(default_factory=list)

    def act(self, chance: random.Random) -> None:
        """Do something, some time later, and say so."""
        self.clock += chance.choice([100, 700, 5_000])
        variant, location = chance.choice(list(self.policies)), chance.choice([1, 2])
        match chance.choice(["level"] * 3 + ["close", "publish", "policy", "add", "remove"]):
            case "level":
                self.levels[variant, location] = chance.choice([0, 1, 3])
                self._say_level("update", variant, location)
            case "close" if (variant, location) in self.levels:
                del self.levels[variant, location]
                self._say_level("disconnect", variant, location)
            case "publish":
                self.published = not self.published
            case "policy":
                self.policies[variant] = "deny" if self.policies[variant] != "deny" else "continue"
            case "add":
                self.policies[10 + len(self.hooks)] = "deny"
            case "remove" if len(self.policies) > 1:
                self._remove(variant)
        self.clock += 50
        self.say_product()

    def end(self) -> None:
        """Delete the product."""
        self.clock += 1_000
        for variant in list(self.policies):
            self._remove(variant)
        self._say("products/delete", {"id": 1})

    def sells(self, variant: int) -> bool:
        """Whether there is something to tell of."""
        policy = self.policies.get(variant)
        return self.published and policy == "deny" and self._total(variant) > 0

    def say_product(self) -> None:
        """Show the product as it is now."""
        variants = [
            {
                "id": variant,
                "inventory_item_id": variant + 1000,
                "inventory_policy": policy,
                "inventory_management": "shopify",
                "inventory_quantity": self._total(variant),
            }
            for variant, policy in self.policies.items()
        ]
        published_at = "2026-01-01T00:00:00Z" if self.published else None
        body = {"id": 1, "published_at": published_at, "updated_at": self._second()}
        self._say("products/update", body | {"variants": variants})

    def _say_level(self, event: str, variant: int, location: int) -> None:
        body: dict[str, object] = {"inventory_item_id": variant + 1000, "location_id": location}
        if event == "update":
            body |= {"available": self.levels[variant, location], "updated_at": self._second()}
        self._say(f"inventory_levels/{event}", body)

    def _say(self, topic: str, body: object) -> None:
        triggered_at = format_timestamp(self.clock)
        headers = {"x-shopify-topic": topic, "x-shopify-triggered-at": triggered_at}
        self.hooks.append(Message(json.dumps(body).encode(), NOW, headers))

    def _remove(self, variant: int) -> None:
        del self.policies[variant]
        self.levels = {place: one for place, one in self.levels.items() if place[0] != variant}

    def _total(self, variant: int) -> int:
        return sum(one for (each, _), one in self.levels.items() if each == variant)

    def _second(self) -> str:
        return format_timestamp(self.clock - self.clock % 1_000)


@pytest.mark.parametrize("figures", ["locations", "totals"])
def test_in_any_order_and_repeated_webhooks_lead_to_what_is_true(figures: str) -> None:
    """A variant is offered at the end exactly when the shop sells it."""
    for seed in range(SEQUENCES):
        chance = random.Random(seed)
        shop = Shop()
        shop.say_product()
        for _ in range(chance.randint(1, 7)):
            shop.act(chance)
        if not chance.randrange(4):
            shop.end()
        order = chance.sample(shop.hooks, len(shop.hooks)) + chance.choices(shop.hooks, k=2)
        source = ShopifySource(ShopifySettings.model_validate({"figures": figures}), "shopify")
        found = [value for message in order for value in values(source.map(message))]
        lines = [{"at": NOW, "topic": "inventory", "value": value} for value in found]
        model = replay(lines, {}).model
        offered = {name for name, one in model.variants.items() if one.cycle is not None}
        sold = {f"$shopify:::$default:::{one}" for one in shop.policies if shop.sells(one)}
        assert sold == offered, (seed, [message.body for message in order])
