"""A drop-in for PyJWT: the same calls and exceptions, with the strictness of this library.

    import mapae.compat.pyjwt as jwt

    token = jwt.encode({"sub": "user-42", "exp": datetime.now(UTC) + timedelta(minutes=10)}, secret)
    claims = jwt.decode(token, secret, algorithms=["HS256"])

What is different on purpose stands in `differences`. It is a bridge: `mapae.sign` and `mapae.verify` do more.
"""

from mapae.compat.pyjwt import exceptions
from mapae.compat.pyjwt.api import Calls, get_unverified_header, legacy
from mapae.compat.pyjwt.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidSubjectError,
    InvalidTokenError,
    MissingRequiredClaimError,
    PyJWKClientConnectionError,
    PyJWKClientError,
    PyJWKError,
    PyJWKSetError,
    PyJWTError,
)
from mapae.compat.pyjwt.jwk import PyJWK, PyJWKClient, PyJWKSet
from mapae.compat.pyjwt.keys import STRICT, InsecureKeyLengthWarning

_strict = Calls(STRICT)
encode = _strict.encode
decode = _strict.decode
decode_complete = _strict.decode_complete

__all__ = [
    "DecodeError",
    "ExpiredSignatureError",
    "ImmatureSignatureError",
    "InsecureKeyLengthWarning",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidJTIError",
    "InvalidKeyError",
    "InvalidSignatureError",
    "InvalidSubjectError",
    "InvalidTokenError",
    "MissingRequiredClaimError",
    "PyJWK",
    "PyJWKClient",
    "PyJWKClientConnectionError",
    "PyJWKClientError",
    "PyJWKError",
    "PyJWKSet",
    "PyJWKSetError",
    "PyJWTError",
    "decode",
    "decode_complete",
    "encode",
    "exceptions",
    "get_unverified_header",
    "legacy",
]
