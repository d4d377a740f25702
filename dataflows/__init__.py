# SPDX-License-Identifier: Apache-2.0
"""The Bytewax flows.

They adapt: what is decided lies in `waitlist`, what is remembered in `journal`.
"""
