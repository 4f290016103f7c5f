"""A database that cannot be read for longer than `max_staleness`: older tokens are refused until then."""

import time

import pytest

from servers import serving
from unreadable import unreadable

pytestmark = pytest.mark.slow

STALENESS = 2.0


def asked(connection, token):
    """Ask who is signed in; return the moment at which that was asked, the status, and the code of a refusal."""
    now = time.monotonic()
    answer = connection.ask("GET", "/v1/me", token=token)
    code = answer.members.get("code")
    if code == "token_stale":
        assert 'error="invalid_token", error_description="stale"' in answer.headers["www-authenticate"]
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) >= 1
    return now, answer.status, code


@pytest.fixture
def server(data):
    with serving(data, MAPAE_MAX_STALENESS=f"{STALENESS:.0f}s", MAPAE_REFRESH_WINDOW="1s") as started:
        yield started


def test_tokens_are_refused_as_stale_while_the_database_cannot_be_read_and_accepted_afterwards(server, measured):
    with server.connect() as connection, server.connect() as watching:
        jane, gone = connection.sign_up("jane@example.com"), connection.sign_in("jane@example.com")
        assert connection.ask("POST", "/v1/sign-out", token=gone["access_token"]).status == 204
        with unreadable(server.data):
            began = time.monotonic()
            seen = []
            while time.monotonic() - began < 2 * STALENESS:
                seen.append(asked(connection, jane["access_token"]))
            # The endpoint needs the row too, so until the lease ends it cannot answer either; then the token itself is
            # refused, so that its holder comes back with a newer one.
            stale = [moment for moment, status, code in seen if (status, code) == (401, "token_stale")]
            assert {code for moment, _, code in seen if moment < stale[0]} <= {None, "storage_failed"}
            assert {code for moment, _, code in seen if moment >= stale[0]} == {"token_stale"}
            assert stale[0] - began <= STALENESS + 0.2
            assert all(status != 200 for moment, status, _ in seen if moment - began > 1)
            refresh = connection.refresh(jane["refresh_token"])
            assert (refresh.status, refresh.members["code"]) == (503, "storage_failed")
            assert int(refresh.headers["retry-after"]) >= 1
            ready = watching.ask("GET", "/readyz")
            assert (ready.status, b"revocations" in ready.body) == (503, True)
            assert watching.ask("GET", "/livez").status == 200
            assert watching.ask("GET", "/.well-known/jwks.json").status == 200
        mended = time.monotonic()
        while asked(connection, jane["access_token"])[1] != 200:
            assert time.monotonic() - mended < 10
        measured("database unreadable: first token refused as stale after, s", f"{stale[0] - began:.2f}")
        measured("database readable again: tokens accepted after, s", f"{time.monotonic() - mended:.2f}")
        while watching.ask("GET", "/readyz").status != 200:  # until something was written again
            assert time.monotonic() - mended < 10
        # Nothing is lost: not the sign-out, not the session, and what is new can be written.
        assert connection.ask("GET", "/v1/me", token=gone["access_token"]).members["code"] == "token_revoked"
        assert "refresh_token" in connection.refresh(jane["refresh_token"]).members
        connection.sign_up("june@example.com")


def test_what_was_revoked_while_a_server_could_not_read_never_passes_again(server):
    with server.connect() as connection:
        jane = connection.sign_up("jane@example.com")
        with unreadable(server.data) as another_node:
            while asked(connection, jane["access_token"])[1] != 401:
                pass
            now = time.time()
            another_node.execute("BEGIN IMMEDIATE")
            another_node.execute("UPDATE feed_head SET seq = seq + 1")
            another_node.execute(
                "INSERT INTO feed SELECT seq, 'session', ?, 0, ?, ? FROM feed_head",
                (jane["session"], int(now) + 700, int(now * 1000)),
            )
            another_node.execute("COMMIT")
        codes = []
        while "token_revoked" not in codes:
            codes.append(asked(connection, jane["access_token"])[2])
            assert time.time() - now < 20
        assert set(codes) <= {"token_stale", "token_revoked"}


def test_the_shortest_lease_refuses_no_valid_token_while_all_is_well(data):
    with serving(data, MAPAE_MAX_STALENESS="1s") as server, server.connect() as connection:
        token = connection.sign_up("jane@example.com")["access_token"]

        def always_accepted() -> bool:
            began, answers = time.monotonic(), set()
            while time.monotonic() - began < 4:
                answers.add(asked(connection, token)[1:])
            return answers == {(200, None)}

        assert any(always_accepted() for _ in range(3))  # a machine may pause for a second, but not every four
