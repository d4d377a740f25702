# SPDX-License-Identifier: Apache-2.0
"""The file in which the list of who waits is kept: its tables, and whose it is."""

import sqlite3
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from connectors.sinks.content import Person
from schemas.fields import Channel

__all__ = ["DIGEST_BYTES", "Content", "digest", "forget", "list_file", "open_list", "reading"]

DIGEST_BYTES: Final = 16

_TABLES: Final = """
CREATE TABLE facts (identity TEXT NOT NULL, next_number INTEGER NOT NULL);
CREATE TABLE offsets (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE variants (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
-- Sign-ups that wait, and those of which it is not known yet whether they do.
CREATE TABLE requests (
    number INTEGER PRIMARY KEY,
    variant INTEGER NOT NULL,
    people BLOB NOT NULL,  -- digests of the identifiers, that of the profile key first
    rank INTEGER NOT NULL, -- 0 is served first
    occurred_at INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    expires_at INTEGER,
    ended INTEGER,
    waiting INTEGER NOT NULL,
    notification BLOB NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX queues ON requests (variant, rank, occurred_at) WHERE waiting = 1;
CREATE INDEX expiries ON requests (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX notifications ON requests (notification) WHERE waiting = 1;
CREATE TABLE people (
    person BLOB NOT NULL, variant INTEGER NOT NULL, request INTEGER NOT NULL,
    PRIMARY KEY (person, variant, request)
) WITHOUT ROWID;
-- How many wait who asked in a span of time of 2^width milliseconds: nobody counts a million.
CREATE TABLE crowds (
    variant INTEGER NOT NULL, width INTEGER NOT NULL, rank INTEGER NOT NULL,
    span INTEGER NOT NULL, waiting INTEGER NOT NULL,
    PRIMARY KEY (variant, width, rank, span)
) WITHOUT ROWID;
CREATE TABLE told (
    person BLOB NOT NULL, variant INTEGER NOT NULL, told_at INTEGER NOT NULL,
    subscribed_at INTEGER NOT NULL,  -- -1: the identifier is not the profile key
    PRIMARY KEY (person, variant, told_at, subscribed_at)
) WITHOUT ROWID;
CREATE INDEX told_times ON told (told_at);
CREATE TABLE signed_off (
    person BLOB NOT NULL, variant INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (person, variant)
) WITHOUT ROWID;
CREATE INDEX signed_off_times ON signed_off (at);
"""

_SETTINGS: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -131072;
PRAGMA temp_store = MEMORY;
"""
"""What a power failure takes is read again: the offsets go with it."""


class Content(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What of a sign-up is only shown.

    Attributes:
        profile: who, as given.
        channels: how they want to be told.
        locale: as given.
        market: as given.
    """

    profile: Person
    channels: tuple[Channel, ...]
    locale: str | None
    market: str | None


def digest(identifier: str) -> bytes:
    """Shorten a normalised identifier, so that none is in an index in the clear."""
    return blake2b(identifier.encode("utf-8", "replace"), digest_size=DIGEST_BYTES).digest()


def list_file(directory: Path) -> Path:
    """Return the list's file in the gateway's directory."""
    return directory / "waiting.sqlite3"


def open_list(file: Path, identity: str) -> sqlite3.Connection:
    """Open the list for writing; one that is damaged or stands for something else is made anew.

    Args:
        file: where.
        identity: of the topics and rules that it stands for.
    """
    connection = _connect(file)
    try:
        row = connection.execute("SELECT identity FROM facts").fetchone()
        if row == (identity,):
            connection.executescript(_SETTINGS)
            return connection
    except sqlite3.DatabaseError:
        pass
    connection.close()
    forget(file)
    connection = _connect(file)
    connection.executescript(_SETTINGS + _TABLES)
    connection.execute("INSERT INTO facts VALUES (?, 1)", (identity,))
    connection.commit()
    return connection


def forget(file: Path) -> None:
    """Delete the list."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def reading(file: Path) -> "closing[sqlite3.Connection]":
    """Open the list for a look: closed again at once, so that a list made anew is seen."""
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True))


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, cached_statements=256)
