// The log and the connections in a file, through the SQLite that Node.js has built in.
import { DatabaseSync } from "node:sqlite";

export const open = (file, ids) => {
  const db = new DatabaseSync(file);
  const transaction = (work) => (...given) => {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = work(...given);
      db.exec("COMMIT");
      return result;
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  };
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE connections (
      id TEXT PRIMARY KEY, user_id TEXT NOT NULL, provider_id TEXT NOT NULL, slug TEXT NOT NULL,
      status TEXT NOT NULL, credentials BLOB, version INTEGER NOT NULL, disconnected_at TEXT
    );
    CREATE TABLE heads (user_id TEXT PRIMARY KEY, position INTEGER NOT NULL);
    CREATE TABLE events (
      id TEXT PRIMARY KEY, user_id TEXT NOT NULL, position INTEGER NOT NULL, kind TEXT NOT NULL,
      attempt_id TEXT, connection_id TEXT NOT NULL, provider_id TEXT, slug TEXT,
      occurred_at TEXT NOT NULL, UNIQUE (user_id, position)
    );
  `);
  const insert = db.prepare("INSERT INTO connections VALUES (?, ?, ?, 'schwab', 'active', ?, 1, NULL)");
  transaction(() => {
    for (const { id, user } of ids) insert.run(id, user, user, Buffer.alloc(200, 1));
  })();

  const find = db.prepare("SELECT * FROM connections WHERE id = ?");
  const next = db.prepare(`
    INSERT INTO heads VALUES (?, 1)
    ON CONFLICT (user_id) DO UPDATE SET position = position + 1 RETURNING position
  `);
  const record = db.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const end = db.prepare(`
    UPDATE connections
    SET status = 'disconnected', credentials = NULL, version = version + 1, disconnected_at = ?
    WHERE id = ? AND version = ?
  `);
  const append = (row, kind, attempt) => {
    const { position } = next.get(row.user_id);
    const now = new Date().toISOString();
    record.run(
      crypto.randomUUID(), row.user_id, position, kind, attempt, row.id, row.provider_id, row.slug, now,
    );
    return position;
  };
  const attempted = transaction((row, attempt) => append(row, "attempted", attempt));
  const succeeded = transaction((row, attempt) => {
    const at = new Date().toISOString();
    end.run(at, row.id, row.version);
    return [append(row, "succeeded", attempt), at];
  });
  return {
    find: (id) => find.get(id),
    attempted,
    succeeded,
  };
};
