"""A process that dies at a commit: what was not committed is gone, and so is what waited for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from tests.payments.gateway import Crash

BEFORE, AFTER = "before", "after"
MONGODB = connection.vendor == "mongodb"
COMMIT, ROLLBACK = ("commit_mongo", "rollback_mongo") if MONGODB else ("commit", "rollback")


class Fuse:
    """Burns down with each outermost commit of the calls it is lit for; then they die, once.

    ``Crash`` is no ``Exception``: nothing on the way up takes it for a refusal.
    """

    def __init__(self, moment: str, commits: int) -> None:
        self._moment = moment
        self._left = commits

    @contextmanager
    def lit(self) -> Iterator[None]:
        """Die in this block if the commit comes; else a later block may."""
        commit = getattr(connection, COMMIT)
        setattr(connection, COMMIT, lambda: self._burn(commit))
        try:
            yield
        finally:
            delattr(connection, COMMIT)  # the class's own is back

    def _burn(self, commit: Callable[[], None]) -> None:
        self._left -= 1
        if self._left:
            commit()
            return
        if self._moment == BEFORE:
            getattr(connection, ROLLBACK)()
        else:
            connection.run_on_commit = []  # nobody is left to do it
            commit()
        raise Crash
