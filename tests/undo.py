"""Going back to how a test began, as often as it likes, without a commit in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


class Beginning:
    """The present, which :meth:`undo` brings back. For tests that run inside one transaction."""

    def __init__(self) -> None:
        self._savepoint = transaction.savepoint()

    def undo(self) -> None:
        if connection.vendor == "mongodb":  # without savepoints: all of it, and once more
            mongodb: Any = connection
            mongodb.rollback_mongo()
            mongodb.start_transaction_mongo()
        else:
            transaction.savepoint_rollback(self._savepoint)


@contextmanager
def undone() -> Iterator[None]:
    """Undo the block's changes at its end, however it ends."""
    beginning = Beginning()
    try:
        yield
    finally:
        beginning.undo()
