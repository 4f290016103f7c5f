"""Several issuers: the token's `iss` chooses the keys, before anything in it is believed (RFC 8725 §3.8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from mapae.errors import Malformed, TooLarge, WrongIssuer
from mapae.jose.base64url import decode
from mapae.jose.jws import KeySource
from mapae.jose.live_keys import LiveKeys
from mapae.jose.unverified import MAX_UNVERIFIED, as_text, wrong_shape

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Issuer:
    """What is different about one issuer.

    Attributes:
        keys: its keys.
        audience: its accepted `aud`, where it is another than for the rest.
        quirks: named exceptions for its old tokens, each with the moment of its end.
    """

    keys: KeySource | LiveKeys
    audience: str | Collection[str] | None = None
    quirks: Mapping[str, Any] = field(default_factory=dict)


class _Payload(msgspec.Struct):
    iss: str


_read_issuer = msgspec.json.Decoder(_Payload).decode


def choose(each: Mapping[str, C], token: str | bytes) -> C:
    """Return what is for the issuer that a token names; its check then verifies the name with all the rest.

    Raises:
        TokenError: the token names none of these issuers.
        TypeError: `token` is neither text nor bytes.
    """
    text = as_text(token)
    if len(text) > MAX_UNVERIFIED:
        raise TooLarge(f"the token has more than {MAX_UNVERIFIED} characters")
    if text.count(".") != 2:
        raise Malformed(wrong_shape(text))
    chosen = each.get(_issuer_of(text))
    if chosen is None:
        raise WrongIssuer("missing, or not one of the expected issuers", claim="iss")
    return chosen


def _issuer_of(token: str) -> str:
    """Read `iss` out of an unverified token; empty where there is none that can be read."""
    try:
        return _read_issuer(decode(token.split(".")[1].rstrip("="), "payload")).iss
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
