"""Verify and sign: Mapae against other Python libraries, in turn in one run.

    python bench/tokens.py [--quick] [--json FILE]

Every contestant does the same work on the same tokens: unique ones of about 300 characters with eight claims, `iss` and
`aud` checked, the key prepared beforehand. Rounds go around the contestants and the median of each one's rounds counts.
Time is this process's CPU time, so a busy neighbour disturbs all alike. A library that is not installed is left out.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from measure.load import Failed
from measure.node import install_packages as install_node_packages
from measure.node import node as node_path
from measure.node import node_version

import mapae
from mapae.jose.algorithms import Ecdsa, Hmac, Rsa
from mapae.jose.base64url import decode
from mapae.jose.jwt import sign as sign_at

ISSUER, AUDIENCE = "https://id.example", "https://api.example"
ALGORITHMS = ("HS256", "RS256", "PS256", "ES256", "Ed25519", "ML-DSA-65")
NOW = int(time.time())
Call = Callable[[object], object]


@dataclass(frozen=True)
class Result:
    """One contestant's median in one kind of work.

    Attributes:
        work: for example "HS256 verify".
        name: the contestant.
        microseconds: CPU time a call.
        ratio: its time divided by Mapae's.
    """

    work: str
    name: str
    microseconds: float
    ratio: float


def payload(number: int) -> dict:
    return {
        "iss": ISSUER,
        "sub": "user-4242",
        "aud": AUDIENCE,
        "exp": NOW + 3600,
        "iat": NOW,
        "jti": f"{number:08d}",
        "client_id": "web",
        "scope": "read",
    }


class Mapae:
    package = "mapae"

    def __init__(self, key: mapae.Key) -> None:
        self.key = key
        public = key.public() if key.alg != "HS256" else key
        self.verifier = mapae.Verifier(public, issuer=ISSUER, audience=AUDIENCE, memo_bytes=0)
        self.remembering = mapae.Verifier(public, issuer=ISSUER, audience=AUDIENCE)

    def verify(self) -> Call:
        return self.verifier.verify

    def sign(self) -> Call:
        key = self.key
        return lambda claims: mapae.sign(claims, key)

    def again(self) -> Call:
        return self.remembering.verify


def bare_hmac(secret: bytes) -> Callable[[bytes], bytes]:
    """Prepare HMAC with SHA-256 in the quickest way that the standard library has."""
    prepared = hmac.new(secret, digestmod="sha256")
    padded = secret.ljust(64, b"\0")
    inner_copy, outer_copy = (hashlib.sha256(bytes(octet ^ pad for octet in padded)).copy for pad in (0x36, 0x5C))

    def mac(message: bytes) -> bytes:
        inner = inner_copy()
        inner.update(message)
        outer = outer_copy()
        outer.update(inner.digest())
        return outer.digest()

    if mac(b"") != prepared.digest():
        raise AssertionError("not HMAC")
    return mac


class Primitive:
    """The signature alone, by `cryptography` (by `hashlib` for HS256), on octets that are ready."""

    package = "cryptography"

    def __init__(self, key: mapae.Key) -> None:
        self.algorithm, self.key, self.public = key._algorithm, key._native, key._public
        match self.algorithm:
            case Rsa(pss=True):
                self.how = (padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
            case Rsa():
                self.how = (padding.PKCS1v15(), hashes.SHA256())
            case Ecdsa():
                self.how = (ec.ECDSA(hashes.SHA256(), deterministic_signing=True),)
            case _:
                self.how = ()

    def sign(self) -> Call:
        if isinstance(self.algorithm, Hmac):
            return bare_hmac(self.key)
        sign, how = self.key.sign, self.how
        return lambda message: sign(message, *how)

    def verify(self) -> Call:
        if isinstance(self.algorithm, Hmac):
            mac = bare_hmac(self.key)
            return lambda parts: hmac.compare_digest(mac(parts[0]), parts[1])
        verify, how = self.public.verify, self.how
        return lambda parts: verify(parts[1], parts[0], *how)


class PyJwt:
    package = "pyjwt"

    def __init__(self, key: mapae.Key) -> None:
        import jwt

        self.alg = "EdDSA" if key.alg == "Ed25519" else key.alg
        if self.alg.startswith("ML"):
            raise NotImplementedError
        self.jwt = jwt
        self.key, self.public = key._native, key._public

    def verify(self) -> Call:
        decode, public, algorithms = self.jwt.decode, self.public, [self.alg]
        return lambda token: decode(token, public, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)

    def sign(self) -> Call:
        encode, key, alg = self.jwt.encode, self.key, self.alg
        return lambda claims: encode(claims, key, algorithm=alg)

    again = verify


class JoseRfc:
    package = "joserfc"

    def __init__(self, key: mapae.Key) -> None:
        from joserfc import jwk, jwt

        if key.alg.startswith("ML"):
            raise NotImplementedError
        self.alg = key.alg
        self.jwt = jwt
        self.key = jwk.import_key(_plain_jwk(key, private=True))
        self.public = jwk.import_key(_plain_jwk(key, private=key.alg == "HS256"))
        self.registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )

    def verify(self) -> Call:
        decode, key, algorithms, validate = self.jwt.decode, self.public, [self.alg], self.registry.validate

        def call(token: object) -> None:
            validate(decode(token, key, algorithms=algorithms).claims)

        return call

    def sign(self) -> Call:
        encode, key, header, algorithms = self.jwt.encode, self.key, {"alg": self.alg}, [self.alg]
        return lambda claims: encode(header, claims, key, algorithms=algorithms)

    again = verify


class PythonJose:
    package = "python-jose"

    def __init__(self, key: mapae.Key) -> None:
        from jose import jwk, jwt

        if key.alg not in {"HS256", "RS256", "ES256"}:
            raise NotImplementedError
        self.alg, self.jwt = key.alg, jwt
        self.key = jwk.construct(_plain_jwk(key, private=True), key.alg)
        self.public = jwk.construct(_plain_jwk(key, private=key.alg == "HS256"), key.alg)

    def verify(self) -> Call:
        decode, key, algorithms = self.jwt.decode, self.public, [self.alg]
        return lambda token: decode(token, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)

    def sign(self) -> Call:
        encode, key, alg = self.jwt.encode, self.key, self.alg
        return lambda claims: encode(claims, key, algorithm=alg)

    again = verify


class JwCrypto:
    package = "jwcrypto"

    def __init__(self, key: mapae.Key) -> None:
        from jwcrypto import jwk, jwt

        if key.alg.startswith("ML"):
            raise NotImplementedError
        self.alg = "EdDSA" if key.alg == "Ed25519" else key.alg
        self.jwt = jwt
        self.key = jwk.JWK(**_plain_jwk(key, private=True))
        self.public = jwk.JWK(**_plain_jwk(key, private=key.alg == "HS256"))

    def verify(self) -> Call:
        token_of, key, algs, checks = self.jwt.JWT, self.public, [self.alg], {"iss": ISSUER, "aud": AUDIENCE}
        return lambda token: token_of(jwt=token, key=key, algs=algs, check_claims=checks)

    def sign(self) -> Call:
        token_of, key, header = self.jwt.JWT, self.key, {"alg": self.alg}

        def call(claims: object) -> str:
            token = token_of(header=header, claims=claims)
            token.make_signed_token(key)
            return token.serialize()

        return call

    again = verify


CONTESTANTS = (Mapae, Primitive, PyJwt, JoseRfc, PythonJose, JwCrypto)


def _plain_jwk(key: mapae.Key, *, private: bool) -> dict:
    return {name: value for name, value in key.to_jwk(private=private).items() if name not in {"alg", "use", "kid"}}


def contestants(key: mapae.Key) -> Iterator[tuple[str, object]]:
    for kind in CONTESTANTS:
        try:
            yield kind.__name__, kind(key)
        except (ImportError, NotImplementedError):
            continue


def tokens_for(name: str, key: mapae.Key, count: int) -> list:
    """Make unique tokens; PyJWT and jwcrypto know Ed25519 by its older name only."""
    if key.alg == "Ed25519" and name in {"PyJwt", "JwCrypto"}:
        key = mapae.Key.from_jwk(key.to_jwk(private=True) | {"alg": "EdDSA"})
    tokens = [sign_at(payload(number), key, now=NOW) for number in range(count)]
    if name == "Primitive":
        octets = [(token.rpartition(".")[0].encode(), decode(token.rpartition(".")[2])) for token in tokens]
        if key.alg != "ES256":
            return octets
        halves = [(message, *(int.from_bytes(raw[at : at + 32], "big") for at in (0, 32))) for message, raw in octets]
        return [(message, encode_dss_signature(r, s)) for message, r, s in halves]
    return tokens


def clock(call: Call, arguments: list) -> float:
    started = time.process_time_ns()
    for argument in arguments:
        call(argument)
    return (time.process_time_ns() - started) / len(arguments) / 1000


def race(work: str, calls: dict[str, tuple[Call, list]], rounds: int) -> list[Result]:
    """Time all in turn, `rounds` times, and give medians."""
    for call, arguments in calls.values():
        clock(call, arguments[:20])
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, arguments) in calls.items():
            times[name].append(clock(call, arguments))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [Result(work, name, round(value, 2), round(value / medians["Mapae"], 2)) for name, value in medians.items()]


def run(*, quick: bool) -> list[Result]:
    rounds, many, few = (3, 400, 60) if quick else (9, 2000, 200)
    results: list[Result] = []
    for alg in ALGORITHMS:
        key = mapae.Key.generate(alg, kid="2026-11", bits=2048)
        count = many if alg == "HS256" else few
        field = list(contestants(key))
        verify = {name: (one.verify(), tokens_for(name, key, count)) for name, one in field}
        results += race(f"{alg} verify", verify, rounds)
        messages = [token.rpartition(".")[0].encode() for token in verify["Mapae"][1]]
        claims = [payload(number) for number in range(count)]
        sign = {name: (one.sign(), messages if name == "Primitive" else claims) for name, one in field}
        results += race(f"{alg} sign", sign, rounds)
        if alg in {"HS256", "ES256"}:
            again = {
                name: (one.again(), [tokens_for(name, key, 1)[0]] * count)
                for name, one in field
                if hasattr(one, "again")
            }
            results += race(f"{alg} seen before", again, rounds)
        if not alg.startswith("ML"):
            results += node_results(alg, on_node(key, count, rounds), results)
    return results + hostile(rounds)


def on_node(key: mapae.Key, count: int, rounds: int) -> dict:
    """Let Node time its own libraries on the same tokens; empty where Node or its packages cannot be had."""
    try:
        node = node_path()
        install_node_packages()
    except Failed:
        return {}
    if isinstance(key, mapae.SecretKey):
        material = {"key": base64.b64encode(key._native).decode()}
    else:
        material = {"key": key.to_pem(private=True).decode(), "public": key.to_pem().decode()}
    asked = material | {
        "algorithm": key.alg,
        "tokens": tokens_for("PyJwt", key, count),
        "claims": [payload(number) for number in range(count)],
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "rounds": rounds,
    }
    program = Path(__file__).parent / "node" / "tokens.mjs"
    done = subprocess.run([node, program], input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


NODE_WORKS = {"verify": "verify", "sign": "sign", "again": "seen before"}


def node_results(alg: str, found: dict, results: list[Result]) -> Iterator[Result]:
    """Set Node's medians beside Mapae's of the same minutes."""
    ours = {result.work: result.microseconds for result in results if result.name == "Mapae"}
    for work, words in NODE_WORKS.items():
        for library, times in found.get(work, {}).items():
            name = f"{alg} {words}"
            if name in ours:
                value = statistics.median(times)
                yield Result(name, f"Node {library}", round(value, 2), round(value / ours[name], 2))


def hostile(rounds: int) -> list[Result]:
    """Refuse a million characters with three segments."""
    key = mapae.Key.generate("HS256", kid="2026-11")
    head, _, signature = tokens_for("Mapae", key, 1)[0].split(".")
    token = f"{head}.{'A' * 1_000_000}.{signature}"

    def refusing(call: Call) -> Call:
        def refused(one: object) -> None:
            try:
                call(one)
            except Exception:
                return
            raise AssertionError("a hostile token was accepted")

        return refused

    calls = {
        name: (refusing(one.verify()), [token] * 3) for name, one in contestants(key) if not isinstance(one, Primitive)
    }
    return race("1 MB hostile token", calls, rounds)


def memory() -> dict[str, float]:
    """Measure what ten thousand remembered tokens take."""
    import tracemalloc

    key = mapae.Key.generate("HS256", kid="2026-11")
    tokens = [sign_at(payload(number), key, now=NOW) for number in range(10_000)]
    verifier = mapae.Verifier(key, issuer=ISSUER, audience=AUDIENCE, memo_bytes=1 << 30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for token in tokens:
        verifier.verify("".join([token[:5], token[5:]]))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {"memo_of_10000_tokens_megabytes": round(grown / 1e6, 1), "token_characters": len(tokens[0])}


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    with contextlib.suppress(Failed):
        found["node"] = node_version()
    for package in (*(kind.package for kind in CONTESTANTS), "msgspec"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def show(results: list[Result]) -> None:
    works = list(dict.fromkeys(result.work for result in results))
    for work in works:
        print(f"\n{work}")
        for result in sorted((r for r in results if r.work == work), key=lambda r: r.microseconds):
            print(f"  {result.name:<17} {result.microseconds:>12.2f} us   {result.ratio:>9.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args()
    found = versions()
    print(" ".join(f"{name} {number}" for name, number in found.items()))
    results, kept = run(quick=options.quick), memory()
    show(results)
    print("\n" + " ".join(f"{name} {number}" for name, number in kept.items()))
    if options.json:
        report = {"versions": found, "results": [asdict(result) for result in results], "memory": kept}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
