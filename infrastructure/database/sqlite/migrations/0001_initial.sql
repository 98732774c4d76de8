-- UUIDs are lower-case text, times are UTC text as Tortoise binds them: both sort as they should.

CREATE TABLE schema_version (
    version INTEGER NOT NULL PRIMARY KEY,
    applied_at TEXT NOT NULL
) STRICT;

CREATE TABLE provider_connections (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    provider_id TEXT NOT NULL CHECK (length(provider_id) = 36),
    provider_slug TEXT NOT NULL CHECK (length(provider_slug) BETWEEN 1 AND 50),
    alias TEXT CHECK (length(alias) <= 100),
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'active', 'expired', 'revoked', 'failed', 'disconnected')),
    encrypted_credentials BLOB CHECK (length(encrypted_credentials) > 0),
    credential_type TEXT CHECK (length(credential_type) > 0),
    credentials_expire_at TEXT,
    connected_at TEXT,
    disconnected_at TEXT,
    last_sync_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((encrypted_credentials IS NULL) = (credential_type IS NULL)),
    CHECK (encrypted_credentials IS NOT NULL OR credentials_expire_at IS NULL),
    CHECK (status <> 'active' OR encrypted_credentials IS NOT NULL),
    CHECK (status <> 'disconnected' OR encrypted_credentials IS NULL)
) STRICT;

CREATE INDEX provider_connections_by_user ON provider_connections (user_id, created_at, id);

-- Without a rowid, which would be one more key that INSERT OR REPLACE could hit.
CREATE TABLE provider_events (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647),
    kind TEXT NOT NULL CHECK (kind IN ('attempted', 'succeeded', 'failed')),
    occurred_at TEXT NOT NULL,
    connection_id TEXT NOT NULL CHECK (length(connection_id) = 36),
    attempt_id TEXT NOT NULL CHECK (length(attempt_id) = 36),
    provider_id TEXT CHECK (length(provider_id) = 36),
    provider_slug TEXT CHECK (length(provider_slug) BETWEEN 1 AND 50),
    reason TEXT CHECK (
        reason IN ('connection_not_found', 'not_owned_by_user', 'database_error', 'interrupted')
    ),
    CHECK ((kind = 'failed') = (reason IS NOT NULL)),
    CHECK ((provider_id IS NULL) = (provider_slug IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX provider_events_by_position ON provider_events (user_id, position);
CREATE UNIQUE INDEX provider_events_one_attempted ON provider_events (attempt_id)
    WHERE kind = 'attempted';
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind <> 'attempted';

CREATE TABLE log_heads (
    user_id TEXT NOT NULL PRIMARY KEY CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647)
) STRICT, WITHOUT ROWID;

CREATE TABLE open_attempts (
    attempt_id TEXT NOT NULL PRIMARY KEY CHECK (length(attempt_id) = 36),
    opened_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER provider_events_refuse_update BEFORE UPDATE ON provider_events
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;

CREATE TRIGGER provider_events_refuse_delete BEFORE DELETE ON provider_events
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;

-- INSERT OR REPLACE deletes without firing the trigger above, so an INSERT that could hit a row is refused.
CREATE TRIGGER provider_events_refuse_replace BEFORE INSERT ON provider_events
WHEN EXISTS (SELECT 1 FROM provider_events WHERE id = NEW.id)
    OR EXISTS (
        SELECT 1 FROM provider_events WHERE user_id = NEW.user_id AND position = NEW.position
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id AND kind = 'attempted' AND NEW.kind = 'attempted'
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id AND kind <> 'attempted' AND NEW.kind <> 'attempted'
    )
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;
