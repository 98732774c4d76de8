-- Webhooks: the log is the outbox. Commits mark each user whose log has grown as due for each endpoint.

CREATE TABLE webhook_endpoints (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    url TEXT NOT NULL CHECK (length(url) <= 2000),
    event_types TEXT CHECK (length(event_types) > 0), -- separated by spaces; all when NULL
    state TEXT NOT NULL CHECK (state IN ('starting', 'active', 'failing', 'disabled', 'removed')),
    from_start INTEGER NOT NULL CHECK (from_start IN (0, 1)),
    history_after TEXT CHECK (length(history_after) = 36), -- users up to this one have the history due; all when NULL
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0), -- in a row
    paused_until TEXT,
    last_status TEXT,
    last_at TEXT,
    added_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')),
    removed_at TEXT,
    CHECK ((failures > 0) = (paused_until IS NOT NULL) OR state <> 'active')
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_secrets (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    endpoint_id TEXT NOT NULL CHECK (length(endpoint_id) = 36),
    encrypted_secret BLOB NOT NULL CHECK (length(encrypted_secret) > 0),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')),
    expires_at TEXT
) STRICT;

CREATE INDEX webhook_secrets_by_endpoint ON webhook_secrets (endpoint_id);

CREATE TABLE webhook_deliveries (
    endpoint_id TEXT NOT NULL CHECK (length(endpoint_id) = 36),
    user_id TEXT NOT NULL CHECK (length(user_id) = 36),
    position INTEGER NOT NULL CHECK (position >= 0), -- delivered
    head INTEGER NOT NULL CHECK (head >= position), -- of the user's log
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0), -- of the event behind `position`
    due_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')),
    behind_since TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')),
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),
    lease TEXT,
    PRIMARY KEY (endpoint_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at)
    WHERE head > position AND NOT stopped;
CREATE INDEX webhook_deliveries_stopped ON webhook_deliveries (endpoint_id, user_id) WHERE stopped;
