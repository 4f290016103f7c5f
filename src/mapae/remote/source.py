"""Where the keys come from: an address, or an issuer that says where they are."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from mapae.errors import KeySourceError
from mapae.jose.jwks import MAX_JWKS_BYTES
from mapae.remote.addresses import read_url
from mapae.remote.answers import Learnt, metadata_urls, read_key_set, read_metadata
from mapae.remote.exchange import Answer, Fetcher, Request

_DESCRIPTION_LIFETIME = 86_400.0


@dataclass(frozen=True, slots=True)
class Discovery:
    """The keys are where an issuer says that they are.

    Attributes:
        name: the `iss` of its tokens.
    """

    name: str


class Source:
    """Fetches the keys, one fetch at a time.

    Attributes:
        origin: the address of the keys, or their issuer.
        url: the address of the keys, as soon as it is known.
    """

    __slots__ = ("_described_until", "_fetch", "_rsa_alg", "origin", "url")

    def __init__(self, origin: str | Discovery, fetch: Fetcher, *, rsa_alg: str | None) -> None:
        """Prepare to fetch.

        Raises:
            ValueError: the address makes no sense.
        """
        self.origin = origin
        self.url: str | None = None
        if isinstance(origin, Discovery):
            metadata_urls(origin.name)
        else:
            self.url = read_url(origin).url
        self._fetch = fetch
        self._rsa_alg = rsa_alg
        self._described_until = 0.0

    @property
    def secure(self) -> bool:
        """Whether the source is asked by https."""
        return read_url(self.origin.name if isinstance(self.origin, Discovery) else self.origin).secure

    def learn(self, etag: str | None, *, deadline: float) -> Learnt:
        """Fetch the keys.

        Args:
            etag: the validator of the keys at hand.
            deadline: by the monotonic clock; nobody waits longer.

        Raises:
            KeySourceError: there are none to be had.
        """
        url = self.url
        if isinstance(self.origin, Discovery) and (url is None or monotonic() >= self._described_until):
            url = self._discover(self.origin, deadline)
        known = etag if url == self.url else None
        try:
            answer = self._ask(str(url), known, deadline)
            learnt = read_key_set(answer, etag=known, rsa_alg=self._rsa_alg)
        except BaseException:
            self._described_until = 0.0  # the keys may have moved: the issuer is asked again
            raise
        self.url = url
        return learnt

    def _discover(self, issuer: Discovery, deadline: float) -> str:
        openid, oauth = metadata_urls(issuer.name)
        answer = self._ask(openid, None, deadline)
        if answer.status == 404:
            answer = self._ask(oauth, None, deadline)
        url = read_metadata(answer, issuer.name)
        self._described_until = monotonic() + _DESCRIPTION_LIFETIME
        return url

    def _ask(self, url: str, etag: str | None, deadline: float) -> Answer:
        left = deadline - monotonic()
        if left <= 0:
            raise KeySourceError("the source of the keys has not answered in time")
        return self._fetch(Request(url, etag, left, MAX_JWKS_BYTES))
