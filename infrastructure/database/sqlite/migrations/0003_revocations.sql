-- Tokens are ended at their providers.

-- Every commit decides by it, on every process. Written by servers that have the provider in their catalogue.
CREATE TABLE catalogue_providers (
    slug TEXT NOT NULL PRIMARY KEY CHECK (length(slug) BETWEEN 1 AND 50),
    revocable INTEGER NOT NULL CHECK (revocable IN (0, 1)),
    ends_grant INTEGER NOT NULL DEFAULT 0 CHECK (ends_grant IN (0, 1)),
    manage_url TEXT,
    give_up_after REAL NOT NULL, -- seconds
    free_at TEXT NOT NULL DEFAULT '' -- when the next request may begin
) STRICT, WITHOUT ROWID;

-- A row is the revocation's open attempt. Its credentials are those that a connection has lost.
CREATE TABLE pending_revocations (
    attempt_id TEXT NOT NULL PRIMARY KEY CHECK (length(attempt_id) = 36),
    connection_id TEXT NOT NULL CHECK (length(connection_id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    provider_slug TEXT NOT NULL CHECK (length(provider_slug) BETWEEN 1 AND 50),
    encrypted_credentials BLOB NOT NULL CHECK (length(encrypted_credentials) > 0),
    begun_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')),
    due_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')),
    give_up_at TEXT NOT NULL,
    lease TEXT CHECK (length(lease) = 36),
    leased_until TEXT,
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    answers TEXT NOT NULL DEFAULT '{}',
    code TEXT,
    CHECK ((lease IS NULL) = (leased_until IS NULL))
) STRICT;

CREATE INDEX pending_revocations_by_due ON pending_revocations (provider_slug, due_at);
CREATE INDEX pending_revocations_by_end ON pending_revocations (give_up_at);
CREATE INDEX pending_revocations_leased ON pending_revocations (provider_slug, leased_until) WHERE lease IS NOT NULL;

ALTER TABLE provider_connections ADD COLUMN revocation_status TEXT CHECK (
    revocation_status IN (
        'not_supported', 'nothing_to_revoke', 'pending', 'accepted', 'already_gone', 'shared_grant', 'failed'
    )
);
ALTER TABLE provider_connections ADD COLUMN revocation_since TEXT
    CHECK ((revocation_status IS NULL) = (revocation_since IS NULL));
ALTER TABLE provider_connections ADD COLUMN revocation_attempt_id TEXT
    CHECK (length(revocation_attempt_id) = 36);
ALTER TABLE provider_connections ADD COLUMN manage_url TEXT
    CHECK (status = 'disconnected' OR revocation_status IS NULL);

CREATE TABLE ordered_events (
    commit_order INTEGER NOT NULL PRIMARY KEY CHECK (commit_order >= 1),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647),
    kind TEXT NOT NULL CHECK (
        kind IN (
            'connected', 'access_lost', 'access_restored', 'attempted', 'succeeded', 'failed',
            'revocation_attempted', 'revocation_succeeded', 'revocation_failed'
        )
    ),
    occurred_at TEXT NOT NULL,
    connection_id TEXT NOT NULL CHECK (length(connection_id) = 36),
    attempt_id TEXT CHECK (length(attempt_id) = 36),
    provider_id TEXT CHECK (length(provider_id) = 36),
    provider_slug TEXT CHECK (length(provider_slug) BETWEEN 1 AND 50),
    reason TEXT CHECK (
        reason IN (
            'connection_not_found', 'not_owned_by_user', 'database_error', 'interrupted',
            'refused', 'gave_up', 'shared_grant', 'unreadable_credentials'
        )
    ),
    initiator TEXT CHECK (initiator IN ('user', 'service', 'operator')),
    batch_id TEXT CHECK (length(batch_id) = 36),
    note TEXT CHECK (length(note) BETWEEN 1 AND 500),
    created INTEGER CHECK (created IN (0, 1)),
    previous_connection_id TEXT CHECK (length(previous_connection_id) = 36),
    loss TEXT CHECK (loss IN ('expired', 'revoked', 'failed')),
    evidence TEXT CHECK (evidence IN ('accepted', 'already_gone')),
    manage_url TEXT,
    CHECK (
        kind NOT IN (
            'connected', 'attempted', 'succeeded', 'failed',
            'revocation_attempted', 'revocation_succeeded', 'revocation_failed'
        ) OR attempt_id IS NOT NULL
    ),
    CHECK ((kind IN ('failed', 'revocation_failed')) = (reason IS NOT NULL)),
    CHECK ((kind = 'attempted') = (initiator IS NOT NULL)),
    CHECK (kind = 'attempted' OR (batch_id IS NULL AND note IS NULL)),
    CHECK ((kind = 'connected') = (created IS NOT NULL)),
    CHECK (created = 1 OR previous_connection_id IS NULL),
    CHECK ((kind = 'access_lost') = (loss IS NOT NULL)),
    CHECK ((kind = 'revocation_succeeded') = (evidence IS NOT NULL)),
    CHECK (kind = 'revocation_failed' OR manage_url IS NULL),
    CHECK ((provider_id IS NULL) = (provider_slug IS NULL))
) STRICT;

INSERT INTO ordered_events
SELECT commit_order, id, user_id, position, kind, occurred_at, connection_id, attempt_id, provider_id, provider_slug,
    reason, initiator, batch_id, note, created, previous_connection_id, loss, NULL, NULL
FROM provider_events;

DROP TABLE provider_events;
ALTER TABLE ordered_events RENAME TO provider_events;

CREATE UNIQUE INDEX provider_events_by_position ON provider_events (user_id, position);
CREATE UNIQUE INDEX provider_events_one_beginning ON provider_events (attempt_id)
    WHERE kind IN ('connected', 'attempted', 'revocation_attempted');
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind IN ('succeeded', 'failed', 'revocation_succeeded', 'revocation_failed');

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
    OR EXISTS (SELECT 1 FROM provider_events WHERE commit_order = NEW.commit_order)
    OR EXISTS (
        SELECT 1 FROM provider_events WHERE user_id = NEW.user_id AND position = NEW.position
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id AND kind IN ('connected', 'attempted', 'revocation_attempted')
            AND NEW.kind IN ('connected', 'attempted', 'revocation_attempted')
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id
            AND kind IN ('succeeded', 'failed', 'revocation_succeeded', 'revocation_failed')
            AND NEW.kind IN ('succeeded', 'failed', 'revocation_succeeded', 'revocation_failed')
    )
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;
