"""A client that compares, after a restart, what it was told before the kill with what is so."""

from killed.accounts import Held, Person
from killed.client import Client

SIGN_INS = 10
"""Of the newest accounts of each client, at the very end; every one has signed in after the kill that followed it."""


class Witness(Client):
    """A client whose last request was not answered accepts that it happened or that it did not, but nothing between."""

    def compares(self, *, everything: bool = False) -> None:
        """Compare what was acknowledged with what is there."""
        for person in self.people[-SIGN_INS:] if everything else ():
            person.new = True
        for person in self.people:
            if person.used or everything:
                self._finds(person)
                for held in person.sessions:
                    if held.used or everything:
                        self._finds_session(held)
                        held.used = False
                person.used = person.new = False

    def _finds(self, person: Person) -> None:
        if person.state == "doubtful":
            self._finds_or_signs_up(person)
        elif person.wanted is not None:
            self._finds_one_password(person)
        elif person.new:
            self.sign_in(person)
        doubtful = [held for held in person.sessions if held.state == "doubtful"]
        fates = {self._lives(held) for held in doubtful}
        assert len(fates) <= 1, "of the sessions that one request should have ended, some live and some do not"
        for held in doubtful:
            held.state = "live" if True in fates else "ended"

    def _finds_or_signs_up(self, person: Person) -> None:
        """Either the whole account is there, with its first session and its record, or its e-mail is free."""
        answer = self.tries(person, person.password)
        if answer.status != 200:
            assert answer.members["code"] == "sign_in_refused"
            self.signed_up(person)
            return
        person.state = "there"
        held = self.began(person, answer.members)
        sessions = self.asks("GET", "/v1/sessions", token=held.access_token).members["sessions"]
        events = self.asks("GET", "/v1/me/activity", token=held.access_token).members["activity"]
        assert {each["id"] for each in sessions} == {each["session"] for each in events}
        assert sorted(each["event"] for each in events) == ["sign_in", "sign_up"]

    def _finds_one_password(self, person: Person) -> None:
        """Either the new password counts and the other sessions have ended, or neither."""
        answers = {password: self.tries(person, password) for password in (person.password, person.wanted)}
        (person.password,) = [password for password, answer in answers.items() if answer.status == 200]
        changed = person.password == person.wanted
        person.wanted = None
        for held in person.sessions:
            if held.state == "doubtful":
                assert self._lives(held) is not changed
        self.began(person, answers[person.password].members)

    def _lives(self, held: Held) -> bool:
        """Whether a session lives: its access token says the same as its refresh token."""
        by_access = self.asks("GET", "/v1/me", token=held.access_token).status == 200
        answer = self.asks("POST", "/v1/refresh", json_body={"refresh_token": held.refresh_token})
        assert (answer.status == 200) is by_access, answer.body
        if by_access:
            held.access_token = answer.members["access_token"]
            held.refresh_token = answer.members.get("refresh_token", held.refresh_token)
        return by_access

    def _finds_session(self, held: Held) -> None:
        """The newest refresh token works, or the one before it where its answer was lost; an ended session is over."""
        assert self._lives(held) is (held.state == "live"), f"the session is not {held.state}"
