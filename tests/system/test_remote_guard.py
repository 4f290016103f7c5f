"""A server elsewhere that follows a real service: how fast, and what a cut, a stall, a restart and a new key do."""

import time
from contextlib import contextmanager

import pytest

from mapae.errors import FeedSourceError, Revoked, Stale
from mapae.remote import RemoteGuard, RemoteKeySet
from servers import free_port, serving, start
from tcp_proxy import proxying

pytestmark = pytest.mark.slow

STALENESS = 2.0
LONG = 30


@contextmanager
def guarding(server, *, port=None, **options):
    """A guard that reaches the service directly, or through a proxy at `port`."""
    if port is not None:
        base = f"http://127.0.0.1:{port}"
        options["keys"] = RemoteKeySet(f"{base}/.well-known/jwks.json", allow_loopback=True)
        options["feed_url"] = f"{base}/v1/revocations"
    with RemoteGuard(server.url, audience=server.url, allow_loopback=True, **options) as guard:
        yield guard


def judged(guard, token) -> str:
    """What the guard says of a token."""
    try:
        guard.check(token)
    except (Revoked, Stale, FeedSourceError) as refused:
        return type(refused).__name__
    return "accepted"


def seconds_until(guard, token, verdict) -> float:
    began = time.monotonic()
    while judged(guard, token) != verdict:
        assert time.monotonic() - began < LONG, f"it is still {judged(guard, token)}: {guard.status()}"
        time.sleep(0.001)
    return time.monotonic() - began


def signed_out(connection, tokens) -> None:
    assert connection.ask("POST", "/v1/sign-out", token=tokens["access_token"]).status == 204


def test_a_sign_out_is_known_elsewhere_within_a_second(data, measured):
    with serving(data, MAPAE_WORKERS="2") as server, guarding(server) as guard, server.connect() as connection:
        connection.sign_up("jane@example.com")
        staying = connection.sign_in("jane@example.com")["access_token"]
        found = []
        for _ in range(20):
            tokens = connection.sign_in("jane@example.com")
            assert judged(guard, tokens["access_token"]) == "accepted"
            signed_out(connection, tokens)
            found.append(seconds_until(guard, tokens["access_token"], "Revoked"))
            assert judged(guard, staying) == "accepted"
        found.sort()
        measured(
            "sign-out known at a server elsewhere, ms", f"median {found[10] * 1e3:.1f}, last {found[-1] * 1e3:.1f}"
        )
        assert found[10] < 1
        assert found[-1] < 3
        began = time.monotonic()
        guard.check(staying, max_staleness=0)
        measured("asking the issuer now, ms", f"{(time.monotonic() - began) * 1e3:.1f}")
        tokens = connection.sign_in("jane@example.com")
        signed_out(connection, tokens)
        with pytest.raises(Revoked):
            guard.check(tokens["access_token"], max_staleness=0)


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_a_network_that_fails_bounds_what_passes_and_heals(data, measured, trouble):
    with (
        serving(data) as server,
        server.connect() as connection,
        proxying(server.port) as proxy,
        guarding(server, port=proxy.port, max_staleness=STALENESS) as guard,
    ):
        jane, staying = connection.sign_up("jane@example.com"), connection.sign_in("jane@example.com")
        assert judged(guard, jane["access_token"]) == "accepted"
        time.sleep(STALENESS)  # so that the tokens themselves are too old to pass by their own age
        getattr(proxy, trouble)()
        signed_out(connection, jane)
        ended = time.monotonic()
        verdicts = []
        while time.monotonic() - ended < STALENESS + 1.5:
            verdicts.append((time.monotonic() - ended, judged(guard, jane["access_token"])))
            time.sleep(0.002)
        accepted = [moment for moment, verdict in verdicts if verdict == "accepted"]
        assert max(accepted, default=0) <= STALENESS
        assert {verdict for moment, verdict in verdicts if moment > STALENESS} == {"Stale"}
        young = connection.sign_in("jane@example.com")
        assert judged(guard, young["access_token"]) == "accepted", "a young token passes: its issuer knew all"
        with pytest.raises(FeedSourceError):
            guard.check(young["access_token"], max_staleness=0)
        proxy.mend()
        healed = seconds_until(guard, jane["access_token"], "Revoked")
        assert seconds_until(guard, staying["access_token"], "accepted") < 5
        measured(f"network {trouble}: last accepted after, s", f"{max(accepted, default=0):.2f}")
        measured(f"network {trouble} and mended: revocation known after, s", f"{healed:.2f}")


def test_a_service_that_is_killed_and_comes_back_is_followed_again(data, tmp_path):
    port = free_port()
    server = start(data, port=port)
    file = tmp_path / "revocations.json"
    try:
        with server.connect() as connection, guarding(server, snapshot_file=file) as guard:
            jane, gone = connection.sign_up("jane@example.com"), connection.sign_in("jane@example.com")
            signed_out(connection, gone)
            seconds_until(guard, gone["access_token"], "Revoked")
            server.kill()
            connection.close()
            while not guard.status().failures:
                time.sleep(0.01)
            assert judged(guard, jane["access_token"]) == "accepted", "the lease still runs"
            guard.close()
            # Another process starts while the service is away: it goes by the file, keys and all.
            with guarding(server, snapshot_file=file) as other:
                assert judged(other, gone["access_token"]) == "Revoked"
                assert judged(other, jane["access_token"]) == "accepted"
                server = start(data, port=port)
                signed_out(connection, jane)
                seconds_until(other, jane["access_token"], "Revoked")
                assert judged(other, gone["access_token"]) == "Revoked"
    finally:
        server.kill()


def test_a_key_that_takes_over_meanwhile_is_followed(data):
    with serving(data) as server, guarding(server) as guard, server.connect() as connection:
        before = connection.sign_up("jane@example.com")
        assert judged(guard, before["access_token"]) == "accepted"
        assert server.mapae("key", "rotate").returncode == 0
        after = connection.sign_in("jane@example.com")
        assert judged(guard, after["access_token"]) == "accepted"
        for tokens in (before, after):
            signed_out(connection, tokens)
            seconds_until(guard, tokens["access_token"], "Revoked")
        assert guard.status().failures == 0


def test_a_feed_behind_a_secret_is_read_by_who_knows_it(data):
    with serving(data, MAPAE_FEED_SECRET="a-secret-for-readers") as server, server.connect() as connection:
        jane = connection.sign_up("jane@example.com")
        with guarding(server, start_seconds=0.5) as guard, pytest.raises(FeedSourceError, match="feed_secret"):
            guard.check(jane["access_token"])
        with guarding(server, feed_secret="a-secret-for-readers") as guard:
            assert judged(guard, jane["access_token"]) == "accepted"
        assert "a-secret-for-readers" not in server.mapae("config", "show").stdout


def test_readers_that_wait_do_not_hold_up_the_end_of_the_service(data):
    with serving(data) as server, server.connect() as connection, guarding(server, max_staleness=30) as guard:
        jane = connection.sign_up("jane@example.com")
        assert judged(guard, jane["access_token"]) == "accepted"
        time.sleep(0.3)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
