"""Two nodes, each with a directory of its own, over one PostgreSQL."""

import time
from contextlib import ExitStack

import pytest

from postgres_server import SAFE, own_server
from servers import PASSWORD, environment, free_port, run_mapae, serving

pytestmark = pytest.mark.slow

ISSUER = "http://localhost:9999"
SOON = 3.0
"""Seconds within which what one node does is known to the other: it asks once a second."""


@pytest.fixture(scope="module")
def url(postgres):
    with postgres.new_schema() as url:
        yield url


@pytest.fixture(scope="module")
def nodes(tmp_path_factory, url):
    """Two servers; the second has the first one's master secret."""
    folders = [tmp_path_factory.mktemp(name) / "mapae-data" for name in ("one", "two")]
    shared = {"MAPAE_DATABASE": url, "MAPAE_ISSUER": ISSUER, "MAPAE_KEY_ANNOUNCED_FOR": "1m"}
    with ExitStack() as stack:
        first = stack.enter_context(serving(folders[0], **shared))
        secret = str(folders[0] / "secret")
        yield first, stack.enter_context(serving(folders[1], MAPAE_SECRET_FILE=secret, **shared))


@pytest.fixture
def connections(nodes):
    with nodes[0].connect() as one, nodes[1].connect() as two:
        yield one, two


def me(connection, token):
    return connection.ask("GET", "/v1/me", token=token).status


def seconds_until(told, within=SOON):
    """Ask until `told` says yes, and return how long that took."""
    began = time.monotonic()
    while not told():
        assert time.monotonic() < began + within, "the other node does not know of it"
        time.sleep(0.01)
    return time.monotonic() - began


def seconds_until_refused(connection, token):
    return seconds_until(lambda: me(connection, token) == 401)


def test_a_session_belongs_to_no_node(connections, measured):
    one, two = connections
    one.sign_up("jane@example.com")
    tokens = one.sign_in("jane@example.com")
    assert me(two, tokens["access_token"]) == 200
    for connection in (two, one, two):
        answer = connection.refresh(tokens["refresh_token"])
        assert answer.status == 200
        tokens |= answer.members  # a second one within the window keeps its refresh token
    assert len(two.ask("GET", "/v1/sessions", token=tokens["access_token"]).members["sessions"]) == 2
    waits = []
    for ended_at, asked_at in [(one, two), (two, one)] * 4:
        tokens = ended_at.sign_in("jane@example.com")
        assert me(asked_at, tokens["access_token"]) == 200
        assert ended_at.ask("POST", "/v1/sign-out", token=tokens["access_token"]).status == 204
        assert me(ended_at, tokens["access_token"]) == 401
        waits.append(seconds_until_refused(asked_at, tokens["access_token"]))
        assert asked_at.refresh(tokens["refresh_token"]).members["code"] == "refresh_refused"
    measured("a sign-out is known to the other node after ms", ", ".join(f"{wait * 1e3:.0f}" for wait in sorted(waits)))


def test_an_account_disabled_at_one_node_is_shut_out_at_the_other(nodes, connections):
    one, two = connections
    one.sign_up("june@example.com")
    token = one.sign_in("june@example.com")["access_token"]
    assert me(two, token) == 200
    assert nodes[0].mapae("user", "disable", "june@example.com", "--yes").returncode == 0
    seconds_until_refused(two, token)
    body = {"email": "june@example.com", "password": PASSWORD}
    assert two.ask("POST", "/v1/sign-in", json_body=body).members["code"] == "sign_in_refused"


def kids(connection):
    return {key["kid"] for key in connection.ask("GET", "/.well-known/jwks.json").members["keys"]}


def test_one_node_rotates_the_keys_and_the_other_follows(nodes, connections):
    one, two = connections
    one.sign_up("jill@example.com")
    before = one.sign_in("jill@example.com")["access_token"]
    known = kids(two)
    assert nodes[0].mapae("key", "rotate", "--now", "--yes").returncode == 0
    for connection in connections:
        seconds_until(lambda there=connection: kids(there) > known)
    after = two.sign_in("jill@example.com")["access_token"]
    assert [me(connection, token) for connection in (one, two) for token in (before, after)] == [200] * 4


def test_a_node_with_another_secret_says_so_and_does_not_start(tmp_path, url, nodes):
    data = tmp_path / "mapae-data"
    settings = environment(data, free_port(), MAPAE_DATABASE=url, MAPAE_ISSUER=ISSUER)
    ended = run_mapae("serve", settings=settings, folder=tmp_path)
    assert ended.returncode != 0
    assert "another master secret" in ended.stderr
    assert "secret_file" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_goes_away_and_comes_back_is_survived(tmp_path, postgres_programs):
    with own_server(postgres_programs, *SAFE) as server:
        settings = {"MAPAE_DATABASE": server.url(), "MAPAE_WORKERS": "2"}
        with serving(tmp_path / "mapae-data", **settings) as node, node.connect() as connection:
            tokens = connection.sign_up("jane@example.com")
            for end in (server.stop, server.kill):
                end()
                assert me(connection, tokens["access_token"]) in (200, 503)  # the token is good; her name may be unread
                refused = connection.refresh(tokens["refresh_token"])
                assert (refused.status, refused.members["code"]) == (503, "storage_failed")
                assert int(refused.headers["Retry-After"]) > 0
                seconds_until(lambda: connection.ask("GET", "/readyz").status == 503, within=5)
                server.start()
                seconds_until(lambda: connection.ask("GET", "/readyz").status == 200, within=5)
                answer = connection.refresh(tokens["refresh_token"])
                assert answer.status == 200
                tokens |= answer.members


def test_a_node_without_its_database_says_why_and_not_the_password(tmp_path):
    unreachable = f"postgresql://mapae:hunter2@127.0.0.1:{free_port()}/mapae"
    settings = environment(tmp_path / "mapae-data", free_port(), MAPAE_DATABASE=unreachable)
    for command in (("serve",), ("user", "list"), ("migrate", "status"), ("doctor",), ("doctor", "--json")):
        ended = run_mapae(*command, settings=settings, folder=tmp_path)
        said = ended.stdout + ended.stderr
        assert ended.returncode != 0
        assert "nothing listens there; start PostgreSQL" in said
        assert "hunter2" not in said
        assert "Traceback" not in said
    assert "[REDACTED]@127.0.0.1" in run_mapae("config", "show", settings=settings, folder=tmp_path).stdout


def test_the_command_line_works_on_the_database_of_all_nodes(nodes):
    one, two = nodes
    status = two.mapae("migrate", "status", "--json")
    assert '"pending":0' in status.stdout.replace(" ", "")
    assert "nothing is pending" in two.mapae("migrate", "sql").stdout
    assert "Nothing was pending" in two.mapae("migrate", "up").stdout
    doctor = one.mapae("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "clock of the database" in doctor.stdout
    for command in (("backup", "copy.db"), ("restore", "copy.db")):
        ended = two.mapae(*command)
        assert ended.returncode != 0
        assert "pg_dump" in ended.stderr
        assert "pg_restore" in ended.stderr


def test_migrate_makes_the_tables_of_a_new_database(postgres, tmp_path):
    with postgres.new_schema() as url:
        settings = environment(tmp_path / "mapae-data", free_port(), MAPAE_DATABASE=url)
        run = {name: run_mapae("migrate", name, settings=settings, folder=tmp_path) for name in ("sql", "up", "status")}
        assert "CREATE TABLE session" in run["sql"].stdout
        assert "0001" in run["up"].stdout
        assert "pending" not in run["status"].stdout
