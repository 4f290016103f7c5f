"""The session row, and the coarse words for device and place."""

import pytest

from mapae.sessions.session import device_of, end, place_of
from plain_session import start

NEW = start(
    "s", "a", client_id="c", current=b"", now_ms=1000, idle_ms=50, absolute_ms=90, device="d", place="p", jkt="j"
)


def test_a_session_starts_with_its_first_token_and_both_ends():
    assert (NEW.generation, NEW.previous, NEW.replay, NEW.acknowledged, NEW.revoked_ms) == (0, None, None, False, None)
    assert (NEW.created_ms, NEW.opened_ms, NEW.rotated_ms, NEW.seen_ms) == (1000,) * 4
    assert (NEW.idle_expires_ms, NEW.absolute_expires_ms) == (1050, 1090)
    assert (NEW.device, NEW.place, NEW.jkt) == ("d", "p", "j")


def test_the_idle_end_never_lies_beyond_the_absolute_end():
    session = start("s", "a", client_id="c", current=b"", now_ms=0, idle_ms=100, absolute_ms=90)
    assert session.idle_expires_ms == 90


def test_an_ended_session_keeps_its_first_reason():
    ended = end(NEW, "reuse", now_ms=1001)
    assert (ended.revoked_ms, ended.reason) == (1001, "reuse")
    assert end(ended, "sign_out", now_ms=1002) is ended


MOZILLA = "Mozilla/5.0 "
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        (MOZILLA + "(Windows NT 10.0; Win64; x64) " + WEBKIT + "Chrome/140.0.0.0 Safari/537.36", "Chrome · Windows"),
        (MOZILLA + "(Windows NT 10.0) " + WEBKIT + "Chrome/140.0 Safari/537.36 Edg/140.0", "Edge · Windows"),
        (MOZILLA + "(Linux; Android 16; K) " + WEBKIT + "Chrome/140.0 Mobile Safari/537.36", "Chrome · Android"),
        (MOZILLA + "(Linux; Android 16) SamsungBrowser/28.0 Chrome/130.0 Safari/537.36", "Samsung Internet · Android"),
        (MOZILLA + "(Linux; Android 16) Chrome/140.0 Safari/537.36;KAKAOTALK 2610", "KakaoTalk · Android"),
        (MOZILLA + "(iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1", "Safari · iPhone"),
        (MOZILLA + "(iPhone; CPU iPhone OS 19_0 like Mac OS X) CriOS/140.0 Safari/604.1", "Chrome · iPhone"),
        (MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) Version/19.0 Safari/605.1.15", "Safari · macOS"),
        (MOZILLA + "(Macintosh) " + WEBKIT + "Chrome/138.0 Whale/4.33 Safari/537.36", "Whale · macOS"),
        ("curl/8.14.1", "curl"),
        (MOZILLA + "(Linux)", "Linux"),
        ("<script>alert(1)</script>", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_device_is_told_by_the_families_of_browser_and_system(user_agent, device):
    assert device_of(user_agent) == device


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.77", "203.0.113.*"),
        ("::ffff:203.0.113.77", "203.0.113.*"),
        ("2001:db8:7:1234::1", "2001:db8:7::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("127.0.0.1", "localhost"),
        ("::1", "localhost"),
        ("testclient", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_place_is_a_network_and_not_an_address(address, place):
    assert place_of(address) == place
