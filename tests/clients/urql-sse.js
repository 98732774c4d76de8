// @urql/core, subscriptions over server-sent events by its own fetchExchange.
import { Client, fetchExchange } from '@urql/core';
import { fatal, follow } from './resume.js';
import { DISCONNECT, FOLLOW, SNAPSHOT } from './documents.js';

export function connect(url, token, pause) {
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchSubscriptions: true,
    fetchOptions: () => ({ headers: { authorization: `Bearer ${token()}` } }),
    exchanges: [fetchExchange],
  });

  const data = async (result) => {
    const { data, error } = await result.toPromise();
    if (error) throw error;
    return data;
  };

  // A stream that has ended, for any reason, says `hasNext: false`; its last event comes along
  // once more, and is dropped as one that was seen.
  const subscribe = (after, { event, end }) =>
    client.subscription(FOLLOW, { after }).subscribe(({ data, error, hasNext }) => {
      if (data) event(data.providerEvents);
      if (error || !hasNext) end(fatal(error?.graphQLErrors));
    }).unsubscribe;

  return {
    snapshot: async () => (await data(client.query(SNAPSHOT, {}))).eventCursor,
    disconnect: async (id) => (await data(client.mutation(DISCONNECT, { id }))).disconnectProvider,
    follow: (after, handlers) => follow(subscribe, after, { ...handlers, pause }),
  };
}
