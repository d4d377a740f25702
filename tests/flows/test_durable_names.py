# SPDX-License-Identifier: Apache-2.0
"""Names that stored state hangs on: whoever changes one loses or orphans the state of users."""

import sqlite3
from pathlib import Path

import pytest
from pydantic import BaseModel

from connectors.kafka import dead_letters, delivered
from dataflows.decoding import slot_of
from dataflows.items import slot_key
from dataflows.restock import FLOW_ID
from restock import errors
from restock.settings import Settings
from schemas.topics import TOPICS, dead_letter_topic
from tests.support.flows import Rig, ScriptedSource, sign_up


def test_the_ids_under_which_state_is_stored(tmp_path: Path) -> None:
    """The recovery store holds source, slots and sink under the ids of the first release."""
    rig = Rig(tmp_path, slots=2)
    rig.run(ScriptedSource([[sign_up("shoe", "P1", 1)]], rig.clock))
    store = sqlite3.connect(tmp_path / "recovery" / "part-0.sqlite3")
    rows = store.execute("SELECT DISTINCT step_id, state_key FROM snaps ORDER BY 1, 2").fetchall()
    store.close()
    assert [
        ("restock.kafka-in", "all"),
        ("restock.kafka-out", "all"),
        ("restock.waitlist", "slot-0000"),
        ("restock.waitlist", "slot-0001"),
    ] == rows
    assert ("restock", "slot-0003") == (FLOW_ID, slot_key(3))


@pytest.mark.parametrize(
    ("variant_id", "of_4", "of_16"),
    [("SHOE-42", 2, 6), ("$custom:::$default:::SKU-MED", 2, 14), ("Größe L/ünï", 3, 15)],
)
def test_a_variant_keeps_its_slot(variant_id: str, of_4: int, of_16: int) -> None:
    """The slot is a function of the id alone, the same in every release."""
    assert of_4 == slot_of(variant_id, 4)
    assert of_16 == slot_of(variant_id, 16)


def test_topics_keep_their_roles_names_and_keys() -> None:
    """Producers and consumers of the first release find the topics where they were."""
    first = {
        "inventory": ("restock.inventory", "variant_id", "delete"),
        "subscriptions": ("restock.subscriptions", "variant_id", "delete"),
        "orders": ("restock.orders", "profile key", "delete"),
        "notifications": ("restock.notifications", "profile key", "delete"),
        "waitlist": ("restock.waitlist", "variant_id", "compact"),
        "deliveries": ("restock.deliveries", "profile key", "delete"),
    }
    ours = {
        role: (spec.default_name, spec.key, spec.cleanup_policy) for role, spec in TOPICS.items()
    }
    assert first == {role: names for role, names in ours.items() if role in first}
    assert "restock.inventory.dlq" == dead_letter_topic("restock.inventory")


def test_headers_keep_their_names() -> None:
    """A restart knows its own records, and viewers of dead letters their reason, by these."""
    ours = (delivered.ORIGIN_HEADER, dead_letters.REASON_HEADER, dead_letters.TRUNCATED_HEADER)
    assert ("restock-origin", "restock-dlq-reason", "restock-dlq-truncated") == ours


def test_settings_keep_their_names() -> None:
    """A restock.toml of the first release is still understood."""
    first = {
        "kafka": {
            "bootstrap_servers", "group_id", "client_id", "options", "max_record_bytes",
            "batch_size", "connect_timeout", "delivery_timeout",
        },
        "topics": {
            "inventory", "subscriptions", "orders", "notifications", "waitlist", "deliveries",
        },
        "state": {"directory", "epoch_interval", "slots", "status_interval"},
        "logging": {"level", "format"},
        "policy": set[str](),
    }  # fmt: skip
    settings = Settings()
    for table, names in first.items():
        found = getattr(settings, table)
        if isinstance(found, BaseModel):
            assert set() == names - set(type(found).model_fields), table


def test_exit_codes_keep_their_meaning() -> None:
    """Scripts and units tell success, failure, wrong use, Ctrl-C and a closed pipe apart."""
    ours = (
        errors.EXIT_OK, errors.EXIT_FAILURE, errors.EXIT_USAGE, errors.EXIT_INTERRUPTED,
        errors.EXIT_BROKEN_PIPE,
    )  # fmt: skip
    assert (0, 1, 2, 130, 141) == ours
