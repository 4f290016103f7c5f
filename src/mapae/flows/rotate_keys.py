"""Move the signing keys along their schedule, and what an operator does with them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from mapae.accounts.activity import Activity, Event, Reason
from mapae.errors import Conflict, KeyRefused
from mapae.flows.keyring import SEAL_PURPOSE
from mapae.flows.service import Service
from mapae.jose.key import Key
from mapae.keys import schedule
from mapae.keys.schedule import Action, Destroy, KeyPolicy, Make, Move, SigningKey
from mapae.keys.sealing import seal
from mapae.storage import activity
from mapae.storage import keys as key_rows
from mapae.storage.database import Statement


def key_policy(service: Service) -> KeyPolicy:
    """Return how long the parts of a key's life are, as the settings say."""
    settings = service.settings
    return KeyPolicy(
        alg=settings.algorithm,
        token_ms=(settings.access_ttl + 2 * settings.leeway) * 1000,
        signs_for_ms=settings.key_signs_for * 1000,
        announced_for_ms=settings.key_announced_for * 1000,
    )


async def keep_schedule(service: Service) -> None:
    """Do what the schedule asks for now: announce the next key in time, destroy what has retired.

    Several processes may do this at once; one of them succeeds and the others find it done.
    """
    now_ms = service.now_ms()
    rows = await key_rows.load_keys(service.database)
    actions = schedule.plan(rows, now_ms, key_policy(service))
    if actions:
        try:
            await _carry_out(service, actions, now_ms=now_ms, reason="scheduled")
        except Conflict:
            return


async def rotate_key(service: Service, *, forced: bool = False) -> list[Action]:
    """Let the next key sign as soon as every verifier can know it; return what was done.

    Args:
        forced: let it sign at once. Verifiers that have not fetched the new key refuse its tokens until they do.

    Raises:
        Conflict: another node changed the keys at the same moment; look again.
    """
    now_ms = service.now_ms()
    rows = await key_rows.load_keys(service.database)
    actions = schedule.rotate(rows, now_ms, key_policy(service), forced=forced)
    await _carry_out(service, actions, now_ms=now_ms, reason="by_hand")
    return actions


async def retire_key(service: Service, kid: str) -> list[Action]:
    """Withdraw a key that may have leaked: every token it signed is refused from now on; return what was done.

    Raises:
        NotFound: there is no such key, or it is destroyed already.
        Conflict: another node changed the keys at the same moment; look again.
    """
    now_ms = service.now_ms()
    rows = await key_rows.load_keys(service.database)
    actions = schedule.retire(rows, kid, now_ms, key_policy(service))
    await _carry_out(service, actions, now_ms=now_ms, reason="by_hand")
    return actions


async def import_key(service: Service, key: Key) -> None:
    """Make a private key that was made elsewhere the next signing key, announced like any other.

    Raises:
        KeyRefused: it holds no private part, or its algorithm is not the setting's, or a key is announced already.
        Conflict: another node changed the keys at the same moment; look again.
    """
    policy = key_policy(service)
    if not key.is_private or key.alg != policy.alg:
        raise KeyRefused(f"import a private key for {policy.alg}, the algorithm of this server's tokens")
    now_ms = service.now_ms()
    rows = await key_rows.load_keys(service.database)
    actions = schedule.rotate(rows, now_ms, policy)
    if not any(isinstance(action, Make) for action in actions):
        raise KeyRefused("the next key is announced already; retire it first, or wait until it signs")
    await _carry_out(service, actions, now_ms=now_ms, reason="by_hand", given=key)


async def _carry_out(
    service: Service, actions: Sequence[Action], *, now_ms: int, reason: Reason, given: Key | None = None
) -> None:
    added: list[SigningKey] = []
    replaced: list[tuple[SigningKey, SigningKey]] = []
    records: list[Statement] = []

    def record(event: Event, kid: str) -> None:
        records.append(activity.recorded(Activity(now_ms, event, "ok", reason=reason, detail=kid)))

    for action in actions:
        match action:
            case Make(follows, alg, sign_from_ms):
                row = _row(service, given or Key.generate(alg), follows, now_ms=now_ms, sign_from_ms=sign_from_ms)
                added.append(row)
                record("key_imported" if given else "key_announced", row.kid)
            case Move(before, after):
                replaced.append((before, after))
                record("key_rotated", after.kid)
            case Destroy(before, after):
                replaced.append((before, after))
                record("key_retired" if reason == "by_hand" else "key_destroyed", after.kid)
            case _:
                assert_never(action)
    await key_rows.save_keys(service.database, added=added, replaced=replaced, also=records)
    await service.keyring.load(service.database, now_ms)
    service.board.announce()


def _row(service: Service, key: Key, follows: str, *, now_ms: int, sign_from_ms: int) -> SigningKey:
    return SigningKey(
        kid=key.kid or key.thumbprint(),
        follows=follows,
        alg=key.alg,
        public=key.public().to_jwk(),
        sealed=seal(service.keyring.master, msgspec.json.encode(key.to_jwk(private=True)), purpose=SEAL_PURPOSE),
        created_ms=now_ms,
        sign_from_ms=sign_from_ms,
    )
