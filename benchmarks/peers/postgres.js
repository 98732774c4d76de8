// The log and the connections on a server, through pg and its pool.
import pg from "pg";

export const open = async (connectionString, ids) => {
  const pool = new pg.Pool({ connectionString });
  await pool.query(`
    CREATE TABLE connections (
      id uuid PRIMARY KEY, user_id uuid NOT NULL, provider_id uuid NOT NULL, slug text NOT NULL,
      status text NOT NULL, credentials bytea, version integer NOT NULL, disconnected_at timestamptz
    );
    CREATE TABLE heads (user_id uuid PRIMARY KEY, position bigint NOT NULL);
    CREATE TABLE events (
      id uuid PRIMARY KEY, user_id uuid NOT NULL, position bigint NOT NULL, kind text NOT NULL,
      attempt_id uuid, connection_id uuid NOT NULL, provider_id uuid, slug text,
      occurred_at timestamptz NOT NULL, UNIQUE (user_id, position)
    );
  `);
  await pool.query(
    `INSERT INTO connections
     SELECT id, owner, owner, 'schwab', 'active', decode(repeat('01', 200), 'hex'), 1, NULL
     FROM unnest($1::uuid[], $2::uuid[]) AS given (id, owner)`,
    [ids.map(({ id }) => id), ids.map(({ user }) => user)],
  );

  const transaction = async (work) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    } finally {
      client.release();
    }
  };
  const append = async (client, row, kind, attempt) => {
    const head = await client.query({
      name: "next",
      text: `INSERT INTO heads VALUES ($1, 1)
             ON CONFLICT (user_id) DO UPDATE SET position = heads.position + 1 RETURNING position`,
      values: [row.user_id],
    });
    const { position } = head.rows[0];
    await client.query({
      name: "record",
      text: "INSERT INTO events VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())",
      values: [
        crypto.randomUUID(), row.user_id, position, kind, attempt, row.id, row.provider_id, row.slug,
      ],
    });
    return position;
  };
  return {
    find: async (id) => {
      const text = "SELECT * FROM connections WHERE id = $1";
      return (await pool.query({ name: "find", text, values: [id] })).rows[0];
    },
    attempted: (row, attempt) => transaction((client) => append(client, row, "attempted", attempt)),
    succeeded: (row, attempt) =>
      transaction(async (client) => {
        const ended = await client.query({
          name: "end",
          text: `UPDATE connections SET status = 'disconnected', credentials = NULL,
                 version = version + 1, disconnected_at = now()
                 WHERE id = $1 AND version = $2 RETURNING disconnected_at`,
          values: [row.id, row.version],
        });
        const position = await append(client, row, "succeeded", attempt);
        return [position, ended.rows[0].disconnected_at.toISOString()];
      }),
  };
};
