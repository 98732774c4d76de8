// node mutations.js PORT DATABASE CONNECTIONS USERS: disconnects, on a database of its own making.
// Reads the connection, commits the attempt, commits the state with its event: no token is checked,
// nothing is logged, nothing is limited.
import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import { typeDefs, types } from "./schema.js";

const [port, database, connections, users] = process.argv.slice(2);
const uuid = (number) => {
  const digits = number.toString(16).padStart(32, "0");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};
const ids = Array.from({ length: Number(connections) }, (_, n) => ({
  id: uuid(1_000_000 + n),
  user: uuid(1 + (n % Number(users))),
}));
const { open } = await import(database.startsWith("postgres") ? "./postgres.js" : "./sqlite.js");
const store = await open(database, ids);

const disconnectProvider = async (_, { input }) => {
  const row = await store.find(input.connectionId);
  if (!row) return { message: "Connection not found" };
  const attemptId = crypto.randomUUID();
  await store.attempted(row, attemptId);
  const [position, disconnectedAt] = await store.succeeded(row, attemptId);
  const provider = { id: row.provider_id, slug: row.slug };
  const connectedProvider = { id: row.id, status: "DISCONNECTED", disconnectedAt, provider };
  return { connectedProvider, attemptId, cursor: String(position) };
};
const schema = createSchema({
  typeDefs,
  resolvers: { ...types, Mutation: { disconnectProvider } },
});
createServer(createYoga({ schema, logging: false })).listen(Number(port), "127.0.0.1");
