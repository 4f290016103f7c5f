"""Give a signing key out of the service's hands."""

from __future__ import annotations

from mapae.accounts.activity import Activity
from mapae.errors import NotFound
from mapae.flows.service import Service
from mapae.flows.visitor import CONSOLE, Visitor
from mapae.jose.key import Key
from mapae.storage import activity


def public_key(service: Service, kid: str) -> Key:
    """Return the public half of a key that is not destroyed.

    Raises:
        NotFound: there is no such key, or it is destroyed.
    """
    return _opened(service, kid).public()


async def export_private_key(service: Service, kid: str, *, visitor: Visitor = CONSOLE) -> Key:
    """Return a private signing key, once it is recorded that somebody took it.

    Raises:
        NotFound: there is no such key, or it is destroyed.
    """
    key = _opened(service, kid)
    record = Activity(service.now_ms(), "key_exported", "ok", device=visitor.device, reason="by_hand", detail=kid)
    await service.database.commit(activity.recorded(record))
    return key


def _opened(service: Service, kid: str) -> Key:
    key = service.keyring.private.get(kid)
    if key is None:
        raise NotFound("there is no such key, or it is destroyed; `mapae key list` shows them all")
    return key
