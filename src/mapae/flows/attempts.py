"""Slow down failed attempts: who has to wait, and what a failure or a success changes.

Whatever is tried at an account is counted as a failure before the password is looked at, and forgiven when it was
right: of many attempts that come at once, on however many nodes, no more are let in than one after the other would be.
A network is counted after, since many right passwords may come from an office at once; once it has to wait, it too is
let in one attempt at a time.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mapae.accounts.account import Account
from mapae.accounts.activity import Activity
from mapae.admission.attempts import (
    PER_ACCOUNT,
    PER_ADDRESS,
    AttemptPolicy,
    Attempts,
    address_subject,
    email_subject,
    is_loopback,
    wait_ms,
)
from mapae.admission.known_device import PER_DEVICE, PER_KNOWN, device_subject, known_subject
from mapae.errors import Conflict, TooManyAttempts
from mapae.flows.known_device import recognised
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.storage import activity
from mapae.storage import attempts as rows
from mapae.storage.database import Statement

HASHING_SECONDS = 30
"""How long a sign-up that has got a thread may take; one that was never ended counts as under way no longer."""
SIGN_UPS_PER_ADDRESS = AttemptPolicy(free=30, limit=1_000, rest_ms=3_600_000)
"""Accounts opened from one network within an hour before the next one waits."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom failures are counted under.

    Attributes:
        key: a keyed digest: the table does not tell whose e-mail or address it is.
    """

    key: str
    policy: AttemptPolicy


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that was let in.

    Attributes:
        subjects: what its failure is counted under.
        counted: those under which it counts already, by key, each with what was counted before it.
        at_ms: when it was counted.
    """

    subjects: tuple[Subject, ...]
    counted: Mapping[str, Attempts | None] = field(default_factory=dict)
    at_ms: int = 0


async def admit_guess(
    service: Service, account: Account | None, email: str, *, visitor: Visitor, now_ms: int
) -> Attempt:
    """Let a known device try a password of `account`, or else a stranger who does not have to wait.

    Raises:
        TooManyAttempts: with the seconds to wait.
    """
    device = recognised(service, account, visitor=visitor, now_ms=now_ms)
    if account is not None and device is not None:
        known = (
            Subject(_hidden(service, device_subject(device)), PER_DEVICE),
            Subject(_hidden(service, known_subject(account.id)), PER_KNOWN),
        )
        if await _spent(service, known, now_ms=now_ms):
            return Attempt(known, dict.fromkeys((subject.key for subject in known), None), now_ms)
    strangers = subjects_of(service, email, visitor)
    before = await admit(service, strangers, now_ms=now_ms)
    return await _reserved(service, strangers, before, now_ms=now_ms)


async def _reserved(
    service: Service, strangers: tuple[Subject, ...], before: Mapping[str, Attempts], *, now_ms: int
) -> Attempt:
    """Count an attempt before it is made, unless others have come first since `before` was read.

    Raises:
        TooManyAttempts: they have.
    """
    counted = {
        subject.key: before.get(subject.key, Attempts())
        for subject in strangers
        if subject.policy is not PER_ADDRESS or before.get(subject.key, Attempts()).failures > PER_ADDRESS.free
    }
    try:
        await service.database.commit(
            *(
                rows.reserved(
                    subject.key,
                    before=counted[subject.key],
                    free=subject.policy.free,
                    now_ms=now_ms,
                    rest_ms=subject.policy.rest_ms,
                )
                for subject in strangers
                if subject.key in counted
            )
        )
    except Conflict:
        service.tally.count("sign_ins", method="password", outcome="too_many_attempts")
        raise TooManyAttempts(retry_after=1) from None
    return Attempt(strangers, counted, now_ms)


async def _spent(service: Service, known: tuple[Subject, ...], *, now_ms: int) -> bool:
    """Take one attempt out of each budget, in order, if each has one."""
    if _longest_wait(await _load(service, known), known, now_ms=now_ms) > 0:
        return False
    for subject in known:  # the device's own budget first: when it is used up, that of its account is left alone
        statement = rows.failed(subject.key, now_ms=now_ms, rest_ms=subject.policy.rest_ms)
        (((failures, _),),) = await service.database.commit(statement)
        if failures > subject.policy.limit:
            return False
    return True


def subjects_of(service: Service, email: str, visitor: Visitor) -> tuple[Subject, ...]:
    """Return what a sign-in for `email` counts under: the e-mail, whether it exists or not, and the network."""
    return (
        Subject(_hidden(service, email_subject(email)), PER_ACCOUNT),
        Subject(_hidden(service, address_subject(visitor.address)), PER_ADDRESS),
    )


async def admit(service: Service, subjects: tuple[Subject, ...], *, now_ms: int) -> Mapping[str, Attempts]:
    """Let the attempt pass if nobody among `subjects` has to wait; return what is counted under each, by key.

    Raises:
        TooManyAttempts: with the seconds to wait; a refused attempt is not counted.
    """
    found = await _load(service, subjects)
    if (longest := _longest_wait(found, subjects, now_ms=now_ms)) > 0:
        service.tally.count("sign_ins", method="password", outcome="too_many_attempts")
        raise TooManyAttempts(retry_after=-(-longest // 1000))
    return found


async def _load(service: Service, subjects: tuple[Subject, ...]) -> Mapping[str, Attempts]:
    return await rows.load_attempts(service.database, [subject.key for subject in subjects])


def _longest_wait(found: Mapping[str, Attempts], subjects: tuple[Subject, ...], *, now_ms: int) -> int:
    return max(_wait(found.get(subject.key, Attempts()), subject.policy, now_ms=now_ms) for subject in subjects)


def _wait(counted: Attempts, policy: AttemptPolicy, *, now_ms: int) -> int:
    return wait_ms(counted.failures, counted.last_failed_ms, now_ms=now_ms, policy=policy)


def counted(subjects: tuple[Subject, ...], *, now_ms: int) -> list[Statement]:
    """Return what counts one failure under each subject."""
    return [rows.failed(subject.key, now_ms=now_ms, rest_ms=subject.policy.rest_ms) for subject in subjects]


async def forgive(service: Service, attempt: Attempt) -> None:
    """End what `attempt` was counted under, after it succeeded; the network's count ends by resting only.

    Otherwise somebody with one account of their own could reset the count between two guesses at another. And what
    strangers have tried is not forgotten because the owner came in from a known device.
    """
    await service.database.commit(
        *(rows.cleared(subject.key) for subject in attempt.subjects if subject.policy is not PER_ADDRESS),
        *(_taken_back(attempt, subject) for subject in attempt.subjects if _is_slowed_network(attempt, subject)),
    )


def _is_slowed_network(attempt: Attempt, subject: Subject) -> bool:
    return subject.policy is PER_ADDRESS and subject.key in attempt.counted


async def take_back(service: Service, attempt: Attempt) -> None:
    """Leave `attempt` out of every count: the password was not looked at, and whoever had to wait has waited."""
    await service.database.commit(
        *(_taken_back(attempt, subject) for subject in attempt.subjects if subject.key in attempt.counted)
    )


def _taken_back(attempt: Attempt, subject: Subject) -> Statement:
    before = attempt.counted[subject.key]
    return rows.taken_back(subject.key, before=before, at_ms=attempt.at_ms, rest_ms=subject.policy.rest_ms)


async def record_failure(service: Service, attempt: Attempt, failure: Activity, *, now_ms: int) -> None:
    """Count a failure where it is not counted yet, and put it on record, in one transaction."""
    rest = tuple(subject for subject in attempt.subjects if subject.key not in attempt.counted)
    await service.database.commit(*counted(rest, now_ms=now_ms), activity.recorded(failure))


@asynccontextmanager
async def admitted_sign_up(service: Service, visitor: Visitor, *, now_ms: int) -> AsyncIterator[list[Statement]]:
    """Let a sign-up pass if its network has not just opened many accounts; yield what counts it once it is done.

    Those of the network that are under way on all nodes are counted with those that are done, so that no more come in
    at once than would one after the other. An attempt counts as under way from before the database is read until after
    it is counted there: at every moment it is in one of the two numbers, or in both.

    This machine itself is not counted: behind a proxy that nobody has named in `trusted_proxies` everybody seems to
    come from here.

    Raises:
        TooManyAttempts: with the seconds to wait.
    """
    if is_loopback(visitor.address):
        yield []
        return
    subject = Subject(_hidden(service, "up:" + address_subject(visitor.address)), SIGN_UPS_PER_ADDRESS)
    lasts_ms = (service.settings.hash_queue_seconds + HASHING_SECONDS) * 1000
    begun = await service.board.begin(f"sign-up:{{{subject.key}}}", lasts_ms=lasts_ms)
    try:
        at_once = subject.policy.free + 1
        if begun.together <= at_once:
            found = await admit(service, (subject,), now_ms=now_ms)
            at_once = max(1, at_once - found.get(subject.key, Attempts()).failures)
        if begun.together > at_once:
            service.tally.count("sign_ups", outcome="too_many_attempts")
            raise TooManyAttempts(retry_after=1)
        yield counted((subject,), now_ms=now_ms)
    finally:
        await service.board.end(begun)


def _hidden(service: Service, subject: str) -> str:
    return hmac.digest(service.attempt_key, subject.encode(), "sha256").hex()[:32]
