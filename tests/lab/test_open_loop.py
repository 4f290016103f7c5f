"""The open-loop generator: when it sends, from when it counts, and what it does when nothing answers."""

import socket
import threading
import time
from random import Random

import pytest

from mapae.lab.http_wire import request
from mapae.lab.open_loop import LATE, LOST, OpenLoop, Stream, constant, percentile, poisson

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Asks:
    """Asks once and keeps what came of it."""

    heard = ()

    def ask(self, _now):
        return 7, request("GET", "/")

    def answered(self, answer, _head, body):
        self.heard = (answer.status, body)


def serve(listening, answer, *, seconds):
    """Answer one request after the other, each after so many seconds, whichever connection it comes by."""
    turn = threading.Lock()

    def one(connection):
        with connection:
            while connection.recv(65536):
                with turn:
                    time.sleep(seconds)
                    if not answer:
                        return
                    connection.sendall(answer)

    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=one, args=(connection,), daemon=True).start()


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def start(answer, seconds=0.0):
            threading.Thread(target=serve, args=(listening, answer), kwargs={"seconds": seconds}, daemon=True).start()
            return listening.getsockname()[1]

        yield start


def test_a_constant_rate_is_evenly_spaced():
    assert list(constant(4, begins=1, ends=2)) == [1, 1.25, 1.5, 1.75]


def test_arrivals_that_know_nothing_of_one_another_come_at_the_rate_on_average():
    moments = list(poisson(100, people=20_000, random=Random(1)))
    assert moments == sorted(moments)
    assert moments[-1] == pytest.approx(200, rel=0.05)
    assert moments == list(poisson(100, people=20_000, random=Random(1))), "a seed repeats them"


def test_a_percentile_is_one_of_the_values():
    assert [percentile([3, 1, 2, 4], share) for share in (0.0, 0.5, 0.99)] == [1, 3, 4]
    assert percentile([], 0.99) == 0


@pytest.mark.slow
def test_a_request_is_sent_when_it_is_due_and_its_answer_is_heard(server):
    clients = [Asks(), Asks()]
    made = iter(clients)
    port = server(ANSWER)
    outcome = OpenLoop(port, over=lambda _: clients[1].heard != ()).run([Stream([0.0, 0.05], lambda: next(made))])
    assert [client.heard for client in clients] == [(200, b"{}"), (200, b"{}")]
    assert [(answer.kind, answer.due) for answer in outcome.answers] == [(7, 0.0), (7, 0.05)]
    assert all(answer.sent >= answer.due for answer in outcome.answers)


@pytest.mark.slow
def test_a_slow_server_is_not_asked_less_and_its_delay_counts_from_when_requests_were_due(server):
    """A server that needs 20 ms for each is asked a hundred times a second: the fiftieth waits for half a second."""
    port = server(ANSWER, seconds=0.02)
    done = []

    class Counted(Asks):
        def answered(self, *_):
            done.append(self)

    outcome = OpenLoop(port, over=lambda _: len(done) == 50).run([Stream(constant(100, ends=0.5), Counted)])
    latest = max(outcome.answers, key=lambda answer: answer.due)
    assert latest.latency > 0.4
    assert max(answer.done - answer.sent for answer in outcome.answers) > 0.4, "they were all on their way at once"


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "status"), [(b"", LOST), (b"HTTP/1.1 200 OK\r\n", LATE)])
def test_who_gets_no_answer_is_told_so(server, answer, status):
    client = Asks()
    OpenLoop(server(answer), patience=0.2, over=lambda _: client.heard != ()).run([Stream([0.0], lambda: client)])
    assert client.heard == (status, b"")
