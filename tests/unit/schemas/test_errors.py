# SPDX-License-Identifier: Apache-2.0
"""What an invalid record says about itself."""

import pickle

from schemas.errors import DeadLetterReason, InvalidRecord, RestockError


def test_message_names_the_field() -> None:
    """The message is one line that starts with the field."""
    error = InvalidRecord(DeadLetterReason.OUT_OF_RANGE, "profile.email", "is empty")
    assert str(error) == "profile.email: is empty"
    assert isinstance(error, RestockError)


def test_message_of_a_whole_record() -> None:
    """Without a field and details the reason itself is the message."""
    assert str(InvalidRecord(DeadLetterReason.NOT_AN_OBJECT)) == "not an object"


def test_survives_pickling() -> None:
    """It may cross processes and comes out as it was."""
    error = InvalidRecord(DeadLetterReason.NOT_JSON, "", "not JSON at character 3")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (error.reason, error.field, str(error)) == (copy.reason, copy.field, str(copy))
