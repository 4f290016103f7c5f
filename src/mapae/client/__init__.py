"""Sign in at a Mapae service from a program: wait politely in its line, keep the tokens, renew them, sign out."""

from mapae.client.asynchronous import AsyncClient
from mapae.client.conversation import Place
from mapae.client.synchronous import Client
from mapae.client.tokens import Tokens

__all__ = ["AsyncClient", "Client", "Place", "Tokens"]
