-- A commit moves the heads of users who are due already, too. An index that depends on the head gets a new entry each
-- time, and the next commit looks at all of them until the next vacuum. Nodes of the version before go on without the
-- index. The table is rewritten: commits wait for it, two million rows some seconds.

ALTER TABLE webhook_deliveries
    ADD COLUMN is_due boolean NOT NULL GENERATED ALWAYS AS (head > position AND NOT stopped) STORED;

DROP INDEX webhook_deliveries_due;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE is_due;
