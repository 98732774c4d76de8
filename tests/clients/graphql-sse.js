// graphql-sse over server-sent events, in its distinct connections mode.
import { createClient } from 'graphql-sse';
import { fatal, follow, resuming } from './resume.js';
import { DISCONNECT, FOLLOW, SNAPSHOT } from './documents.js';

export function connect(url, token, pause) {
  const client = resuming(createClient({
    url,
    headers: async () => ({ authorization: `Bearer ${await token()}` }),
    retryAttempts: Infinity,
    ...(pause && { retry: () => new Promise((resolve) => setTimeout(resolve, pause)) }),
  }));

  const once = (query, variables) =>
    new Promise((resolve, reject) => {
      let result;
      client.subscribe({ query, variables }, {
        next: (next) => (result = next),
        error: reject,
        complete: () => (result.errors ? reject(result.errors) : resolve(result.data)),
      });
    });

  // It tries again by itself, but not when its token has expired or when it was cut off while it
  // was still busy with an event.
  const subscribe = (after, { event, end }) => {
    let errors;
    return client.subscribe({ query: FOLLOW, variables: { after } }, {
      next(result) {
        if (result.errors) errors = result.errors;
        else event(result.data.providerEvents);
      },
      error: () => end(),
      complete: () => end(fatal(errors)),
    });
  };

  return {
    snapshot: async () => (await once(SNAPSHOT)).eventCursor,
    disconnect: async (id) => (await once(DISCONNECT, { id })).disconnectProvider,
    follow: (after, handlers) => follow(subscribe, after, { ...handlers, pause }),
  };
}
