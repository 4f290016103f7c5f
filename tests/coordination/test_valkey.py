"""The board of several nodes, on a real server that is killed, stopped, cut off, slow, or not the one meant."""

import asyncio
import datetime as dt
import ipaddress
import logging
import socket
import ssl
import sys
import threading
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mapae.coordination import valkey as board_module
from mapae.coordination.board import board_for
from mapae.coordination.valkey import LONGEST_PAUSE, SILENT_FOR, ValkeyBoard
from mapae.errors import SettingsRefused
from mapae.settings import load_settings
from servers import free_port
from tcp_proxy import proxying
from valkey_server import Sentinel, ValkeyServer, running

pytestmark = pytest.mark.slow  # real servers that are stopped, cut off and killed: seconds of waiting

LONG = 30


@asynccontextmanager
async def opened(url, **options):
    board = ValkeyBoard(url, **options)
    await board.open()
    try:
        yield board
    finally:
        await board.close()


@asynccontextmanager
async def two_nodes(url, other_url=None, **options):
    """Two boards, as two nodes would have them, both connected and without a hint that waits."""
    async with opened(url, **options) as one, opened(other_url or url, **options) as other:
        await connected(one, other)
        await settled(one, other)
        yield one, other


async def turned(board, *, up):
    """Wait until the board says that it is up, or that it is not; return how many seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(LONG):
        while board._up is not up:  # noqa: ASYNC110 (nothing tells it)
            await asyncio.sleep(0.005)
    return time.monotonic() - began


async def connected(*boards):
    for board in boards:
        await turned(board, up=True)


async def settled(*boards):
    """Wait until the hints of the connecting itself have gone by."""
    for board in boards:
        while await board.wait(0.2):
            pass


@pytest.fixture
def lines(caplog):
    """What the board logged."""
    caplog.set_level(logging.INFO, "mapae.board")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "mapae.board"]


def run(story):
    asyncio.run(story)


def test_an_announcement_wakes_the_other_nodes_and_a_hint_only_this_one(valkey):
    async def story():
        async with two_nodes(valkey.url) as (one, other):
            one.announce()
            assert await other.wait(LONG) is True
            assert await one.wait(LONG) is True
            assert await one.wait(0.2) is False, "its own announcement came back"
            one.hint()
            assert await one.wait(LONG) is True
            assert await other.wait(0.2) is False

    run(story())


def test_an_announcement_from_another_thread_reaches_the_other_nodes(valkey):
    async def story():
        async with two_nodes(valkey.url) as (one, other):
            thread = threading.Thread(target=one.announce)
            thread.start()
            assert await other.wait(LONG) is True
            thread.join()

    run(story())


def test_services_with_different_prefixes_do_not_hear_each_other(valkey):
    async def story():
        async with opened(valkey.url, prefix="here") as one, opened(valkey.url, prefix="there") as other:
            await connected(one, other)
            await settled(one, other)
            one.announce()
            assert await one.wait(LONG) is True
            assert await other.wait(0.3) is False

    run(story())


def test_names_on_the_server_carry_the_prefix_as_a_hash_tag():
    assert ValkeyBoard("redis://localhost", prefix="here").channel == "{here}:hint"


def test_what_was_announced_just_before_the_end_is_carried(valkey):
    """So ends a command line: it revokes, and its process is gone."""

    async def story():
        async with opened(valkey.url) as listening:
            await connected(listening)
            await settled(listening)
            async with opened(valkey.url) as leaving:
                leaving.announce()
            assert await listening.wait(LONG) is True

    run(story())


def test_the_end_does_not_wait_for_a_server_that_does_not_answer(valkey):
    async def story():
        valkey.pause()
        board = ValkeyBoard(valkey.url)
        await board.open()
        board.announce()
        began = time.monotonic()
        await board.close()
        assert time.monotonic() - began < board_module.LAST_WORDS + 1

    run(story())
    valkey.resume()


def test_without_a_server_the_start_does_not_wait_and_this_process_is_still_woken(lines):
    port = free_port()

    async def story():
        began = time.monotonic()
        async with opened(f"redis://:a-password@127.0.0.1:{port}") as board:
            assert time.monotonic() - began < 0.5
            assert await turned(board, up=False) < 5
            board.announce()
            assert await board.wait(LONG) is True
            await asyncio.sleep(0.5)  # several attempts, one line

    run(story())
    (line,) = lines()
    assert line.startswith(f"no board at 127.0.0.1:{port} (")
    assert "a-password" not in line


def test_a_server_that_is_killed_and_comes_back_is_found_again_and_everybody_looks(valkey, lines):
    async def story():
        async with two_nodes(valkey.url) as (one, other):
            valkey.kill()
            assert await turned(one, up=False) < SILENT_FOR + 2
            await turned(other, up=False)
            one.announce()
            assert await one.wait(LONG) is True
            valkey.start()
            assert await turned(one, up=True) < 2 * LONGEST_PAUSE
            await turned(other, up=True)
            assert await other.wait(LONG) is True, "a node that was cut off must look for itself"
            await settled(one, other)
            one.announce()
            assert await other.wait(LONG) is True

    run(story())
    kinds = ["carries" if "carries hints" in line else "away" for line in lines()]
    assert sorted(kinds) == ["away", "away", "carries", "carries", "carries", "carries"]


def test_a_server_that_is_stopped_is_noticed_and_holds_nobody_up(valkey):
    async def story():
        async with two_nodes(valkey.url) as (one, other):
            valkey.pause()
            stopped = time.monotonic()
            for _ in range(100):
                one.announce()
            assert await one.wait(LONG) is True
            assert time.monotonic() - stopped < 0.5
            assert await turned(one, up=False) < SILENT_FOR + 2
            valkey.resume()
            await connected(one, other)
            await settled(one, other)
            one.announce()
            assert await other.wait(LONG) is True

    run(story())


def test_a_connection_that_is_cut_is_made_again(valkey):
    async def story(proxy):
        async with two_nodes(f"redis://127.0.0.1:{proxy.port}", valkey.url) as (one, other):
            proxy.cut()
            assert await turned(one, up=False) < 2
            assert other.up
            proxy.mend()
            assert await turned(one, up=True) < 2 * LONGEST_PAUSE
            await settled(one, other)
            other.announce()
            assert await one.wait(LONG) is True

    with proxying(valkey.port) as proxy:
        run(story(proxy))


def test_a_slow_network_delays_the_others_and_not_this_node(valkey):
    async def story(proxy):
        async with two_nodes(f"redis://127.0.0.1:{proxy.port}", valkey.url) as (one, other):
            proxy.delay = 0.3
            began = time.monotonic()
            one.announce()
            assert await one.wait(LONG) is True
            assert time.monotonic() - began < 0.2
            assert await other.wait(LONG) is True
            assert time.monotonic() - began >= 0.3

    with proxying(valkey.port) as proxy:
        run(story(proxy))


def test_a_wrong_password_is_said_without_showing_it(valkey_program, tmp_path, lines):
    with running(ValkeyServer(valkey_program, tmp_path / "closed", password="the-right-one")) as server:

        async def story():
            async with opened(f"redis://:the-wrong-one@127.0.0.1:{server.port}") as board:
                await turned(board, up=False)
            async with two_nodes(server.url) as (one, other):
                one.announce()
                assert await other.wait(LONG) is True

        run(story())
    assert "refuses the user or the password" in lines()[0]
    assert not any("the-wrong-one" in line or "the-right-one" in line for line in lines())


def test_a_user_who_may_not_publish_is_told_so(valkey, lines):
    assert valkey.ask("ACL", "SETUSER", "reader", "on", ">secret", "allchannels", "+subscribe", "+client") == "+OK"

    async def story():
        async with opened(f"redis://reader:secret@127.0.0.1:{valkey.port}") as board:
            await turned(board, up=False)

    run(story())
    assert "access rules" in lines()[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
        b"\x00" * 100,
        b"$-7\r\n",
        b"$99999999999\r\nx",
        b"*x\r\n",
        b"*1\r\n*1\r\n*1\r\n",
        b":x\r\n",
        b"+OK\r\n" * 100,
        b"*0\r\n" * 100,
        b"-WRONGPASS secret words\r\n" * 10,
        b"*3\r\n$7\r\nmessage\r\n$1\r\n\xff\r\n$1\r\nx\r\n" * 10,
    ],
    ids=repr,
)
def test_a_server_of_another_kind_disturbs_nobody_and_is_said_to_be_one(lines, answer):
    async def story():
        async def speak(_, writer):
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        async with server, opened(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as board:
            await turned(board, up=False)
            board.announce()
            assert await board.wait(LONG) is True
            assert not board._reaching.done(), "it gave up"

    run(story())
    assert len(lines()) == 1
    assert "secret words" not in lines()[0]


def test_a_socket_file_serves_as_well(valkey_program, tmp_path):
    path = tmp_path / "board.sock"
    with running(ValkeyServer(valkey_program, tmp_path / "valkey", more=("--unixsocket", str(path)))):

        async def story():
            async with two_nodes(f"unix://{path}?db=1") as (one, other):
                one.announce()
                assert await other.wait(LONG) is True

        run(story())


def test_a_sentinel_says_where_the_server_is(valkey, valkey_program, tmp_path):
    sentinel = Sentinel(valkey_program, tmp_path / "sentinel", watched=valkey.port)
    with running(sentinel):

        async def story():
            nobody = free_port()
            url = f"redis+sentinel://127.0.0.1:{nobody},127.0.0.1:{sentinel.port}/board"
            async with two_nodes(url, valkey.url) as (one, other):
                one.announce()
                assert await other.wait(LONG) is True
                valkey.kill()
                await turned(one, up=False)
                valkey.start()
                await connected(one, other)
                await settled(one, other)
                other.announce()
                assert await one.wait(LONG) is True

        run(story())


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody has signed but itself: its file, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "board")])
    now = dt.datetime.now(dt.UTC)
    own = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        own.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def test_tls_is_spoken_and_a_certificate_that_nobody_trusts_is_refused(valkey, certificate):
    path, context = certificate

    async def story(proxy):
        async with two_nodes(f"rediss://127.0.0.1:{proxy.port}?ca={path}", valkey.url) as (one, other):
            one.announce()
            assert await other.wait(LONG) is True
        for wrong in (f"rediss://127.0.0.1:{proxy.port}", f"rediss://localhost:{proxy.port}?ca={path}"):
            async with opened(wrong) as board:
                await turned(board, up=False)

    with proxying(valkey.port, context=context) as proxy:
        run(story(proxy))


def test_many_nodes_do_not_come_back_at_one_moment():
    first = [board_module._pause(1) for _ in range(200)]
    late = [board_module._pause(50) for _ in range(200)]
    assert max(first) - min(first) > 0.05
    assert max(late) - min(late) > 1
    assert LONGEST_PAUSE / 2 <= min(late) <= max(late) <= LONGEST_PAUSE


def test_boards_that_come_and_go_leave_no_connection(valkey):
    async def story():
        async with AsyncExitStack() as stack:
            for _ in range(5):
                board = await stack.enter_async_context(opened(valkey.url))
                await connected(board)

    run(story())
    until = time.monotonic() + LONG
    while len(clients(valkey)) > 1:  # the one that asks is one
        assert time.monotonic() < until


def clients(valkey):
    with socket.create_connection(("127.0.0.1", valkey.port), timeout=5) as line:
        line.sendall(b"CLIENT LIST\r\n")
        answer = line.recv(65_536)
    return [each for each in answer.splitlines() if each.startswith(b"id=")]


def test_a_board_whose_package_is_missing_stops_the_start_with_the_cure(monkeypatch):
    monkeypatch.delitem(sys.modules, "mapae.coordination.valkey")
    monkeypatch.setitem(sys.modules, "valkey.asyncio", None)
    with pytest.raises(SettingsRefused, match=r'pip install "mapae\[board\]"'):
        board_for(load_settings({"board": "redis://localhost"}, {}, []))


def test_records_are_lent_to_the_other_nodes_for_a_while(valkey):
    async def story():
        async with two_nodes(valkey.url) as (one, other):
            assert await other.borrow("session:{a}") is None
            await one.lend("session:{a}", b"\x00 any octets \xff", for_ms=60_000)
            await one.lend("session:{b}", b"short", for_ms=1)
            assert await other.borrow("session:{a}") == b"\x00 any octets \xff"
            async with asyncio.timeout(LONG):
                while await other.borrow("session:{b}") is not None:
                    pass

    run(story())


def test_records_of_another_service_are_not_borrowed(valkey):
    async def story():
        async with opened(valkey.url) as one, opened(valkey.url, prefix="another") as other:
            await connected(one, other)
            await one.lend("session:{a}", b"record", for_ms=60_000)
            assert await other.borrow("session:{a}") is None

    run(story())


def test_a_server_that_is_away_is_not_asked_for_records(valkey):
    async def story():
        async with opened(valkey.url) as board:
            await connected(board)
            await board.lend("session:{a}", b"record", for_ms=60_000)
            valkey.kill()
            await turned(board, up=False)
            began = time.monotonic()
            for _ in range(1000):
                assert await board.borrow("session:{a}") is None
                await board.lend("session:{a}", b"record", for_ms=60_000)
            assert time.monotonic() - began < 1, "nobody waits for it"

    run(story())


def test_a_server_that_hangs_is_asked_once_and_then_once_in_a_while(valkey):
    async def story():
        async with opened(valkey.url) as board:
            await connected(board)
            assert await board.borrow("session:{a}") is None
            valkey.pause()
            began = time.monotonic()
            answers = await asyncio.gather(*(board.borrow("session:{a}") for _ in range(100)))
            took = time.monotonic() - began
            valkey.resume()
            assert answers == [None] * 100
            assert took < 1, "all of them wait for a tenth of a second, at once"
            assert not board.lends
            async with asyncio.timeout(LONG):
                while not board.lends:  # noqa: ASYNC110 (nothing tells it)
                    await asyncio.sleep(0.02)
            await board.lend("session:{a}", b"record", for_ms=60_000)
            assert await board.borrow("session:{a}") == b"record"

    run(story())


def test_a_name_that_holds_something_else_is_no_record(valkey):
    async def story():
        async with opened(valkey.url) as board:
            await connected(board)
            valkey.ask("LPUSH", "mapae:session:{a}", "x")
            assert await board.borrow("session:{a}") is None

    run(story())


def test_a_user_who_may_only_carry_hints_is_told_once_that_nothing_is_lent(valkey, lines):
    rules = ("on", ">secret", "allchannels", "+@pubsub", "+@connection")
    assert valkey.ask("ACL", "SETUSER", "carrier", *rules) == "+OK"

    async def story():
        async with opened(valkey.url.replace("redis://", "redis://carrier:secret@")) as board:
            await connected(board)
            await asyncio.gather(*(board.borrow(f"session:{{{number}}}") for number in range(20)))
            assert not board.lends
            assert board.up

    run(story())
    (told,) = [line for line in lines() if "does not lend" in line]
    assert "get, set and count under our prefix" in told
    assert "secret" not in told


def test_what_is_under_way_is_counted_on_all_nodes_together(valkey):
    async def story():
        async with two_nodes(valkey.url, prefix="counted") as (one, other):
            begun = [await node.begin("x:{a}", lasts_ms=60_000) for node in (one, other, one, other)]
            assert [each.together for each in begun] == [1, 2, 3, 4]
            assert valkey.ask("ZCARD", "counted:x:{a}") == ":4"
            assert 0 < int(valkey.ask("PTTL", "counted:x:{a}")[1:]) <= 60_000, "nothing stays for ever"
            for node, each in zip((one, other, one), begun, strict=False):
                await node.end(each)
            assert (await one.begin("x:{a}", lasts_ms=60_000)).together == 2
            assert (await one.begin("x:{b}", lasts_ms=60_000)).together == 1
            at_once = await asyncio.gather(*(node.begin("x:{c}", lasts_ms=60_000) for node in (one, other) * 50))
            assert max(each.together for each in at_once) == 100
            assert len({each.mark for each in at_once}) == 100

    run(story())


def test_what_a_killed_node_had_under_way_is_forgotten_one_by_one(valkey):
    async def story():
        async with two_nodes(valkey.url, prefix="killed") as (one, other):
            await one.begin("x", lasts_ms=1)
            await one.begin("x", lasts_ms=60_000)
            until = time.monotonic() + LONG
            while (begun := await other.begin("x", lasts_ms=60_000)).together != 2:
                await other.end(begun)
                assert time.monotonic() < until

    run(story())


def test_without_the_server_each_process_counts_by_itself(valkey, lines):
    async def story():
        async with two_nodes(valkey.url, prefix="alone") as (one, other):
            first = await one.begin("x", lasts_ms=60_000)
            valkey.kill()
            began = time.monotonic()
            assert (await one.begin("x", lasts_ms=60_000)).together == 2, "what had begun before is counted on"
            assert (await other.begin("x", lasts_ms=60_000)).together == 1
            await one.end(first)
            assert time.monotonic() - began < LONG
            assert (await one.begin("x", lasts_ms=60_000)).together == 2
            assert any("each process counts by itself" in line for line in lines())
            for board in (one, other):
                await turned(board, up=False)
            valkey.start()
            await connected(one, other)
            until = time.monotonic() + LONG
            while valkey.ask("EXISTS", "alone:x") == ":0":
                await one.begin("x", lasts_ms=60_000)
                assert time.monotonic() < until

    run(story())
