"""`PyJWK`, `PyJWKSet` and `PyJWKClient`, over `Key` and `RemoteKeySet`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from ssl import SSLContext
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from mapae.compat.pyjwt.exceptions import (
    InvalidKeyError,
    PyJWKClientError,
    PyJWKSetError,
    PyJWTError,
    translating,
)
from mapae.jose.base64url import decode
from mapae.jose.jwks import KeySet
from mapae.jose.jwks_store import Bounds
from mapae.jose.key import Key, SecretKey
from mapae.jose.unverified import read_unverified
from mapae.remote import Fetch, RemoteKeySet
from mapae.remote.addresses import LOOPBACK, AddressRule

_GUESSED = {"RSA": "RS256", "oct": "HS256"}


class PyJWK:
    """One JSON Web Key.

    Attributes:
        mapae_key: the key, as this library has it.
        algorithm_name: the one algorithm it is for.
        key_id: its `kid`.
        key_type: its `kty`.
        public_key_use: its `use`.
    """

    def __init__(self, jwk_data: Mapping[str, Any], algorithm: str | None = None) -> None:
        """Read the members of a JWK.

        Args:
            jwk_data: its members.
            algorithm: the algorithm, where the JWK does not say it; RS256 for an RSA key, as in PyJWT.

        Raises:
            InvalidKeyError: the key must not be used.
        """
        if not isinstance(jwk_data, Mapping):
            raise InvalidKeyError(f"a JWK is a dict, not {type(jwk_data).__name__}")
        kty = jwk_data.get("kty")
        guessed = _GUESSED.get(kty) if isinstance(kty, str) and "alg" not in jwk_data else None
        with translating():
            self.mapae_key = Key.from_jwk(jwk_data, algorithm or guessed)
        self.algorithm_name = self.mapae_key.alg
        self.key_type = kty
        self.key_id: str | None = jwk_data.get("kid")
        self.public_key_use: str | None = jwk_data.get("use")

    def __repr__(self) -> str:
        return f"<PyJWK {self.algorithm_name} kid={self.key_id!r}>"

    @property
    def key(self) -> Any:  # noqa: ANN401 (bytes, or any key class of cryptography)
        """The octets of a secret, or the key object of `cryptography`."""
        own = self.mapae_key
        if isinstance(own, SecretKey):
            return decode(own.to_jwk(private=True)["k"])
        pem = own.to_pem(private=own.is_private)
        return load_pem_private_key(pem, None) if own.is_private else load_pem_public_key(pem)

    @staticmethod
    def from_dict(obj: Mapping[str, Any], algorithm: str | None = None) -> PyJWK:
        """Read the members of a JWK.

        Raises:
            InvalidKeyError: the key must not be used.
        """
        return PyJWK(obj, algorithm)

    @staticmethod
    def from_json(data: str | bytes, algorithm: str | None = None) -> PyJWK:
        """Read the JSON text of a JWK.

        Raises:
            InvalidKeyError: the key must not be used.
            ValueError: it is no JSON.
        """
        return PyJWK(json.loads(data), algorithm)


class PyJWKSet:
    """Several JSON Web Keys; those that cannot be used are left out.

    Attributes:
        keys: the keys.
    """

    def __init__(self, keys: Any) -> None:  # noqa: ANN401 (what a JSON text holds)
        """Read the members of the array.

        Raises:
            PyJWKSetError: there is no array, no usable key in it, or a kid twice.
        """
        if not isinstance(keys, list) or not keys:
            raise PyJWKSetError("the JWK Set has no array of keys, or an empty one")
        self.keys: list[PyJWK] = []
        for member in keys:
            with suppress(PyJWTError):
                self.keys.append(PyJWK(member))
        if not self.keys:
            raise PyJWKSetError("no key of the JWK Set can be used")
        kids = [key.key_id for key in self.keys if key.key_id is not None]
        if len(set(kids)) != len(kids):
            raise PyJWKSetError("two keys of the JWK Set have the same kid")

    @staticmethod
    def from_dict(obj: Mapping[str, Any]) -> PyJWKSet:
        """Read the members of a JWK Set.

        Raises:
            PyJWKSetError: it has no usable key.
        """
        return PyJWKSet(obj.get("keys", []))

    @staticmethod
    def from_json(data: str | bytes) -> PyJWKSet:
        """Read the JSON text of a JWK Set.

        Raises:
            PyJWKSetError: it has no usable key.
            ValueError: it is no JSON.
        """
        return PyJWKSet.from_dict(json.loads(data))

    def __getitem__(self, kid: str) -> PyJWK:
        for key in self.keys:
            if key.key_id == kid:
                return key
        raise KeyError("the set has no key with this kid")

    def __iter__(self) -> Iterator[PyJWK]:
        return iter(self.keys)


class PyJWKClient:
    """Finds the key of a token among those that a server publishes.

    Attributes:
        uri: the address of the JWK Set.
        remote: the keys, as this library has them.
    """

    def __init__(  # noqa: PLR0917 (the order of PyJWT)
        self,
        uri: str,
        cache_keys: bool = False,  # noqa: ARG002 (parsed keys are always kept)
        max_cached_keys: int = 16,  # noqa: ARG002
        cache_jwk_set: bool = True,
        lifespan: float = 300,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30,
        ssl_context: SSLContext | None = None,
        cooldown_duration: float = 30,
        *,
        allow_loopback: bool = False,
        allow_networks: Collection[str] = (),
    ) -> None:
        """Prepare; nothing is fetched before a key is needed.

        Args:
            uri: the address, by https.
            cache_keys: has no effect: keys are read once per fetch.
            max_cached_keys: has no effect.
            cache_jwk_set: whether the set is kept between calls.
            lifespan: for how many seconds it is.
            headers: further header fields of the request.
            timeout: seconds for one fetch in all.
            ssl_context: the certificates that are trusted.
            cooldown_duration: seconds between two fetches for unknown kids.
            allow_loopback: accept this very machine, by http too.
            allow_networks: further networks that are not on the public Internet.

        Raises:
            PyJWKClientError: the address or a number makes no sense.
        """
        self.uri = uri
        self._keeps = cache_jwk_set
        rule = AddressRule.allowing([*allow_networks, *(LOOPBACK if allow_loopback else ())])
        if lifespan <= 0 and cache_jwk_set:
            raise PyJWKClientError("lifespan= is greater than 0")
        if not allow_loopback and not uri.lower().startswith("https://"):
            raise PyJWKClientError("keys are fetched by https; allow_loopback=True accepts http on this very machine")
        try:
            bounds = Bounds(
                lifetime=lifespan,
                min_lifetime=min(lifespan, 30),
                max_lifetime=lifespan,
                cool_down=cooldown_duration,
                timeout=timeout,
            )
            fetch = Fetch(rule, context=ssl_context, headers=headers)
            self.remote = RemoteKeySet(uri, rsa_alg="RS256", bounds=bounds, fetch=fetch)
        except ValueError as error:
            raise PyJWKClientError(str(error)) from error

    def fetch_data(self) -> dict[str, Any]:
        """Fetch the JWK Set now and return its usable members.

        Raises:
            PyJWKClientConnectionError: it cannot be had now.
        """
        with translating():
            return self.remote.refresh().to_jwks()

    def get_jwk_set(self, refresh: bool = False) -> PyJWKSet:
        """Return the keys, fetching them where those at hand are too old.

        Raises:
            PyJWKClientConnectionError: they cannot be had now.
            PyJWKSetError: none can be used.
        """
        return PyJWKSet.from_dict(self._current(refresh=refresh).to_jwks())

    def get_signing_keys(self, refresh: bool = False) -> list[PyJWK]:
        """Return the keys that have a kid.

        Raises:
            PyJWKClientError: there is none.
        """
        keys = [key for key in self.get_jwk_set(refresh).keys if key.key_id]
        if not keys:
            raise PyJWKClientError("the server publishes no key that signs")
        return keys

    def get_signing_key(self, kid: str | None) -> PyJWK:
        """Return the key with this id, fetching where those at hand lack it.

        Raises:
            PyJWKClientError: there is none, or it cannot be fetched now.
        """
        if not isinstance(kid, str):
            raise PyJWKClientError("the token names no kid")
        with translating():
            if not self._keeps:
                self.remote.refresh()
            return PyJWK(self.remote.key_for(kid).to_jwk())

    def get_signing_key_from_jwt(self, token: str | bytes) -> PyJWK:
        """Return the key that a token names.

        Raises:
            DecodeError: it is no token.
            PyJWKClientError: there is no such key, or it cannot be fetched now.
        """
        with translating():
            kid: Any = read_unverified(token).header.get("kid")
        return self.get_signing_key(kid)

    @staticmethod
    def match_kid(signing_keys: list[PyJWK], kid: str) -> PyJWK | None:
        """Return the key of a list that has this id."""
        return next((key for key in signing_keys if key.key_id == kid), None)

    def _current(self, *, refresh: bool) -> KeySet:
        with translating():
            return self.remote.refresh() if refresh or not self._keeps else self.remote.current()
