-- A commit moves the heads of users who are due already, too. An index that depends on the head is written anew each time;
-- this one only when a user becomes due, or is not any more.

ALTER TABLE webhook_deliveries ADD COLUMN is_due INTEGER NOT NULL DEFAULT 1 CHECK (is_due IN (0, 1));
UPDATE webhook_deliveries SET is_due = (head > position AND NOT stopped);

CREATE TRIGGER webhook_deliveries_tell_due_inserted AFTER INSERT ON webhook_deliveries
WHEN NEW.is_due <> (NEW.head > NEW.position AND NOT NEW.stopped)
BEGIN
    UPDATE webhook_deliveries SET is_due = NOT NEW.is_due
    WHERE endpoint_id = NEW.endpoint_id AND user_id = NEW.user_id;
END;

CREATE TRIGGER webhook_deliveries_tell_due AFTER UPDATE OF head, position, stopped ON webhook_deliveries
WHEN NEW.is_due <> (NEW.head > NEW.position AND NOT NEW.stopped)
BEGIN
    UPDATE webhook_deliveries SET is_due = NOT NEW.is_due
    WHERE endpoint_id = NEW.endpoint_id AND user_id = NEW.user_id;
END;

DROP INDEX webhook_deliveries_due;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE is_due;
