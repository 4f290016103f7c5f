"""Slow down failed attempts: who has to wait, and what a failure or a success changes.

A stranger's failure is counted after the password was looked at. What a known device tries is counted before: of many
attempts that it makes at once no more are let in than its budget has.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

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
from mapae.errors import TooManyAttempts
from mapae.flows.known_device import recognised
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.storage import activity
from mapae.storage import attempts as rows
from mapae.storage.database import Statement

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
        counted: it has been counted as a failure already; it is forgiven when it succeeds.
    """

    subjects: tuple[Subject, ...]
    counted: bool = False


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
            return Attempt(known, counted=True)
    strangers = subjects_of(service, email, visitor)
    await admit(service, strangers, now_ms=now_ms)
    return Attempt(strangers)


async def _spent(service: Service, known: tuple[Subject, ...], *, now_ms: int) -> bool:
    """Take one attempt out of each budget, in order, if each has one."""
    if await _longest_wait(service, known, now_ms=now_ms) > 0:
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


async def admit(service: Service, subjects: tuple[Subject, ...], *, now_ms: int) -> None:
    """Let the attempt pass if nobody among `subjects` has to wait; a refused one is not counted.

    Raises:
        TooManyAttempts: with the seconds to wait.
    """
    if (longest := await _longest_wait(service, subjects, now_ms=now_ms)) > 0:
        service.tally.count("sign_ins", method="password", outcome="too_many_attempts")
        raise TooManyAttempts(retry_after=-(-longest // 1000))


async def _longest_wait(service: Service, subjects: tuple[Subject, ...], *, now_ms: int) -> int:
    found = await rows.load_attempts(service.database, [subject.key for subject in subjects])
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
        *(rows.cleared(subject.key) for subject in attempt.subjects if subject.policy is not PER_ADDRESS)
    )


async def take_back(service: Service, attempt: Attempt) -> None:
    """Leave `attempt` out of every count: the password was not looked at."""
    if attempt.counted:
        await service.database.commit(*(rows.taken_back(subject.key) for subject in attempt.subjects))


async def record_failure(service: Service, attempt: Attempt, failure: Activity, *, now_ms: int) -> None:
    """Count a failure and put it on record, in one transaction."""
    counts = () if attempt.counted else counted(attempt.subjects, now_ms=now_ms)
    await service.database.commit(*counts, activity.recorded(failure))


async def admit_sign_up(service: Service, visitor: Visitor, *, now_ms: int) -> list[Statement]:
    """Let a sign-up pass if its network has not just opened many accounts; return what counts it once it is done.

    This machine itself is not counted: behind a proxy that nobody has named in `trusted_proxies` everybody seems to
    come from here.

    Raises:
        TooManyAttempts: with the seconds to wait.
    """
    if is_loopback(visitor.address):
        return []
    subject = Subject(_hidden(service, "up:" + address_subject(visitor.address)), SIGN_UPS_PER_ADDRESS)
    await admit(service, (subject,), now_ms=now_ms)
    return counted((subject,), now_ms=now_ms)


def _hidden(service: Service, subject: str) -> str:
    return hmac.digest(service.attempt_key, subject.encode(), "sha256").hex()[:32]
