# SPDX-License-Identifier: Apache-2.0
"""The command line: ``restock COMMAND``.

Commands are imported when they are called. Every error ends as one line on standard error and one
of the exit codes of `restock.errors`; a traceback is shown only when asked for, by ``--debug`` or
by the environment variable ``RESTOCK_DEBUG``.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, UnusedCliTokensError

from restock.errors import (
    EXIT_BROKEN_PIPE,
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    exit_code_of,
)
from schemas.errors import RestockError

__all__ = ["build_app", "main"]

# Said here, so that the list of commands needs no command to be imported.
_COMMANDS = {
    "demo": "Watch a flash sale of about 20 seconds; nothing else is needed.",
    "run": "Decide who is told, live, from Kafka to Kafka.",
    "deliver": "Send what was decided: mail, webhooks, text messages, Klaviyo.",
    "gateway": "Take sign-ups over HTTP, and stock from the platforms' webhooks.",
    "ingest": "Bring stock in: from feeds, files and topics of other programs.",
    "replay": "Run a recorded trace through the decisions, without Kafka.",
    "topics": "Create the topics in Kafka, or check them.",
    "state": "Check, back up or restore what the program remembers.",
    "config": "Show the settings in force, or check them.",
}

_EPILOGUE = """\
Settings: flags, then variables (RESTOCK_KAFKA__BOOTSTRAP_SERVERS), then
restock.toml, then defaults. restock.example.toml lists them all.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted.
With --debug or RESTOCK_DEBUG=1 an error shows its traceback."""


def build_app(chosen: str = "") -> App:
    """Return the command line without having imported any command.

    Args:
        chosen: The command that will be called. Its help is all that its module says, not the
            line that stands in the list of commands.
    """
    app = App(
        name="restock",
        help="Tell the people who wait for a product when it is back in stock.",
        help_epilogue="" if chosen in _COMMANDS else _EPILOGUE,
        help_format="markdown",
        version=lambda: f"restock {version('restock')}",
        version_flags=["--version"],
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        help_on_error=False,
    )
    for place, (name, purpose) in enumerate(_COMMANDS.items()):
        app.command(
            f"restock.commands.{name}:{name}",
            name=name,
            help=None if name == chosen else purpose,
            sort_key=place,
        )
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Args:
        arguments: The command line without the program's name; None: that of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words or os.environ.get("RESTOCK_DEBUG", "") not in {"", "0"}
    words = [word for word in words if word != "--debug"]
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # What reads our output has gone; Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        if debug:
            raise
        return _report(error)
    return code


def _run(words: list[str]) -> int:
    result = build_app(words[0] if words else "")(words or ["--help"])
    return result if isinstance(result, int) else EXIT_OK


def _report(error: Exception) -> int:
    if isinstance(error, CycloptsError):
        message, code = _explain_usage(error), EXIT_USAGE
    elif isinstance(error, RestockError):
        message, code = str(error), exit_code_of(error)
    elif isinstance(error, OSError) and error.strerror:
        # Without a name it is a stream that the program was given, such as standard output.
        message, code = f"{error.filename or 'input or output'}: {error.strerror}", EXIT_FAILURE
    else:
        kind = type(error).__name__
        message = f"unexpected {kind}: {error}; this is a bug, RESTOCK_DEBUG=1 shows where"
        code = EXIT_FAILURE
    sys.stderr.write(f"restock: {' '.join(message.split())}\n")
    return code


def _explain_usage(error: CycloptsError) -> str:
    command = " ".join(["restock", *(error.command_chain or ())])
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is one argument too many; see {command} --help"
    text = str(error).rstrip(". ")
    return f"{text}{' See' if text.endswith('?') else '; see'} {command} --help"
