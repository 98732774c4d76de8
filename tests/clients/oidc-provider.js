// oidc-provider on the loopback: node oidc-provider.js CLIENT_ID CLIENT_SECRET
// Prints its address. POST /grants stands in for a user's consent: it answers with the tokens of a new
// grant, or of the grant that `?of=` names.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [client_id, client_secret] = process.argv.slice(2);
const SCOPE = 'openid offline_access';
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id,
    client_secret,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['https://app.example/callback'],
    id_token_signed_response_alg: 'ES256',
  }],
  cookies: { keys: [client_secret] },
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
  },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  jwks: { keys: [{ ...key, alg: 'ES256', use: 'sig' }] },
  ttl: { AccessToken: 3600, Grant: 86_400, RefreshToken: 86_400 },
});

async function granted(of) {
  const accountId = 'the-user';
  let grantId = of;
  if (!grantId) {
    const grant = new provider.Grant({ accountId, clientId: client_id });
    grant.addOIDCScope(SCOPE);
    grantId = await grant.save();
  }
  const client = await provider.Client.find(client_id);
  const facts = { accountId, client, grantId, gty: 'authorization_code', scope: SCOPE };
  return {
    grant: grantId,
    access_token: await new provider.AccessToken(facts).save(),
    refresh_token: await new provider.RefreshToken(facts).save(),
  };
}

const answer = provider.callback();
server.on('request', async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname !== '/grants') return answer(request, response);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(await granted(url.searchParams.get('of'))));
});
console.log(issuer);
