"""One session: one sign-in on one device, owner of one refresh family. One row of the table `session`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal


# `frozen` would check all 21 fields as they are set, which took 25 times as long; nothing sets them later: Final.
@dataclass(slots=True)
class Session:
    """A session and the state of its refresh family; times are milliseconds since 1970.

    Attributes:
        sid: 22 characters, base64url of 16 random bytes.
        epoch: of the account; what changes that ends all its sessions, so that of a live one they are the same.
        role: of the account; decides the scopes.
        current: SHA-256 of the secret of the newest refresh token.
        previous: SHA-256 of the secret of its parent; None before the first rotation.
        replay: the newest secret, sealed under the secret of its parent, so that only somebody who holds the parent
            can be given it again; None before the first rotation.
        generation: how many refresh tokens came before the newest.
        acknowledged: the newest refresh token has been presented, so its receiver is known to have it.
        opened_ms: when the newest refresh token was made.
        rotated_ms: when `previous` was last exchanged while it was the newest one.
        seen_ms: when the row last changed through use.
        idle_expires_ms: ends the session unless it rotates before; never after `absolute_expires_ms`.
        absolute_expires_ms: ends the session whatever happens; never moves.
        revoked_ms: when the session was ended; None while it lives.
        reason: why it was ended.
        device: browser and system in words, see `device_of`.
        place: coarse network address, see `place_of`.
        jkt: thumbprint of the key the refresh tokens are bound to (RFC 9449 §6), where there is one.
    """

    sid: Final[str]
    account_id: Final[str]
    epoch: Final[int]
    role: Final[Literal["user", "admin"]]
    client_id: Final[str]
    current: Final[bytes]
    previous: Final[bytes | None]
    replay: Final[bytes | None]
    generation: Final[int]
    acknowledged: Final[bool]
    created_ms: Final[int]
    opened_ms: Final[int]
    rotated_ms: Final[int]
    seen_ms: Final[int]
    idle_expires_ms: Final[int]
    absolute_expires_ms: Final[int]
    revoked_ms: Final[int | None]
    reason: Final[str | None]
    device: Final[str]
    place: Final[str]
    jkt: Final[str | None]


def start(
    sid: str,
    account_id: str,
    *,
    epoch: int,
    role: Literal["user", "admin"],
    client_id: str,
    current: bytes,
    now_ms: int,
    idle_ms: int,
    absolute_ms: int,
    device: str = "",
    place: str = "",
    jkt: str | None = None,
) -> Session:
    """Return the row of a session that begins now.

    Args:
        epoch: of the account, as is its `role`.
        current: `mapae.sessions.refresh.digest` of the first refresh token's secret.
        idle_ms: for how long it lives without a rotation.
        absolute_ms: for how long it lives at most.
    """
    end_ms = now_ms + absolute_ms
    return Session(
        sid=sid,
        account_id=account_id,
        epoch=epoch,
        role=role,
        client_id=client_id,
        current=current,
        previous=None,
        replay=None,
        generation=0,
        acknowledged=False,
        created_ms=now_ms,
        opened_ms=now_ms,
        rotated_ms=now_ms,
        seen_ms=now_ms,
        idle_expires_ms=min(now_ms + idle_ms, end_ms),
        absolute_expires_ms=end_ms,
        revoked_ms=None,
        reason=None,
        device=device,
        place=place,
        jkt=jkt,
    )


def end(session: Session, reason: str, *, now_ms: int) -> Session:
    """Return `session` ended for `reason`; an ended one stays as it is, so the first reason is kept."""
    if session.revoked_ms is not None:
        return session
    return replace(session, revoked_ms=now_ms, reason=reason, replay=None)


# The first mark that occurs names the family: browsers carry the names of those they descend from.
_BROWSERS = (
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER(inapp", "Naver"),
    ("Whale/", "Whale"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-requests/", "Python"),
    ("python-httpx/", "Python"),
    ("aiohttp/", "Python"),
    ("okhttp/", "OkHttp"),
    ("Dart/", "Dart"),
    ("Go-http-client/", "Go"),
    ("node", "Node.js"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str | None) -> str:
    """Return the families of browser and system in a User-Agent, as in "Firefox · Linux"; empty where neither is known.

    Versions are left out: the words are for people who look for a device that is not theirs.
    """
    text = (user_agent or "")[:512]
    found = (next((name for mark, name in marks if mark in text), "") for marks in (_BROWSERS, _SYSTEMS))
    return " · ".join(filter(None, found))


def place_of(address: str | None) -> str:
    """Return the network of an address: "203.0.113.*" (IPv4 /24), "2001:db8:7::/48" (IPv6); empty for no address.

    Coarse on purpose: enough to tell home from abroad, too little to find a person.
    """
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return "localhost"
    if isinstance(parsed, IPv4Address):
        return f"{str(parsed).rpartition('.')[0]}.*"
    return str(IPv6Network((int(parsed), 48), strict=False))
