"""Revocations of a service elsewhere, from an issuer that lies, repeats itself, forgets, is away, or is honest."""

import asyncio
import gc
import json
import os
import stat
import sys
import time
import warnings
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from mapae import Key, KeySet, sign
from mapae.errors import ClaimRefused, FeedSourceError, KeySourceError, Revoked, ScopeMissing, Stale, WrongKind
from mapae.jose.jws import sign_octets
from mapae.remote import Answer, RemoteGuard
from mapae.sessions.feed import TYP, FeedLog, FeedPage
from mapae.sessions.revocation import Entry

ISSUER, AUDIENCE = "https://id.example.com", "https://api.example.com"
KEY, OTHER = Key.generate("ES256"), Key.generate("ES256")
LONG = 30


def token(sid="session", *, age=0, key=KEY, **claims):
    own = {"sub": "jane", "client_id": "mapae", "scope": "account", "sid": sid, "epo": 0, "rsq": 0}
    now = int(time.time())
    dates = {"iat": now - age, "exp": now + 3600}
    return sign(own | dates | claims, key, issuer=ISSUER, audience=AUDIENCE, typ="at+jwt")


@dataclass
class Service:
    """A service elsewhere: signs true pages of a feed, unless told otherwise.

    Attributes:
        log: what it has revoked.
        changes: members of its pages that are other than they should be.
        key: what it signs with.
        away: it does not answer.
        replay: it answers with this, whatever it is asked.
        asked: the queries that came.
    """

    log: FeedLog = field(default_factory=FeedLog)
    name: str = "feed-one"
    changes: dict = field(default_factory=dict)
    key: Key = KEY
    typ: str = TYP
    away: bool = False
    replay: bytes | None = None
    most: int = 2000
    asked: list = field(default_factory=list)

    def revoke(self, sid, *, kind="session", value=0):
        self.log.extend([Entry(self.log.last + 1, kind, sid, value, int(time.time()) + 700)])

    def __call__(self, request):
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        self.asked.append(query)
        if self.away:
            raise KeySourceError("nobody is there")
        if self.replay is not None:
            return Answer(200, {}, self.replay)
        until = time.monotonic() + float(query.get("wait", 0))
        while self.log.last <= int(query["after"]) and time.monotonic() < until and not self.away:
            time.sleep(0.002)
        return Answer(200, {}, self.page(query))

    def page(self, query):
        after, head, now = int(query.get("after", 0)), self.log.last, time.time()
        if query.get("feed", self.name) != self.name or after > head:
            after = 0
        entries, upto = self.log.page(after, now=int(now), most=self.most)
        page = FeedPage(
            iss=ISSUER,
            iat=int(now),
            exp=int(now) + 60,
            feed=self.name,
            after=after,
            upto=head if upto is None else upto,
            head=head,
            now_ms=int(now * 1000),
            age_ms=1,
            entries=tuple(entries),
            nonce=query.get("nonce"),
        )
        members = msgspec.to_builtins(page) | self.changes
        return sign_octets(
            json.dumps(members, separators=(",", ":")).encode(), self.key, header={"typ": self.typ}
        ).encode()


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def guarding(service):
    """Makes guards that follow the service, and ends them with the test."""
    made = []

    def guard(**options):
        own = {"keys": KeySet([KEY.public()]), "fetch": service, "max_staleness": 3.0, "start_seconds": 0.3}
        made.append(RemoteGuard(ISSUER, audience=AUDIENCE, **own | options))
        return made[-1]

    yield guard
    service.away = True
    for each in made:
        each.close()


def until(condition):
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def refused(guard, text, error):
    """Whether a token is refused for this reason now."""
    try:
        guard.check(text)
    except (Revoked, Stale) as why:
        return isinstance(why, error)
    return False


# All is well ----------------------------------------------------------------------------------------------------------


def test_a_session_that_was_ended_is_refused_and_another_is_not(service, guarding):
    guard = guarding()
    good, bad = token("here"), token("gone")
    assert guard.check(good).sid == "here"
    assert guard.check(bad, scopes=["account"]).account_id == "jane"
    service.revoke("gone")
    until(lambda: refused(guard, bad, Revoked))
    assert guard.check(good).client_id == "mapae"
    with pytest.raises(ScopeMissing):
        guard.check(good, scopes=["admin"])
    status = guard.status()
    assert (status.ready, status.head, status.entries, status.failures, status.reason) == (True, 1, 1, 0, "")
    assert status.age < 3


def test_the_first_reading_is_whole_and_the_next_ones_wait_for_news(service, guarding):
    for number in range(7):
        service.revoke(f"gone{number}")
    service.most = 3
    guard = guarding()
    for number in range(7):
        assert refused(guard, token(f"gone{number}"), Revoked)
    until(lambda: len(service.asked) > 3)
    assert [query["after"] for query in service.asked[:4]] == ["0", "3", "6", "7"]
    assert ["wait" in query for query in service.asked[:4]] == [False, False, False, True]


@pytest.mark.slow
def test_each_kind_of_revocation_is_followed(service, guarding):
    guard = guarding()
    text = token("s", epo=2, rsq=0)
    guard.check(text)
    service.revoke("jane", kind="account", value=3)
    until(lambda: refused(guard, text, Revoked))
    guard.check(token("s", epo=3))
    service.revoke("", kind="realm")
    until(lambda: refused(guard, token("s", epo=3, rsq=1), Revoked))
    guard.check(token("s", epo=3, rsq=2))


async def checked(guard, text, **options):
    return await guard.check_async(text, **options)


@pytest.mark.slow
def test_an_event_loop_goes_on_while_the_first_answer_is_awaited(service, guarding):
    service.away = True
    guard = guarding(start_seconds=5)

    async def story():
        waiting = asyncio.create_task(checked(guard, token()))
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        service.away = False
        assert (await waiting).sid == "session"
        service.revoke("session")
        await asyncio.to_thread(until, lambda: refused(guard, token(), Revoked))
        with pytest.raises(Revoked):
            await checked(guard, token())
        with pytest.raises(Revoked):
            await checked(guard, token(), max_staleness=0)
        assert (await checked(guard, token("other"), max_staleness=0)).sid == "other"

    asyncio.run(story())


def test_a_check_does_no_input_and_no_output(service, guarding):
    guard = guarding(max_staleness=300)
    text = token()
    guard.check(text)
    service.away = True
    until(lambda: guard.status().failures)
    seen, watching = [], False
    mine = __import__("threading").get_ident()

    def watch(event, _):
        if watching and __import__("threading").get_ident() == mine:
            seen.append(event)

    sys.addaudithook(watch)
    watching = True
    for _ in range(3):
        guard.check(text)
    watching = False
    assert seen == []


# Before anything is known ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_before_the_first_answer_nothing_is_accepted_and_nothing_refused_for_good(service, guarding):
    service.away = True
    guard = guarding()
    with pytest.raises(FeedSourceError, match="nobody is there") as failed:
        guard.check(token())
    assert failed.value.retry_after >= 1
    assert not guard.status().ready
    assert guard.status().failures >= 1
    service.away = False
    until(lambda: guard.status().ready)
    assert guard.check(token()).sid == "session"


def test_a_token_without_a_session_is_not_accepted_unseen(guarding):
    with pytest.raises(ClaimRefused):
        guarding().check(sign({"sub": "jane"}, KEY, issuer=ISSUER, audience=AUDIENCE, lifetime=60, typ="at+jwt"))


@pytest.mark.parametrize("options", [{"max_staleness": 0}, {"start_seconds": -1}])
def test_a_bound_that_makes_no_sense_is_refused(guarding, options):
    with pytest.raises(ValueError, match="positive"):
        guarding(**options)


def test_http_is_for_this_very_machine():
    with pytest.raises(ValueError, match="allow_loopback"):
        RemoteGuard("http://localhost:8100", audience=AUDIENCE)
    with pytest.raises(ValueError, match="allow_loopback"):
        RemoteGuard(ISSUER, audience=AUDIENCE, keys=KEY.public(), feed_url="http://localhost:8100/v1/revocations")


# Pages that must not be believed --------------------------------------------------------------------------------------


def an_hour_ago(**more):
    now = int(time.time()) - 3600
    return {"iat": now, "exp": now + 60, "now_ms": now * 1000, **more}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"key": OTHER}, "no key"),
        ({"key": KEY.public()}, None),
        ({"typ": "JWT"}, "typ"),
        ({"typ": "at+jwt"}, "typ"),
        ({"changes": {"iss": "https://evil.example"}}, "iss"),
        ({"changes": {"aud": "somebody"}}, "aud"),
        ({"changes": an_hour_ago()}, "exp"),
        ({"changes": {"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3660}}, "not valid yet"),
        ({"changes": {"after": 7}}, "another position"),
        ({"changes": {"upto": 0}}, "leads nowhere"),
        ({"changes": {"head": 0}}, "contradicts"),
        ({"changes": {"age_ms": -1}}, "contradicts"),
        ({"changes": {"nonce": "of another question"}}, "another question"),
        ({"changes": {"entries": [[9, "session", "x", 0, 2_000_000_000]]}}, "does not belong"),
        ({"changes": {"entries": [[1, "planet", "x", 0, 2_000_000_000]]}}, "entries"),
        ({"changes": {"entries": "none"}}, "entries"),
        ({"replay": b"{}"}, "refused"),
        ({"replay": b"\xff\xfe"}, "refused"),
        ({"replay": token().encode()}, "typ"),
        ({"replay": b""}, "refused"),
    ],
)
def test_a_page_that_is_forged_or_old_or_nonsense_teaches_nothing(service, guarding, wrong, why):
    service.revoke("gone")
    if why is None:
        wrong = {"replay": service.page({}).rpartition(b".")[0] + b"." + b"A" * 86}
    for name, value in wrong.items():
        setattr(service, name, value)
    guard = guarding()
    with pytest.raises(FeedSourceError):
        guard.check(token())
    status = guard.status()
    assert (status.ready, status.head, status.entries) == (False, 0, 0)
    assert why is None or why in status.reason, status.reason
    service.key, service.typ, service.changes, service.replay = KEY, TYP, {}, None
    until(lambda: guard.status().ready)
    assert refused(guard, token("gone"), Revoked)


@pytest.mark.slow
def test_a_fetcher_that_raises_anything_at_all_does_not_end_the_following(service, guarding):
    def fetch(request):
        if service.away:
            raise ZeroDivisionError
        return service(request)

    service.away = True
    guard = guarding(fetch=fetch)
    with pytest.raises(FeedSourceError, match="ZeroDivisionError"):
        guard.check(token())
    service.away = False
    until(lambda: guard.status().ready)
    assert guard.check(token()).sid == "session"


@pytest.mark.slow
@pytest.mark.parametrize(("status", "why"), [(401, "feed_secret"), (404, "no feed"), (503, "503")])
def test_a_refusal_of_the_server_is_said(guarding, status, why):
    guard = guarding(fetch=lambda _: Answer(status, {}, b""))
    with pytest.raises(FeedSourceError, match=why):
        guard.check(token())


def test_a_page_that_is_played_back_is_worth_as_much_as_its_age_says(service, guarding):
    """An old page, still within its own lifetime, brings no lease for tokens that are older than it."""
    now = time.time() - 40
    service.changes = {"iat": int(now), "exp": int(now) + 60, "now_ms": int(now * 1000)}
    guard = guarding()
    with pytest.raises(Stale):
        guard.check(token(age=20))
    assert guard.check(token(age=1)).sid == "session"
    assert 30 < guard.status().age < 45


def test_a_service_that_asked_its_database_long_ago_passes_on_no_lease(service, guarding):
    service.changes = {"age_ms": 20_000}
    guard = guarding()
    with pytest.raises(Stale):
        guard.check(token(age=10))
    assert guard.check(token()).sid == "session"


@pytest.mark.slow
def test_a_page_older_than_one_that_was_read_before_is_refused(service, guarding):
    guard = guarding(leeway=0)
    old = service.page({})
    time.sleep(0.01)
    guard.check(token())
    service.revoke("gone")
    until(lambda: refused(guard, token("gone"), Revoked))
    service.replay = old
    until(lambda: "older than one" in guard.status().reason)
    assert refused(guard, token("gone"), Revoked)
    assert guard.status().head == 1
    until(lambda: refused(guard, token("other", age=60), Stale))
    service.replay = None
    until(lambda: not guard.status().failures)
    guard.check(token("other", age=60))


@pytest.mark.slow
def test_a_feed_that_was_set_back_is_read_anew_and_nothing_known_is_forgotten(service, guarding):
    guard = guarding()
    for number in range(3):
        service.revoke(f"before{number}")
    until(lambda: refused(guard, token("before2"), Revoked))
    service.log = FeedLog()
    service.revoke("after")
    until(lambda: refused(guard, token("after"), Revoked))
    until(lambda: guard.status().head == 1)
    assert all(refused(guard, token(f"before{number}"), Revoked) for number in range(3))
    assert guard.check(token("other", age=60))


def test_a_feed_of_another_name_is_read_from_its_beginning(service, guarding):
    guard = guarding()
    service.revoke("before")
    until(lambda: refused(guard, token("before"), Revoked))
    service.log, service.name = FeedLog(), "feed-two"
    service.revoke("hidden")
    service.revoke("seen")
    until(lambda: refused(guard, token("seen"), Revoked))
    assert refused(guard, token("hidden"), Revoked)
    assert refused(guard, token("before"), Revoked)


# While the issuer is away ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_while_the_issuer_is_away_only_young_tokens_pass_and_afterwards_all(service, guarding, measured):
    guard = guarding(max_staleness=1.0)
    old = token(age=100)
    guard.check(old)
    service.away = True
    began = time.monotonic()
    until(lambda: refused(guard, old, Stale))
    assert time.monotonic() - began < 1.0 + 0.4 + 0.5  # the lease, a third of it for the long poll, and the machine
    assert guard.check(token(age=0)).sid == "session"
    service.revoke("session")
    service.away = False
    began = time.monotonic()
    until(lambda: refused(guard, old, Revoked))
    measured("issuer back: revocations known after, s", f"{time.monotonic() - began:.2f}")
    guard.check(token("other", age=100))


def test_asking_now_goes_to_the_issuer_each_time(service, guarding):
    guard = guarding(max_staleness=300)
    guard.check(token())
    questions = [query for query in service.asked if "nonce" in query]
    assert not questions
    for _ in range(2):
        guard.check(token(), max_staleness=0)
    nonces = [query["nonce"] for query in service.asked if "nonce" in query]
    assert len(set(nonces)) == 2
    service.revoke("session")
    with pytest.raises(Revoked):
        guard.check(token(), max_staleness=0)
    service.changes = {"nonce": nonces[0]}
    with pytest.raises(FeedSourceError, match="another question"):
        guard.check(token("other"), max_staleness=0)
    service.changes, service.away = {}, True
    with pytest.raises(FeedSourceError):
        guard.check(token("other"), max_staleness=0)
    assert guard.check(token("other")).sid == "other"


# The file -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(service, guarding, tmp_path):
    """A file that a guard wrote, which knows that the session "gone" has ended."""
    path = tmp_path / "revocations.json"
    guard = guarding(snapshot_file=path)
    service.revoke("gone")
    until(lambda: refused(guard, token("gone"), Revoked))
    guard.close()
    service.away = True
    return path


def test_a_start_while_the_issuer_is_away_goes_by_the_file(service, guarding, kept):
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    guard = guarding(snapshot_file=kept, max_staleness=30)
    assert refused(guard, token("gone"), Revoked)
    assert guard.check(token("other", age=1000)).sid == "other"
    late = guarding(snapshot_file=kept, max_staleness=0.001)
    assert refused(late, token("other", age=1000), Stale)


def test_the_file_is_as_old_as_it_says(guarding, kept):
    written = json.loads(kept.read_bytes())
    kept.write_bytes(json.dumps(written | {"known_at": written["known_at"] - 100}).encode())
    guard = guarding(snapshot_file=kept, max_staleness=30)
    assert refused(guard, token("gone"), Revoked)
    assert refused(guard, token("other", age=60), Stale)
    assert guard.check(token("other", age=1)).sid == "other"


def test_after_a_clock_that_was_set_back_the_file_gives_no_lease(guarding, kept):
    written = json.loads(kept.read_bytes())
    kept.write_bytes(json.dumps(written | {"known_at": written["known_at"] + 5000}).encode())
    guard = guarding(snapshot_file=kept, max_staleness=30)
    assert refused(guard, token("gone"), Revoked)
    assert refused(guard, token("other", age=60), Stale)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"issuer":1}', b"\xff"])
def test_a_file_that_is_broken_is_as_good_as_none(service, guarding, tmp_path, content):
    path = tmp_path / "revocations.json"
    path.write_bytes(content)
    service.away = True
    with pytest.raises(FeedSourceError):
        guarding(snapshot_file=path).check(token())


@pytest.mark.slow
def test_the_file_of_another_issuer_counts_for_nothing(service, guarding, kept):
    written = json.loads(kept.read_bytes())
    kept.write_bytes(json.dumps(written | {"issuer": "https://other.example"}).encode())
    with pytest.raises(FeedSourceError):
        guarding(snapshot_file=kept).check(token())


def test_a_file_that_cannot_be_written_or_read_disturbs_nobody(service, guarding, tmp_path, caplog):
    guard = guarding(snapshot_file=tmp_path / "missing" / "revocations.json")
    assert guard.check(token()).sid == "session"
    guard.close()
    folder = tmp_path / "folder"
    folder.mkdir()
    assert guarding(snapshot_file=folder).check(token()).sid == "session"
    assert "cannot be written" in caplog.text
    assert "cannot be read" in caplog.text


# Processes ------------------------------------------------------------------------------------------------------------


def test_a_child_process_follows_for_itself(service, guarding):
    guard = guarding()
    guard.check(token())
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that threads do not come along is what is tested
        child = os.fork()
    if child == 0:
        try:
            guard.check(token())
            service.revoke("in the child")
            until(lambda: refused(guard, token("in the child"), Revoked))
            os.write(writing, b"followed")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        assert said.read() == b"followed"


def test_what_was_closed_begins_again_with_the_next_start(service, guarding):
    with guarding() as guard:
        guard.check(token())
    guard.start()
    service.revoke("session")
    until(lambda: refused(guard, token(), Revoked))


def test_a_guard_says_that_only_its_own_service_can_check_an_opaque_session_token(guarding):
    with guarding() as guard:
        for text in ("mps_" + "A" * 86, b"mps_" + b"A" * 86):
            with pytest.raises(WrongKind, match=r'only the service that issued it .* access_token = "jwt"'):
                guard.check(text)
            with pytest.raises(WrongKind):
                asyncio.run(guard.check_async(text))


@pytest.mark.slow
def test_a_guard_that_nobody_holds_any_more_can_go(service):
    import weakref

    guard = RemoteGuard(ISSUER, audience=AUDIENCE, keys=KeySet([KEY.public()]), fetch=service)
    gone = weakref.ref(guard.revocations)
    del guard
    gc.collect()
    assert gone() is None
