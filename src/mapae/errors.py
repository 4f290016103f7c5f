"""Every error a caller may catch.

    MapaeError
    ├── TokenError                a token was refused; the subclass says why
    │   ├── Malformed             not a compact JWS, or its JSON breaks a rule
    │   ├── TooLarge              larger than the limit
    │   ├── AlgorithmRefused      its `alg` is not the key's
    │   ├── KeyUnknown            no key for its `kid`
    │   ├── SignatureRefused      the signature does not match
    │   ├── DecryptionRefused     an encrypted token that this key does not open
    │   ├── Expired               `exp` has passed
    │   ├── NotYetValid           `nbf` or `iat` lies ahead
    │   ├── WrongIssuer           `iss` is not the expected one
    │   ├── WrongAudience         `aud` does not name this audience
    │   ├── WrongKind             `typ` is not the expected one
    │   ├── ClaimRefused          a claim is missing or has a wrong type or value
    │   ├── Replayed              a proof for one use was used before
    │   ├── NonceRequired         a proof needs the nonce of this server, or a newer one
    │   ├── Revoked               the session, account or token was revoked
    │   └── Stale                 too old to accept while revocations cannot be read
    ├── KeyRefused                key material that must not be used (a ValueError too)
    ├── KeySourceError            the keys of an issuer cannot be fetched now; try again
    │   └── FeedSourceError       what an issuer has revoked cannot be fetched now; try again
    ├── ServiceUnreachable        a sign-in service gave a client no usable answer; try again
    ├── SettingsRefused           every mistake of a configuration at once
    ├── FileExposed               a secret file that others can read, or that git tracks
    ├── Conflict                  a stored row is not what the writer expected
    ├── StorageFailed             the database cannot be used; the message says the cure
    └── Refused                   the service refuses a request
        ├── InputRefused          a field is missing, unknown, or has a wrong value
        ├── SignInRefused         e-mail and password do not match an active account
        ├── PasswordRefused       a new password that must not be used, with the reason
        ├── EmailTaken            another account has this e-mail
        ├── TooManyAttempts       failed attempts have to slow down
        ├── Busy                  no capacity now; come back
        │   └── Waiting           no capacity now; here is a place in the waiting line
        ├── TicketRefused         a ticket or pass of the waiting line that does not count
        ├── RefreshRefused        the refresh token is unknown, expired or ended
        ├── RefreshReused         an old refresh token came back; the session was ended
        ├── ScopeMissing          the token lacks a scope
        ├── LinkRefused           a one-time link that is unknown, used or expired
        └── NotFound              no such account, session or key

A message is a reason for a person or a log. It never holds a token, a password, a key or the value of a claim.
`code` is stable: programs may compare it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class MapaeError(Exception):
    """Everything Mapae raises on purpose, except `TypeError` and `ValueError` for programming mistakes."""

    code: ClassVar[str] = "error"


class TokenError(MapaeError):
    """A token was refused.

    Attributes:
        code: the stable reason, also for programs.
        claim: the claim or header parameter that caused it, where one did.
        reason: the reason in words.
    """

    code = "token_refused"

    def __init__(self, reason: str, *, claim: str | None = None) -> None:
        super().__init__(f"{claim}: {reason}" if claim else reason)
        self.reason = reason
        self.claim = claim


class Malformed(TokenError):
    """The text is not a compact JWS, or its JSON breaks a rule (RFC 7515 §5.2, RFC 8725 §3)."""

    code = "token_malformed"


class TooLarge(TokenError):
    """The token is larger than the verifier's limit."""

    code = "token_too_large"


class AlgorithmRefused(TokenError):
    """The token's `alg` is not the algorithm of the key (RFC 8725 §3.1)."""

    code = "token_algorithm"


class KeyUnknown(TokenError):
    """The key set has no key for the token's `kid`."""

    code = "token_key_unknown"


class SignatureRefused(TokenError):
    """The signature does not match."""

    code = "token_signature"


class DecryptionRefused(TokenError):
    """The token cannot be decrypted; whether the key, the tag or the padding failed is never told (RFC 7516 §11.5)."""

    code = "token_decryption"


class Expired(TokenError):
    """`exp` has passed (RFC 7519 §4.1.4)."""

    code = "token_expired"


class NotYetValid(TokenError):
    """`nbf` or `iat` lies in the future (RFC 7519 §4.1.5, §4.1.6)."""

    code = "token_not_yet_valid"


class WrongIssuer(TokenError):
    """`iss` is not the expected issuer (RFC 7519 §4.1.1)."""

    code = "token_issuer"


class WrongAudience(TokenError):
    """`aud` does not name this audience (RFC 7519 §4.1.3)."""

    code = "token_audience"


class WrongKind(TokenError):
    """`typ` is not the expected kind of token (RFC 8725 §3.11)."""

    code = "token_kind"


class ClaimRefused(TokenError):
    """A claim is missing, or its type or value is not accepted."""

    code = "token_claim"


class Replayed(TokenError):
    """A proof that serves once was used before (RFC 9449 §11.1)."""

    code = "token_replayed"


class NonceRequired(TokenError):
    """The proof lacks the nonce of this server, or has an old one; answer with a new one (RFC 9449 §8)."""

    code = "token_nonce"


class Revoked(TokenError):
    """The session, the account's earlier tokens, the client or the token itself was revoked."""

    code = "token_revoked"


class Stale(TokenError):
    """The token is too old to accept while the list of revocations cannot be read."""

    code = "token_stale"


class KeyRefused(MapaeError, ValueError):
    """Key material that must not be used: too short, malformed, or of the wrong kind."""

    code = "key_refused"


class KeySourceError(MapaeError):
    """The keys of an issuer cannot be had now, so nothing can be said about its token; try again.

    Attributes:
        reason: the reason in words.
        retry_after: seconds after which the source is asked again.
    """

    code = "key_source"

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class FeedSourceError(KeySourceError):
    """What an issuer has revoked cannot be had now, so its tokens can be neither accepted nor refused; try again."""

    code = "feed_source"


class ServiceUnreachable(MapaeError):
    """A sign-in service gave its client no usable answer; try again.

    Attributes:
        reason: the reason in words.
        retry_after: seconds after which to ask again, where the service said so.
    """

    code = "service_unreachable"

    def __init__(self, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a configuration.

    Attributes:
        where: file and line, environment variable or flag.
        name: the setting.
        what: what is wrong and what to write instead.
    """

    where: str
    name: str
    what: str


class SettingsRefused(MapaeError):
    """A configuration with mistakes; all of them are listed."""

    code = "settings_refused"

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(f"{m.where}  {m.name}: {m.what}" for m in self.mistakes))


class FileExposed(MapaeError):
    """A secret file that others can read or that git tracks; the message says the cure."""

    code = "file_exposed"


class Conflict(MapaeError):
    """A stored row was not what the writer expected; nothing was changed.

    Attributes:
        constraint: `table.column` (several: joined by `, `) of the unique rule that was broken, where one was.
    """

    code = "conflict"

    def __init__(self, reason: str = "", *, constraint: str | None = None) -> None:
        super().__init__(reason or "a stored row is not what the writer expected")
        self.constraint = constraint


class StorageFailed(MapaeError):
    """The database cannot be opened, read or written; the message says the cure.

    Attributes:
        lasting: nothing can be written until somebody has done something: a full disk, a standby, no connection left.
    """

    code = "storage_failed"

    def __init__(self, reason: str = "", *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Refused(MapaeError):
    """The service refuses a request.

    Attributes:
        reason: the reason in words, in English.
        retry_after: seconds after which the same request may succeed, where waiting helps.
    """

    code = "refused"

    def __init__(self, reason: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(reason or (self.__doc__ or "").splitlines()[0])
        self.reason = str(self)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class FieldMistake:
    """One field that is wrong.

    Attributes:
        pointer: where, as a JSON Pointer (RFC 6901); empty for the whole document.
        code: the stable reason.
        what: what is wrong and what to write instead.
    """

    pointer: str
    code: str
    what: str


class InputRefused(Refused):
    """A field is missing, unknown, or has a wrong type or value."""

    code = "input_refused"

    def __init__(self, *mistakes: FieldMistake) -> None:
        super().__init__("; ".join(f"{m.pointer or '/'}: {m.what}" for m in mistakes))
        self.mistakes = mistakes


class SignInRefused(Refused):
    """The e-mail and the password do not match an active account."""

    code = "sign_in_refused"


class PasswordRefused(Refused):
    """This password cannot be used as a new password."""

    code = "password_refused"

    def __init__(self, why: str, reason: str) -> None:
        super().__init__(reason)
        self.why = why


class EmailTaken(Refused):
    """Another account has this e-mail."""

    code = "email_taken"


class TooManyAttempts(Refused):
    """Too many failed attempts; the next one has to wait."""

    code = "too_many_attempts"


class Busy(Refused):
    """No capacity now; come back after `retry_after` seconds."""

    code = "busy"


class Waiting(Busy):
    """No capacity now, but a place in the waiting line; come back after `retry_after` seconds.

    Attributes:
        ticket: the signed place, to be shown again.
        confirmation: the cookie that a browser's new ticket is bound to; None for a program, or an old ticket.
        position: how many are let in up to the holder, who is the last of them.
        wait: the estimate in seconds, least and most; None while the line stands still.
    """

    code = "waiting"

    def __init__(
        self,
        ticket: str,
        *,
        position: int,
        retry_after: int,
        wait: tuple[int, int] | None,
        confirmation: str | None = None,
    ) -> None:
        super().__init__("there is a waiting line, and this is a place in it", retry_after=retry_after)
        self.ticket = ticket
        self.confirmation = confirmation
        self.position = position
        self.wait = wait


class TicketRefused(Refused):
    """A ticket or a pass of the waiting line does not count.

    Attributes:
        why: `forged`, `expired`, `copied`, `future` or `spent`.
    """

    code = "ticket_refused"

    def __init__(self, why: str, reason: str) -> None:
        super().__init__(reason)
        self.why = why


class RefreshRefused(Refused):
    """The refresh token is unknown, expired or ended; sign in again."""

    code = "refresh_refused"


class RefreshReused(RefreshRefused):
    """An old refresh token came back, so the session was ended."""

    code = "refresh_reused"


class ScopeMissing(Refused):
    """The token lacks a scope."""

    code = "scope_missing"

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"the token lacks the scope {' '.join(scopes)}")
        self.scopes = tuple(scopes)


class LinkRefused(Refused):
    """The link is unknown, was used before, or has expired."""

    code = "link_refused"


class NotFound(Refused):
    """There is no such account, session or key."""

    code = "not_found"


def in_words(error: Exception) -> str:
    """Say why an exchange with a server failed, without quoting anything that was sent."""
    if isinstance(error, TimeoutError):
        return "no complete answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
