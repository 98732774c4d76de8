-- Back ends connect, refresh and report: new kinds of events, and columns for them. A node of the version before can't
-- write any more: its events have no initiator.
--
-- All users' events have an order: that of their commits. With `commit_order` as its rowid the table is one more key that
-- INSERT OR REPLACE could hit, so the trigger below looks at it too.

CREATE TABLE ordered_events (
    commit_order INTEGER NOT NULL PRIMARY KEY CHECK (commit_order >= 1),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647),
    kind TEXT NOT NULL CHECK (
        kind IN ('connected', 'access_lost', 'access_restored', 'attempted', 'succeeded', 'failed')
    ),
    occurred_at TEXT NOT NULL,
    connection_id TEXT NOT NULL CHECK (length(connection_id) = 36),
    attempt_id TEXT CHECK (length(attempt_id) = 36),
    provider_id TEXT CHECK (length(provider_id) = 36),
    provider_slug TEXT CHECK (length(provider_slug) BETWEEN 1 AND 50),
    reason TEXT CHECK (
        reason IN ('connection_not_found', 'not_owned_by_user', 'database_error', 'interrupted')
    ),
    initiator TEXT CHECK (initiator IN ('user', 'service', 'operator')),
    batch_id TEXT CHECK (length(batch_id) = 36),
    note TEXT CHECK (length(note) BETWEEN 1 AND 500),
    created INTEGER CHECK (created IN (0, 1)),
    previous_connection_id TEXT CHECK (length(previous_connection_id) = 36),
    loss TEXT CHECK (loss IN ('expired', 'revoked', 'failed')),
    CHECK (kind NOT IN ('connected', 'attempted', 'succeeded', 'failed') OR attempt_id IS NOT NULL),
    CHECK ((kind = 'failed') = (reason IS NOT NULL)),
    CHECK ((kind = 'attempted') = (initiator IS NOT NULL)),
    CHECK (kind = 'attempted' OR (batch_id IS NULL AND note IS NULL)),
    CHECK ((kind = 'connected') = (created IS NOT NULL)),
    CHECK (created = 1 OR previous_connection_id IS NULL),
    CHECK ((kind = 'access_lost') = (loss IS NOT NULL)),
    CHECK ((provider_id IS NULL) = (provider_slug IS NULL))
) STRICT;

-- Events that are there already: by time, as far as the order within each user's log allows it.
INSERT INTO ordered_events
SELECT row_number() OVER (ORDER BY latest, position),
    id, user_id, position, kind, occurred_at, connection_id, attempt_id, provider_id, provider_slug, reason,
    CASE kind WHEN 'attempted' THEN 'user' END, NULL, NULL, NULL, NULL, NULL
FROM (SELECT *, max(id) OVER (PARTITION BY user_id ORDER BY position) AS latest FROM provider_events);

DROP TABLE provider_events;
ALTER TABLE ordered_events RENAME TO provider_events;

CREATE UNIQUE INDEX provider_events_by_position ON provider_events (user_id, position);
CREATE UNIQUE INDEX provider_events_one_beginning ON provider_events (attempt_id)
    WHERE kind IN ('connected', 'attempted');
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind IN ('succeeded', 'failed');

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
        WHERE attempt_id = NEW.attempt_id AND kind IN ('connected', 'attempted')
            AND NEW.kind IN ('connected', 'attempted')
    )
    OR EXISTS (
        SELECT 1 FROM provider_events
        WHERE attempt_id = NEW.attempt_id AND kind IN ('succeeded', 'failed')
            AND NEW.kind IN ('succeeded', 'failed')
    )
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;

ALTER TABLE provider_connections ADD COLUMN provider_account_id TEXT
    CHECK (length(provider_account_id) BETWEEN 1 AND 255);
ALTER TABLE provider_connections ADD COLUMN previous_connection_id TEXT
    CHECK (length(previous_connection_id) = 36);
ALTER TABLE provider_connections ADD COLUMN credentials_version INTEGER NOT NULL DEFAULT 1
    CHECK (credentials_version >= 1);

-- Two back ends that connect one account at once make one connection.
CREATE UNIQUE INDEX provider_connections_one_current
    ON provider_connections (user_id, provider_slug, provider_account_id)
    WHERE provider_account_id IS NOT NULL AND status <> 'disconnected';
CREATE INDEX provider_connections_by_account
    ON provider_connections (user_id, provider_slug, provider_account_id, disconnected_at)
    WHERE provider_account_id IS NOT NULL;
CREATE INDEX provider_connections_by_creation ON provider_connections (created_at, id);

-- A head names its event, so that a commit can tell which event it follows.
CREATE TABLE named_heads (
    user_id TEXT NOT NULL PRIMARY KEY CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position BETWEEN 1 AND 2147483647),
    event_id TEXT NOT NULL CHECK (length(event_id) = 36),
    previous_id TEXT CHECK (length(previous_id) = 36)
) STRICT, WITHOUT ROWID;
INSERT INTO named_heads (user_id, position, event_id)
SELECT user_id, position, id FROM log_heads JOIN provider_events USING (user_id, position);
DROP TABLE log_heads;
ALTER TABLE named_heads RENAME TO log_heads;

-- Which keys encrypt credentials in this file, so that a key that is lost is named.
CREATE TABLE credentials_keys (
    fingerprint TEXT NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 16),
    first_used_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
) STRICT, WITHOUT ROWID;
