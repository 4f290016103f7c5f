"""Every interleaving of an honest client, a network that loses, delays and repeats, and a thief, in a small world.

The world has a row, a browser whose tabs share one stored token, requests and answers on their way, and a thief who
copies the stored token once, at any moment, and whose own network is perfect. Time moves in ticks. Tokens are named by
what they are to the row: its newest (0), the parent of the newest (1), or neither (2); so the worlds are finitely many
although time and rotations are not, and visiting all of them proves the promises for ever, short of expiry.

What the server does is asked of `decide` itself, on rows that `decide` itself made.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

from mapae.sessions.refresh import (
    Decision,
    Hold,
    Presented,
    Recover,
    RefreshPolicy,
    Replay,
    Reuse,
    Rotate,
    decide,
    digest,
)
from plain_session import start

NEWEST, PARENT, OLDER, NO_TOKEN = 0, 1, 2, 3
TICK_MS = 1000
SID = "A" * 22
IDLE, ASKING, ANSWERED, LOST = range(4)
AT_REST = (IDLE, NO_TOKEN, 0)


@dataclass(frozen=True)
class World:
    """The size of the world.

    `window` is W in ticks, `patience` how long a tab waits for an answer, `lingering` how long a request may be on
    its way, `strays` how many abandoned or repeated requests may be on their way at once.
    """

    window: int = 2
    patience: int = 1
    lingering: int = 1
    tabs: int = 2
    strays: int = 1
    thief: bool = False
    rule: Callable[..., Decision] = field(default=decide, repr=False)


class PromiseBroken(AssertionError):
    """A reachable world in which a promise does not hold."""


def secret(number):
    return number.to_bytes(32, "big")


@cache
def answer(window, rule, row, token):
    """What the server says in an abstract row to one kind of token: the decision's kind, the row after."""
    has_parent, _, recovered, age = row
    session, ask = concrete_row(window, rule, row)
    newest, parent = session.generation + 1, 1
    decision = ask(session, {NEWEST: newest, PARENT: parent, OLDER: 99}[token], age)
    match decision:
        case Hold(after):
            if replace(after, acknowledged=session.acknowledged, seen_ms=session.seen_ms) != session:
                raise PromiseBroken("HOLD changes more than the acknowledgement")
            return Hold, (has_parent, int(after.acknowledged), recovered, age)
        case Replay(after):
            if after.generation != session.generation or digest(decision.secret) != session.current:
                raise PromiseBroken("REPLAY gives something else than the newest token")
            return Replay, row
        case Rotate(after) | Recover(after):
            if after.generation != session.generation + 1 or after.current != digest(decision.secret):
                raise PromiseBroken("a successor is not the next generation")
            return type(decision), (1, 0, int(isinstance(decision, Recover)), 0)
        case Reuse(after) if after.revoked_ms is not None:
            return Reuse, None
    raise PromiseBroken("a live session neither serves nor ends")


def concrete_row(window, rule, row):
    """A session, made by real decisions, that `row` stands for; and how to ask the rule about it, `age` ticks later."""
    has_parent, acknowledged, recovered, _ = row
    policy = RefreshPolicy(window_ms=window * TICK_MS, idle_ms=10**12)

    def ask(session, number, age):
        return rule(
            session,
            Presented(SID, 0, secret(number)),
            client_id="c",
            jkt=None,
            successor=secret(session.generation + 2),
            now_ms=session.opened_ms + age * TICK_MS,
            policy=policy,
        )

    session = start(SID, "a", client_id="c", current=digest(secret(1)), now_ms=0, idle_ms=10**12, absolute_ms=10**12)
    if has_parent:
        session = ask(session, 1, 0).session
        if recovered:
            session = ask(session, 1, 2 * window + 1).session
        session = replace(session, acknowledged=bool(acknowledged))
    return session, ask


# What a token becomes when the row moves on.
ON_ROTATE = (PARENT, OLDER, OLDER, NO_TOKEN)
ON_RECOVER = (OLDER, PARENT, OLDER, NO_TOKEN)
KEEP = (NEWEST, PARENT, OLDER, NO_TOKEN)


def renamed(tokens, becomes):
    """The set `tokens` (a bit for each kind) after the row has moved on."""
    return sum({1 << becomes[kind] for kind in KEEP[:3] if tokens >> kind & 1})


def start_world(world):
    row = (0, 0, 0, 0)
    return row, NEWEST, (AT_REST,) * world.tabs, (), (0, 0, 0, 0)


def presented(world, state, token):
    """The kind of decision and the world after the server has seen `token`; None for a world whose session ended."""
    row, jar, tabs, strays, (held, acted, split, served) = state
    kind, after = answer(world.window, world.rule, row, token)
    if kind is Reuse:
        return kind, None
    if kind is Replay and row[3] > world.window:
        raise PromiseBroken("a successor is handed out after its window")
    becomes = ON_ROTATE if kind is Rotate else ON_RECOVER if kind is Recover else KEEP
    if becomes is not KEEP:
        jar = becomes[jar]
        tabs = tuple((stage, becomes[what], age) for stage, what, age in tabs)
        strays = tuple(sorted((becomes[what], age) for what, age in strays))
        held = renamed(held, becomes)
    return kind, (after, jar, tabs, strays, (held, acted, split, served))


def with_tab(tabs, index, tab):
    return tuple(sorted((*tabs[:index], tab, *tabs[index + 1 :])))


def mark_served(state, who):
    """Note that a party was served; after a split that must be one party only."""
    held, acted, split, served = state[4]
    if not split:
        return state
    served |= who
    if served == 3:
        raise PromiseBroken("thief and victim both live on")
    return (*state[:4], (held, acted, split, served))


VICTIM, THIEF = 1, 2


def arrive(world, state, token):
    """The honest client's `token` reaches the server: what it is given, and the world after."""
    kind, after = presented(world, state, token)
    if after is None:
        if not state[4][1]:
            raise PromiseBroken("an honest client is thrown out although nobody else has shown a token")
        return None, None
    if token == OLDER:
        raise PromiseBroken("a dead token lives again")
    given = NO_TOKEN if kind is Hold else NEWEST
    return given, mark_served(after, VICTIM)


def steps(world, state):
    """Every world that may come next."""
    row, jar, tabs, strays, thief = state
    for index, (stage, what, age) in enumerate(tabs):
        if index and tabs[index - 1] == tabs[index]:
            continue
        if stage == IDLE:
            yield row, jar, with_tab(tabs, index, (ASKING, jar, 0)), strays, thief
        elif stage == ASKING:
            yield row, jar, with_tab(tabs, index, (LOST, NO_TOKEN, age)), strays, thief
            yield from _reached(world, state, index, copies=())
            if len(strays) < world.strays:
                yield from _reached(world, state, index, copies=((what, age),))
        elif stage == ANSWERED:
            yield row, jar, with_tab(tabs, index, (LOST, NO_TOKEN, age)), strays, thief
            yield row, (jar if what == NO_TOKEN else what), with_tab(tabs, index, AT_REST), strays, thief
    for index, (what, _) in enumerate(strays):
        rest = (*strays[:index], *strays[index + 1 :])
        yield row, jar, tabs, rest, thief
        _, after = arrive(world, (row, jar, tabs, rest, thief), what)
        if after:
            yield after
    if world.thief:
        yield from _thefts(world, state)
    yield _tick(world, state)


def _reached(world, state, index, *, copies):
    row, jar, tabs, strays, thief = state
    _, what, age = tabs[index]
    given, after = arrive(world, (row, jar, tabs, tuple(sorted((*strays, *copies))), thief), what)
    if after:
        row, jar, tabs, strays, thief = after
        yield row, jar, with_tab(tabs, index, (ANSWERED, given, age)), strays, thief


def _thefts(world, state):
    row, jar, tabs, strays, (held, _, split, served) = state
    if not held:
        yield row, jar, tabs, strays, (1 << jar, 0, 0, 0)
    for token in KEEP[:3]:
        if not held >> token & 1:
            continue
        kind, after = presented(world, state, token)
        if after is None:
            continue
        if token == OLDER:
            raise PromiseBroken("a dead token lives again")
        *rest, (kept, _, split, served) = mark_served(after, THIEF)
        gained = 0 if kind is Hold else 1 << NEWEST
        yield (*rest, (kept | gained, 1, split, served))


def _tick(world, state):
    (has_parent, acknowledged, recovered, age), jar, tabs, strays, thief = state
    moved, stray = [], [(what, age + 1) for what, age in strays if age < world.lingering]
    for stage, what, waited in tabs:
        if stage == IDLE:
            moved.append(AT_REST)
        elif waited < world.patience:
            lost = stage == ASKING and waited >= world.lingering
            moved.append((LOST, NO_TOKEN, waited + 1) if lost else (stage, what, waited + 1))
        else:
            moved.append(AT_REST)
            if stage == ASKING and waited < world.lingering and len(stray) < world.strays:
                stray.append((what, waited + 1))
    closed = 2 * world.window + 1
    row = (has_parent, acknowledged, recovered, min(age + 1, closed))
    tabs = tuple(sorted(moved))
    if world.thief and age + 1 == closed:
        thief = _split(jar, thief)
    return row, jar, tabs, tuple(sorted(stray)), thief


def _split(jar, thief):
    """A window has ended. Are thief and victim now on different tokens, with no way back to a common one?"""
    held, acted, split, _ = thief
    if split or not held:
        return thief
    thief_has_newest, thief_has_parent = held & 1, held >> 1 & 1
    victim_has_newest = jar == NEWEST
    if victim_has_newest and not thief_has_newest:
        return held, acted, 1, 0
    if thief_has_newest and not victim_has_newest and not (jar == PARENT and thief_has_parent):
        return held, acted, 1, 0
    return thief


def explore(world, limit=10**7):
    """Visit every world that can be reached; return how many there are."""
    first = start_world(world)
    seen, waiting = {first}, deque([first])
    while waiting:
        for after in steps(world, waiting.popleft()):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
        if len(seen) > limit:
            raise AssertionError(f"more than {limit} worlds")
    return len(seen)
