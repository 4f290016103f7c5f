"""Read keys from files: PEM, OpenSSH, certificates, JWK, JWKS, and secrets for HS256 and its kin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mapae.cli.language import say
from mapae.cli.options import read_file
from mapae.errors import KeyRefused
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.storage.secret_file import check_secret_file


def read_key(path: str, *, alg: str | None) -> Key:
    """Read one key from a file, or from standard input for "-".

    Args:
        path: the file.
        alg: the algorithm, where the file does not say it: RSA keys in PEM, and secrets.

    Raises:
        KeyRefused: it is not a key that may be used; the message says why.
        FileExposed: it is private or secret, and others can read its file or git tracks it; the message says the cure.
        click.UsageError: the file cannot be read.
    """
    key = _read(path, alg)
    if key.is_private and path != "-":
        check_secret_file(Path(path))
    return key


def _read(path: str, alg: str | None) -> Key:
    octets = read_file(path, limit=1 << 20)
    start = octets.lstrip()[:40]
    if start.startswith(b"{"):
        members = _json(octets)
        if "keys" in members:
            return _only(KeySet.from_jwks(members, rsa_alg=alg, private=True))
        return Key.from_jwk(members, alg)
    if start.startswith(b"-----BEGIN CERTIFICATE"):
        return Key.from_x509(octets, alg)
    if start.startswith((b"-----BEGIN OPENSSH", b"ssh-", b"ecdsa-")):
        return Key.from_ssh(octets, alg)
    if start.startswith(b"-----BEGIN"):
        return Key.from_pem(octets, alg)
    if alg is None:
        raise click.UsageError(
            say(
                f"{path} is neither PEM nor a JWK. If it is a shared secret, add --alg HS256.",
                f"{path}: PEM도 JWK도 아니에요. 공유 비밀 값이면 --alg HS256을 붙이세요.",
            )
        )
    return Key.from_secret(octets.removesuffix(b"\n").removesuffix(b"\r"), alg)


def read_key_set(path: str, *, alg: str | None) -> KeySet:
    """Read a published key set (RFC 7517 §5); what had to be skipped is told.

    Raises:
        KeyRefused: it is not a key set, or none of its keys can be used.
        click.UsageError: the file cannot be read.
    """
    keys = KeySet.from_jwks(read_file(path, limit=1 << 20), rsa_alg=alg)
    if not len(keys):
        raise KeyRefused("the key set has no key that can be used" + "".join(f"; {why}" for why in keys.skipped))
    return keys


def _json(octets: bytes) -> dict[str, Any]:
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        raise KeyRefused("the key file begins like JSON but is not") from None
    if not isinstance(value, dict):
        raise KeyRefused("the key file is not a JSON object")
    return value


def _only(keys: KeySet) -> Key:
    if len(keys) != 1:
        raise KeyRefused(f"the file holds {len(keys)} usable keys where one belongs; use --jwks for a key set")
    return keys.keys[0]
