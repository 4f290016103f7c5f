"""What time it is, where a machine's clock may jump: never further from the database's than clocks may differ.

A node reads the database about once a second, and the answer says what time it was there. Between two readings the
monotonic clock goes on from that. So a wall clock that was set ahead dates no token later than `most` seconds after the
database's time, and the bound on revocations holds with `most` for d; one that was set back makes no token younger.
Where an answer took longer than `most`, the time may be further behind the database's, and never further ahead.
"""

from __future__ import annotations

from math import inf


class AgreedTime:
    """How a machine's wall clock stands to the database's, which all nodes share. Times are seconds.

    Attributes:
        most: by how much clocks may differ.
        ahead: by how much the wall clock was surely ahead when they were compared last; negative: behind.
    """

    __slots__ = ("_earliest", "_latest", "ahead", "most")

    def __init__(self, most: float) -> None:
        """Know nothing yet: the wall clock is believed."""
        self.most = most
        self.ahead = 0.0
        self._earliest, self._latest = -inf, inf  # less the monotonic clock

    @property
    def agrees(self) -> bool:
        """Whether the wall clock did not differ too much when they were compared last."""
        return abs(self.ahead) <= self.most

    def compare(self, database: float, *, asked: float, answered: float, sent: float, received: float) -> None:
        """Learn what the database's clock showed at some moment since it was asked.

        What was agreed on before stays as it is where the two do not agree now.

        Args:
            database: what it showed.
            asked: the wall clock before.
            answered: the wall clock after.
            sent: the monotonic clock before.
            received: the monotonic clock after.
        """
        self.ahead = max(0.0, asked - database) or min(0.0, answered - database)
        if self.agrees:
            # The database's time now lies between what it showed and that plus as long as the answer took. Where it
            # took longer than clocks may differ, a clock that may well be right is not moved forward.
            surely = database - received
            self._earliest, self._latest = min(surely, database - sent - self.most), surely + self.most

    def kept(self, wall: float, monotonic: float) -> float:
        """Return what the wall clock shows, no further from the database's time than clocks may differ.

        Where an answer took longer than that, it may be further behind, but never behind what is sure.
        """
        return min(max(wall, self._earliest + monotonic), self._latest + monotonic)
