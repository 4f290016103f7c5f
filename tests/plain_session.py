"""A session of an account like any other, for rules that do not ask whose it is."""

from functools import partial

from mapae.sessions import session

start = partial(session.start, epoch=0, role="user")
