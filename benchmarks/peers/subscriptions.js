// node subscriptions.js PORT: every mutation publishes two events to every subscriber; no database.
import { createServer } from "node:http";
import { useServer } from "graphql-ws/use/ws";
import { createPubSub, createSchema, createYoga } from "graphql-yoga";
import { WebSocketServer } from "ws";
import { typeDefs, types } from "./schema.js";

const pubSub = createPubSub();
let position = 0;
const publish = (attemptId, connectionId) => {
  position += 1;
  const occurredAt = new Date().toISOString();
  const id = crypto.randomUUID();
  pubSub.publish("event", {
    providerEvents: { id, position, cursor: String(position), occurredAt, attemptId, connectionId },
  });
};
const disconnectProvider = (_, { input: { connectionId } }) => {
  const attemptId = crypto.randomUUID();
  publish(attemptId, connectionId);
  publish(attemptId, connectionId);
  const provider = { id: connectionId, slug: "schwab" };
  const disconnectedAt = new Date().toISOString();
  const connectedProvider = { id: connectionId, status: "DISCONNECTED", disconnectedAt, provider };
  return { connectedProvider, attemptId, cursor: String(position) };
};
const schema = createSchema({
  typeDefs,
  resolvers: {
    ...types,
    Mutation: { disconnectProvider },
    Subscription: { providerEvents: { subscribe: () => pubSub.subscribe("event") } },
  },
});
const server = createServer(createYoga({ schema, logging: false }));
useServer({ schema }, new WebSocketServer({ server, path: "/graphql" }));
server.listen(Number(process.argv[2]), "127.0.0.1");
