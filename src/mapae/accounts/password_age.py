"""How old a password is, and whether to remind its owner: a reminder, never a locked door.

Off by default: making people change passwords by the calendar makes the passwords worse (NIST SP 800-63B-4 §3.1.1.2:
verifiers SHALL NOT require it; ASVS 5.0 6.2.10). The setting exists for houses whose rules still ask for it.
"""

from __future__ import annotations

_DAY_MS = 86_400_000


def age_days(changed_ms: int, *, now_ms: int) -> int:
    """Return the whole days since the password was chosen; 0 if that lies in the future."""
    return max(0, now_ms - changed_ms) // _DAY_MS


def reminder_due(changed_ms: int | None, *, now_ms: int, max_age_ms: int | None) -> bool:
    """Say whether to remind the owner to choose a new password.

    Args:
        changed_ms: when the password was chosen; None where there is no password or nobody knows, and none is due.
        now_ms: the present.
        max_age_ms: after which the reminder begins; None for never.
    """
    return max_age_ms is not None and changed_ms is not None and now_ms - changed_ms >= max_age_ms
