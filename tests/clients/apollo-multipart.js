// @apollo/client, subscriptions as multipart responses by its own HttpLink.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { fatal, follow } from './resume.js';
import { DISCONNECT, FOLLOW, SNAPSHOT } from './documents.js';

export function connect(url, token, pause) {
  const authorized = new SetContextLink(async () => ({
    headers: { authorization: `Bearer ${await token()}` },
  }));
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([authorized, new HttpLink({ uri: url })]),
  });

  const subscribe = (after, { event, end }) => {
    const subscription = client
      .subscribe({ query: gql(FOLLOW), variables: { after }, fetchPolicy: 'no-cache' })
      .subscribe({
        next: ({ data, error }) => (error ? end(fatal(error.errors)) : event(data.providerEvents)),
        error: () => end(),
        complete: () => end(),
      });
    return () => subscription.unsubscribe();
  };

  return {
    async snapshot() {
      const query = { query: gql(SNAPSHOT), fetchPolicy: 'no-cache' };
      return (await client.query(query)).data.eventCursor;
    },
    async disconnect(id) {
      const { data } = await client.mutate({ mutation: gql(DISCONNECT), variables: { id } });
      return data.disconnectProvider;
    },
    follow: (after, handlers) => follow(subscribe, after, { ...handlers, pause }),
  };
}
