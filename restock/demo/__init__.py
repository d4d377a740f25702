# SPDX-License-Identifier: Apache-2.0
"""`restock demo`: a flash sale on a broker inside this process, run by the real program."""

from restock.demo.runner import run_demo

__all__ = ["run_demo"]
