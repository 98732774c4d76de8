// Links that send a document's hash first: node persisted.js URL TOKEN
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { DISCONNECT, SNAPSHOT } from './documents.js';

const [uri, token] = process.argv.slice(2);
const bodies = [];
const answers = [];
const counting = async (url, options) => {
  bodies.push(JSON.parse(options.body));
  return fetch(url, options);
};
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.from([
    new PersistedQueryLink({
      sha256: (text) => createHash('sha256').update(text).digest('hex'),
    }),
    new HttpLink({ uri, fetch: counting, headers: { authorization: `Bearer ${token}` } }),
  ]),
});

const id = '00000000-0000-0000-0000-000000000001';
answers.push((await client.query({ query: gql(SNAPSHOT) })).data);
answers.push((await client.mutate({ mutation: gql(DISCONNECT), variables: { id } })).data);
console.log(JSON.stringify({ answers, documents: bodies.map((body) => 'query' in body) }));
