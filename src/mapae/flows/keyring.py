"""The signing keys this process knows: one signs, the others still verify."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from mapae.guard import Guard
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.jose.signer import Signer
from mapae.jose.verifier import Verifier
from mapae.keys import schedule
from mapae.keys.schedule import SigningKey
from mapae.keys.sealing import unseal
from mapae.sessions.access_token import TYP, AccessClaims
from mapae.sessions.revocation import Revocations
from mapae.storage import keys as key_rows
from mapae.storage.database import Database

SEAL_PURPOSE = "signing-key"


@dataclass(slots=True)
class Keyring:
    """The keys of the database, opened once and kept until the rows change.

    Attributes:
        rows: what the database holds, destroyed keys left out.
        jwks: the public keys as the bytes of a JWK Set (RFC 7517 §5).
        lifetime: seconds for which an access token is good.
        etag: a strong entity tag of `jwks` (RFC 9110 §8.8.3).
        guard: checks access tokens against these keys.
    """

    master: bytes
    issuer: str
    audience: str
    leeway: int
    revocations: Revocations
    rows: Sequence[SigningKey] = ()
    jwks: bytes = b'{"keys":[]}'
    etag: str = '""'
    guard: Guard = field(init=False)
    lifetime: int = 300
    private: dict[str, Key] = field(default_factory=dict)
    _signers: dict[str, Signer] = field(default_factory=dict)

    async def load(self, database: Database, now_ms: int) -> None:
        """Read the rows again and rebuild what changed; cheap when nothing did."""
        rows = schedule.published(await key_rows.load_keys(database), now_ms)
        if rows == self.rows:
            return
        private = {row.kid: self.private.get(row.kid) or self._opened(row) for row in rows}
        public = [key.public() for key in private.values()]
        document = msgspec.json.encode({"keys": [key.to_jwk() for key in public]})
        self.guard = Guard(
            Verifier(
                KeySet(public),
                issuer=self.issuer,
                audience=self.audience,
                typ=TYP,
                leeway=self.leeway,
                claims=AccessClaims,
            ),
            self.revocations,
        )
        self.rows, self.private, self.jwks, self._signers = rows, private, document, {}
        self.etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'

    def signing(self, now_ms: int) -> Key:
        """Return the key that signs at `now_ms`."""
        return self.private[schedule.signing_key(self.rows, now_ms).kid]

    def signer(self, now_ms: int) -> Signer:
        """Return what signs access tokens at `now_ms`."""
        kid = schedule.signing_key(self.rows, now_ms).kid
        signer = self._signers.get(kid)
        if signer is None:
            signer = Signer(
                self.private[kid], issuer=self.issuer, audience=self.audience, lifetime=self.lifetime, typ=TYP
            )
            self._signers = {kid: signer}  # the one before signs no more
        return signer

    def _opened(self, row: SigningKey) -> Key:
        jwk: dict[str, object] = msgspec.json.decode(unseal(self.master, row.sealed, purpose=SEAL_PURPOSE))
        return Key.from_jwk(jwk)
