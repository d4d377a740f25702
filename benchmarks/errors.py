# SPDX-License-Identifier: Apache-2.0
"""The errors of the benchmarks; each message is one line that says what to do.

::

    BenchmarkError
      +-- WrongOutput
"""

__all__ = ["BenchmarkError", "WrongOutput"]


class BenchmarkError(Exception):
    """Something that a measurement needs is missing or failed."""


class WrongOutput(BenchmarkError):  # noqa: N818 - what was found, as in "wrong output"
    """The output of a run is not what the plain reference expects; its figures are void."""
