"""What the kernel sees of checking tokens: nothing. Counted with strace, on a process that does nothing else."""

import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

MEMORY = {"brk", "mmap", "munmap", "mremap", "madvise"}
"""An allocator may ask for a page now and then; that is no input and no output."""
CLOCK = {"clock_gettime", "gettimeofday", "time"}
"""Where the kernel offers no clock without a call."""

PREPARED = """\
import gc, os, sys, time
from mapae import Key, KeySet, sign
from mapae.errors import TokenError

key = Key.generate(sys.argv[1])
own = {"sub": "jane", "client_id": "mapae", "scope": "account", "epo": 0, "rsq": 0}

def token(sid):
    return sign(own | {"sid": sid}, key, issuer="https://i", audience="a", lifetime=900, typ="at+jwt")

tokens = [token(f"session{number}") for number in range(60)] + [token("gone")] * 3 + ["nonsense"]
"""
GUARD = """\
from mapae.guard import Guard
from mapae.jose.verifier import Verifier
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.revocation import Entry, Revocations

revocations = Revocations()
revocations.apply([Entry(1, "session", "gone", 0, 2**31)], head=1, sent=time.monotonic())
verifier = Verifier(KeySet([key.public()]), issuer="https://i", audience="a", typ="at+jwt", claims=AccessClaims)
check = Guard(verifier, revocations).check
"""
REMOTE = """\
import msgspec
from mapae.jose.jws import sign_octets
from mapae.remote import Answer, RemoteGuard
from mapae.sessions.feed import TYP, FeedPage
from mapae.sessions.revocation import Entry
import threading

def fetch(request):
    if "wait" in request.url:
        threading.Event().wait()  # no news, ever
    now = time.time()
    entry = Entry(1, "session", "gone", 0, 2**31)
    page = FeedPage(iss="https://i", iat=int(now), exp=int(now) + 60, feed="f", after=0, upto=1, head=1,
                    now_ms=int(now * 1000), age_ms=1, entries=(entry,))
    return Answer(200, {}, sign_octets(msgspec.json.encode(page), key, header={"typ": TYP}).encode())

guard = RemoteGuard("https://i", audience="a", keys=KeySet([key.public()]), fetch=fetch, max_staleness=900.0)
check = guard.check
"""
CHECKED = """\
def check_all(texts):
    refused = 0
    for text in texts:
        try:
            check(text, scopes=["account"])
        except TokenError:
            refused += 1
    return refused

assert check_all(tokens[50:]) == 4
gc.collect(); gc.disable()
os.write(2, b"the checks begin\\n")
refused = check_all(tokens[:50]) + check_all(tokens)  # never seen before; and seen, revoked, and nonsense
os.write(2, b"the checks end\\n")
assert refused == 4, refused
os._exit(0)
"""


@pytest.fixture(scope="module")
def strace():
    program = shutil.which("strace")
    if program is None:
        pytest.skip("no strace: it is not installed")
    tried = subprocess.run([program, "-e", "trace=none", "true"], check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"strace may not watch other processes here: {tried.stderr.strip()[:200]}")
    return program


@pytest.mark.parametrize("alg", ["ES256", "Ed25519"])
@pytest.mark.parametrize("made", [GUARD, REMOTE], ids=["guard", "remote guard"])
def test_checking_tokens_makes_no_system_call_but_for_the_clock(strace, tmp_path, alg, made):
    program, seen = tmp_path / "checks.py", tmp_path / "calls"
    program.write_text(PREPARED + made + CHECKED)
    command = [strace, "-f", "-o", seen, sys.executable, program, alg]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    calls = between(seen.read_text().splitlines())
    # Where a second thread is, the two may hand Python's own lock to each other.
    allowed = MEMORY | CLOCK | ({"futex"} if made is REMOTE else set())
    assert set(calls) <= allowed, calls


def between(lines):
    """The calls of the thread that checks, from the first mark to the second."""
    begin = next(at for at, line in enumerate(lines) if "the checks begin" in line)
    end = next(at for at, line in enumerate(lines) if "the checks end" in line)
    thread = lines[begin].split()[0]
    own = [line for line in lines[begin + 1 : end] if line.split()[0] == thread]
    return [found[1] for line in own if (found := re.match(r"\d+\s+(\w+)\(", line))]


def test_the_count_notices_a_call(strace, tmp_path):
    """So that a change of strace's output does not make the test above pass for ever."""
    program, seen = tmp_path / "checks.py", tmp_path / "calls"
    program.write_text(
        PREPARED + GUARD + CHECKED.replace("            check(text", "            os.getppid(); check(text")
    )
    subprocess.run([strace, "-f", "-o", seen, sys.executable, program, "ES256"], check=True, timeout=120)
    assert "getppid" in between(seen.read_text().splitlines())
