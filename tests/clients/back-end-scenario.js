// Runs back-end.js against a server, with a provider that ends a refresh token when it is used.
//
//     node back-end-scenario.js URL TOKEN USER PROVIDER
import { randomUUID } from 'node:crypto';
import { AccessDenied, InvalidGrant, connected, service, sync } from './back-end.js';

const [url, token, userId, providerId] = process.argv.slice(2);
const call = service(url, async () => token);

class RotatingProvider {
  refreshes = 0;
  fetches = 0;
  beforeAnswer = async () => {};
  constructor(name) {
    this.name = name;
    this.issue(1);
  }
  issue(number) {
    const { name } = this;
    const mark = `a-credential-in-plain-text-${name}-${number}`; // as in tests/support/secrecy.py
    const tokens = { access_token: `access-${mark}`, refresh_token: `refresh-${mark}` };
    this.tokens = { ...tokens, account_id: name, expires_at: '2040-01-01T00:00:00Z' };
  }
  async refresh({ refresh_token }) {
    if (this.ended || refresh_token !== this.tokens.refresh_token) {
      this.ended = true;
      throw new InvalidGrant();
    }
    this.refreshes += 1;
    this.issue(this.refreshes + 1);
    await this.beforeAnswer();
    return this.tokens;
  }
  async fetch({ access_token }) {
    if (this.ended || access_token !== this.tokens.access_token) throw new AccessDenied();
    this.fetches += 1;
  }
}

const locks = new Map();
async function lock(id, work) {
  const result = (locks.get(id) ?? Promise.resolve()).then(work);
  locks.set(id, result.catch(() => {}));
  return result;
}

const flow = () => ({
  attemptId: randomUUID(),
  userId,
  provider: { id: providerId, slug: 'rotating' },
});
const record = (id) =>
  call(
    'query Record($id: ID!) { node(id: $id) { __typename ... on ConnectionRecord { status credentialsVersion } } }',
    { id },
  );

const provider = new RotatingProvider('javascript');
const begun = flow();
const ids = await Promise.all([1, 2, 3].map(() => connected(call, begun, provider.tokens)));
const [id] = ids;
provider.tokens = { ...provider.tokens, access_token: 'another' };
const synced = await Promise.all(Array.from({ length: 8 }, () => sync(call, id, { provider, lock })));
const { credentialsVersion: version } = await record(id);
const { refreshes, fetches } = provider;

provider.ended = true;
const afterRefusal = await sync(call, id, { provider, lock });
const { status } = await record(id);

const other = new RotatingProvider('javascript-late');
const otherId = await connected(call, flow(), other.tokens);
other.tokens = { ...other.tokens, access_token: 'another' };
other.beforeAnswer = () =>
  call(
    'mutation End($input: ServiceDisconnectProviderInput!) { disconnectProvider(input: $input) { __typename } }',
    { input: { userId, connectionId: otherId, attemptId: randomUUID() } },
  );
const afterDisconnect = await sync(call, otherId, { provider: other, lock });

console.log(JSON.stringify({
  connections: new Set(ids).size,
  synced,
  refreshes,
  fetches,
  version,
  afterRefusal,
  status,
  afterDisconnect,
  late: other.refreshes,
}));
