// Verify access tokens as other people's services would: with jose, and with jsonwebtoken.
// Reads {"issuer", "audience", "jwks_uri", "tokens": {name: token}} from standard input and writes, for each library,
// the claims of each token, or the name of the error that refused it.

import { createPublicKey } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'

const { issuer, audience, jwks_uri, tokens } = JSON.parse(await text(process.stdin))

const remote = createRemoteJWKSet(new URL(jwks_uri))
async function withJose(token) {
  const { payload, protectedHeader } = await jwtVerify(token, remote, {
    issuer, audience, typ: 'at+jwt', algorithms: ['ES256'],
  })
  return { header: protectedHeader, claims: payload }
}

const { keys } = await (await fetch(jwks_uri)).json()
async function withJsonwebtoken(token) {
  const { kid } = jsonwebtoken.decode(token, { complete: true }).header
  const key = createPublicKey({ key: keys.find((each) => each.kid === kid), format: 'jwk' })
  const { header, payload } = jsonwebtoken.verify(token, key, {
    issuer, audience, algorithms: ['ES256'], complete: true,
  })
  return { header, claims: payload }
}

async function outcome(verify, token) {
  try {
    return await verify(token)
  } catch (error) {
    return { refused: error.code ?? error.message }
  }
}

const outcomes = { jose: {}, jsonwebtoken: {} }
for (const [name, token] of Object.entries(tokens)) {
  outcomes.jose[name] = await outcome(withJose, token)
  outcomes.jsonwebtoken[name] = await outcome(withJsonwebtoken, token)
}
process.stdout.write(JSON.stringify(outcomes))
