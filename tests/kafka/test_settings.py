# SPDX-License-Identifier: Apache-2.0
"""Kafka settings take any option of librdkafka but those the guarantees rest on."""

import logging
from datetime import timedelta

import pytest
from pydantic import ValidationError

from connectors.durations import format_duration, parse_duration
from connectors.errors import KafkaOptionError
from connectors.kafka.clients import new_admin, new_consumer, new_producer
from connectors.kafka.settings import KafkaSettings, Option, consumer_config, producer_config
from tests.support.kafka import until

SECRET = "hunter2-hunter2"  # noqa: S105 - what must not be shown


def test_the_defaults_are_the_guarantees() -> None:
    """Nothing is acknowledged, committed or skipped behind our back."""
    settings = KafkaSettings()
    consumer, producer = consumer_config(settings), producer_config(settings)

    assert (False, False, "error", True) == (
        consumer["enable.auto.commit"],
        consumer["enable.auto.offset.store"],
        consumer["auto.offset.reset"],
        consumer["check.crcs"],
    )
    assert (True, True, "all", "murmur2_random", 0) == (
        producer["enable.idempotence"],
        producer["enable.gapless.guarantee"],
        producer["acks"],
        producer["partitioner"],
        producer["message.timeout.ms"],
    )


def test_options_override_ours() -> None:
    """What is given wins over what we would choose."""
    settings = KafkaSettings(options={"linger.ms": 50, "fetch.queue.backoff.ms": 100})

    assert 50 == producer_config(settings)["linger.ms"]
    assert 100 == consumer_config(settings)["fetch.queue.backoff.ms"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acks", 1),
        ("acks", "0"),
        ("auto.offset.reset", "earliest"),
        ("delivery.report.only.error", False),
        ("enable.auto.commit", True),
        ("enable.auto.offset.store", "true"),
        ("check.crcs", False),
        ("enable.gapless.guarantee", False),
        ("enable.idempotence", False),
        ("retries", 3),
        ("request.required.acks", "1"),
        ("transactional.id", "x"),
        ("bootstrap.servers", "x"),
        ("group.id", "x"),
        ("message.timeout.ms", 1),
    ],
)
def test_options_that_break_a_guarantee_are_refused(name: str, value: Option) -> None:
    """The message names the key."""
    with pytest.raises(ValidationError, match=name.replace(".", r"\.")):
        KafkaSettings(options={name: value})


def test_options_that_repeat_a_guarantee_are_taken() -> None:
    """Also when they come as text, as from the environment."""
    options: dict[str, Option] = {
        "acks": "all",
        "enable.idempotence": "true",
        "delivery.report.only.error": "true",
    }
    config = producer_config(KafkaSettings(options=options))

    assert (True, True) == (config["enable.idempotence"], config["delivery.report.only.error"])


@pytest.mark.parametrize(
    "name", ["sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"]
)
def test_secrets_are_never_shown(name: str) -> None:
    """Neither by repr, nor when dumped, nor in an error of librdkafka or of pydantic."""
    settings = KafkaSettings(options={name: SECRET, "security.protocol": SECRET})
    with pytest.raises(KafkaOptionError) as refused:
        new_admin(settings)
    with pytest.raises(ValidationError) as invalid:
        KafkaSettings(options={name: SECRET, "acks": 1})
    shown = [
        repr(KafkaSettings(options={name: SECRET})),
        str(KafkaSettings(options={name: SECRET})),
        str(KafkaSettings(options={name: SECRET}).model_dump()),
        KafkaSettings(options={name: SECRET}).model_dump_json(),
        str(refused.value),
        str(invalid.value),
    ]

    assert [] == [text for text in shown if SECRET in text]
    assert SECRET == consumer_config(settings)[name]


@pytest.mark.parametrize(
    "options",
    [{"no.such.thing": 1}, {"security.protocol": "x"}, {"stats_cb": "x"}, {"partitioner": "x"}],
)
def test_an_option_that_librdkafka_does_not_take_is_one_line(options: dict[str, Option]) -> None:
    """It names the property and the setting it stands in."""
    with pytest.raises(KafkaOptionError) as caught:
        new_producer(KafkaSettings(options=options), lambda _: None)

    assert str(caught.value).startswith("kafka.options: ")
    assert next(iter(options)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_the_other_kind_of_client_are_not_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Options go to every client on purpose; what else librdkafka has to say is logged."""
    settings = KafkaSettings(
        bootstrap_servers="127.0.0.1:1",
        options={"linger.ms": 1, "fetch.wait.max.ms": 10, "log_level": 7},
    )
    with caplog.at_level(logging.DEBUG):
        consumer = new_consumer(settings, lambda _: None)
        consumer.consume(1, 0.01)
        consumer.close()
        producer = new_producer(settings, lambda _: None)
        until(lambda: bool(producer.poll(0.01) or caplog.records))

    assert "CONFWARN" not in caplog.text


def test_unknown_settings_are_errors() -> None:
    """A typing error in the configuration is never ignored."""
    with pytest.raises(ValidationError, match="bootstrap_server"):
        KafkaSettings.model_validate({"bootstrap_server": "localhost:9092"})


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0s", 0),
        ("250ms", 250),
        ("10s", 10_000),
        (7, 7_000),
        ("90m", 5_400_000),
        ("2d", 172_800_000),
    ],
)
def test_durations(text: str | int, milliseconds: int) -> None:
    """Text with a unit or whole seconds; written so that it is read back."""
    duration = parse_duration(text)

    assert timedelta(milliseconds=milliseconds) == duration
    assert duration == parse_duration(format_duration(duration))


@pytest.mark.parametrize(
    "value", ["", "10", "1.5s", "-1s", "10 s", "\u0661s", -1, 1.0, True, None, "36501d"]
)
def test_what_is_no_duration(value: object) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"must be (a duration|at most)"):
        parse_duration(value)
