"""Fuzz one target with atheris until its time is over. `tools/fuzz.py` starts this in an environment of its own.

python tools/fuzzing/one.py TARGET SECONDS FOLDER
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
with atheris.instrument_imports(include=["mapae"]):
    from fuzzing.targets import TARGETS

SECONDS_FOR_ONE_INPUT = 5
LONGEST = 20_000
WORDS = (
    "alg", "typ", "kid", "crit", "b64", "enc", "zip", "cty", "jwk", "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf",
    "HS256", "ES256", "RS256", "EdDSA", "none", "JWT", "at+jwt", "dpop+jwt", "sd-jwt", "https://id.example", "api",
    "htm", "htu", "ath", "nonce", "_sd", "_sd_alg", "...", "status", "status_list", "idx", "uri", "lst", "bits", "ttl",
    "kty", "crv", "x", "y", "d", "n", "e", "k", "use", "key_ops", "keys", "oct", "EC", "OKP", "RSA", "P-256", "1800000060",
    "true", "null", "1e400", "\\\\ud800", "BEGIN", "PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE", "ssh-ed25519", "mpr_",
)  # fmt: skip


def main(name: str, seconds: str, folder: str) -> None:
    target, place = TARGETS[name], Path(folder)
    for kind in ("seeds", "corpus", "findings"):
        (place / kind).mkdir(parents=True, exist_ok=True)
    for octets in target.seeds():
        (place / "seeds" / sha256(octets).hexdigest()[:32]).write_bytes(octets)
    words = place / "words"
    words.write_text("".join(f'"{word}"\n' for word in WORDS))
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_FOR_ONE_INPUT}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={place / 'findings'}/",
        f"-dict={words}",
        "-print_final_stats=1",
        "-rss_limit_mb=2048",
        str(place / "corpus"),
        str(place / "seeds"),
    ]
    atheris.Setup([sys.argv[0], *options], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
