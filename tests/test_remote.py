"""Keys of another server, fetched from a real one on this machine that misbehaves in every way we know."""

import asyncio
import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

import mapae
from mapae.errors import KeyRefused, KeySourceError, KeyUnknown, SignatureRefused
from mapae.jose.jwks_store import Bounds
from mapae.jose.verifier import Verifier as PureVerifier
from mapae.remote import Answer, Fetch, RemoteKeySet, Request
from mapae.remote.addresses import AddressRule, read_url
from mapae.remote.answers import lifetime_of, metadata_urls, read_key_set, read_metadata, retry_after_of

pytestmark = pytest.mark.slow

ISSUER = "https://id.example"
FIRST, SECOND = (mapae.Key.generate("Ed25519", kid=kid) for kid in ("first", "second"))
QUICK = Bounds(timeout=2, first_pause=0.05, max_pause=0.1)


def jwks(*keys):
    return json.dumps({"keys": [key.to_jwk() for key in keys]}).encode()


class Issuer(ThreadingHTTPServer):
    """A server whose answers are set by the test: path to what is done with the handler."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {}
        self.seen = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """A client that hung up is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.server.answers[self.path](self)

    def log_message(self, *_):
        pass

    def say(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def issuer():
    server = Issuer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


def serving(issuer, *keys, **headers):
    issuer.answers["/jwks"] = lambda handler: handler.say(jwks(*keys), **headers)


def remote(issuer, **options):
    return RemoteKeySet(f"{issuer.url}/jwks", **{"allow_loopback": True, "bounds": QUICK} | options)


def token(key=FIRST, **claims):
    return mapae.sign(claims, key, issuer=ISSUER, audience="api", lifetime=600)


def verifier(keys, **policy):
    return mapae.Verifier(keys, issuer=ISSUER, audience="api", **policy)


def until(condition, seconds=5):
    """Wait for something that another thread does; fail when it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


# Verifying ------------------------------------------------------------------------------------------------------------


def test_keys_are_fetched_once_when_the_first_token_comes(issuer):
    serving(issuer, FIRST)
    check = verifier(remote(issuer))
    assert issuer.seen == []
    assert check.verify(token(sub="a")).sub == "a"
    assert check.verify(token(sub="b")).sub == "b"
    assert len(issuer.seen) == 1


def test_the_front_door_takes_a_remote_set_too(issuer):
    serving(issuer, FIRST)
    keys = remote(issuer)
    assert mapae.verify(token(sub="a"), keys, issuer=ISSUER, audience="api").sub == "a"
    with pytest.raises(SignatureRefused):
        mapae.verify(token()[:-8] + "AAAAAAAA", keys, issuer=ISSUER, audience="api")


def test_an_event_loop_shares_the_store_with_threads(issuer):
    serving(issuer, FIRST)
    check = verifier(remote(issuer))

    async def verified():
        return [claims.sub for claims in await asyncio.gather(*(check.verify_async(token(sub=f"{n}")) for n in "123"))]

    assert asyncio.run(verified()) == ["1", "2", "3"]
    assert check.verify(token(sub="b")).sub == "b"
    assert len(issuer.seen) == 1


def test_a_key_that_is_new_is_looked_for_at_once(issuer):
    serving(issuer, FIRST)
    check = verifier(remote(issuer))
    check.verify(token())
    serving(issuer, FIRST, SECOND)
    assert check.verify(token(SECOND, sub="b")).sub == "b"
    assert len(issuer.seen) == 2


def test_a_key_that_is_new_is_looked_for_by_await_too(issuer):
    serving(issuer, FIRST)
    check = verifier(remote(issuer))
    asyncio.run(check.verify_async(token()))
    serving(issuer, FIRST, SECOND)
    assert asyncio.run(check.verify_async(token(SECOND, sub="b"))).sub == "b"


def test_a_key_that_was_withdrawn_is_refused_although_its_token_was_remembered(issuer):
    serving(issuer, FIRST, SECOND)
    keys = remote(issuer)
    check = verifier(keys)
    old = token(FIRST)
    check.verify(old)
    check.verify(old)
    serving(issuer, SECOND)
    keys.refresh()
    with pytest.raises(KeyUnknown):
        check.verify(old)


def test_while_many_verify_and_keys_come_and_go_nobody_is_left_with_the_old_ones():
    sets = [jwks(FIRST), jwks(FIRST, SECOND)]
    answers = chain(sets * 30, repeat(jwks(SECOND)))
    keys = RemoteKeySet("https://id.example/jwks", fetch=lambda _: Answer(200, {}, next(answers)))
    check = verifier(keys)
    old, new = token(FIRST, sub="a"), token(SECOND, sub="b")
    keys.refresh()

    def verifying():
        return {check.verify(old).sub for _ in range(300)}

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(verifying) for _ in range(4)]
        for _ in range(59):
            keys.refresh()
        assert [each.result() for each in running] == [{"a"}] * 4
    keys.refresh()
    with pytest.raises(KeyUnknown):
        check.verify(old)
    assert check.verify(new).sub == "b"


def test_tokens_stay_remembered_while_the_keys_say_the_same(issuer):
    serving(issuer, FIRST)
    keys = remote(issuer)
    check = verifier(keys)
    presented = token()
    claims = check.verify(presented)
    keys.refresh()
    assert check.verify(presented) is claims


def test_invented_kids_cause_one_fetch_however_many_there_are(issuer):
    serving(issuer, FIRST)
    check = verifier(remote(issuer))
    check.verify(token())
    for n in range(20):
        with pytest.raises(KeyUnknown):
            check.verify(token(mapae.Key.generate("Ed25519", kid=f"invented-{n}")))
    assert len(issuer.seen) == 2


def test_a_first_token_with_an_invented_kid_causes_one_fetch_not_two(issuer):
    serving(issuer, FIRST)
    with pytest.raises(KeyUnknown):
        verifier(remote(issuer)).verify(token(SECOND))
    assert len(issuer.seen) == 1


def test_a_token_without_a_kid_never_causes_a_search(issuer):
    serving(issuer, FIRST, SECOND)
    check = verifier(remote(issuer))
    nameless = mapae.Key.from_pem(FIRST.to_pem(private=True))
    anonymous = json.loads(json.dumps(token(nameless)))
    for _ in range(3):
        with pytest.raises(KeyUnknown):
            check.verify(anonymous)
    assert len(issuer.seen) <= 2


def test_one_key_is_found_by_its_id(issuer):
    serving(issuer, FIRST)
    assert remote(issuer).key_for("first").thumbprint() == FIRST.thumbprint()
    with pytest.raises(KeyUnknown):
        remote(issuer).key_for("second")


def test_each_of_several_issuers_has_its_own_remote_keys(issuer):
    serving(issuer, FIRST)
    issuer.answers["/other"] = lambda handler: handler.say(jwks(SECOND))
    other = RemoteKeySet(f"{issuer.url}/other", allow_loopback=True)
    check = mapae.Verifier.for_issuers({ISSUER: remote(issuer), "https://other.example": other}, audience="api")
    foreign = mapae.sign({"sub": "b"}, SECOND, issuer="https://other.example", audience="api", lifetime=600)
    assert check.verify(token(sub="a")).sub == "a"
    assert asyncio.run(check.verify_async(foreign)).sub == "b"
    with pytest.raises(KeyUnknown):
        check.verify(token(SECOND))
    with pytest.raises(KeyUnknown):
        asyncio.run(check.verify_async(token(SECOND)))


def test_a_verifier_says_where_its_keys_come_from(issuer):
    assert f"{issuer.url}/jwks" in verifier(remote(issuer)).explain()


def test_the_pure_verifier_follows_the_keys_too(issuer):
    serving(issuer, FIRST)
    check = PureVerifier(remote(issuer), issuer=ISSUER, audience="api")
    assert check.check(token(sub="a"), now=time.time()).sub == "a"


# Hanging, failing -----------------------------------------------------------------------------------------------------


def hang(handler):
    handler.server.released.wait(30)


@contextmanager
def taking(least, most):
    begun = time.monotonic()
    yield
    assert least <= time.monotonic() - begun < most


def outcome(check, presented):
    try:
        return check.verify(presented).sub
    except KeySourceError as error:
        return error.code


@pytest.mark.slow
def test_six_verifications_against_a_hang_of_two_seconds_take_one_hang_together(issuer):
    issuer.answers["/jwks"] = hang
    check = verifier(remote(issuer))
    with taking(1.9, 3.5), ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda n: outcome(check, token(sub=f"{n}")), range(6))) == {"key_source"}
    assert len(issuer.seen) == 1


@pytest.mark.slow
def test_six_verifications_in_an_event_loop_take_one_hang_together_and_the_loop_goes_on(issuer):
    issuer.answers["/jwks"] = hang
    check = verifier(remote(issuer))
    ticks = []

    async def tick():
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.02)

    async def run():
        ticking = asyncio.create_task(tick())
        results = await asyncio.gather(*(check.verify_async(token()) for _ in range(6)), return_exceptions=True)
        ticking.cancel()
        return results

    with taking(1.9, 3.5):
        assert {type(result) for result in asyncio.run(run())} == {KeySourceError}
    assert len(issuer.seen) == 1
    assert len(ticks) > 30


@pytest.mark.slow
def test_a_known_key_never_waits_for_a_fetch(issuer):
    serving(issuer, FIRST, Cache_Control="max-age=0")
    check = verifier(remote(issuer, bounds=Bounds(timeout=2, min_lifetime=0)))
    check.verify(token())
    issuer.answers["/jwks"] = hang
    with ThreadPoolExecutor(1) as pool:
        stranger = pool.submit(outcome, check, token(SECOND))
        until(lambda: len(issuer.seen) == 2)
        with taking(0, 0.5):
            for n in range(50):
                assert check.verify(token(sub=f"{n}")).sub == f"{n}"
        assert not stranger.done()
        issuer.released.set()
        assert stranger.result() == "key_source"
    assert len(issuer.seen) == 2


def test_a_server_that_answers_late_serves_all_who_waited(issuer):
    def late(handler):
        handler.server.released.wait(30)
        handler.say(jwks(FIRST))

    issuer.answers["/jwks"] = late
    keys = remote(issuer, bounds=Bounds(timeout=20))
    check = verifier(keys)
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(outcome, check, token(sub=f"{n}")) for n in range(6)]
        until(lambda: issuer.seen)
        issuer.released.set()
        assert [each.result() for each in waiting] == list("012345")
    assert len(issuer.seen) == 1


def test_after_a_failure_the_server_is_left_alone_and_then_asked_again(issuer):
    issuer.answers["/jwks"] = lambda handler: handler.say(b"", status=503)
    keys = remote(issuer, bounds=Bounds(first_pause=0.3, max_pause=0.3))
    for _ in range(5):
        with pytest.raises(KeySourceError) as refused:
            keys.current()
    assert 0 < refused.value.retry_after <= 0.3
    assert len(issuer.seen) == 1
    serving(issuer, FIRST)
    until(lambda: keys.status().usable or outcome(verifier(keys), token(sub="a")) == "a")
    assert keys.status().failures == 0


def test_a_server_may_ask_to_be_left_alone(issuer):
    issuer.answers["/jwks"] = lambda handler: handler.say(b"", status=429, Retry_After="40")
    with pytest.raises(KeySourceError):
        (keys := remote(issuer, bounds=Bounds(max_pause=60))).current()
    with pytest.raises(KeySourceError) as refused:
        keys.current()
    assert 30 < refused.value.retry_after <= 40
    assert len(issuer.seen) == 1


def test_known_keys_outlive_a_failing_server_up_to_the_maximum(issuer):
    serving(issuer, FIRST, Cache_Control="max-age=0")
    keys = remote(issuer, bounds=Bounds(min_lifetime=0, max_stale=0.8, first_pause=0.02, max_pause=0.02))
    check = verifier(keys)
    check.verify(token(sub="a"))
    issuer.answers["/jwks"] = lambda handler: handler.say(b"no", status=500)
    assert outcome(check, token(sub="b")) == "b"
    until(lambda: keys.status().failures >= 2 or outcome(check, token(sub="c")) == "key_source")
    until(lambda: outcome(check, token(sub="d")) == "key_source")
    assert not keys.status().usable


def test_keys_that_are_no_longer_fresh_are_renewed_beside_the_work(issuer):
    serving(issuer, FIRST, Cache_Control="max-age=0")
    keys = remote(issuer, bounds=Bounds(min_lifetime=0))
    check = verifier(keys)
    check.verify(token())
    serving(issuer, SECOND, Cache_Control="max-age=600")
    assert outcome(check, token(sub="a")) == "a", "still known, and not delayed"
    until(lambda: keys.status().fresh)
    assert keys.newest()["second"]


def test_a_seed_serves_while_the_issuer_cannot_be_reached(issuer):
    serving(issuer, FIRST)
    keys = remote(issuer)
    with pytest.raises(KeySourceError):
        keys.export()
    keys.refresh()
    issuer.answers["/jwks"] = lambda handler: handler.say(b"", status=502)
    again = remote(issuer, seed=keys.export())
    assert again.status().age is None
    assert outcome(verifier(again), token(sub="a")) == "a"
    until(lambda: again.status().failures)
    with pytest.raises(KeyRefused):
        remote(issuer, seed=json.dumps({"keys": [FIRST.to_jwk(private=True)]}).encode())


def test_a_task_renews_the_keys_before_anybody_asks(issuer):
    serving(issuer, FIRST, Cache_Control="max-age=0")
    keys = remote(issuer, bounds=Bounds(min_lifetime=0.05, first_pause=0.01, max_pause=0.01))

    async def run():
        renewing = asyncio.create_task(keys.keep_fresh())
        await asyncio.to_thread(until, lambda: len(issuer.seen) >= 3)
        issuer.answers["/jwks"] = lambda handler: handler.say(b"", status=500)
        await asyncio.to_thread(until, lambda: keys.status().failures)
        serving(issuer, FIRST, SECOND)
        await asyncio.to_thread(until, lambda: len(keys.newest()) == 2)
        renewing.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_status_says_what_was_skipped_and_why(issuer):
    other = {"kty": "XYZ", "kid": "z"}
    nameless = {name: value for name, value in RSA.items() if name != "alg"}
    issuer.answers["/jwks"] = lambda handler: handler.say(
        json.dumps({"keys": [FIRST.to_jwk(), other, nameless]}).encode()
    )
    keys = remote(issuer)
    assert (keys.status().keys, keys.status().fresh, keys.status().url) == (0, False, f"{issuer.url}/jwks")
    keys.refresh()
    status = keys.status()
    assert status.keys == 1
    assert [each.partition(":")[0] for each in status.skipped] == ["keys[1]", "keys[2]"]
    assert status.fresh
    assert status.usable
    assert status.age < 5
    lenient = remote(issuer, rsa_alg="RS256")
    assert [key.alg for key in lenient.refresh()] == ["Ed25519", "RS256"]


RSA = mapae.Key.generate("RS256", kid="rsa", bits=2048).public().to_jwk()
PRIVATE = {"keys": [FIRST.to_jwk(private=True)]}
SECRET = {"keys": [mapae.Key.generate("HS256").to_jwk(private=True)]}
TWICE = {"keys": [FIRST.to_jwk(), SECOND.to_jwk() | {"kid": "first"}]}


def drip(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.released.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()
    except OSError:
        pass


def drip_headers(handler):
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.server.released.wait(0.05):
            handler.wfile.write(b"X: y\r\n")
            handler.wfile.flush()
    except OSError:
        pass


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(1600):
            handler.wfile.write(b" " * 65536)
            handler.server.written = getattr(handler.server, "written", 0) + 65536
    except OSError:
        pass


def huge(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(100 * 1024 * 1024))
    handler.end_headers()


def gzip(handler):
    handler.say(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", Content_Encoding="gzip")


def answering(body, **how):
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda handler: handler.say(octets, **how)


MISDEEDS = {
    "a page": (answering(b"<html>", Content_Type="text/html"), "web page"),
    "no JSON": (answering(b"{keys"), "not JSON"),
    "another JSON": (answering({"key": []}), '"keys"'),
    "an array": (answering([]), "not a JSON object"),
    "a member twice": (answering(b'{"keys":[],"keys":[]}'), "twice"),
    "a private key": (answering(PRIVATE), "private or secret"),
    "a secret": (answering(SECRET), "private or secret"),
    "a kid twice": (answering(TWICE), "same kid"),
    "101 keys": (answering({"keys": [{}] * 101}), "at most 100"),
    "gzip": (gzip, "compressed"),
    "a redirect": (answering(b"", status=302, Location="/elsewhere"), "redirects"),
    "a permanent redirect": (answering(b"", status=308, Location="http://169.254.169.254/"), "redirects"),
    "not modified, unasked": (answering(b"", status=304), "redirects|304"),
    "404": (answering(b"", status=404), "404"),
    "500": (answering(b"", status=500), "500"),
    "nothing": (lambda handler: handler.close_connection, "no complete answer"),
    "no HTTP": (lambda handler: handler.wfile.write(b"SSH-2.0-x\r\n"), "no complete answer"),
    "100 MB": (huge, "more than"),
    "100 MB unannounced": (endless, "more than"),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_server_that_misbehaves_is_a_source_error_that_says_how(issuer, misdeed):
    answer, reason = MISDEEDS[misdeed]
    issuer.answers["/jwks"] = answer
    keys = remote(issuer)
    with pytest.raises(KeySourceError, match=reason):
        keys.current()
    assert keys.status().reason
    assert [path for path, _ in issuer.seen] == ["/jwks"], "nothing else was fetched"


def test_reading_stops_at_the_cap(issuer):
    issuer.answers["/jwks"] = endless
    with pytest.raises(KeySourceError, match="more than 262144 bytes"):
        remote(issuer).current()
    assert issuer.written < 50 * 1024 * 1024, "what the two sides' buffers hold, not 100 MB"


@pytest.mark.parametrize("slow", [drip, drip_headers], ids=["body", "headers"])
def test_a_server_that_drips_is_given_up_at_the_deadline(issuer, slow):
    issuer.answers["/jwks"] = slow
    keys = remote(issuer, bounds=Bounds(timeout=0.5))
    with taking(0.4, 2), pytest.raises(KeySourceError, match=r"in time|no complete"):
        keys.current()
    until(lambda: not [each for each in threading.enumerate() if each.name == "mapae-keys"])


def test_a_misdeed_does_not_take_away_the_keys_at_hand(issuer):
    serving(issuer, FIRST)
    keys = remote(issuer)
    keys.refresh()
    issuer.answers["/jwks"] = answering(PRIVATE)
    with pytest.raises(KeySourceError):
        keys.refresh()
    assert outcome(verifier(keys), token(sub="a")) == "a"


def test_a_port_where_nobody_listens_is_a_source_error(issuer):
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    with pytest.raises(KeySourceError, match="cannot be reached"):
        RemoteKeySet(f"http://127.0.0.1:{port}/", allow_loopback=True).current()


# HTTP -----------------------------------------------------------------------------------------------------------------


def test_the_validator_spares_the_body_and_keeps_the_keys(issuer):
    def validated(handler):
        if handler.headers.get("If-None-Match") == '"v1"':
            handler.say(b"", status=304, Cache_Control="max-age=77")
        else:
            handler.say(jwks(FIRST), ETag='"v1"')

    issuer.answers["/jwks"] = validated
    keys = remote(issuer)
    first = keys.refresh()
    assert keys.refresh() is first
    assert [headers.get("If-None-Match") for _, headers in issuer.seen] == [None, '"v1"']


def test_a_request_carries_nothing_that_nobody_asked_for(issuer):
    serving(issuer, FIRST)
    remote(issuer).refresh()
    ((_, headers),) = issuer.seen
    assert headers == {
        "Host": issuer.url.removeprefix("http://"),
        "Accept": "application/jwk-set+json, application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "mapae",
        "Connection": "close",
    }


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": 'public, MAX-AGE="60"'}, 60),
        ({"cache-control": "s-maxage=9, max-age=60, must-revalidate", "age": "20"}, 40),
        ({"cache-control": "max-age=60", "age": "100"}, 0),
        ({"cache-control": "max-age=60", "age": "x"}, 60),
        ({"cache-control": "no-store, max-age=60"}, 0),
        ({"cache-control": "no-cache"}, 0),
        ({"cache-control": "max-age=-1"}, None),
        ({"cache-control": "max-age=99999999999999"}, None),
        ({"cache-control": "max-age"}, None),
    ],
    ids=str,
)
def test_freshness_is_read_from_the_header(headers, seconds):
    assert lifetime_of(headers) == seconds


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)])
def test_a_pause_is_read_in_seconds_only(said, seconds):
    assert retry_after_of({"retry-after": said}) == seconds


@pytest.mark.parametrize("etag", ["v1", '"a\r\nX: y"', '"' + "x" * 300 + '"', '"a b"'])
def test_a_validator_that_is_none_is_not_sent_back(etag):
    learnt = read_key_set(Answer(200, {"etag": etag}, jwks(FIRST)), etag=None, rsa_alg=None)
    assert learnt.etag is None


# Addresses ------------------------------------------------------------------------------------------------------------

INSIDE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::",
    "fe80::1", "fe80::1%eth0", "fec0::1", "::7f00:1", "64:ff9b:1::1", "4000::1", "fd00:ec2::254",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a9fe:a9fe::", "2001:db8::1",
]  # fmt: skip
OUTSIDE = ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
TARGET = read_url("https://id.example/jwks")


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address):
    with pytest.raises(KeySourceError, match="not on the public Internet"):
        AddressRule().judge(TARGET, [address])


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_accepted(address):
    assert len(AddressRule().judge(TARGET, [address])) == 1


def test_one_address_inside_spoils_the_name():
    with pytest.raises(KeySourceError):
        AddressRule().judge(TARGET, [OUTSIDE[0], "10.0.0.1"])
    with pytest.raises(KeySourceError, match="no address"):
        AddressRule().judge(TARGET, [])


def test_a_network_that_is_meant_is_accepted_by_https_only():
    rule = AddressRule.allowing(["10.0.0.0/8"])
    assert rule.judge(TARGET, ["10.1.2.3"]) == ("10.1.2.3",)
    assert rule.judge(TARGET, ["::ffff:10.1.2.3"])
    with pytest.raises(KeySourceError):
        rule.judge(TARGET, ["192.168.1.1"])
    with pytest.raises(KeySourceError, match="by https"):
        rule.judge(read_url("http://id.example/jwks"), ["10.1.2.3"])
    with pytest.raises(TypeError, match="several"):
        AddressRule.allowing("10.0.0.0/8")


def test_the_connection_goes_to_the_address_that_was_judged(issuer):
    serving(issuer, FIRST)
    asked = []

    def rebinding(host, port):
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    fetch = Fetch(AddressRule.allowing(["127.0.0.0/8"]), resolve=rebinding)
    url = f"http://keys.example:{issuer.server_port}/jwks"
    assert fetch(Request(url, None, 2, 1000)).status == 200
    assert asked == [("keys.example", issuer.server_port)], "resolved once, by name"
    assert issuer.seen[0][1]["Host"] == f"keys.example:{issuer.server_port}"
    with pytest.raises(KeySourceError, match="public Internet"):
        fetch(Request(url, None, 2, 1000))
    assert len(issuer.seen) == 1


def test_an_address_that_does_not_answer_gives_way_to_the_next(issuer):
    serving(issuer, FIRST)
    fetch = Fetch(AddressRule.allowing(["127.0.0.0/8"]), resolve=lambda *_: ["127.0.0.2", "127.0.0.1"])
    assert fetch(Request(f"{issuer.url}/jwks", None, 2, 1000)).body == jwks(FIRST)


@pytest.mark.parametrize("url", ["https://127.0.0.1/jwks", "https://localhost/jwks", "https://[::1]:8443/jwks"])
def test_this_machine_is_refused_unless_it_is_meant(url):
    with pytest.raises(KeySourceError, match="public Internet"):
        RemoteKeySet(url).current()


@pytest.mark.parametrize(
    "url",
    ["http://id.example/jwks", "http://127.0.0.1/jwks", "file:///etc/passwd", "ftp://id.example/", "data:,{}", "",
     "id.example/jwks", "https://", "https://u:p@id.example/", "https://id.example/#x", "https://id.example/a b",
     "https://id.example:99999/", "https://id.example/\r\nX: y", "https://é.example/"],
)  # fmt: skip
def test_an_address_that_is_no_plain_https_url_is_refused_at_once(url):
    with pytest.raises(ValueError, match=r"https|user|Port|address|URL"):
        RemoteKeySet(url)


# TLS ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for keys.example, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keys.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("keys.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_the_certificate_is_checked_against_the_name_not_the_address(issuer, certificate):
    serving(issuer, FIRST)
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(certificate)
    issuer.socket = inside.wrap_socket(issuer.socket, server_side=True)
    rule = AddressRule.allowing(["127.0.0.0/8"])
    trusting = ssl.create_default_context(cafile=str(certificate))

    def fetched(host, context):
        fetch = Fetch(rule, resolve=lambda *_: ["127.0.0.1"], context=context)
        return RemoteKeySet(f"https://{host}:{issuer.server_port}/jwks", fetch=fetch, bounds=QUICK).current()

    assert fetched("keys.example", trusting)["first"]
    for host, context in [("other.example", trusting), ("keys.example", None)]:
        with pytest.raises(KeySourceError, match="no certificate that is trusted"):
            fetched(host, context)


# Discovery ------------------------------------------------------------------------------------------------------------

OPENID, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


def describing(server, path=OPENID, **changes):
    members = {"issuer": server.url, "jwks_uri": f"{server.url}/jwks"} | changes
    server.answers[path] = answering({name: value for name, value in members.items() if value is not None})


def discovered(issuer, name=None):
    return RemoteKeySet.from_issuer(name or issuer.url, allow_loopback=True, bounds=QUICK)


def test_an_issuer_says_where_its_keys_are(issuer):
    serving(issuer, FIRST)
    describing(issuer)
    keys = discovered(issuer)
    assert keys.current()["first"]
    keys.refresh()
    assert [path for path, _ in issuer.seen] == [OPENID, "/jwks", "/jwks"]
    assert keys.status().url == f"{issuer.url}/jwks"


def test_an_issuer_without_openid_is_asked_by_oauth(issuer):
    serving(issuer, FIRST)
    issuer.answers[f"/tenant{OPENID}"] = answering(b"", status=404)
    describing(issuer, f"{OAUTH}/tenant", issuer=f"{issuer.url}/tenant")
    assert discovered(issuer, f"{issuer.url}/tenant").current()["first"]


def test_the_addresses_of_the_descriptions_are_those_of_the_rfcs():
    assert metadata_urls("https://id.example/t/1") == (
        "https://id.example/t/1/.well-known/openid-configuration",
        "https://id.example/.well-known/oauth-authorization-server/t/1",
    )
    assert metadata_urls("https://id.example/") == (f"https://id.example{OPENID}", f"https://id.example{OAUTH}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "https://id.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"jwks_uri": None}, "no key set"),
        ({"jwks_uri": 7}, "no key set"),
        ({"jwks_uri": "file:///etc/passwd"}, "https"),
        ({"jwks_uri": "https://10.0.0.1/jwks"}, "public Internet"),
        ({"jwks_uri": "http://169.254.169.254/"}, "public Internet"),
    ],
    ids=str,
)
def test_a_description_that_is_another_issuers_or_leads_inside_is_refused(issuer, changes, reason):
    serving(issuer, FIRST)
    describing(issuer, **changes)
    with pytest.raises(KeySourceError, match=reason):
        discovered(issuer).current()
    assert "/jwks" not in {path for path, _ in issuer.seen}


def test_the_issuer_must_match_letter_by_letter(issuer):
    serving(issuer, FIRST)
    describing(issuer)
    issuer.answers["/" + OPENID] = issuer.answers[OPENID]
    with pytest.raises(KeySourceError, match="letter by letter"):
        discovered(issuer, f"{issuer.url}/").current()


def test_keys_that_have_moved_are_found_again(issuer):
    serving(issuer, FIRST)
    describing(issuer)
    keys = discovered(issuer)
    keys.current()
    issuer.answers["/jwks"] = answering(b"", status=404)
    issuer.answers["/keys"] = answering(jwks(SECOND))
    describing(issuer, jwks_uri=f"{issuer.url}/keys")
    with pytest.raises(KeySourceError):
        keys.refresh()
    assert keys.refresh()["second"]


@pytest.mark.parametrize("name", ["http://id.example", "id.example", "https://id.example?x=1", "https://id.example/#"])
def test_an_issuer_that_is_no_https_url_is_refused_at_once(name):
    with pytest.raises(ValueError, match=r"https|query|fragment"):
        RemoteKeySet.from_issuer(name)


# Whatever comes -------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=9,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["kty", "crv", "x", "y", "n", "e", "alg", "use", "key_ops", "kid", "pub"]),
    JSON | st.sampled_from(["OKP", "EC", "RSA", "AKP", "P-256", "Ed25519", "AQAB", "sig", "RS256"]),
    max_size=6,
)
BODIES = st.binary(max_size=99) | st.builds(
    lambda keys: json.dumps({"keys": keys}).encode(), st.lists(MEMBERS | JSON, max_size=4) | JSON
)
HEADERS = st.dictionaries(
    st.sampled_from(["cache-control", "age", "etag", "retry-after", "content-type"]),
    st.text(max_size=20) | st.sampled_from(["max-age=60", "no-store", '"x"', "7", "text/html"]),
)
ANSWERS = st.builds(Answer, st.sampled_from([200, 200, 200, 304, 302, 404, 500]), HEADERS, BODIES)


@given(ANSWERS)
def test_any_answer_gives_keys_or_a_source_error(answer):
    try:
        learnt = read_key_set(answer, etag=None, rsa_alg="RS256")
    except KeySourceError:
        return
    assert all(not key.is_private for key in learnt.keys)
    assert learnt.lifetime is None or learnt.lifetime >= 0


@given(ANSWERS | st.builds(lambda url: Answer(200, {}, json.dumps({"issuer": ISSUER, "jwks_uri": url}).encode()), JSON))
def test_any_description_gives_an_address_or_a_source_error(answer):
    with suppress(KeySourceError):
        assert read_url(read_metadata(answer, ISSUER)).host


@given(st.text(max_size=40) | st.text(max_size=20).map(lambda rest: f"https://{rest}"))
def test_any_text_is_an_address_or_a_value_error(text):
    with suppress(ValueError):
        target = read_url(text)
        assert target.host
        assert target.path.startswith("/")
        assert not set(target.path + target.authority) & set(" \r\n\t")


# A fetcher from outside -----------------------------------------------------------------------------------------------


def test_another_fetcher_can_take_the_place_of_ours():
    asked = []

    def fetch(request):
        asked.append(request)
        return Answer(200, {"cache-control": "max-age=600", "etag": '"1"'}, jwks(FIRST))

    keys = RemoteKeySet("https://id.example/jwks", fetch=fetch)
    assert keys.current()["first"]
    assert (asked[0].url, asked[0].max_bytes, asked[0].etag) == ("https://id.example/jwks", 262144, None)
    assert 0 < asked[0].timeout <= 5


@pytest.mark.parametrize("wrong", [OSError("down"), RuntimeError("a bug"), KeyError("x"), SystemExit()], ids=repr)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whatever_a_fetcher_raises_is_a_source_error(wrong):
    def fetch(_request):
        raise wrong

    with pytest.raises(KeySourceError):
        RemoteKeySet("https://id.example/jwks", fetch=fetch, bounds=QUICK).current()


def test_what_a_fetcher_brings_is_bounded_too():
    def fetch(_request):
        return Answer(200, {}, b" " * 300_000)

    with pytest.raises(KeySourceError, match="at most"):
        RemoteKeySet("https://id.example/jwks", fetch=fetch).current()


def test_an_issuer_and_its_keys_show_themselves():
    assert repr(RemoteKeySet("https://id.example/jwks")) == "<RemoteKeySet https://id.example/jwks>"
    assert repr(RemoteKeySet.from_issuer("https://id.example")) == "<RemoteKeySet https://id.example>"
