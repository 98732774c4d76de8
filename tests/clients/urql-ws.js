// @urql/core, subscriptions over WebSocket by graphql-ws.
import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
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
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: { authorization: `Bearer ${token()}` } }),
    exchanges: [
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });

  const data = async (result) => {
    const { data, error } = await result.toPromise();
    if (error) throw error;
    return data;
  };

  return {
    snapshot: async () => (await data(client.query(SNAPSHOT, {}))).eventCursor,
    disconnect: async (id) => (await data(client.mutation(DISCONNECT, { id }))).disconnectProvider,
    follow(after, { event, failed }) {
      const { unsubscribe } = client
        .subscription(FOLLOW, { after })
        .subscribe(({ data, error }) => (error ? failed(error) : event(data.providerEvents)));
      return unsubscribe;
    },
  };
}
