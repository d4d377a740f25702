# SPDX-License-Identifier: Apache-2.0
"""The tables of journeys and sinks in ``restock.example.toml``."""

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from connectors.durations import format_duration
from restock.docstrings import attributes, summary
from restock.toml_text import toml_key, toml_value
from restock.ways import KINDS, settings_class

__all__ = ["example_journey", "example_sinks", "model_lines", "setting_lines"]

_NAMES = {
    "console": "screen",
    "email": "mail",
    "file": "lines",
    "kafka": "topics",
    "klaviyo": "klaviyo",
    "sms": "texts",
    "webhook": "hook",
}
_SAMPLES: dict[tuple[str, str], object] = {
    ("email", "host"): "smtp.example.com",
    ("email", "from_address"): "Shop <hello@example.com>",
    ("file", "path"): "messages.jsonl",
    ("kafka", "topics"): {"EMAIL": "shop.mail"},
    ("klaviyo", "private_key"): "pk_...",
    ("sms", "account"): "AC...",
    ("sms", "sender"): "+12015550123",
    ("sms", "token"): "...",
    # The example of the Standard Webhooks specification.
    ("webhook", "secrets"): ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    ("webhook", "url"): "https://shop.example.com/restock",
}
"""Values of settings that have no default, or none that works by itself."""

_JOURNEY = """\
# What a person gets, and when: see docs/delivery.md. Which sink serves which channel:
# [journey.channels]
# EMAIL = "mail"
# PUSH = "hook"

[journey]
# A message that is later than that by more is worse than none.
# max_age = "24h"
# How long after one message nobody gets another for another variant; "0s": no matter.
# recently_told = "7d"
# How long a person's variants are gathered into one message; "0s": not at all.
# digest = "0s"
# When messages wait, by the clock of the person's market or the account's; none by default.
# quiet_hours = "21:00-08:00"
# quiet_channels = ["EMAIL", "SMS", "PUSH", "WHATSAPP"]
# time_zone = "UTC"
# time_zones = { SE = "Europe/Stockholm" }
# "implied": signing up is consent enough for mail; "explicit": EMAIL must be among the consents.
# email_consent = "implied"
# How long after its first attempt a message is tried again.
# retry_for = "24h"

# The steps, in their order; these two are the default. `unless` says what suppresses a step, of
# ordered, sold_out and recently_told: all three where it is left out.
# [[journey.step]]
# name = "first"
# template = "back_in_stock"
# [[journey.step]]
# name = "reminder"
# delay = "24h"
# template = "reminder"
# unless = ["ordered", "sold_out"]
"""


def example_journey() -> str:
    """The ``[journey]`` table, commented out."""
    return _JOURNEY


def example_sinks() -> Iterator[str]:
    """A table for each kind of sink, commented out; what has no default has a sample."""
    yield (
        "# Sinks: each under a name of its own, several of a kind if need be. A secret is better\n"
        "# given in the environment: RESTOCK_SINKS__MAIL__PASSWORD.\n"
    )
    for kind in KINDS:
        model = settings_class(kind)
        head = [f"# {summary(model)}", f"# [sinks.{_NAMES[kind]}]", f'# kind = "{kind}"']
        yield "\n".join([*head, *model_lines(kind, model, _SAMPLES), ""])


def model_lines(
    kind: str,
    model: type[BaseModel],
    samples: Mapping[tuple[str, str], object],
    hidden: Collection[str] = ("kind",),
) -> Iterator[str]:
    """What is said of all settings of a model.

    Args:
        kind: of its table, for the samples.
        model: with the meanings of its fields in its docstring.
        samples: values of settings without a default, by kind and name.
        hidden: names of settings that are left out.

    Raises:
        LookupError: a setting has neither a meaning, nor a default, nor a sample.
    """
    meanings = attributes(model)
    if unsaid := model.model_fields.keys() - meanings:
        raise LookupError(f"{model.__name__} does not say what {min(unsaid)} means")
    for name, meaning in meanings.items():
        if name in hidden:
            continue
        default = model.model_fields[name].get_default(call_default_factory=True)
        value = samples.get((kind, name), default)
        if value is PydanticUndefined:
            raise LookupError(f"{kind}.{name} has neither a default nor a sample")
        yield from setting_lines(name, meaning, value)


def setting_lines(name: str, meaning: str, value: object) -> Iterator[str]:
    """What is said of a setting: its meaning, and its default where it has one."""
    if value is None:
        yield f"# {name}, not set by default: {meaning}"
    else:
        yield f"# {meaning}"
        yield f"# {toml_key(name)} = {_text(value)}"


def _text(value: object) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_none=True)
    return toml_value(format_duration(value) if isinstance(value, timedelta) else value)
