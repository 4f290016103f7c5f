"""One mode from its start to its end: sign in, load, sign out, kill a node, stop the stores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

from mapae.lab.lb.cluster import Cluster, running
from mapae.lab.lb.line import Broken, Line
from mapae.lab.lb.load import drive
from mapae.lab.lb.modes import Letter, Plan
from mapae.lab.lb.people import Person, accepted_by, sign_in_all, sign_out
from mapae.lab.lb.results import Kill, Load, Measured, Outage, SignOuts
from mapae.lab.lb.stores import make_unreadable
from mapae.lab.lb.tools import Tools

STEPS = 6
"""How many steps a mode has, for showing how far it is."""
SIGN_OUT_EVERY = 0.1
"""Seconds between one person's sign-out and the next one's: together they would measure how busy the machine is."""
LOOK_LEAST, LOOK_MOST = 0.005, 0.2
"""Seconds between two rounds of asking the nodes about somebody who has signed out: a tenth of those since then."""
NOTICED_SECONDS = 0.5
"""From stopping a store to the first look at what that means."""
Step = Callable[[int], None]


async def measure(letter: Letter, plan: Plan, tools: Tools, folder: Path, *, step: Step) -> Measured:
    """Start three nodes of the mode, try everything on them, and end them.

    Args:
        step: told how many of `STEPS` are done.

    Raises:
        LabFailed: something did not start, or a sign-in was refused.
        Broken: a node or the balancer went away unasked.
    """
    async with running(letter, plan, tools, folder) as cluster:
        step(1)
        people = await sign_in_all(cluster.balancer.port, plan.users)
        step(2)
        load = await _load(cluster, people, plan)
        step(3)
        sign_outs = await _sign_outs(cluster, people[: plan.sign_outs], plan)
        rest = people[plan.sign_outs :]
        step(4)
        kill = await _kill(cluster, rest, plan)
        step(5)
        outages = await _outages(cluster, rest, plan)
        step(6)
    return Measured(
        load=load,
        sign_outs=sign_outs,
        kill=kill,
        request_bytes=len(people[0].who),
        credential_bytes=len(people[0].field),
        outages=tuple(outages),
    )


async def _load(cluster: Cluster, people: Sequence[Person], plan: Plan) -> Load:
    port = cluster.balancer.port
    await drive(port, people, seconds=plan.warm_seconds, lines=plan.lines)
    before, used = await cluster.store_operations(), cluster.processor_seconds()
    outcome = await drive(port, people, seconds=plan.seconds, lines=plan.lines)
    used = cluster.processor_seconds() - used
    after = await cluster.store_operations()
    answers = len(outcome.latencies)
    return Load(
        per_second=outcome.per_second,
        p50_ms=outcome.percentile_ms(0.50),
        p99_ms=outcome.percentile_ms(0.99),
        answers=answers,
        processor_us=used / max(1, answers) * 1e6 or None,
        refused_share=outcome.refused_share,
        failed=outcome.failed,
        store_operations={store: (after[store] - before[store]) / max(1, answers) for store in after},
    )


async def _sign_outs(cluster: Cluster, people: Sequence[Person], plan: Plan) -> SignOuts:
    ends = await asyncio.gather(
        *[
            _sign_out(cluster, person, after=number * SIGN_OUT_EVERY, seconds=plan.sign_out_seconds)
            for number, person in enumerate(people)
        ]
    )
    took = [end for end in ends if end is not None]
    return SignOuts(
        tried=len(people),
        ended=len(took),
        median_ms=median(took) * 1000 if took else None,
        slowest_ms=max(took) * 1000 if took else None,
        waited_seconds=plan.sign_out_seconds,
    )


async def _sign_out(cluster: Cluster, person: Person, *, after: float, seconds: float) -> float | None:
    """Sign somebody out through the balancer, and ask the nodes themselves until none takes the credential any more.

    Args:
        after: seconds to wait before.
        seconds: for how long to ask at most.

    Returns:
        The seconds from the answer to the last node's refusal; None where one still takes it in the end.
    """
    await asyncio.sleep(after)
    with ExitStack() as open_lines:
        await sign_out(open_lines.enter_context(Line(cluster.balancer.port)), person)
        answered = perf_counter()
        nodes = [open_lines.enter_context(Line(node.port)) for node in cluster.living]
        while await accepted_by(nodes, person):
            gone = perf_counter() - answered
            if gone > seconds:
                return None
            await asyncio.sleep(min(LOOK_MOST, LOOK_LEAST + gone / 10))
        return perf_counter() - answered


async def _kill(cluster: Cluster, people: Sequence[Person], plan: Plan) -> Kill:
    """Kill a node under load, and ask the others whom they know."""
    before = await _known(cluster, people)
    loading = asyncio.create_task(drive(cluster.balancer.port, people, seconds=plan.kill_seconds, lines=plan.lines))
    try:
        await asyncio.sleep(plan.kill_seconds / 4)
        cluster.nodes[0].kill()
        outcome = await loading
    finally:
        loading.cancel()
    after = await _known(cluster, people)
    return Kill(users=len(before), lost=len(before - after), failed=outcome.failed, answers=outcome.statuses.total())


async def _known(cluster: Cluster, people: Sequence[Person]) -> set[str]:
    """Return whom at least one living node knows."""
    with ExitStack() as open_lines:
        nodes = [open_lines.enter_context(Line(node.port)) for node in cluster.living]
        return {person.email for person in people if await accepted_by(nodes, person)}


async def _outages(cluster: Cluster, people: Sequence[Person], plan: Plan) -> list[Outage]:
    """Stop one store after the other, and see who is still served."""
    outages = []
    if cluster.valkey is not None and cluster.valkey.server is not None:
        cluster.valkey.server.kill()
        await asyncio.sleep(NOTICED_SECONDS)
        outages.append(Outage("valkey", await _served(cluster, people, plan)))
    if cluster.database:
        await make_unreadable(cluster.database)
        await asyncio.sleep(NOTICED_SECONDS)
        at_once, after = await _served(cluster, people, plan), plan.lease_seconds + 1.5
        await asyncio.sleep(after - NOTICED_SECONDS)
        outages.append(Outage("database", at_once, await _served(cluster, people, plan), after))
    return outages


async def _served(cluster: Cluster, people: Sequence[Person], plan: Plan) -> float:
    """Ask once for each of them through the balancer; return the share that was answered with who they are."""
    waiting = iter(people)

    async def one_after_another() -> int:
        with Line(cluster.balancer.port) as line:
            return sum([await _is_served(line, person) for person in waiting])

    return sum(await asyncio.gather(*[one_after_another() for _ in range(plan.lines)])) / len(people)


async def _is_served(line: Line, person: Person) -> bool:
    try:
        return (await line.ask(person.who)).status == 200
    except Broken:
        return False
