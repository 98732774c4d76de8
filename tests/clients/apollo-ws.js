// @apollo/client, subscriptions over WebSocket by graphql-ws.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import { resuming } from './resume.js';
import { DISCONNECT, FOLLOW, SNAPSHOT } from './documents.js';

export function connect(url, token, pause) {
  const sockets = resuming(createClient({
    url: url.replace('http', 'ws'),
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    shouldRetry: () => true,
    retryAttempts: Infinity,
    ...(pause && { retryWait: () => new Promise((resolve) => setTimeout(resolve, pause)) }),
  }));
  const authorized = new SetContextLink(async () => ({
    headers: { authorization: `Bearer ${await token()}` },
  }));
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(sockets),
      ApolloLink.from([authorized, new HttpLink({ uri: url })]),
    ),
  });

  return {
    async snapshot() {
      const query = { query: gql(SNAPSHOT), fetchPolicy: 'no-cache' };
      return (await client.query(query)).data.eventCursor;
    },
    async disconnect(id) {
      const { data } = await client.mutate({ mutation: gql(DISCONNECT), variables: { id } });
      return data.disconnectProvider;
    },
    follow(after, { event, failed }) {
      const subscription = client
        .subscribe({ query: gql(FOLLOW), variables: { after }, fetchPolicy: 'no-cache' })
        .subscribe(({ data, error }) => (error ? failed(error) : event(data.providerEvents)));
      return () => subscription.unsubscribe();
    },
  };
}
