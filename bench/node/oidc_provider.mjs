// node-oidc-provider with rotation of refresh tokens, a public client, ES256, and sessions made before it listens.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import Provider from 'oidc-provider';
import { postgresAdapter } from './oidc_postgres.mjs';
import { sqliteAdapter } from './oidc_sqlite.mjs';

const { BENCH_PORT, BENCH_FOLDER, BENCH_STORE, BENCH_DATABASE, BENCH_SESSIONS, BENCH_LIFETIME } = process.env;
const DAY = 24 * 3600;
const CLIENT = 'bench';
const now = () => Math.floor(Date.now() / 1000);

const adapter = { sqlite: () => sqliteAdapter(`${BENCH_FOLDER}/oidc.db`), postgresql: () => postgresAdapter(BENCH_DATABASE) };

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(`http://localhost:${BENCH_PORT}`, {
  ...(adapter[BENCH_STORE] ? { adapter: await adapter[BENCH_STORE]() } : {}),
  clients: [
    {
      client_id: CLIENT,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['https://app.example.com/back'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  features: { devInteractions: { enabled: false } },
  rotateRefreshToken: true,
  ttl: { AccessToken: Number(BENCH_LIFETIME), RefreshToken: 14 * DAY, Grant: 14 * DAY, IdToken: Number(BENCH_LIFETIME) },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});

const people = JSON.parse(readFileSync(`${BENCH_FOLDER}/people.json`, 'utf8'));
const client = await provider.Client.find(CLIENT);
const sessions = [];
for (let number = 0; number < Number(BENCH_SESSIONS); number += 1) {
  const accountId = people.emails[number % people.emails.length];
  const grant = new provider.Grant({ accountId, clientId: CLIENT });
  grant.addOIDCScope('openid offline_access');
  const shared = { accountId, client, grantId: await grant.save(), gty: 'authorization_code', scope: 'openid offline_access' };
  const refresh = await new provider.RefreshToken({ ...shared, authTime: now() }).save();
  const access = await new provider.AccessToken(shared).save();
  sessions.push({ access, refresh });
}
writeFileSync(`${BENCH_FOLDER}/sessions.json`, JSON.stringify(sessions));
provider.listen(Number(BENCH_PORT), '127.0.0.1');
