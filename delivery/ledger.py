# SPDX-License-Identifier: Apache-2.0
"""The ledger's file: one SQLite database in WAL mode, its tables, and how it is opened.

One connection writes, from one thread (`delivery.scribe`); others only read, and see what is
committed. A commit is synced to the disk, so that what was said to be sent stays said.
"""

import sqlite3
from pathlib import Path

from delivery.errors import LedgerError

__all__ = ["VERSION", "open_reader", "open_writer"]

VERSION = 1
"""Of the tables; kept as SQLite's ``user_version``."""

_TABLES = """
-- A notification on its way: what its journey remembers (in hexadecimal), and the record itself.
CREATE TABLE journeys (
    number INTEGER PRIMARY KEY,
    notification_id TEXT NOT NULL UNIQUE,
    profile_key TEXT NOT NULL,
    state TEXT NOT NULL,
    value TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    position INTEGER NOT NULL
);

-- What is to be done next for it, one row for each channel of its step.
CREATE TABLE tasks (
    journey INTEGER NOT NULL,
    channel TEXT NOT NULL,
    sink TEXT NOT NULL,
    variant_id TEXT NOT NULL,
    wave_at INTEGER NOT NULL,
    position INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    PRIMARY KEY (journey, channel)
) WITHOUT ROWID;
CREATE INDEX tasks_ready ON tasks (sink, variant_id, wave_at, position) WHERE ready = 1;
CREATE INDEX tasks_due ON tasks (due_at) WHERE ready = 0;

-- What became of each step on each channel, in the order in which it was settled. Rows are only
-- ever added at the end, so that what is told to Kafka, and what is too old, is a number.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    notification_id TEXT NOT NULL,
    step TEXT NOT NULL,
    channel TEXT NOT NULL,
    variant_id TEXT NOT NULL,
    profile_key TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    letter BLOB
);
CREATE INDEX entries_by_id ON entries (notification_id);
CREATE INDEX entries_sent ON entries (profile_key, settled_at) WHERE outcome = 'sent';

-- Up to which entry all are in Kafka.
CREATE TABLE announced (number INTEGER NOT NULL);
INSERT INTO announced VALUES (0);

CREATE TABLE orders (
    identifier TEXT NOT NULL,
    item TEXT NOT NULL,
    order_id TEXT NOT NULL,
    ordered_at INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    PRIMARY KEY (identifier, item, order_id)
) WITHOUT ROWID;
CREATE INDEX orders_by_time ON orders (ordered_at);

CREATE TABLE sign_offs (
    variant_id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    signed_off_at INTEGER NOT NULL,
    PRIMARY KEY (variant_id, identifier)
) WITHOUT ROWID;
CREATE INDEX sign_offs_by_time ON sign_offs (signed_off_at);

CREATE TABLE statuses (
    variant_id TEXT PRIMARY KEY,
    offered INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Sinks whose receiver wants nothing more from us.
CREATE TABLE disabled (
    sink TEXT PRIMARY KEY,
    receiver TEXT NOT NULL,
    disabled_at INTEGER NOT NULL
) WITHOUT ROWID;
"""

_BUSY_MILLISECONDS = 30_000
_CACHE_KIBIBYTES = 65_536
_WAL_PAGES = 4_000


def open_writer(path: Path, *, by_person: bool = False) -> sqlite3.Connection:
    """Open the ledger for writing, and make its tables when it is new.

    The caller commits. Nobody else may write to the file: the state directory's lock sees to it.

    Args:
        path: of the file.
        by_person: whether the journeys of a person must be found quickly, as digests need it;
            else that index, which costs with every notification, is dropped.

    Raises:
        LedgerError: the file cannot be used, or is of another version.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
        elif version != VERSION:
            connection.close()
            raise LedgerError(
                f"{path} is a ledger of version {version}, this program writes version {VERSION}: "
                "run the release that wrote it, or start with another [delivery] directory"
            )
        if by_person:
            connection.execute(
                "CREATE INDEX IF NOT EXISTS journeys_by_person ON journeys (profile_key)"
            )
        else:
            connection.execute("DROP INDEX IF EXISTS journeys_by_person")
    except sqlite3.Error as error:
        raise LedgerError(
            f"{path} cannot be used as the ledger: {error}; check free space, permissions and the "
            "disk, or restore a backup of the whole directory"
        ) from None
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the ledger for reading; the file must exist."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    return connection
