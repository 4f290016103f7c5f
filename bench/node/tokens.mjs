// Time the JWT libraries of Node on tokens that bench/tokens.py hands over; answers in microseconds of CPU time a call.
//
// In (standard input, JSON): algorithm, key and public (PEM; a secret as base64), tokens, claims, issuer, audience, rounds.
// Out (standard output, JSON): {work: {library: [microseconds, one for each round]}, versions: {library: version}}.

import { createPrivateKey, createPublicKey, createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const asked = JSON.parse(readFileSync(0, "utf8"));
const { algorithm, tokens, claims, issuer, audience } = asked;
const symmetric = algorithm.startsWith("HS");
const secret = symmetric ? Buffer.from(asked.key, "base64") : null;
const name = algorithm === "Ed25519" ? "EdDSA" : algorithm;
const require = createRequire(import.meta.url);
const calls = { verify: {}, sign: {}, again: {} };
const versions = {};

async function library(wanted) {
  try {
    const module = await import(wanted);
    versions[wanted] = require(`${wanted}/package.json`).version;
    return module.default ?? module;
  } catch {
    return null;
  }
}

const jsonwebtoken = await library("jsonwebtoken");
if (jsonwebtoken && name !== "EdDSA") {
  const key = symmetric ? createSecretKey(secret) : createPrivateKey(asked.key);
  const open = symmetric ? key : createPublicKey(asked.public);
  const options = { algorithms: [name], issuer, audience };
  calls.verify.jsonwebtoken = (token) => jsonwebtoken.verify(token, open, options);
  calls.sign.jsonwebtoken = (payload) => jsonwebtoken.sign(payload, key, { algorithm: name });
}
const fast = await library("fast-jwt");
if (fast) {
  const key = symmetric ? secret : asked.key;
  const open = symmetric ? secret : asked.public;
  const options = { key: open, algorithms: [name], allowedIss: issuer, allowedAud: audience };
  calls.verify["fast-jwt"] = fast.createVerifier(options);
  calls.again["fast-jwt"] = fast.createVerifier({ ...options, cache: 1000 });
  calls.sign["fast-jwt"] = fast.createSigner({ key, algorithm: name });
}

function clock(call, given) {
  const started = process.cpuUsage();
  for (const one of given) call(one);
  const used = process.cpuUsage(started);
  return (used.user + used.system) / given.length;
}

const found = {};
for (const [work, entries] of Object.entries(calls)) {
  const given = work === "sign" ? claims : work === "again" ? tokens.map(() => tokens[0]) : tokens;
  const many = Array.from({ length: Math.max(1, Math.ceil(2000 / given.length)) }, () => given).flat();
  found[work] = {};
  for (const [entry, call] of Object.entries(entries)) {
    clock(call, many); // the compiler of Node needs to see the code first
    found[work][entry] = Array.from({ length: asked.rounds }, () => clock(call, many));
  }
}
process.stdout.write(JSON.stringify({ ...found, versions }));
