"""Give a page of the feed to a server elsewhere, signed, at once or when there is news."""

from __future__ import annotations

from time import monotonic

import msgspec

from mapae.flows.follow import read_anew
from mapae.flows.service import Service
from mapae.jose.jws import sign_octets
from mapae.sessions.feed import TYP, FeedPage

LIFETIME = 60
"""Seconds for which a page may be read: an old one brings no lease anyway."""


async def revocations_page(
    service: Service, *, after: int, feed: str | None, wait: float, nonce: str | None
) -> str | None:
    """Return a signed page of the feed (`mapae.sessions.feed`); None before the feed was read once.

    Args:
        after: the position up to which the reader knows everything.
        feed: the feed it has read; one of another name begins anew.
        wait: seconds for which it may wait where there is nothing new.
        nonce: given, the database is asked after this call, and the page carries it.

    Raises:
        StorageFailed: there is a nonce, and the database cannot be read.
    """
    known = service.feed
    # A reader that knows more than we do was sent here by a load balancer: look before telling it to begin anew.
    if nonce is not None or (feed == known.name and after > known.head):
        await read_anew(service)
    if not known.readings:
        return None
    if (feed is not None and feed != known.name) or after > known.head:
        after = 0
    elif nonce is None and feed is not None and after == known.head:
        await known.moved(after, within=wait)
    return _signed(service, after, nonce)


def _signed(service: Service, after: int, nonce: str | None) -> str:
    now_ms, known = service.now_ms(), service.feed
    entries, upto = known.log.page(after, now=now_ms // 1000)
    page = FeedPage(
        iss=service.settings.issuer,
        iat=now_ms // 1000,
        exp=now_ms // 1000 + LIFETIME,
        feed=known.name,
        after=after,
        upto=known.head if upto is None else upto,
        head=known.head,
        now_ms=now_ms,
        age_ms=max(0, int(service.revocations.age(monotonic()) * 1000) + 1),
        entries=tuple(entries),
        nonce=nonce,
    )
    key = service.keyring.signing(now_ms)
    return sign_octets(msgspec.json.encode(page), key, header={"typ": TYP})  # type: ignore[arg-type]
