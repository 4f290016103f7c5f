"""JOSE for Mapae: bytes in, claims out (RFC 7515, 7517, 7518, 7519, 8725). No clock, no I/O.

A reader follows one token like this: `verifier` → `header` → `jwks` → `signatures` → `strict_json` → `claims`.
A writer of one: `jwt` → `strict_json` → `signatures`; `signer` prepares what many tokens share.
An encrypted one: `jwe` → `encryption_key` → `key_management` → `content_encryption`, and `nested` for a token inside.
Beside them stand `dpop`, `sd_jwt`, `detached` and `status_list`. They are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapae.jose import detached as detached
    from mapae.jose import dpop as dpop
    from mapae.jose import jwe as jwe
    from mapae.jose import nested as nested
    from mapae.jose import sd_jwt as sd_jwt
    from mapae.jose import status_list as status_list

_LAZY = frozenset({"detached", "dpop", "jwe", "nested", "sd_jwt", "status_list"})


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
