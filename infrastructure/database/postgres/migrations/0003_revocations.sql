-- Tokens are ended at their providers. Nodes of the version before go on: they disconnect as they did, and revoke nothing.

-- Every commit decides by it, on every process. Written by servers that have the provider in their catalogue.
CREATE TABLE catalogue_providers (
    slug text PRIMARY KEY CHECK (char_length(slug) BETWEEN 1 AND 50),
    revocable boolean NOT NULL,
    ends_grant boolean NOT NULL DEFAULT false,
    manage_url text,
    give_up_after interval NOT NULL,
    free_at timestamptz NOT NULL DEFAULT '-infinity' -- when the next request may begin
);

-- A row is the revocation's open attempt. Its credentials are those that a connection has lost.
CREATE TABLE pending_revocations (
    attempt_id uuid PRIMARY KEY,
    connection_id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider_slug text NOT NULL CHECK (char_length(provider_slug) BETWEEN 1 AND 50),
    encrypted_credentials bytea NOT NULL CHECK (length(encrypted_credentials) > 0),
    begun_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    give_up_at timestamptz NOT NULL,
    lease uuid,
    leased_until timestamptz,
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    answers text NOT NULL DEFAULT '{}',
    code text,
    CHECK ((lease IS NULL) = (leased_until IS NULL))
);

CREATE INDEX pending_revocations_by_due ON pending_revocations (provider_slug, due_at);
CREATE INDEX pending_revocations_by_end ON pending_revocations (give_up_at);
CREATE INDEX pending_revocations_leased ON pending_revocations (provider_slug, leased_until) WHERE lease IS NOT NULL;

ALTER TABLE provider_connections
    ADD COLUMN revocation_status text CHECK (
        revocation_status IN (
            'not_supported', 'nothing_to_revoke', 'pending', 'accepted', 'already_gone', 'shared_grant', 'failed'
        )
    ),
    ADD COLUMN revocation_since timestamptz,
    ADD COLUMN revocation_attempt_id uuid,
    ADD COLUMN manage_url text,
    ADD CHECK ((revocation_status IS NULL) = (revocation_since IS NULL)),
    ADD CHECK (status = 'disconnected' OR revocation_status IS NULL);

ALTER TABLE provider_events
    ADD COLUMN evidence text CHECK (evidence IN ('accepted', 'already_gone')),
    ADD COLUMN manage_url text;
ALTER TABLE provider_events
    DROP CONSTRAINT provider_events_kind_check,
    DROP CONSTRAINT provider_events_reason_check,
    DROP CONSTRAINT provider_events_check,
    DROP CONSTRAINT provider_events_check2;
ALTER TABLE provider_events
    ADD CHECK (
        kind IN (
            'connected', 'access_lost', 'access_restored', 'attempted', 'succeeded', 'failed',
            'revocation_attempted', 'revocation_succeeded', 'revocation_failed'
        )
    ),
    ADD CHECK (
        reason IN (
            'connection_not_found', 'not_owned_by_user', 'database_error', 'interrupted',
            'refused', 'gave_up', 'shared_grant', 'unreadable_credentials'
        )
    ),
    ADD CHECK ((kind IN ('failed', 'revocation_failed')) = (reason IS NOT NULL)),
    ADD CHECK (
        kind NOT IN (
            'connected', 'attempted', 'succeeded', 'failed',
            'revocation_attempted', 'revocation_succeeded', 'revocation_failed'
        ) OR attempt_id IS NOT NULL
    ),
    ADD CHECK ((kind = 'revocation_succeeded') = (evidence IS NOT NULL)),
    ADD CHECK (kind = 'revocation_failed' OR manage_url IS NULL);

DROP INDEX provider_events_one_beginning;
DROP INDEX provider_events_one_outcome;
CREATE UNIQUE INDEX provider_events_one_beginning ON provider_events (attempt_id)
    WHERE kind IN ('connected', 'attempted', 'revocation_attempted');
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind IN ('succeeded', 'failed', 'revocation_succeeded', 'revocation_failed');
