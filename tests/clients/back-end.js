// A back end in JavaScript: connect, read before a sync, refresh, report.

const CONNECT = `mutation Connect($input: ConnectProviderInput!) {
  connectProvider(input: $input) {
    __typename
    ... on ConnectProviderSuccess { created verify connection { id credentialsVersion } }
    ... on Error { message }
  }
}`;
const CREDENTIALS = `query Credentials($connectionId: ID!) {
  credentials(connectionId: $connectionId) {
    __typename
    ... on Credentials { type data expiresAt credentialsVersion }
    ... on Error { message }
  }
}`;
const REFRESH = `mutation Refresh($input: RefreshCredentialsInput!) {
  refreshCredentials(input: $input) {
    __typename
    ... on RefreshCredentialsSuccess { connection { credentialsVersion } }
    ... on ConnectionDisconnected { lateCredentials }
    ... on Error { message }
  }
}`;
const REPORT = `mutation Report($input: ReportAccessLostInput!) {
  reportAccessLost(input: $input) { __typename ... on Error { message } }
}`;
const RECORD_SYNC = `mutation RecordSync($input: RecordSyncInput!) {
  recordSync(input: $input) { __typename ... on Error { message } }
}`;

const PAUSES = [200, 1000, 5000];
const LONG = [...PAUSES, ...Array(40).fill(15_000)]; // for tokens that exist nowhere else
const RETRIED = new Set(['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'RATE_LIMITED']);

// The provider does not accept an access token (401).
export class AccessDenied extends Error {}
// The provider does not accept a refresh token (`invalid_grant`, RFC 6749, section 5.2).
export class InvalidGrant extends Error {}

// Gives `call(document, variables)`: the result of an operation with one field. Everything here may be
// repeated, so a lost answer is not a failure: it is asked again.
export function service(url, token) {
  async function post(body) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(15_000),
      });
      return await response.json();
    } catch {
      return {}; // no answer, or one of a proxy
    }
  }

  return async function call(query, variables, pauses = PAUSES) {
    for (const pause of [...pauses, null]) {
      const { data, errors } = await post({ query, variables });
      if (data) {
        const [result] = Object.values(data);
        if (result.__typename !== 'CommandFailed') return result;
      } else if (errors && !RETRIED.has(errors[0].extensions.code)) {
        throw new Error(errors[0].extensions.code);
      }
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    throw new Error('Unplug is unavailable: run the job again later');
  };
}

// Registers what the OAuth callback got. `flow` was stored when the user was sent to the provider, with
// an `attemptId` made then: a callback that is handled twice makes one connection.
export async function connected(call, flow, tokens) {
  const input = {
    attemptId: flow.attemptId,
    userId: flow.userId,
    provider: flow.provider,
    providerAccountId: tokens.account_id,
    credentials: { type: 'oauth2', data: tokens, expiresAt: tokens.expires_at },
  };
  const result = await call(CONNECT, { input }, LONG);
  if (result.__typename !== 'ConnectProviderSuccess') throw new Error(result.__typename);
  return result.connection.id;
}

// The current credentials; undefined when there are none, most often after a disconnect.
export async function credentials(call, connectionId) {
  const result = await call(CREDENTIALS, { connectionId });
  return result.__typename === 'Credentials' ? result : undefined;
}

// Fetches data once; false when there is no access any more. `lock(id, work)` runs `work` while no other
// worker holds the same connection.
export async function sync(call, connectionId, { provider, lock }) {
  const renew = (used) => lock(connectionId, () => refreshed(call, connectionId, used, provider));
  let current = await credentials(call, connectionId);
  if (current && expired(current)) current = await renew(current);
  if (!current) return false;
  const at = new Date().toISOString();
  try {
    await provider.fetch(current.data);
  } catch (error) {
    if (!(error instanceof AccessDenied)) throw error;
    current = await renew(current);
    if (!current) return false;
    await provider.fetch(current.data);
  }
  await call(RECORD_SYNC, { input: { connectionId, at } });
  return true;
}

// Credentials newer than the ones used; undefined when access has ended. Call it with the lock: many
// providers end a refresh token when it is used twice.
async function refreshed(call, connectionId, used, provider) {
  const current = await credentials(call, connectionId);
  const version = current?.credentialsVersion;
  if (version !== used.credentialsVersion) return current; // disconnected, or another worker was faster
  let tokens;
  try {
    tokens = await provider.refresh(current.data);
  } catch (error) {
    if (!(error instanceof InvalidGrant)) throw error;
    // About this version: credentials that were renewed meanwhile stay as they are.
    const lost = { connectionId, credentialsVersion: version, status: 'REVOKED' };
    await call(REPORT, { input: lost });
    return undefined;
  }
  const data = { ...current.data, ...tokens };
  const replaced = { type: current.type, data, expiresAt: tokens.expires_at };
  const input = { connectionId, credentialsVersion: version, credentials: replaced };
  const { __typename } = await call(REFRESH, { input }, LONG);
  switch (__typename) {
    case 'RefreshCredentialsSuccess':
    case 'CredentialsChanged': // may mean that these were stored, and that the answer was lost
      return credentials(call, connectionId);
    default: // disconnected: Unplug has taken care of the late credentials
      return undefined;
  }
}

function expired({ expiresAt }) {
  return expiresAt !== null && new Date(expiresAt) <= new Date();
}
