-- Webhooks: the log is the outbox. Commits mark each user whose log has grown as due for each endpoint. Nodes of the
-- version before go on and mark nothing: add the first endpoint when all nodes run this one.

CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    url text NOT NULL CHECK (char_length(url) <= 2000),
    event_types text CHECK (char_length(event_types) > 0), -- separated by spaces; all when NULL
    state text NOT NULL CHECK (state IN ('starting', 'active', 'failing', 'disabled', 'removed')),
    from_start boolean NOT NULL,
    history_after uuid, -- users up to this one have the history due; all when NULL
    -- Events that had not been committed when the endpoint was added: from this place in the order of all events on,
    -- and those of the transactions that were under way.
    begins_at bigint NOT NULL,
    under_way bigint[] NOT NULL,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0), -- in a row
    paused_until timestamptz,
    last_status text,
    last_at timestamptz,
    added_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    CHECK ((failures > 0) = (paused_until IS NOT NULL) OR state <> 'active')
);

CREATE TABLE webhook_secrets (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    encrypted_secret bytea NOT NULL CHECK (length(encrypted_secret) > 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz
);

CREATE INDEX webhook_secrets_by_endpoint ON webhook_secrets (endpoint_id);

-- No foreign key: every commit would lock the endpoints' rows.
CREATE TABLE webhook_deliveries (
    endpoint_id uuid NOT NULL,
    user_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 0), -- delivered
    head integer NOT NULL CHECK (head >= position), -- of the user's log
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0), -- of the event behind `position`
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    behind_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped boolean NOT NULL DEFAULT false,
    lease uuid,
    PRIMARY KEY (endpoint_id, user_id)
) WITH (fillfactor = 50);

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at)
    WHERE head > position AND NOT stopped;
CREATE INDEX webhook_deliveries_stopped ON webhook_deliveries (endpoint_id, user_id) WHERE stopped;
