// The part of Unplug's schema that the load asks for.
export const typeDefs = /* GraphQL */ `
  type Query { eventCursor: String! }
  type Mutation { disconnectProvider(input: DisconnectProviderInput!): DisconnectProviderResult! }
  type Subscription { providerEvents(after: String): ProviderEvent! }
  input DisconnectProviderInput { connectionId: ID! }
  union DisconnectProviderResult = DisconnectProviderSuccess | ConnectionNotFound
  interface Error { message: String! }
  type ConnectionNotFound implements Error { message: String! }
  type DisconnectProviderSuccess { connectedProvider: ConnectedProvider! attemptId: ID cursor: String! }
  type ConnectedProvider { id: ID! status: String! disconnectedAt: String provider: Provider! }
  type Provider { id: ID! slug: String! }
  type ProviderEvent {
    id: ID! position: Int! cursor: String! occurredAt: String! attemptId: ID connectionId: ID!
  }
`;

export const types = {
  DisconnectProviderResult: {
    __resolveType: (result) => (result.message ? "ConnectionNotFound" : "DisconnectProviderSuccess"),
  },
};
