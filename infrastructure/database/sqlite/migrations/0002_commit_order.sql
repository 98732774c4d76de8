-- All users' events have an order: that of their commits. With `commit_order` as its rowid the table is one more key that
-- INSERT OR REPLACE could hit, so the trigger below looks at it too.

CREATE TABLE ordered_events (
    commit_order INTEGER NOT NULL PRIMARY KEY CHECK (commit_order >= 1),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
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
) STRICT;

-- Events that are there already: by time, as far as the order within each user's log allows it.
INSERT INTO ordered_events
SELECT row_number() OVER (ORDER BY latest, position),
    id, user_id, position, kind, occurred_at, connection_id, attempt_id, provider_id, provider_slug, reason
FROM (SELECT *, max(id) OVER (PARTITION BY user_id ORDER BY position) AS latest FROM provider_events);

DROP TABLE provider_events;
ALTER TABLE ordered_events RENAME TO provider_events;

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

CREATE UNIQUE INDEX provider_events_by_position ON provider_events (user_id, position);
CREATE UNIQUE INDEX provider_events_one_attempted ON provider_events (attempt_id)
    WHERE kind = 'attempted';
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind <> 'attempted';

CREATE TRIGGER provider_events_refuse_update BEFORE UPDATE ON provider_events
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;

CREATE TRIGGER provider_events_refuse_delete BEFORE DELETE ON provider_events
BEGIN
    SELECT RAISE(ABORT, 'the event log can only grow');
END;

-- INSERT OR REPLACE deletes without firing the trigger above, so whatever it could hit is refused.
CREATE TRIGGER provider_events_refuse_replace BEFORE INSERT ON provider_events
WHEN EXISTS (SELECT 1 FROM provider_events WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM provider_events WHERE commit_order = NEW.commit_order)
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

-- Which keys encrypt credentials in this file, so that a key that is lost is named.
CREATE TABLE credentials_keys (
    fingerprint TEXT NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 16),
    first_used_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))
) STRICT, WITHOUT ROWID;
