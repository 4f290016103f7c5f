// node-oidc-provider with rotation of refresh tokens, a public client, ES256, and sessions made before it listens.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import Provider from 'oidc-provider';

const { BENCH_PORT, BENCH_FOLDER, BENCH_STORE, BENCH_SESSIONS, BENCH_LIFETIME } = process.env;
const DAY = 24 * 3600;
const CLIENT = 'bench';

// The adapter that the documentation asks a deployment to write; every method is one committed statement.
const db = new DatabaseSync(`${BENCH_FOLDER}/oidc.db`);
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
db.exec(`CREATE TABLE IF NOT EXISTS model (
  kind TEXT, id TEXT, payload TEXT, grant_id TEXT, uid TEXT, user_code TEXT, consumed INTEGER, expires_at INTEGER,
  PRIMARY KEY (kind, id)) WITHOUT ROWID`);
db.exec('CREATE INDEX IF NOT EXISTS model_grant ON model (grant_id)');
db.exec('CREATE INDEX IF NOT EXISTS model_uid ON model (uid) WHERE uid IS NOT NULL');
const now = () => Math.floor(Date.now() / 1000);
const put = db.prepare('INSERT OR REPLACE INTO model VALUES (?, ?, ?, ?, ?, ?, NULL, ?)');
const get = db.prepare('SELECT payload, consumed FROM model WHERE kind = ? AND id = ? AND (expires_at IS NULL OR expires_at > ?)');
const byUid = db.prepare('SELECT payload, consumed FROM model WHERE kind = ? AND uid = ?');
const byUserCode = db.prepare('SELECT payload, consumed FROM model WHERE kind = ? AND user_code = ?');
const consume = db.prepare('UPDATE model SET consumed = ? WHERE kind = ? AND id = ?');
const destroy = db.prepare('DELETE FROM model WHERE kind = ? AND id = ?');
const revoke = db.prepare('DELETE FROM model WHERE grant_id = ?');
const found = (row) => row && { ...JSON.parse(row.payload), ...(row.consumed ? { consumed: row.consumed } : undefined) };

class SqliteAdapter {
  constructor(kind) {
    this.kind = kind;
  }

  async upsert(id, payload, expiresIn) {
    const { grantId = null, uid = null, userCode = null } = payload;
    put.run(this.kind, id, JSON.stringify(payload), grantId, uid, userCode, expiresIn ? now() + expiresIn : null);
  }

  async find(id) {
    return found(get.get(this.kind, id, now()));
  }

  async findByUid(uid) {
    return found(byUid.get(this.kind, uid));
  }

  async findByUserCode(userCode) {
    return found(byUserCode.get(this.kind, userCode));
  }

  async consume(id) {
    consume.run(now(), this.kind, id);
  }

  async destroy(id) {
    destroy.run(this.kind, id);
  }

  async revokeByGrantId(grantId) {
    revoke.run(grantId);
  }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(`http://localhost:${BENCH_PORT}`, {
  ...(BENCH_STORE === 'sqlite' ? { adapter: SqliteAdapter } : {}),
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
