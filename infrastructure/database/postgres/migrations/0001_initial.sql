CREATE TABLE schema_version (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL
);

CREATE TABLE provider_connections (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    provider_id uuid NOT NULL,
    provider_slug text NOT NULL CHECK (char_length(provider_slug) BETWEEN 1 AND 50),
    alias text CHECK (char_length(alias) <= 100),
    status text NOT NULL
        CHECK (status IN ('pending', 'active', 'expired', 'revoked', 'failed', 'disconnected')),
    encrypted_credentials bytea CHECK (length(encrypted_credentials) > 0),
    credential_type text CHECK (char_length(credential_type) > 0),
    credentials_expire_at timestamptz,
    connected_at timestamptz,
    disconnected_at timestamptz,
    last_sync_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL CHECK (version >= 1),
    CHECK ((encrypted_credentials IS NULL) = (credential_type IS NULL)),
    CHECK (encrypted_credentials IS NOT NULL OR credentials_expire_at IS NULL),
    CHECK (status <> 'active' OR encrypted_credentials IS NOT NULL),
    CHECK (status <> 'disconnected' OR encrypted_credentials IS NULL)
);

CREATE INDEX provider_connections_by_user ON provider_connections (user_id, created_at, id);

CREATE TABLE provider_events (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 1),
    kind text NOT NULL CHECK (kind IN ('attempted', 'succeeded', 'failed')),
    occurred_at timestamptz NOT NULL,
    connection_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    provider_id uuid,
    provider_slug text CHECK (char_length(provider_slug) BETWEEN 1 AND 50),
    reason text CHECK (
        reason IN ('connection_not_found', 'not_owned_by_user', 'database_error', 'interrupted')
    ),
    CHECK ((kind = 'failed') = (reason IS NOT NULL)),
    CHECK ((provider_id IS NULL) = (provider_slug IS NULL))
);

CREATE UNIQUE INDEX provider_events_by_position ON provider_events (user_id, position);
CREATE UNIQUE INDEX provider_events_one_attempted ON provider_events (attempt_id)
    WHERE kind = 'attempted';
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind <> 'attempted';

-- Updated with every event of its user: room for that in the page spares the index.
CREATE TABLE log_heads (
    user_id uuid PRIMARY KEY,
    position integer NOT NULL CHECK (position >= 1)
) WITH (fillfactor = 50);

CREATE TABLE open_attempts (
    attempt_id uuid PRIMARY KEY,
    opened_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION provider_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log can only grow';
END;
$$;

CREATE TRIGGER provider_events_refuse_change BEFORE UPDATE OR DELETE ON provider_events
    FOR EACH ROW EXECUTE FUNCTION provider_events_refuse();

-- TRUNCATE goes round the triggers of rows.
CREATE TRIGGER provider_events_refuse_truncate BEFORE TRUNCATE ON provider_events
    FOR EACH STATEMENT EXECUTE FUNCTION provider_events_refuse();
