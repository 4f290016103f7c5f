"""What the owner of an account knows of it: what was acknowledged, and what may or may not have happened."""

from dataclasses import dataclass, field

from servers import PASSWORD


@dataclass
class Held:
    """One session, as its client knows it.

    Attributes:
        state: `live`, `ended`, or `doubtful` when it was asked to end and no answer came.
        used: something was done with it since the last comparison.
    """

    sid: str
    access_token: str
    refresh_token: str
    state: str = "live"
    used: bool = True


@dataclass
class Person:
    """One account, as its owner knows it.

    Attributes:
        state: `there`, or `doubtful` when signing up was not answered.
        wanted: the new password, when changing it was not answered.
        new: the account or its password is newer than the last comparison.
    """

    email: str
    password: str = PASSWORD
    state: str = "doubtful"
    wanted: str | None = None
    new: bool = True
    used: bool = True
    sessions: list[Held] = field(default_factory=list)

    @property
    def live(self) -> list[Held]:
        return [held for held in self.sessions if held.state == "live"]
