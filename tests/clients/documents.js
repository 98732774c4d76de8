// What the clients send.
export const FOLLOW = `subscription Follow($after: String) {
  providerEvents(after: $after) { __typename position cursor }
}`;

export const SNAPSHOT = `query Snapshot { eventCursor }`;

export const DISCONNECT = `mutation Disconnect($id: ID!) {
  disconnectProvider(input: { connectionId: $id }) { __typename ... on Error { message } }
}`;
