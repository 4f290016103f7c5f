"""The exceptions of PyJWT by their names; each keeps the error it stands for as its cause, and that error's code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    Expired,
    KeyRefused,
    KeySourceError,
    KeyUnknown,
    MapaeError,
    NotYetValid,
    SignatureRefused,
    TokenError,
    WrongAudience,
    WrongIssuer,
)


class PyJWTError(Exception):
    """Everything these calls raise, except `TypeError`, `ValueError` and `NotImplementedError` for mistakes in a call.

    Attributes:
        code: the stable code of the error it stands for.
    """

    code: str = "error"


class InvalidTokenError(PyJWTError):
    """The token is not accepted."""


class DecodeError(InvalidTokenError):
    """The token cannot be read."""


class InvalidSignatureError(DecodeError):
    """The signature does not match."""


class ExpiredSignatureError(InvalidTokenError):
    """`exp` has passed."""


class InvalidAudienceError(InvalidTokenError):
    """`aud` does not name the expected audience."""


class InvalidIssuerError(InvalidTokenError):
    """`iss` is not the expected issuer."""


class InvalidIssuedAtError(InvalidTokenError):
    """`iat` is no number."""


class ImmatureSignatureError(InvalidTokenError):
    """`nbf` or `iat` lies ahead."""


class InvalidSubjectError(InvalidTokenError):
    """`sub` is no text, or not the expected one."""


class InvalidJTIError(InvalidTokenError):
    """`jti` is no text."""


class InvalidAlgorithmError(InvalidTokenError):
    """The algorithm is not accepted."""


class MissingRequiredClaimError(InvalidTokenError):
    """A claim is missing.

    Attributes:
        claim: its name.
    """

    def __init__(self, claim: str, advice: str = "") -> None:
        super().__init__(f'the token has no claim "{claim}"{advice}')
        self.claim = claim


class InvalidKeyError(PyJWTError):
    """The key must not be used, or is none."""


class PyJWKError(PyJWTError):
    """A JWK cannot be used."""


class MissingCryptographyError(PyJWKError):
    """Never raised here: `cryptography` is always installed."""


class PyJWKSetError(PyJWTError):
    """A JWK Set cannot be used."""


class PyJWKClientError(PyJWTError):
    """The key of a token was not found."""


class PyJWKClientConnectionError(PyJWKClientError):
    """The keys cannot be fetched now."""


_OF_CLAIM: dict[str | None, Callable[[str], PyJWTError]] = {
    "aud": InvalidAudienceError,
    "iat": InvalidIssuedAtError,
    "iss": InvalidIssuerError,
    "jti": InvalidJTIError,
    "sub": InvalidSubjectError,
}
_OF_ERROR: tuple[tuple[type[MapaeError], Callable[[str], PyJWTError]], ...] = (
    (SignatureRefused, InvalidSignatureError),
    (AlgorithmRefused, InvalidAlgorithmError),
    (Expired, ExpiredSignatureError),
    (NotYetValid, ImmatureSignatureError),
    (WrongAudience, InvalidAudienceError),
    (WrongIssuer, InvalidIssuerError),
    (KeyUnknown, PyJWKClientError),
    (TokenError, DecodeError),
    (KeyRefused, InvalidKeyError),
    (KeySourceError, PyJWKClientConnectionError),
    (MapaeError, PyJWTError),
)


class Missing(ClaimRefused):
    """A claim that must be there is missing; `reason` begins with what to do."""


def translated(error: MapaeError) -> PyJWTError:
    """Return the exception of PyJWT that stands for an error of ours."""
    match error:
        case Missing(claim=str(claim), reason=advice):
            made: PyJWTError = MissingRequiredClaimError(claim, advice)
        case ClaimRefused(claim=claim):
            made = _OF_CLAIM.get(claim, DecodeError)(str(error))
        case _:
            made = next(kind for ours, kind in _OF_ERROR if isinstance(error, ours))(str(error))
    made.code = error.code
    return made


@contextmanager
def translating() -> Iterator[None]:
    """Raise PyJWT's exceptions for ours."""
    try:
        yield
    except MapaeError as error:
        raise translated(error) from error
