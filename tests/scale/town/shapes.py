"""How large a town is, and what a test finds in it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from accounts.models import User
from errands.models import Errand
from errands.states import State


class Size(NamedTuple):
    """How many of each. Of the ended errands every ``storied``-th has its whole story."""

    requesters: int = 4_000
    runners: int = 1_000
    errands: int = 50_000
    live: int = 720
    storied: int = 12


class Town(NamedTuple):
    """``errands``: the oldest first. The first requester and the first runner are the busiest."""

    now: datetime
    requesters: list[User]
    runners: list[User]
    errands: list[Errand]
    on_duty: list[User]

    @property
    def alice(self) -> User:
        return self.requesters[0]

    @property
    def bob(self) -> User:
        return self.runners[0]

    def newest(self, state: State) -> Errand:
        return next(errand for errand in reversed(self.errands) if errand.state == state)

    def shared(self) -> Errand:
        """Return the newest errand that alice asked for and bob brought to its end."""
        return next(
            errand
            for errand in reversed(self.errands)
            if (errand.requester, errand.runner, errand.state)
            == (self.alice, self.bob, State.COMPLETED)
        )
