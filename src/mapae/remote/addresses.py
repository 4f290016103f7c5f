"""Which addresses a key set may be fetched from (RFC 8725bis §3.10): those of the public Internet, and no other.

A name is resolved once, every address is judged, and the connection goes to a judged address: a name that answers
differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from mapae.errors import KeySourceError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to addresses as text."""

LOOPBACK = ("127.0.0.0/8", "::1/128")
_INSIDE = (
    ip_network("168.63.129.16/32"),  # in the public range, yet the inside of one large cloud
    ip_network("192.0.0.0/24"),  # RFC 6890, and the inside of another; older releases of Python take it for public
)
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an address that is fetched.

    Attributes:
        url: as it was given.
        secure: whether by https.
        host: the name or address, in lower case and without brackets.
        port: the port.
        path: path and query.
    """

    url: str
    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Take a URL apart.

    Raises:
        ValueError: it is not an https or http URL with a host, or it carries a password, a fragment or a space.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("the address of a key set is an https URL of printable ASCII characters")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("the address of a key set starts with https:// and a host")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise ValueError("the address of a key set carries no user, no password and no fragment")
    secure = parts.scheme == "https"
    port = parts.port if parts.port is not None else (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, secure, parts.hostname, port, path)


@dataclass(frozen=True, slots=True)
class AddressRule:
    """The addresses that are accepted.

    Attributes:
        networks: accepted beside the public Internet.
    """

    networks: tuple[Network, ...] = ()

    @classmethod
    def allowing(cls, networks: Collection[str]) -> AddressRule:
        """Make a rule that also accepts `networks`, each such as "10.0.0.0/8".

        Raises:
            ValueError: one is no network.
            TypeError: `networks` is one text.
        """
        if isinstance(networks, str):
            raise TypeError('allow_networks= takes several: write allow_networks=["10.0.0.0/8"]')
        return cls(tuple(ip_network(network) for network in networks))

    def judge(self, target: Target, found: Sequence[str]) -> tuple[str, ...]:
        """Return the addresses of `target` to connect to.

        Args:
            target: what is to be fetched.
            found: the addresses that its host has.

        Raises:
            KeySourceError: there is none, one of them is not accepted, or http would leave this machine.
        """
        if not found:
            raise KeySourceError("the host of the key set has no address")
        addresses = [ip_address(each) for each in found]
        if not all(self._accepts(each) for each in addresses):
            raise KeySourceError(
                "the host of the key set has an address that is not on the public Internet; "
                "name its network in allow_networks= if that is meant"
            )
        if not target.secure and not all(_inner(each).is_loopback for each in addresses):
            raise KeySourceError("a key set is fetched by https; http is for this very machine")
        return tuple(map(str, addresses))

    def _accepts(self, address: Address) -> bool:
        inner = _inner(address)
        if any(inner in network for network in self.networks if network.version == inner.version):
            return True
        if isinstance(inner, IPv6Address) and inner not in _UNICAST:
            return False
        inside = any(inner in network for network in _INSIDE if network.version == inner.version)
        return inner.is_global and not inner.is_multicast and not inside


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
