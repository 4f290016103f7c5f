"""The server as processes: start, stop, several workers, TLS, an address that is taken."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import time
from pathlib import Path

import httpx2
import pytest

from mapae.errors import SettingsRefused
from mapae.settings import Settings
from mapae.web.server import serve as serve_here

pytestmark = pytest.mark.slow

PERSON = {"email": "jane@example.com", "password": "a horse of bronze, five strong"}


def requests_logged(server):
    return [json.loads(line) for line in server.output.read_text().splitlines() if '"event":"request"' in line]


@pytest.fixture
def warmed(serve):
    """A server of which an earlier one has compiled the modules and made the database, as an installed one has."""
    assert serve().ends() == 0
    return serve()


def test_a_server_is_ready_after_two_seconds_of_work_at_most(warmed):
    assert httpx2.get(f"{warmed.url}/readyz").status_code == 200
    used = Path(f"/proc/{warmed.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    assert sum(map(int, used)) / os.sysconf("SC_CLK_TCK") < 2


def test_it_says_where_it_is_and_prints_one_set_up_link_built_from_the_issuer(serve):
    server = serve(issuer="http://localhost:4711")
    talk = server.talk.read_text()
    assert f"listens on {server.url}" in talk
    (link,) = [word for word in talk.split() if "/setup?token=" in word]
    assert link.startswith("http://localhost:4711/setup?token=")
    page = httpx2.get(link.replace("http://localhost:4711", server.url))
    assert page.status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_it_well(serve, number):
    server = serve()
    assert server.ends(number) == 0
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{server.url}/livez")


@pytest.mark.anyio
async def test_after_sigterm_it_is_not_ready_and_finishes_what_is_in_flight(serve):
    server = serve(bcrypt_cost=14, gate=False)  # about a second of hashing, and no hash before that
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        signing_up = asyncio.create_task(client.post("/v1/sign-up", json=PERSON))
        while "mapae_password_hashes_in_flight 1.0" not in (await client.get("/metrics")).text:
            assert not signing_up.done()
        os.kill(server.pid, signal.SIGTERM)
        seen = []
        while not seen or seen[-1] == 200:
            seen.append((await client.get("/readyz")).status_code)
        assert seen[-1] == 503
        assert (await signing_up).status_code == 201
    assert await asyncio.to_thread(server.process.wait, 60) == 0


def test_an_address_that_is_taken_is_refused_with_the_cure(serve):
    server = serve()
    second = serve(port=server.port)
    assert second.process.wait(60) != 0
    assert "choose another port" in second.talk.read_text()
    assert httpx2.get(f"{server.url}/livez").status_code == 200
    with pytest.raises(SettingsRefused, match="choose another port"):
        serve_here(Settings(port=server.port))


def certificate(folder: Path) -> dict[str, str]:
    paths = {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run(
        [*made, *names, "-keyout", paths["tls_key"], "-out", paths["tls_cert"]], check=True, capture_output=True
    )
    return paths


def test_it_answers_https_with_a_certificate(serve, tmp_path):
    paths = certificate(tmp_path)
    server = serve(issuer="https://localhost", **paths)
    trusted = ssl.create_default_context(cafile=paths["tls_cert"])
    answer = httpx2.get(f"{server.url}/livez", verify=trusted)
    assert answer.status_code == 200
    assert answer.headers["strict-transport-security"]
    assert server.ends() == 0


def test_a_key_of_another_certificate_is_refused_with_the_cure(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = certificate(tmp_path / "a"), certificate(tmp_path / "b")
    mixed = {"tls_cert": Path(first["tls_cert"]), "tls_key": Path(second["tls_key"])}
    with pytest.raises(SettingsRefused, match="its own key"):
        serve_here(Settings(data=tmp_path / "mapae-data", port=0, **mixed))


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition, *, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_workers_share_the_port_and_end_with_their_parent(serve):
    server = serve(workers=2)
    workers = children(server.pid)
    assert len(workers) == 2
    for _ in range(20):
        assert httpx2.get(f"{server.url}/readyz").status_code == 200
    assert server.ends() == 0
    assert not any(alive(pid) for pid in workers)
    assert [path.name for path in Path(server.output.parent / "mapae-data").glob("workers-*")] == []


def test_a_worker_that_is_killed_is_replaced(serve):
    server = serve(workers=2)
    time.sleep(5)  # a worker that ends sooner has failed to start, and the server gives up
    victim, other = children(server.pid)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(children(server.pid)) == 2 and victim not in children(server.pid))
    assert other in children(server.pid)
    eventually(lambda: httpx2.get(f"{server.url}/readyz").status_code == 200)
    assert server.ends() == 0


def test_workers_end_when_their_parent_is_killed(serve):
    server = serve(workers=2)
    workers = children(server.pid)
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    eventually(lambda: not any(alive(pid) for pid in workers))


def test_every_worker_soon_refuses_a_revoked_session(serve):
    server = serve(workers=2)
    tokens = httpx2.post(f"{server.url}/v1/sign-up", json=PERSON).json()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}

    def answers():
        # A new connection each time, so that the kernel spreads them over the workers.
        return {httpx2.get(f"{server.url}/v1/me", headers=headers).status_code for _ in range(12)}

    eventually(lambda: answers() == {200})
    assert httpx2.post(f"{server.url}/v1/sign-out", headers=headers).status_code == 204
    ended = time.monotonic()
    eventually(lambda: answers() == {401})
    assert time.monotonic() - ended < 5  # far more than it takes, and far less than the lease that would end it too


def test_metrics_are_those_of_all_workers(serve):
    server = serve(workers=2)
    for _ in range(40):
        assert httpx2.get(f"{server.url}/v1/me").status_code == 401
    wanted = 'mapae_http_requests_total{method="GET",route="/v1/me",status="401"} 40.0'
    eventually(lambda: wanted in httpx2.get(f"{server.url}/metrics").text)
    for _ in range(6):
        assert wanted in httpx2.get(f"{server.url}/metrics").text


def test_log_lines_are_json_objects(serve):
    server = serve(gate=False)
    httpx2.get(f"{server.url}/v1/me")
    assert server.ends() == 0
    events = [json.loads(line)["event"] for line in server.output.read_text().splitlines()]
    assert events == ["started", "request", "stopped"]


def test_at_rest_one_process_needs_less_than_60_megabytes(warmed):
    status = Path(f"/proc/{warmed.pid}/status").read_text()
    (resident,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    assert resident < 60_000, "kB"


@pytest.mark.anyio
async def test_fifty_refreshes_at_once_over_http_have_one_successor(serve):
    server = serve(workers=2)
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        token = (await client.post("/v1/sign-up", json=PERSON)).json()["refresh_token"]
        body = {"refresh_token": token}
        answers = await asyncio.gather(*(client.post("/v1/refresh", json=body) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
