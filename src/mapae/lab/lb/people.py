"""The people of the experiment: they sign in through the balancer, keep what they are given, and sign out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from mapae.lab.lb.line import Line, Reply, request
from mapae.lab.lb.modes import PASSWORD, SIGN_IN_PATH, SIGN_OUT_PATH, WHO_PATH
from mapae.lab.servers import LabFailed

AT_ONCE = 4
"""Sign-ins at the same time: each takes a thread of a node for one hash of a password."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, and the header field that says so.

    Attributes:
        field: with the cookies or the token, as it is sent with each request.
        who: the request that the load sends for them, whole.
    """

    email: str
    field: str
    who: bytes


def email_of(number: int) -> str:
    """Return the e-mail of a person."""
    return f"person{number}@example.com"


async def sign_in_all(port: int, count: int) -> list[Person]:
    """Sign everybody in.

    Raises:
        LabFailed: somebody was refused.
        Broken: an answer did not arrive.
    """
    waiting = iter(range(count))

    async def one_after_another() -> list[Person]:
        with Line(port) as line:
            return [await _sign_in(line, email_of(number)) for number in waiting]

    each = await asyncio.gather(*[one_after_another() for _ in range(AT_ONCE)])
    return [person for people in each for person in people]


async def _sign_in(line: Line, email: str) -> Person:
    body = msgspec.json.encode({"email": email, "password": PASSWORD})
    reply = await line.ask(request("POST", SIGN_IN_PATH, body=body))
    if reply.status != 200:
        raise LabFailed(f"a sign-in was answered with {reply.status}")
    field = credential(reply)
    return Person(email, field, request("GET", WHO_PATH, field))


def credential(reply: Reply) -> str:
    """Return the header field that a client sends from now on: its cookies, or the token of the answer's body."""
    if cookies := reply.fields(b"set-cookie"):
        return "Cookie: " + "; ".join(cookie.partition(";")[0] for cookie in cookies)
    return f"Authorization: Bearer {msgspec.json.decode(reply.body)['access_token']}"


async def sign_out(line: Line, person: Person) -> int:
    """Ask the balancer to sign somebody out; return the status of the answer."""
    return (await line.ask(request("POST", SIGN_OUT_PATH, person.field))).status


async def accepted_by(lines: Sequence[Line], person: Person) -> int:
    """Ask every one of `lines`, one by one, who this is; return how many knew."""
    return sum([(await line.ask(person.who)).status == 200 for line in lines])
