# SPDX-License-Identifier: Apache-2.0
"""Names that stored state hangs on: whoever changes one loses or orphans the state of users."""

import sqlite3
from pathlib import Path

import pytest

from dataflows.decoding import slot_of
from dataflows.items import slot_key
from dataflows.restock import FLOW_ID
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
