"""One request of the client over a real socket: bounded in time and size, to the right address only."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from mapae.client import Client
from mapae.client.exchange import Exchange, Request
from mapae.errors import ServiceUnreachable


@contextmanager
def server(*pieces, pause=0.0):
    """Answer every connection with `pieces`, with a pause after each."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def answer():
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with line:
                    line.recv(65_536)
                    for piece in pieces:
                        try:
                            line.sendall(piece)
                        except OSError:
                            break
                        if pause and over.wait(pause):
                            break

        serving = threading.Thread(target=answer, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/id"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)
            serving.join(10)


def ask(service, *, timeout=10.0):
    return Exchange(service, timeout=timeout, context=None)(Request("/v1/sign-in", {"email": "a", "password": "b"}))


def http(status, body, *fields):
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


def test_an_answer_is_read_with_the_seconds_to_wait():
    with server(http(503, b'{"code": "busy"}', "Retry-After: 7")) as service:
        answer = ask(service)
    assert (answer.status, dict(answer.members), answer.retry_after) == (503, {"code": "busy"}, 7)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"a": 1, "a": 2}', b"\xff"])
def test_a_body_that_is_no_strict_json_object_has_no_members(body):
    with server(http(200, body, "Retry-After: soon")) as service:
        answer = ask(service)
    assert (dict(answer.members), answer.retry_after) == ({}, 0)


def test_a_redirect_is_not_followed():
    with server(http(307, b"", "Location: http://127.0.0.1:1/")) as service:
        assert ask(service).status == 307


@pytest.mark.parametrize(
    "pieces",
    [(b"",), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",), (http(200, b"x" * 70_000),), (b"SSH\r\n",)],
)
def test_what_is_no_complete_answer_is_none(pieces):
    with server(*pieces) as service, pytest.raises(ServiceUnreachable):
        ask(service)


@pytest.mark.slow
def test_an_answer_that_drips_ends_at_the_timeout():
    began = time.monotonic()
    drops = [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", *[b"x"] * 900]
    with server(*drops, pause=0.05) as service, pytest.raises(ServiceUnreachable):
        ask(service, timeout=0.3)
    assert time.monotonic() - began < 20


def test_a_service_that_nobody_runs_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServiceUnreachable):
        ask(f"http://localhost:{port}")


@pytest.mark.parametrize(
    "service",
    ["http://id.example.com", "id.example.com", "ftp://localhost", "https://", "https://a:b@id.example.com",
     "https://id.example.com?x", "https://id.example.com#x", "http://10.0.0.1"],
)  # fmt: skip
def test_a_password_is_sent_to_no_other_address(service):
    with pytest.raises(ValueError, match=r"https|no query"):
        Client(service)
