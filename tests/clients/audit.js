// Runs graphql-http's audits against a server: node audit.js URL TOKEN
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);

// The audits know no tokens.
const fetchFn = (input, init = {}) =>
  fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
console.log(JSON.stringify(results));
