"""A signed token inside an encrypted one: signed first, then encrypted (RFC 7519 §5.2, §11.2, RFC 8725 §3.3).

The claims come out only when both keys have done their part. An encrypted token around claims that nobody signed, or
around another encrypted token, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from mapae.errors import ClaimRefused, Malformed
from mapae.jose.base64url import decode
from mapae.jose.encryption_key import DecryptKey, EncryptKey
from mapae.jose.jwe import NESTED, Opened, decrypt_keys, is_nested, open_jwe, write_jwe
from mapae.jose.strict_json import read_object
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import Verifier

MAX_TOKEN = 32 * 1024
_REPLICATED = ("iss", "sub", "aud")

T = TypeVar("T")


def encrypt_token(
    token: str, key: EncryptKey | DecryptKey, *, typ: str | None = None, apu: bytes = b"", apv: bytes = b""
) -> str:
    """Encrypt a signed token for whoever holds the key.

    Example:
        token = mapae.encrypt_token(mapae.sign(claims, signing_key, lifetime=900), recipient)

    Args:
        token: what `mapae.sign` returned.
        key: the recipient's public key, or a shared secret.
        typ: the kind of the outer token, for its header.
        apu: who sends, as in `encrypt`.
        apv: who receives, as in `encrypt`.

    Raises:
        TypeError: the key is a private one, or none at all, or `apu` or `apv` is not bytes.
        TokenError: the token is not a signed one, or is too long.
    """
    unverified = read_unverified(token)
    if not isinstance(unverified.header.get("alg"), str) or not unverified.signature:
        raise Malformed("only a signed token is encrypted as a token")
    return write_jwe(token.encode(), key, typ=typ, cty=NESTED, apu=apu, apv=apv, max_length=MAX_TOKEN)


class NestedVerifier(Generic[T]):
    """A policy for signed tokens inside encrypted ones; it names the keys of both."""

    __slots__ = ("_decrypt_keys", "_max_length", "_outer_typ", "_verifier")

    def __init__(
        self,
        decrypt_key: DecryptKey | Sequence[DecryptKey],
        verifier: Verifier[T],
        *,
        outer_typ: str | None = None,
        max_length: int = MAX_TOKEN,
    ) -> None:
        """Join the key of the outer token and the policy for the inner one.

        Args:
            decrypt_key: opens the outer token; several are told apart by `kid`.
            verifier: verifies the inner token.
            outer_typ: the only accepted kind of the outer token; None accepts "JWT" and tokens that do not say.
            max_length: the greatest number of characters of the outer token.

        Raises:
            TypeError: `decrypt_key` is no key for decryption, or `verifier` no verifier.
        """
        if not isinstance(verifier, Verifier):
            raise TypeError(
                f"the inner token is verified by a mapae.Verifier, not {type(verifier).__name__}; write "
                "NestedVerifier(decrypt_key, Verifier(keys, issuer=..., audience=...))"
            )
        self._decrypt_keys = tuple(decrypt_keys(decrypt_key))
        self._verifier = verifier
        self._outer_typ = outer_typ
        self._max_length = max_length

    def check(self, token: str | bytes, *, now: float) -> T:
        """Return the claims once the token is decrypted and the token inside is verified.

        Args:
            token: a compact JWE around a compact JWS.
            now: seconds since 1970.

        Raises:
            TokenError: the token was refused; the subclass says why.
            TypeError: `token` is neither text nor bytes.
        """
        opened = self._open(token)
        claims = self._verifier.check(opened.plaintext, now=now)
        _check_replicated(opened)
        return claims

    def _open(self, token: str | bytes) -> Opened:
        opened = open_jwe(token, self._decrypt_keys, typ=self._outer_typ, nested=True, max_length=self._max_length)
        if not is_nested(opened.header):
            raise Malformed('the content of an encrypted token is a signed one only where it says "JWT"', claim="cty")
        return opened


def _check_replicated(opened: Opened) -> None:
    """Check that the claims which the header repeats are those inside (RFC 7519 §5.3)."""
    repeated = [name for name in _REPLICATED if name in opened.header]
    if repeated:
        inside = read_object(decode(opened.plaintext.split(b".")[1].decode(), "payload"), "payload")
        for name in repeated:
            if name not in inside or inside[name] != opened.header[name]:
                raise ClaimRefused("the header repeats it with another value", claim=name)
