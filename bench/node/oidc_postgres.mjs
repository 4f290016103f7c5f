// The adapter that node-oidc-provider's documentation asks a deployment to write, on a pool of pg; every method is one
// committed statement, prepared on its connection.
import pg from 'pg';

const TABLE = `CREATE TABLE IF NOT EXISTS model (
  kind TEXT, id TEXT, payload JSONB, grant_id TEXT, uid TEXT, user_code TEXT, consumed BIGINT, expires_at BIGINT,
  PRIMARY KEY (kind, id))`;
const STATEMENTS = {
  put: `INSERT INTO model (kind, id, payload, grant_id, uid, user_code, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (kind, id) DO UPDATE SET payload = EXCLUDED.payload, grant_id = EXCLUDED.grant_id, uid = EXCLUDED.uid,
    user_code = EXCLUDED.user_code, consumed = NULL, expires_at = EXCLUDED.expires_at`,
  get: 'SELECT payload, consumed FROM model WHERE kind = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > $3)',
  byUid: 'SELECT payload, consumed FROM model WHERE kind = $1 AND uid = $2',
  byUserCode: 'SELECT payload, consumed FROM model WHERE kind = $1 AND user_code = $2',
  consume: 'UPDATE model SET consumed = $1 WHERE kind = $2 AND id = $3',
  destroy: 'DELETE FROM model WHERE kind = $1 AND id = $2',
  revoke: 'DELETE FROM model WHERE grant_id = $1',
};
const now = () => Math.floor(Date.now() / 1000);
const found = ({ rows: [row] }) => row && { ...row.payload, ...(row.consumed ? { consumed: Number(row.consumed) } : undefined) };

export async function postgresAdapter(url) {
  const pool = new pg.Pool({ connectionString: url });
  await pool.query(TABLE);
  await pool.query('CREATE INDEX IF NOT EXISTS model_grant ON model (grant_id)');
  await pool.query('CREATE INDEX IF NOT EXISTS model_uid ON model (uid) WHERE uid IS NOT NULL');
  const run = (name, ...values) => pool.query({ name, text: STATEMENTS[name], values });

  return class PostgresAdapter {
    constructor(kind) {
      this.kind = kind;
    }

    async upsert(id, payload, expiresIn) {
      const { grantId = null, uid = null, userCode = null } = payload;
      await run('put', this.kind, id, payload, grantId, uid, userCode, expiresIn ? now() + expiresIn : null);
    }

    async find(id) {
      return found(await run('get', this.kind, id, now()));
    }

    async findByUid(uid) {
      return found(await run('byUid', this.kind, uid));
    }

    async findByUserCode(userCode) {
      return found(await run('byUserCode', this.kind, userCode));
    }

    async consume(id) {
      await run('consume', now(), this.kind, id);
    }

    async destroy(id) {
      await run('destroy', this.kind, id);
    }

    async revokeByGrantId(grantId) {
      await run('revoke', grantId);
    }
  };
}
