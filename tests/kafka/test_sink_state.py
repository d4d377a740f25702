# SPDX-License-Identifier: Apache-2.0
"""The state that the sink keeps can be read by every later version."""

import pytest

from connectors.errors import ConnectorError
from connectors.kafka.delivered import Delivered, decode_state, encode_state
from connectors.kafka.records import Outgoing


@pytest.mark.parametrize(
    ("state", "message"), [(b"\xc1", "cannot be read"), (b"\x93\x02\x90\x80", "version 2")]
)
def test_a_state_of_another_version_is_refused(state: bytes, message: str) -> None:
    """A downgrade is told what to do instead of guessing."""
    with pytest.raises(ConnectorError, match=message):
        decode_state(state)


def test_the_layout_of_the_state_is_fixed() -> None:
    """State written by this version must be read by every later one."""
    golden = bytes.fromhex("93 01 91 93 a1 74 03 05 81 a1 74 91 c4 01 61")

    assert golden == encode_state({("t", 3): 5}, {"t": {b"a"}, "empty": set()})
    state = decode_state(golden)
    assert (1, [("t", 3, 5)], {"t": [b"a"]}) == (state.version, state.ends, state.unclaimed)


def test_ids_are_packed_anew_when_some_were_claimed() -> None:
    """Between two claims only the ends change, and the state holds just what there is each time."""
    ids = {b"a", b"b"}
    delivered = Delivered({"t": lambda _key, value, _headers: value}, {"t": ids})
    for end in (1, 2):
        ends = {("t", 0): end}
        assert encode_state(ends, {"t": {b"a", b"b"}}) == delivered.state(ends)
    assert [(b"k", b"c")] == delivered.without(Outgoing("t", [(b"k", b"a"), (b"k", b"c")])).records
    assert [b"b"] == decode_state(delivered.state({})).unclaimed["t"]
    delivered.without(Outgoing("t", [(b"k", b"b")]))
    assert {} == decode_state(delivered.state({})).unclaimed
