"""Was there an order, one operation after the other, in which everybody was given just the answer that they got?

Operations that overlapped may have taken place in either order; one that ended before another began took place before
it. A caller who got no answer knows nothing: its operation took place at some time after its beginning, or never. Each
order is tried until one explains all answers. What was tried is remembered as the pair of which operations are done and
what the state is then, so that a search ends soon although the orders are very many.

Source: Wing and Gong, Testing and Verifying Concurrent Objects (1993), with the memory of Lowe, Testing for
Linearizability (2017).
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One call, as its caller saw it.

    Attributes:
        called: its place in the record.
        answered: the place of its answer; infinite where there was none.
        asked: what was asked.
        answer: what came back; nothing where there was no answer.
    """

    called: int
    answered: float
    asked: Any
    answer: Any = None

    @property
    def lost(self) -> bool:
        """Whether its caller does not know what became of it."""
        return self.answered == inf


def order_of(
    history: list[Operation],
    start: Hashable,
    after: Callable[[Any, Operation], Iterable[Hashable]],
) -> list[Operation] | None:
    """Return an order that explains every answer; None where there is none.

    Args:
        start: the state before all of it.
        after: the states in which an operation may leave a state while its caller gets the answer it got; none where
            that answer is wrong there. The answer of a lost operation is never wrong.
    """
    answered = sum(1 << number for number, each in enumerate(history) if not each.lost)
    waiting: list[tuple[int, Hashable, Any]] = [(0, start, None)]
    tried = {(0, start)}
    while waiting:
        done, state, order = waiting.pop()
        if done & answered == answered:
            return _unrolled(order)
        left = [(number, each) for number, each in enumerate(history) if not done >> number & 1]
        horizon = min(each.answered for _, each in left)
        for number, each in left:
            if each.called > horizon:
                continue  # something had been answered before this began
            for then in after(state, each):
                if each.lost and then == state:
                    continue  # as if it had never taken place
                reached = (done | 1 << number, then)
                if reached not in tried:
                    tried.add(reached)
                    waiting.append((*reached, (each, order)))
    return None


def _unrolled(order: Any) -> list[Operation]:
    operations = []
    while order is not None:
        operation, order = order
        operations.append(operation)
    return operations[::-1]
