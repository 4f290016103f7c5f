"""Slow down failed attempts: who has to wait, and what a failure or a success changes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from mapae.accounts.activity import Activity
from mapae.admission.attempts import (
    PER_ACCOUNT,
    PER_ADDRESS,
    AttemptPolicy,
    Attempts,
    address_subject,
    email_subject,
    wait_ms,
)
from mapae.errors import TooManyAttempts
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
    counted = await rows.load_attempts(service.database, [subject.key for subject in subjects])
    waits = [_wait(counted.get(subject.key, Attempts()), subject.policy, now_ms=now_ms) for subject in subjects]
    if (longest := max(waits)) > 0:
        service.tally.count("sign_ins", method="password", outcome="too_many_attempts")
        raise TooManyAttempts(retry_after=-(-longest // 1000))


def _wait(counted: Attempts, policy: AttemptPolicy, *, now_ms: int) -> int:
    return wait_ms(counted.failures, counted.last_failed_ms, now_ms=now_ms, policy=policy)


def counted(subjects: tuple[Subject, ...], *, now_ms: int) -> list[Statement]:
    """Return what counts one failure under each subject."""
    return [rows.failed(subject.key, now_ms=now_ms, rest_ms=subject.policy.rest_ms) for subject in subjects]


def forgiven(subjects: tuple[Subject, ...]) -> list[Statement]:
    """Return what ends the count of the e-mail; the network's count ends by resting only.

    Otherwise somebody with one account of their own could reset the count between two guesses at another.
    """
    return [rows.cleared(subject.key) for subject in subjects if subject.policy is PER_ACCOUNT]


async def record_failure(service: Service, subjects: tuple[Subject, ...], failure: Activity, *, now_ms: int) -> None:
    """Count a failure and put it on record, in one transaction."""
    await service.database.commit(*counted(subjects, now_ms=now_ms), activity.recorded(failure))


async def admit_sign_up(service: Service, visitor: Visitor, *, now_ms: int) -> Subject:
    """Let a sign-up pass if its network has not just opened many accounts; return what to count it under.

    Raises:
        TooManyAttempts: with the seconds to wait.
    """
    subject = Subject(_hidden(service, "up:" + address_subject(visitor.address)), SIGN_UPS_PER_ADDRESS)
    await admit(service, (subject,), now_ms=now_ms)
    return subject


def _hidden(service: Service, subject: str) -> str:
    return hmac.digest(service.attempt_key, subject.encode(), "sha256").hex()[:32]
