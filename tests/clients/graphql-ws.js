// graphql-ws over WebSocket.
import { createClient } from 'graphql-ws';
import { resuming } from './resume.js';
import { DISCONNECT, FOLLOW, SNAPSHOT } from './documents.js';

export function connect(url, token, pause) {
  const client = resuming(createClient({
    url: url.replace('http', 'ws'),
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    shouldRetry: () => true,
    retryAttempts: Infinity,
    ...(pause && { retryWait: () => new Promise((resolve) => setTimeout(resolve, pause)) }),
  }));

  const once = (query, variables) =>
    new Promise((resolve, reject) => {
      let result;
      client.subscribe({ query, variables }, {
        next: (next) => (result = next.data),
        error: reject,
        complete: () => resolve(result),
      });
    });

  return {
    snapshot: async () => (await once(SNAPSHOT)).eventCursor,
    disconnect: async (id) => (await once(DISCONNECT, { id })).disconnectProvider,
    follow: (after, { event, failed }) =>
      client.subscribe({ query: FOLLOW, variables: { after } }, {
        next: ({ data }) => event(data.providerEvents),
        error: failed,
        complete() {},
      }),
  };
}
