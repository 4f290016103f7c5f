"""Everybody in the comparison, and what the comparison needs to know about each."""

from peers.better_auth import BetterAuth
from peers.django_simplejwt import DjangoSimpleJwt
from peers.express import EXPRESS_PEERS
from peers.fastapi_pyjwt import FastApiPyJwt
from peers.fastapi_users import FastApiUsers
from peers.mapae_serve import MapaeServe, MapaeServeLogging, MapaeServeOpaque
from peers.oidc_provider import OIDC_PEERS
from peers.peer import Peer

ALL: tuple[Peer, ...] = (
    MapaeServe(),
    MapaeServeLogging(),
    MapaeServeOpaque(),
    *EXPRESS_PEERS,
    FastApiPyJwt(),
    FastApiUsers(),
    DjangoSimpleJwt(),
    *OIDC_PEERS,
    BetterAuth(),
)
