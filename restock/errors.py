# SPDX-License-Identifier: Apache-2.0
"""Errors of the program, and the exit code each kind of error ends it with.

The part of the tree that belongs to this package::

    RestockError            schemas.errors, the root of all of ours
    +-- UsageError          the command line asks for something that makes no sense     exit 2
    |   +-- ConfigError     restock.toml, the environment or a policy is wrong          exit 2
    |   +-- ReplayError     a replay's input or output cannot be used                   exit 2
    +-- StartupError        the program cannot start with what it found outside         exit 1
    +-- StalledError        the program makes no headway                                exit 1
    +-- StateError          stored state is damaged, incomplete or in the way           exit 1
    +-- ShardFailed         a supervised shard does not start, or did not end well      exit 1

Every message is one line: what is wrong, where, and what to do.
"""

from connectors.errors import KafkaOptionError
from schemas.errors import RestockError
from waitlist.errors import PolicyError

__all__ = [
    "EXIT_BROKEN_PIPE",
    "EXIT_FAILURE",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_USAGE",
    "ConfigError",
    "ReplayError",
    "ShardFailed",
    "StalledError",
    "StartupError",
    "StateError",
    "UsageError",
    "exit_code_of",
]

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""What a shell reports for a program ended by SIGINT (128 + 2)."""
EXIT_BROKEN_PIPE = 141
"""What a shell reports for a program ended by SIGPIPE (128 + 13)."""


class UsageError(RestockError):
    """The command line asks for something that makes no sense."""


class ConfigError(UsageError):
    """A setting is unknown, of the wrong form or out of range; the message names its place."""


class ReplayError(UsageError):
    """A replay's input, policy or output cannot be used; the message names file and line."""


class ShardFailed(RestockError):  # noqa: N818 - what is the matter, as with connectors.errors
    """Another start does not mend a supervised shard, or it did not end well."""


class StalledError(RestockError):
    """Nothing has become durable for too long; the message says what the program was doing."""


class StartupError(RestockError):
    """The program cannot start with what it found: a broker, a topic, a state directory."""


class StateError(RestockError):
    """Stored state is damaged, incomplete or in the way; the message names the file or folder."""


def exit_code_of(error: RestockError) -> int:
    """Return the exit code that the program ends with for ``error``.

    Args:
        error: What ended the command.

    Returns:
        2 for a usage or configuration error, 1 for every other failure.
    """
    settings_are_wrong = isinstance(error, UsageError | PolicyError | KafkaOptionError)
    return EXIT_USAGE if settings_are_wrong else EXIT_FAILURE
