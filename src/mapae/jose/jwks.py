"""A set of keys: at most one fits a token, so nothing is tried (RFC 7517 §5, RFC 8725 §3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mapae.errors import AlgorithmRefused, KeyRefused, KeyUnknown, Malformed
from mapae.jose.jwk import is_secret
from mapae.jose.key import Key, SecretKey, VerifyKey, refuse_other_than_key
from mapae.jose.strict_json import read_object

MAX_JWKS_BYTES = 256 * 1024
MAX_KEYS = 100


class KeySet:
    """Keys of one issuer, each found by its `kid`.

    Attributes:
        keys: the keys, in the order given.
        signing: the key that `sign` uses, where the set has one.
        skipped: for each member of an imported JWKS that cannot be used, its place and the reason.
    """

    __slots__ = ("_by_alg", "_by_kid", "keys", "signing", "skipped")

    def __init__(self, keys: Sequence[Key], signing: Key | None = None, *, skipped: Sequence[str] = ()) -> None:
        """Make a set.

        Args:
            keys: the keys; each `kid` at most once.
            signing: the one of `keys` to sign with; when left out, the only private key, if there is exactly one.
            skipped: what an import left out.

        Raises:
            KeyRefused: two keys share a kid, secrets and other keys are mixed, or `signing` is
                not in the set or cannot sign.
            TypeError: something else than a `Key` is given.
        """
        for key in keys:
            refuse_other_than_key(key)
        self.keys = tuple(keys)
        self.skipped = tuple(skipped)
        if signing is None:
            private = [key for key in self.keys if key.is_private]
            signing = private[0] if len(private) == 1 else None
        elif signing not in self.keys or isinstance(signing, VerifyKey):
            raise KeyRefused("the signing key is not a private key of the set")
        self.signing = signing
        if len({isinstance(key, SecretKey) for key in self.keys}) > 1:
            raise KeyRefused("a set holds shared secrets or public and private keys, not both")
        self._by_kid: dict[str, Key] = {}
        self._by_alg: dict[str, list[Key]] = {}
        for key in self.keys:
            if key.kid is not None and self._by_kid.setdefault(key.kid, key) is not key:
                raise KeyRefused("two keys of the set have the same kid")
            self._by_alg.setdefault(key.alg, []).append(key)

    def __repr__(self) -> str:
        return f"<KeySet of {len(self.keys)} keys>"

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __getitem__(self, kid: str) -> Key:
        return self._by_kid[kid]

    def __contains__(self, kid: object) -> bool:
        return kid in self._by_kid

    @classmethod
    def from_jwks(
        cls, jwks: Mapping[str, Any] | bytes | str, *, rsa_alg: str | None = None, private: bool = False
    ) -> KeySet:
        """Read a JSON Web Key Set.

        A member for another use, of an unknown kind or too weak is skipped and named in `skipped`; the rest serves.

        Args:
            jwks: its members, or its JSON text (at most 256 KiB, at most 100 keys).
            rsa_alg: the algorithm of RSA keys that do not say theirs.
            private: allow private and secret keys; a published set must have none.

        Raises:
            KeyRefused: it is not a JWKS, is too large, names a kid twice, or holds a private or secret key.
        """
        members = _members(jwks)
        kids = [
            member["kid"] for member in members if isinstance(member, Mapping) and isinstance(member.get("kid"), str)
        ]
        if len(set(kids)) != len(kids):
            raise KeyRefused("two keys of the set have the same kid")
        keys: list[Key] = []
        skipped: list[str] = []
        for place, member in enumerate(members):
            if not private and isinstance(member, Mapping) and is_secret(member):
                raise KeyRefused("the set holds a private or secret key; only public keys may be published")
            try:
                keys.append(_key(member, rsa_alg))
            except KeyRefused as refused:
                skipped.append(f"keys[{place}]: {refused}")
        return cls(keys, skipped=skipped)

    def to_jwks(self) -> dict[str, list[dict[str, Any]]]:
        """Write the public keys as a JWKS; secrets are left out."""
        return {"keys": [key.to_jwk() for key in self.keys if not isinstance(key, SecretKey)]}

    def public(self) -> KeySet:
        """Return the set of the public halves; secrets are left out."""
        return KeySet([key.public() for key in self.keys if not isinstance(key, SecretKey)])

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the one key for a token's header.

        Raises:
            KeyUnknown: no key has this kid, or there is none in the token and several keys have its algorithm.
            AlgorithmRefused: the token names another algorithm than the key's.
        """
        if kid is None:
            candidates = self._by_alg.get(alg, ())
            if len(candidates) > 1:
                raise KeyUnknown("the token names no kid, and several keys have its algorithm", claim="kid")
            if not candidates:
                raise AlgorithmRefused("no key has the algorithm that the token names", claim="alg")
            return candidates[0]
        key = self._by_kid.get(kid)
        if key is None:
            raise KeyUnknown("no key has this kid", claim="kid")
        return key.find(kid, alg)


def _members(jwks: Mapping[str, Any] | bytes | str) -> Sequence[Any]:
    if isinstance(jwks, str):
        jwks = jwks.encode("utf-8", "surrogatepass")
    if isinstance(jwks, bytes):
        jwks = _parsed(jwks)
    if not isinstance(jwks, Mapping):
        raise TypeError(f"a JWKS is a dict or its JSON text, not {type(jwks).__name__}")
    members = jwks.get("keys")
    if not isinstance(members, list | tuple):
        raise KeyRefused('not a JWKS: it has no array "keys"')
    if len(members) > MAX_KEYS:
        raise KeyRefused(f"a JWKS has at most {MAX_KEYS} keys")
    return members


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_JWKS_BYTES:
        raise KeyRefused(f"a JWKS has at most {MAX_JWKS_BYTES} bytes")
    try:
        return read_object(text, "JWKS")
    except Malformed as malformed:
        reason = malformed.reason
    raise KeyRefused(reason)


def _key(member: object, rsa_alg: str | None) -> Key:
    if not isinstance(member, Mapping):
        raise KeyRefused("not an object")
    alg = rsa_alg if member.get("kty") == "RSA" and "alg" not in member else None
    return Key.from_jwk(member, alg)
