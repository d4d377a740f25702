# SPDX-License-Identifier: Apache-2.0
"""The watchdog's timeout leaves time for what may rightly take long; the port is a port."""

from pathlib import Path

import pytest

from restock.errors import ConfigError
from restock.settings import Settings
from restock.settings_layers import load_settings


def load(directory: Path, text: str) -> Settings:
    """Settings from a restock.toml with this text."""
    (directory / "restock.toml").write_text(text, encoding="utf-8")
    return load_settings(None, environment={}, directory=directory).settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[state]\nwatchdog_timeout = "2m"\n',
            (
                "restock.toml: state.watchdog_timeout: must be more than "
                "kafka.delivery_timeout (2m), but is 2m"
            ),
        ),
        (
            (
                '[kafka]\ndelivery_timeout = "1s"\n[state]\nwatchdog_timeout = "9s"\n'
                'epoch_interval = "10s"\n'
            ),
            "state.watchdog_timeout: must be more than state.epoch_interval (10s), but is 9s",
        ),
        (
            '[kafka]\ndelivery_timeout = "10m"\n',
            "settings: state.watchdog_timeout: must be more than kafka.delivery_timeout (10m)",
        ),
        ("[health]\nport = 65536\n", "health.port: must be at most 65535"),
        ('[health]\naddress = ""\n', "health.address: must not be empty"),
        ('[health]\naddress = "127.0.0.1:80"\n', "health.address: is neither an IP address nor a"),
        ('[health]\naddress = "10.0.0.256"\n', "health.address: is neither an IP address nor a"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    """The line names both settings, with their values."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_watchdog_can_be_switched_off(tmp_path: Path) -> None:
    """Without one, no other setting is too long for it."""
    settings = load(
        tmp_path, '[kafka]\ndelivery_timeout = "1h"\n[state]\nwatchdog_timeout = "0s"\n'
    )
    assert not settings.state.watchdog_timeout


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "localhost", "node-1.example.com"])  # noqa: S104 - read, not bound
def test_addresses_and_names_of_hosts_are_taken(tmp_path: Path, address: str) -> None:
    """Whether they are of this machine is found at start."""
    assert address == load(tmp_path, f'[health]\naddress = "{address}"\n').health.address


def test_nothing_is_served_by_default() -> None:
    """A port is open only to those who ask for one, and at first only to this machine."""
    assert (0, "127.0.0.1") == (Settings().health.port, Settings().health.address)
