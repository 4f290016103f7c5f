"""Verify and sign: Mapae against other libraries, in turn in one run.

    python bench/tokens.py [--quick] [--json FILE] [--chart FILE]

Every contestant does the same work on the same tokens: unique ones of about 300 characters with eight claims, `iss` and
`aud` checked, the key prepared beforehand. Rounds go around the contestants; a ratio is the median of the rounds' own
ratios. Time is this process's CPU time, so a busy neighbour disturbs all alike. A library that is not installed is left
out. Mapae takes part twice:

* "Mapae": `mapae.Verifier`, and `mapae.Signer`, which is told issuer, audience and lifetime once; what it is given for
  each token are the other four claims. All others are given eight. The tokens that come out are alike.
* "Mapae, typed claims" is a `Verifier` that decodes the claims into a type, and "mapae.sign" is that function with all
  eight claims.
"""

import argparse
import base64
import json
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from measure.load import Failed
from measure.node import install_packages as install_node_packages
from measure.node import node as node_path
from measure.node import node_version
from measure.report import machine
from measure.token_libraries import AUDIENCE, CONTESTANTS, ISSUER, LIFETIME, Call, Mapae, MapaeTyped, Primitive, idle

import mapae
from mapae.jose.base64url import decode
from mapae.jose.jwt import sign as sign_at
from mapae.jose.strict_json import read_object
from mapae.lab.chart import Bar, Bars, draw

ALGORITHMS = ("HS256", "RS256", "PS256", "ES256", "Ed25519", "ML-DSA-65")
NOW = int(time.time())
SHARED = {"iss", "aud", "iat", "exp"}
PANELS = ("HS256 verify", "HS256 sign", "ES256 verify")


@dataclass(frozen=True)
class Result:
    """One contestant in one kind of work.

    Attributes:
        work: for example "HS256 verify".
        name: the contestant.
        microseconds: CPU time a call, the median of the rounds.
        ratio: its time divided by Mapae's in the same round, the median of the rounds.
        above: microseconds above the primitive alone; only for Mapae, and where the primitive takes part.
        own: microseconds with a primitive that does nothing; only for Mapae, and not for HS256.
    """

    work: str
    name: str
    microseconds: float
    ratio: float
    above: float | None = None
    own: float | None = None


def payload(number: int) -> dict:
    return {
        "iss": ISSUER,
        "sub": "user-4242",
        "aud": AUDIENCE,
        "exp": NOW + LIFETIME,
        "iat": NOW,
        "jti": f"{number:08d}",
        "client_id": "web",
        "scope": "read",
    }


def contestants(key: mapae.Key) -> Iterator[object]:
    for kind in CONTESTANTS:
        try:
            yield kind(key)
        except (ImportError, NotImplementedError):
            continue


def tokens_for(one: object, key: mapae.Key, count: int) -> list:
    """Make unique tokens; PyJWT and jwcrypto know Ed25519 by its older name only."""
    if key.alg == "Ed25519" and getattr(one, "alg", None) == "EdDSA":
        key = mapae.Key.from_jwk(key.to_jwk(private=True) | {"alg": "EdDSA"})
    tokens = [sign_at(payload(number), key, now=NOW) for number in range(count)]
    if not isinstance(one, Primitive):
        return tokens
    octets = [(token.rpartition(".")[0].encode(), decode(token.rpartition(".")[2])) for token in tokens]
    if key.alg != "ES256":
        return octets
    halves = [(message, *(int.from_bytes(raw[at : at + 32], "big") for at in (0, 32))) for message, raw in octets]
    return [(message, encode_dss_signature(r, s)) for message, r, s in halves]


def claims_for(one: object, key: mapae.Key, count: int) -> list:
    """Make what is signed: octets for the primitive, and for a prepared signer what it does not know yet."""
    if isinstance(one, Primitive):
        return [token.rpartition(".")[0].encode() for token in tokens_for(None, key, count)]
    each = [payload(number) for number in range(count)]
    if type(one) is Mapae:
        return [{name: value for name, value in claims.items() if name not in SHARED} for claims in each]
    return each


def clock(call: Call, arguments: list) -> float:
    started = time.process_time_ns()
    for argument in arguments:
        call(argument)
    return (time.process_time_ns() - started) / len(arguments) / 1000


def race(work: str, calls: dict[str, tuple[Call, list]], rounds: int) -> list[Result]:
    """Time all in turn, `rounds` times."""
    for call, arguments in calls.values():
        clock(call, arguments[:20])
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, arguments) in calls.items():
            times[name].append(clock(call, arguments))
    ours = times[Mapae.title]
    results = []
    for name, values in times.items():
        ratio = statistics.median(value / own for value, own in zip(values, ours, strict=True))
        above = None
        if Primitive.title in calls and "apae" in name:
            above = round(difference(calls[name], calls[Primitive.title], rounds), 2)
        results.append(Result(work, name, round(statistics.median(values), 2), round(ratio, 2), above))
    return results


def difference(ours: tuple[Call, list], bare: tuple[Call, list], rounds: int) -> float:
    """Return what a call takes above the primitive, in microseconds, as the difference of two times.

    Both are called in turn, one call at a time; a neighbour makes many of them slower and none faster, so what is
    subtracted are the lower quartiles.
    """
    taken: tuple[list[int], list[int]] = ([], [])
    now = time.perf_counter_ns
    for _ in range(rounds):
        for arguments in zip(ours[1], bare[1], strict=True):
            for (call, _all), argument, times in zip((ours, bare), arguments, taken, strict=True):
                started = now()
                call(argument)
                times.append(now() - started)
    bare_time, our_time = (statistics.quantiles(times, n=4)[0] for times in (taken[1], taken[0]))
    return (our_time - bare_time) / 1000


def run(*, quick: bool) -> tuple[list[Result], dict[str, str]]:
    rounds, many, few = (7, 300, 25) if quick else (15, 1000, 80)
    results: list[Result] = []
    versions: dict[str, str] = {}
    for alg in ALGORITHMS:
        key = mapae.Key.generate(alg, kid="2026-11", bits=2048)
        count = many if alg == "HS256" else few
        field = list(contestants(key))
        verify = {one.title: (one.verify(), tokens_for(one, key, count)) for one in field}
        results += with_own_part(race(f"{alg} verify", verify, rounds), alone(key, verify, rounds, verifying=True))
        sign = {getattr(one, "sign_title", one.title): (one.sign(), claims_for(one, key, count)) for one in field}
        results += with_own_part(race(f"{alg} sign", sign, rounds), alone(key, sign, rounds, verifying=False))
        if alg in {"HS256", "ES256"}:
            again = {
                one.title: (one.again(), [tokens_for(one, key, 1)[0]] * count) for one in field if hasattr(one, "again")
            }
            results += race(f"{alg} seen before", again, rounds)
        if not alg.startswith("ML"):
            found = on_node(key, count, rounds)
            versions |= {f"Node {library}": number for library, number in found.get("versions", {}).items()}
            results += node_results(alg, found, results)
    return results + hostile(rounds), versions


def alone(key: mapae.Key, calls: dict[str, tuple[Call, list]], rounds: int, *, verifying: bool) -> dict[str, float]:
    """Time our own part directly: the same calls with a primitive that does nothing."""
    if isinstance(key, mapae.SecretKey):
        return {}
    times = {}
    for kind in (Mapae, MapaeTyped):
        one = kind(idle(key))
        title = kind.title if verifying else getattr(kind, "sign_title", kind.title)
        call, arguments = one.verify() if verifying else one.sign(), calls[title][1]
        clock(call, arguments)
        times[title] = round(statistics.median(clock(call, arguments * 5) for _ in range(rounds)), 2)
    return times


def with_own_part(results: list[Result], own: dict[str, float]) -> list[Result]:
    return [replace(result, own=own.get(result.name)) for result in results]


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
    older = mapae.Key.from_jwk(key.to_jwk(private=True) | {"alg": "EdDSA"}) if key.alg == "Ed25519" else key
    asked = material | {
        "algorithm": key.alg,
        "tokens": tokens_for(None, older, count),
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
    ours = {result.work: result.microseconds for result in results if result.name == Mapae.title}
    for work, words in NODE_WORKS.items():
        for library, times in found.get(work, {}).items():
            name = f"{alg} {words}"
            if name in ours:
                value = statistics.median(times)
                yield Result(name, f"Node {library}", round(value, 2), round(value / ours[name], 2))


def hostile(rounds: int) -> list[Result]:
    """Refuse a million characters with three segments."""
    key = mapae.Key.generate("HS256", kid="2026-11")
    head, _, signature = tokens_for(None, key, 1)[0].split(".")
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
        one.title: (refusing(one.verify()), [token] * 3) for one in contestants(key) if not isinstance(one, Primitive)
    }
    return race("1 MB hostile token", calls, min(rounds, 9))


def memory() -> dict[str, float]:
    """Measure what ten thousand remembered tokens take."""
    import tracemalloc

    key = mapae.Key.generate("HS256", kid="2026-11")
    tokens = tokens_for(None, key, 10_000)
    verifier = mapae.Verifier(key, issuer=ISSUER, audience=AUDIENCE, memo_bytes=1 << 30)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for token in tokens:
        verifier.verify("".join([token[:5], token[5:]]))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {"memo_of_10000_tokens_megabytes": round(grown / 1e6, 1), "token_characters": len(tokens[0])}


def duplicates(rounds: int) -> dict[str, float]:
    """Measure what it takes to know that no member of a payload stands twice: at a glance, and rule by rule."""
    raw = msgspec.json.encode(payload(1))
    decode_json = msgspec.json.Decoder().decode
    members = decode_json(raw)

    def at_a_glance(octets: bytes) -> bool:
        return octets.count(b",") + 1 != len(members)

    def apart(more: Callable[[bytes], object], less: Callable[[bytes], object]) -> float:
        each = [raw] * 2000
        return statistics.median(clock(more, each) - clock(less, each) for _ in range(rounds))

    return {
        "duplicates_at_a_glance_microseconds": round(apart(at_a_glance, lambda _octets: False), 2),
        "duplicates_by_rule_microseconds": round(apart(lambda o: read_object(o, "payload"), decode_json), 2),
    }


def versions() -> dict[str, str]:
    found = {}
    for package in (*dict.fromkeys(kind.package for kind in CONTESTANTS), "msgspec"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    try:
        found["node"] = node_version()
    except Failed:
        found["node"] = "not installed"
    return found


def show(results: list[Result]) -> None:
    works = list(dict.fromkeys(result.work for result in results))
    for work in works:
        print(f"\n{work}")
        for result in sorted((r for r in results if r.work == work), key=lambda r: r.microseconds):
            above = "" if result.above is None else f"   {result.above:.2f} us above the primitive"
            own = "" if result.own is None else f", {result.own:.2f} us without it"
            print(f"  {result.name:<20} {result.microseconds:>12.2f} us   {result.ratio:>9.2f} x{above}{own}")


def chart(results: list[Result], where: dict, numbers: dict[str, str]) -> str:
    """Draw calls a second of one core."""
    panels = []
    for work in PANELS:
        bars = [
            Bar(r.name, 1e6 / r.microseconds, f"{r.ratio:.1f} x" if r.ratio != 1 else "", "apae" in r.name)
            for r in results
            if r.work == work and r.name != Primitive.title
        ]
        panels.append(Bars(f"{work}: calls a second of one core", bars))
    peers = ", ".join(f"{name} {number}" for name, number in numbers.items() if name not in {"mapae", "msgspec"})
    place = f"{where['processor']}, Python {where['python']}, {str(where['date'])[:10]}; x: the processor time of Mapae"
    return draw(panels, notes=(place, *textwrap.wrap(peers, 110)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer tokens and rounds: to see that all works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw an SVG into this file")
    options = parser.parse_args()
    where, found = machine(), versions()
    results, of_node = run(quick=options.quick)
    found |= of_node
    print(f"{where['processor']}, Python {where['python']}, load {where['load']}, commit {where['commit']}")
    print(" ".join(f"{name} {number}" for name, number in found.items()))
    rest = memory() | duplicates(9)
    show(results)
    print("\n" + " ".join(f"{name} {number}" for name, number in rest.items()))
    if options.json:
        report = {"machine": where, "versions": found, "results": [asdict(result) for result in results], "rest": rest}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.chart:
        options.chart.write_text(chart(results, where, found))


if __name__ == "__main__":
    sys.exit(main())
