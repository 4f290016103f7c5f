// Verify many tokens with jose under one policy. Reads {"now", "issuer", "audience", "keys": {name: jwk},
// "cases": [[key name, token], ...]} from standard input and writes one letter for each case: "a" accepted,
// "r" refused with an error of jose, "e" any other error.

import { text } from 'node:stream/consumers'
import { errors, importJWK, jwtVerify } from 'jose'

const { now, issuer, audience, keys, cases } = JSON.parse(await text(process.stdin))

const imported = {}
for (const [name, jwk] of Object.entries(keys)) imported[name] = await importJWK(jwk, jwk.alg)

async function outcome([name, token]) {
  try {
    await jwtVerify(token, imported[name], {
      issuer, audience, algorithms: [keys[name].alg], clockTolerance: 5, currentDate: new Date(now * 1000),
      requiredClaims: ['exp'],
    })
    return 'a'
  } catch (error) {
    return error instanceof errors.JOSEError ? 'r' : 'e'
  }
}

let outcomes = ''
for (const each of cases) outcomes += await outcome(each)
process.stdout.write(outcomes)
