// better-auth with e-mail and password and bcrypt, on node:sqlite or pg; `prepare` as an argument makes the database.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import bcrypt from 'bcrypt';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import pg from 'pg';

const { BENCH_PORT, BENCH_FOLDER, BENCH_DATABASE } = process.env;

function ownFile() {
  const file = new DatabaseSync(`${BENCH_FOLDER}/better-auth.db`);
  file.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  return file;
}

const database = BENCH_DATABASE ? new pg.Pool({ connectionString: BENCH_DATABASE }) : ownFile();
const options = {
  database,
  secret: 'measured-on-loopback-only-0123456789',
  baseURL: `http://localhost:${BENCH_PORT}`,
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => bcrypt.hash(password, 12),
      verify: ({ hash, password }) => bcrypt.compare(password, hash),
    },
  },
  // Every look at a session extends it, unless the request says `disableRefresh`: so both can be measured.
  session: { expiresIn: 14 * 24 * 3600, updateAge: 0 },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
};
const auth = betterAuth(options);

if (process.argv[2] === 'prepare') {
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const { internalAdapter } = await auth.$context;
  const people = JSON.parse(readFileSync(`${BENCH_FOLDER}/people.json`, 'utf8'));
  for (const email of people.emails) {
    const user = await internalAdapter.createUser({ email, name: '', emailVerified: true });
    await internalAdapter.linkAccount({
      userId: user.id,
      accountId: user.id,
      providerId: 'credential',
      password: people.password_hash,
    });
  }
  if (BENCH_DATABASE) await database.end();
} else {
  createServer(toNodeHandler(auth)).listen(Number(BENCH_PORT), '127.0.0.1');
}
