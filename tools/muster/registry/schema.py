"""The tables of the registry, as a list of steps: step n takes a database from version n to n + 1.

A later issue adds its tables by appending a step; steps that were published are never edited.
Times are Unix seconds. Tokens are kept as SHA-256 only.
"""

import sqlite3
from collections.abc import Iterator

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE certificates (
        certificate_id TEXT PRIMARY KEY,      -- SHA-256 of the DER form, 64 hex digits
        pem TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('PENDING_ACTIVATION', 'ACTIVE', 'INACTIVE', 'REVOKED')),
        is_claim INTEGER NOT NULL DEFAULT 0,
        created_s REAL NOT NULL,
        not_after_s REAL NOT NULL
    );
    CREATE TABLE things (
        name TEXT PRIMARY KEY,
        type TEXT,
        attributes TEXT NOT NULL DEFAULT '{}',    -- JSON object of strings
        groups TEXT NOT NULL DEFAULT '[]',        -- JSON list of strings
        created_s REAL NOT NULL
    );
    CREATE TABLE policies (name TEXT PRIMARY KEY, document TEXT NOT NULL);
    CREATE TABLE thing_certificates (
        thing TEXT NOT NULL REFERENCES things(name) ON DELETE CASCADE,
        certificate_id TEXT NOT NULL REFERENCES certificates(certificate_id) ON DELETE CASCADE,
        is_exclusive INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (thing, certificate_id)
    );
    CREATE INDEX thing_certificates_by_certificate ON thing_certificates(certificate_id);
    CREATE TABLE policy_certificates (
        policy TEXT NOT NULL REFERENCES policies(name) ON DELETE CASCADE,
        certificate_id TEXT NOT NULL REFERENCES certificates(certificate_id) ON DELETE CASCADE,
        PRIMARY KEY (policy, certificate_id)
    );
    CREATE INDEX policy_certificates_by_certificate ON policy_certificates(certificate_id);
    CREATE TABLE templates (
        name TEXT PRIMARY KEY,
        body TEXT NOT NULL,
        is_enabled INTEGER NOT NULL DEFAULT 1,
        hook TEXT                                 -- 'module:function' or 'file.py:function', or nothing
    );
    CREATE TABLE tokens (
        token_sha256 TEXT PRIMARY KEY,
        certificate_id TEXT NOT NULL REFERENCES certificates(certificate_id) ON DELETE CASCADE,
        expires_s REAL NOT NULL,
        used_s REAL
    );
    CREATE INDEX tokens_by_certificate ON tokens(certificate_id);
    CREATE TABLE faults (
        fault_id INTEGER PRIMARY KEY AUTOINCREMENT,
        stage TEXT NOT NULL,
        kind TEXT NOT NULL,
        code TEXT,
        number REAL,                              -- status code, milliseconds or answers a second, by kind
        client TEXT NOT NULL DEFAULT '*',         -- glob on the client id
        remaining INTEGER                         -- NULL: for ever
    );
    CREATE TABLE boots (
        thing TEXT PRIMARY KEY,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL,
        received_s REAL NOT NULL
    );
    """,
    """
    CREATE TABLE groups (
        name TEXT PRIMARY KEY,
        secret BLOB NOT NULL,                     -- encrypted with the key beside the registry
        created_s REAL NOT NULL,
        refreshed_s REAL NOT NULL                 -- when the secret was made
    );
    CREATE TABLE devices (
        name TEXT PRIMARY KEY,                    -- serial, client id and thing name
        group_name TEXT NOT NULL REFERENCES groups(name) ON DELETE CASCADE ON UPDATE CASCADE,
        claim_id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('created', 'provisioned', 'retired')),
        parameters TEXT NOT NULL DEFAULT '{}',    -- JSON object of strings, for RegisterThing
        created_s REAL NOT NULL,
        batch TEXT                                -- which batch made it, or nothing
    );
    CREATE INDEX devices_by_group ON devices(group_name);
    CREATE INDEX devices_by_batch ON devices(batch);
    CREATE INDEX devices_by_claim_1 ON devices(substr(claim_id, 1, 3));
    CREATE INDEX devices_by_claim_2 ON devices(substr(claim_id, 4, 3));
    CREATE INDEX devices_by_claim_3 ON devices(substr(claim_id, 7));
    CREATE TABLE history (
        device TEXT NOT NULL REFERENCES devices(name) ON DELETE CASCADE,
        at_s REAL NOT NULL,
        event TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX history_by_device ON history(device);
    CREATE TABLE batches (
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- no number is given twice
        name TEXT NOT NULL UNIQUE,                -- of its folder too
        group_name TEXT NOT NULL REFERENCES groups(name) ON DELETE CASCADE ON UPDATE CASCADE,
        source_sha256 TEXT NOT NULL UNIQUE,       -- of group, names and parameters
        size INTEGER NOT NULL,                    -- how many devices it was to make
        state TEXT NOT NULL CHECK (state IN ('open', 'done')),
        created_s REAL NOT NULL
    );
    """,
    """
    -- When a client first showed that it was connected with it, or nothing: "unproven".
    ALTER TABLE certificates ADD COLUMN connected_s REAL;
    -- The certificate that a device renewed itself with to get this one, or nothing.
    ALTER TABLE certificates ADD COLUMN renews TEXT;
    UPDATE certificates SET connected_s = created_s WHERE status = 'ACTIVE'
    """,
    """
    -- Has a row as soon as there was a group: from then on nobody is admitted who is not in the registry.
    CREATE TABLE guarded (since_s REAL NOT NULL);
    INSERT INTO guarded SELECT MIN(created_s) FROM groups HAVING COUNT(*) > 0
    """,
    """
    -- Found ten times a second: the certificates whose token ran out before it was used.
    CREATE INDEX tokens_by_end ON tokens(expires_s) WHERE used_s IS NULL;
    """,
    """
    -- Which board of a factory got which device's claim ID: neither ever gets a second one.
    CREATE TABLE handed_out (
        hardware TEXT PRIMARY KEY,                -- kind and hardware number, as the board says
        device TEXT NOT NULL UNIQUE REFERENCES devices(name) ON DELETE CASCADE,
        at_s REAL NOT NULL
    );
    """,
    """
    -- The builder: which boards registered themselves, and whose they are.
    CREATE TABLE products (
        name TEXT PRIMARY KEY,
        token_sha256 TEXT NOT NULL UNIQUE,
        created_s REAL NOT NULL
    );
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY,
        password TEXT NOT NULL,                   -- its scrypt hash
        created_s REAL NOT NULL
    );
    CREATE TABLE claims (
        claim_id TEXT PRIMARY KEY,                -- no groups, no check symbol, upper case
        product TEXT NOT NULL REFERENCES products(name) ON DELETE CASCADE,
        key_sha256 TEXT NOT NULL,                 -- of the registration key
        is_open INTEGER NOT NULL DEFAULT 0,       -- its owner released it: another key may register, once
        registered_s REAL NOT NULL,
        owner TEXT REFERENCES accounts(name) ON DELETE SET NULL,
        claimed_s REAL,
        released_s REAL,
        polled_s REAL,
        thing TEXT                                -- what it registered as with its temporary certificates
    );
    CREATE INDEX claims_by_owner ON claims(owner);
    CREATE INDEX claims_by_product ON claims(product);
    CREATE INDEX claims_by_thing ON claims(thing);
    CREATE TABLE claim_certificates (             -- the temporary ones that each board was given
        certificate_id TEXT PRIMARY KEY REFERENCES certificates(certificate_id) ON DELETE CASCADE,
        claim_id TEXT NOT NULL REFERENCES claims(claim_id) ON DELETE CASCADE
    );
    CREATE INDEX claim_certificates_by_claim ON claim_certificates(claim_id);
    CREATE TABLE shadows (
        thing TEXT NOT NULL REFERENCES things(name) ON DELETE CASCADE,
        name TEXT NOT NULL,                       -- empty: the classic one
        document TEXT,                            -- JSON: state, metadata; NULL: deleted, version stays
        version INTEGER NOT NULL,
        changed_s INTEGER NOT NULL,
        PRIMARY KEY (thing, name)
    );
    -- What commands want the twin to publish, once it runs.
    CREATE TABLE outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL
    );
    """,
    """
    -- An operator sees all devices on the twin's page, and may act on them.
    ALTER TABLE accounts ADD COLUMN is_operator INTEGER NOT NULL DEFAULT 0;
    -- The boards that are no thing yet, in the order in which that page lists them.
    CREATE INDEX claims_without_thing ON claims(claim_id) WHERE thing IS NULL;
    """,
    """
    -- The other side of the boards' databases: docs/sync.md.
    CREATE TABLE board_tables (
        device TEXT NOT NULL,                     -- its serial
        name TEXT NOT NULL,
        last INTEGER NOT NULL,                    -- the number of the last change
        PRIMARY KEY (device, name)
    );
    CREATE TABLE board_documents (
        device TEXT NOT NULL,
        table_name TEXT NOT NULL,
        key TEXT NOT NULL,
        document TEXT,                            -- JSON; NULL: deleted here, and the board has not seen it
        number INTEGER NOT NULL,                  -- of the change
        board TEXT,                               -- who has changed it: a board's id, or NULL: somebody here
        changed_s INTEGER NOT NULL,
        PRIMARY KEY (device, table_name, key)
    );
    CREATE INDEX board_documents_by_number ON board_documents(device, table_name, number);
    CREATE TABLE board_messages (
        device TEXT NOT NULL,
        board TEXT NOT NULL,
        number INTEGER NOT NULL,                  -- of its last message
        prefix TEXT NOT NULL,                     -- of its topics
        received_s INTEGER NOT NULL,
        PRIMARY KEY (device, board)
    );
    CREATE TRIGGER board_tables_of_things AFTER DELETE ON things BEGIN
        DELETE FROM board_tables WHERE device = old.name;
        DELETE FROM board_documents WHERE device = old.name;
        DELETE FROM board_messages WHERE device = old.name;
    END;
    """,
    """
    -- Which board got which device's image: a device has one board, and a board is one device.
    CREATE TABLE flashes (
        device TEXT PRIMARY KEY REFERENCES devices(name) ON DELETE CASCADE,
        board_id TEXT UNIQUE,                     -- NULL: a board in BOOTSEL mode does not say it
        kind TEXT NOT NULL,                       -- of board
        image TEXT NOT NULL,                      -- SHA-256
        firmware TEXT,                            -- its version, when it was written too
        state TEXT NOT NULL,                      -- begun, flashed, passed
        at_s REAL NOT NULL
    );
    """,
)


def statements(script: str) -> Iterator[str]:
    """The statements of a step; a ";" in a comment, a string or a trigger separates nothing."""
    begun = ""
    for piece in script.split(";"):
        begun += piece + ";"
        if sqlite3.complete_statement(begun):
            yield begun
            begun = ""
    if begun:
        yield begun
