-- Back ends connect, refresh and report: new kinds of events, and columns for them. A node of the version before can't
-- write any more: its events have no initiator.
--
-- All users' events have an order, in which no event comes to light behind one that could be read before: a base and the
-- transaction's id. Ids begin anew on another server, so after a move the first append raises the base above all events.

CREATE TABLE commit_order_base (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint NOT NULL,
    base bigint NOT NULL CHECK (base >= 0)
);

ALTER TABLE provider_events ADD COLUMN commit_order bigint;

CREATE FUNCTION next_commit_order() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    this_system bigint := (SELECT system_identifier FROM pg_control_system());
    its_base bigint;
BEGIN
    LOOP
        SELECT base INTO its_base FROM commit_order_base WHERE system_identifier = this_system;
        IF FOUND THEN
            RETURN its_base + pg_current_xact_id()::text::bigint;
        END IF;
        -- One of those who come first does it; the others wait for its commit.
        INSERT INTO commit_order_base AS b (system_identifier, base)
        SELECT this_system, coalesce(max(commit_order), 0) + 1 FROM provider_events
        ON CONFLICT (only_row) DO UPDATE
            SET system_identifier = excluded.system_identifier, base = excluded.base
            WHERE b.system_identifier <> excluded.system_identifier;
    END LOOP;
END;
$$;

-- Events that are there already: by time, as far as the order within each user's log allows it.
ALTER TABLE provider_events
    ADD COLUMN initiator text CHECK (initiator IN ('user', 'service', 'operator')),
    ADD COLUMN batch_id uuid,
    ADD COLUMN note text CHECK (char_length(note) BETWEEN 1 AND 500),
    ADD COLUMN created boolean,
    ADD COLUMN previous_connection_id uuid,
    ADD COLUMN loss text CHECK (loss IN ('expired', 'revoked', 'failed'));

ALTER TABLE provider_events DISABLE TRIGGER provider_events_refuse_change;
UPDATE provider_events AS e SET commit_order = o.commit_order,
    initiator = CASE e.kind WHEN 'attempted' THEN 'user' END
FROM (
    SELECT id, row_number() OVER (ORDER BY latest, position) AS commit_order
    FROM (
        SELECT id, position,
            max(id::text COLLATE "C") OVER (PARTITION BY user_id ORDER BY position) AS latest
        FROM provider_events
    ) AS timed
) AS o
WHERE e.id = o.id;
ALTER TABLE provider_events ENABLE TRIGGER provider_events_refuse_change;

ALTER TABLE provider_events
    ALTER COLUMN commit_order SET NOT NULL,
    ALTER COLUMN commit_order SET DEFAULT next_commit_order();

CREATE INDEX provider_events_by_commit ON provider_events (commit_order);

INSERT INTO commit_order_base (system_identifier, base)
SELECT system_identifier, (SELECT coalesce(max(commit_order), 0) + 1 FROM provider_events)
FROM pg_control_system();

ALTER TABLE provider_events ALTER COLUMN attempt_id DROP NOT NULL;
ALTER TABLE provider_events DROP CONSTRAINT provider_events_kind_check;
ALTER TABLE provider_events
    ADD CHECK (
        kind IN ('connected', 'access_lost', 'access_restored', 'attempted', 'succeeded', 'failed')
    ),
    ADD CHECK (
        kind NOT IN ('connected', 'attempted', 'succeeded', 'failed') OR attempt_id IS NOT NULL
    ),
    ADD CHECK ((kind = 'attempted') = (initiator IS NOT NULL)),
    ADD CHECK (kind = 'attempted' OR (batch_id IS NULL AND note IS NULL)),
    ADD CHECK ((kind = 'connected') = (created IS NOT NULL)),
    ADD CHECK (created OR previous_connection_id IS NULL),
    ADD CHECK ((kind = 'access_lost') = (loss IS NOT NULL));

DROP INDEX provider_events_one_attempted;
DROP INDEX provider_events_one_outcome;
CREATE UNIQUE INDEX provider_events_one_beginning ON provider_events (attempt_id)
    WHERE kind IN ('connected', 'attempted');
CREATE UNIQUE INDEX provider_events_one_outcome ON provider_events (attempt_id)
    WHERE kind IN ('succeeded', 'failed');

ALTER TABLE provider_connections
    ADD COLUMN provider_account_id text CHECK (char_length(provider_account_id) BETWEEN 1 AND 255),
    ADD COLUMN previous_connection_id uuid,
    ADD COLUMN credentials_version integer NOT NULL DEFAULT 1 CHECK (credentials_version >= 1);

-- Two back ends that connect one account at once make one connection.
CREATE UNIQUE INDEX provider_connections_one_current
    ON provider_connections (user_id, provider_slug, provider_account_id)
    WHERE provider_account_id IS NOT NULL AND status <> 'disconnected';
CREATE INDEX provider_connections_by_account
    ON provider_connections (user_id, provider_slug, provider_account_id, disconnected_at)
    WHERE provider_account_id IS NOT NULL;
CREATE INDEX provider_connections_by_creation ON provider_connections (created_at, id);

-- A head names its event, so that a commit can tell which event it follows.
ALTER TABLE log_heads ADD COLUMN event_id uuid, ADD COLUMN previous_id uuid;
UPDATE log_heads AS h SET event_id = e.id
FROM provider_events AS e WHERE e.user_id = h.user_id AND e.position = h.position;
ALTER TABLE log_heads ALTER COLUMN event_id SET NOT NULL;

-- Which keys encrypt credentials in this database, so that a key that is lost is named.
CREATE TABLE credentials_keys (
    fingerprint text PRIMARY KEY CHECK (length(fingerprint) = 16),
    first_used_at timestamptz NOT NULL DEFAULT now()
);
