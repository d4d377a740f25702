# SPDX-License-Identifier: Apache-2.0
"""What is on the wire: contracts, topics, codecs and the JSON Schemas generated from them.

`schemas.records` is the contract (docs/semantics.md section 1), `schemas.decode` and
`schemas.encode` the hot path beside it, `schemas.events` what the rest of the program works on.
"""
