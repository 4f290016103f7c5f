// Sign in, refresh and a protected route, the way tutorials for Express, jsonwebtoken and bcrypt show them:
// a middleware that verifies the bearer token, and refresh tokens that are JWTs as well and kept in a table.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import bcrypt from 'bcrypt';
import express from 'express';
import jwt from 'jsonwebtoken';

const { BENCH_PORT, BENCH_FOLDER, BENCH_KEYS, BENCH_LIFETIME } = process.env;
const REFRESH_LIFETIME = 14 * 24 * 3600;

function keys() {
  if (BENCH_KEYS === 'hs256-text') {
    const secret = randomBytes(32).toString('hex');
    return { algorithm: 'HS256', signing: secret, verifying: secret };
  }
  const pem = { privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } };
  if (BENCH_KEYS === 'rs256-text') {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048, ...pem });
    return { algorithm: 'RS256', signing: rsa.privateKey, verifying: rsa.publicKey };
  }
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256', ...pem });
  return BENCH_KEYS === 'es256-text'
    ? { algorithm: 'ES256', signing: pair.privateKey, verifying: pair.publicKey }
    : { algorithm: 'ES256', signing: createPrivateKey(pair.privateKey), verifying: createPublicKey(pair.publicKey) };
}

const access = keys();
const refresh = keys();
const checked = { algorithms: [access.algorithm], issuer: 'bench', audience: 'bench' };

const db = new DatabaseSync(`${BENCH_FOLDER}/express.db`);
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
db.exec('CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT UNIQUE, password TEXT)');
db.exec('CREATE TABLE IF NOT EXISTS refresh_tokens (id TEXT PRIMARY KEY, user_id TEXT, expires_at INTEGER)');
const people = JSON.parse(readFileSync(`${BENCH_FOLDER}/people.json`, 'utf8'));
const addUser = db.prepare('INSERT OR IGNORE INTO users VALUES (?, ?, ?)');
db.exec('BEGIN');
for (const email of people.emails) addUser.run(randomUUID(), email, people.password_hash);
db.exec('COMMIT');

const userByEmail = db.prepare('SELECT id, email, password FROM users WHERE email = ?');
const addToken = db.prepare('INSERT INTO refresh_tokens VALUES (?, ?, ?)');
const takeToken = db.prepare('DELETE FROM refresh_tokens WHERE id = ? AND user_id = ? AND expires_at > ?');

function tokensFor(userId, email) {
  const id = randomUUID();
  const named = { subject: userId, issuer: 'bench', audience: 'bench' };
  const accessToken = jwt.sign({ email }, access.signing, { ...named, algorithm: access.algorithm, expiresIn: Number(BENCH_LIFETIME) });
  const refreshToken = jwt.sign({ email }, refresh.signing, { ...named, algorithm: refresh.algorithm, jwtid: id, expiresIn: REFRESH_LIFETIME });
  addToken.run(id, userId, Math.floor(Date.now() / 1000) + REFRESH_LIFETIME);
  return { access_token: accessToken, refresh_token: refreshToken };
}

function authenticate(req, res, next) {
  const token = req.headers.authorization?.split(' ')[1];
  if (!token) return res.sendStatus(401);
  try {
    req.user = jwt.verify(token, access.verifying, checked);
  } catch {
    return res.sendStatus(403);
  }
  next();
}

const app = express();
app.use(express.json());

app.get('/', (req, res) => res.send('ok'));

app.post('/login', async (req, res) => {
  const user = userByEmail.get(req.body.email);
  if (!user || !(await bcrypt.compare(req.body.password, user.password))) {
    return res.status(401).json({ message: 'Wrong e-mail or password' });
  }
  res.json(tokensFor(user.id, user.email));
});

app.post('/refresh', (req, res) => {
  let claims;
  try {
    claims = jwt.verify(req.body.refresh_token, refresh.verifying, { ...checked, algorithms: [refresh.algorithm] });
  } catch {
    return res.sendStatus(403);
  }
  // One transaction, so that the rotation is whole and costs one sync of the disk.
  db.exec('BEGIN IMMEDIATE');
  const { changes } = takeToken.run(claims.jti, claims.sub, Math.floor(Date.now() / 1000));
  if (changes !== 1) {
    db.exec('ROLLBACK');
    return res.sendStatus(403);
  }
  const tokens = tokensFor(claims.sub, claims.email);
  db.exec('COMMIT');
  res.json(tokens);
});

app.get('/me', authenticate, (req, res) => res.json({ id: req.user.sub, email: req.user.email }));

app.listen(Number(BENCH_PORT), '127.0.0.1');
