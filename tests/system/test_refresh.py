"""Many clients that present one refresh token at the same moment, to one process and to several."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from servers import serving

pytestmark = pytest.mark.slow

AT_ONCE = 50


@pytest.fixture(scope="module", params=["1", "2"], ids=["one worker", "two workers"])
def server(request, module_data):
    data = module_data.with_name(f"workers-{request.param}")
    with serving(data, MAPAE_WORKERS=request.param, MAPAE_REFRESH_WINDOW="1s") as started:
        yield started


def presented_at_once(server, token):
    """Present `token` on many connections at the same moment; return the answers and the workers that gave them."""
    together = threading.Barrier(AT_ONCE)

    def present(connection):
        connection.ask("GET", "/livez")  # connected, so that nothing but the refresh is left to do
        together.wait(30)
        return connection.refresh(token)

    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        connections = [stack.enter_context(server.connect()) for _ in range(AT_ONCE)]
        return list(pool.map(present, connections))


def successors(answers):
    assert [answer.status for answer in answers] == [200] * AT_ONCE
    return {answer.members["refresh_token"] for answer in answers if "refresh_token" in answer.members}


def rotated(connection, token):
    """Rotate a new session's token twice, the second time as soon as the window of the first has passed."""
    token = connection.refresh(token).members["refresh_token"]
    while "refresh_token" not in (answer := connection.refresh(token)).members:
        assert answer.status == 200
    return answer.members["refresh_token"]


def test_fifty_at_once_get_exactly_one_successor_and_all_are_served(server):
    with server.connect() as connection:
        token = connection.sign_up("jane@example.com")["refresh_token"]
        for _ in range(5):
            answers = presented_at_once(server, token)
            assert len({answer.worker for answer in answers}) == int(server.settings["MAPAE_WORKERS"])
            (successor,) = successors(answers)
            for answer in answers[::10]:
                assert connection.ask("GET", "/v1/me", token=answer.members["access_token"]).status == 200
            token = connection.sign_in("jane@example.com")["refresh_token"]
        assert connection.refresh(successor).status == 200


def test_fifty_that_come_back_after_a_lost_answer_get_exactly_one_successor(server):
    with server.connect() as connection:
        first = connection.sign_up("june@example.com")["refresh_token"]
        lost = connection.refresh(first).members["refresh_token"]
        rotated(connection, connection.sign_in("june@example.com")["refresh_token"])  # now the window has passed
        answers = presented_at_once(server, first)
        (successor,) = successors(answers)
        assert successor != lost
        assert connection.refresh(successor).status == 200


def test_of_fifty_at_once_with_a_stolen_older_token_none_gets_in_and_the_session_ends_once(server):
    with server.connect() as connection:
        first = connection.sign_up("joan@example.com")
        third = rotated(connection, first["refresh_token"])
        refused = presented_at_once(server, first["refresh_token"])
        assert {answer.status for answer in refused} == {401}
        assert {answer.members["code"] for answer in refused} <= {"refresh_reused", "refresh_refused"}
        assert sum(answer.members["code"] == "refresh_reused" for answer in refused) >= 1
        assert connection.refresh(third).status == 401
        again = connection.sign_in("joan@example.com")["access_token"]
        events = connection.ask("GET", "/v1/me/activity", token=again).members["activity"]
        assert [event["event"] for event in events].count("refresh_reused") == 1
