// The adapter that node-oidc-provider's documentation asks a deployment to write, on node:sqlite; every method is one
// committed statement.
import { DatabaseSync } from 'node:sqlite';

const now = () => Math.floor(Date.now() / 1000);
const found = (row) => row && { ...JSON.parse(row.payload), ...(row.consumed ? { consumed: row.consumed } : undefined) };

export function sqliteAdapter(path) {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec(`CREATE TABLE IF NOT EXISTS model (
    kind TEXT, id TEXT, payload TEXT, grant_id TEXT, uid TEXT, user_code TEXT, consumed INTEGER, expires_at INTEGER,
    PRIMARY KEY (kind, id)) WITHOUT ROWID`);
  db.exec('CREATE INDEX IF NOT EXISTS model_grant ON model (grant_id)');
  db.exec('CREATE INDEX IF NOT EXISTS model_uid ON model (uid) WHERE uid IS NOT NULL');
  const put = db.prepare('INSERT OR REPLACE INTO model VALUES (?, ?, ?, ?, ?, ?, NULL, ?)');
  const get = db.prepare('SELECT payload, consumed FROM model WHERE kind = ? AND id = ? AND (expires_at IS NULL OR expires_at > ?)');
  const byUid = db.prepare('SELECT payload, consumed FROM model WHERE kind = ? AND uid = ?');
  const byUserCode = db.prepare('SELECT payload, consumed FROM model WHERE kind = ? AND user_code = ?');
  const consume = db.prepare('UPDATE model SET consumed = ? WHERE kind = ? AND id = ?');
  const destroy = db.prepare('DELETE FROM model WHERE kind = ? AND id = ?');
  const revoke = db.prepare('DELETE FROM model WHERE grant_id = ?');

  return class SqliteAdapter {
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
  };
}
