# SPDX-License-Identifier: Apache-2.0
"""The state that the sink keeps can be read by every later version."""

import pytest

from connectors.errors import ConnectorError
from connectors.kafka.delivered import decode_state, encode_state


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
