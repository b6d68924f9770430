"""The one way to open a transaction, whatever the database."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.models import QuerySet

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 50
LONGEST_PAUSE_S = 0.1
DELETED_AT_ONCE = 2_000
RETRIED_SQLSTATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock


def unit_of_work() -> AbstractContextManager[None]:
    """Open a transaction, or join the one that is open.

    No savepoint inside another unit: an error spoils the whole unit on every database alike.
    """
    if connection.vendor == "mongodb":
        # Django's own does nothing there. Imported only then: it patches Django on the way.
        unit: AbstractContextManager[None] = import_module(
            "django_mongodb_backend.transaction"
        ).atomic()
        return unit
    return transaction.atomic(savepoint=False)


def in_unit() -> bool:
    """Tell whether a unit of work is open on this thread."""
    return connection.in_atomic_block or getattr(connection, "in_atomic_block_mongo", False)


def on_commit(action: Callable[[], object]) -> None:
    """Run ``action`` after the commit; one that fails is logged and stops no other."""
    transaction.on_commit(action, robust=True)


@contextmanager
def one_moment() -> Iterator[None]:
    """Open a unit of work for reading that sees one moment, whatever others commit meanwhile."""
    outermost = not in_unit()
    with unit_of_work():
        # The others do so anyway; inside another unit it is too late to ask.
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def run_in_unit(work: Callable[[], T]) -> T:
    """Run ``work`` in a unit of work, again from the start on a passing conflict.

    ``work`` must have no effect outside the database: those belong in :func:`on_commit`.
    """
    if in_unit():
        return work()
    for attempt in range(ATTEMPTS):
        try:
            with unit_of_work():
                return work()
        except DatabaseError as error:
            if not is_transient(error) or attempt == ATTEMPTS - 1:
                raise
            # Full jitter: writers that collided once should not meet again.
            time.sleep(random.uniform(0, min(0.002 * 2**attempt, LONGEST_PAUSE_S)))  # noqa: S311
    raise AssertionError("unreachable: the last attempt returns or raises")


def in_one_unit(function: Callable[P, T]) -> Callable[P, T]:
    """Make every call of ``function`` one (retried) unit of work."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_unit(lambda: function(*args, **kwargs))

    return wrapper


def delete_all(rows: QuerySet[Any]) -> int:
    """Delete any number of rows, a batch at a time; return how many. Not inside a unit of work.

    One statement for all would hold its locks for minutes after a long pause, and MongoDB breaks
    off a transaction that lasts one.
    """
    deleted = 0
    while keys := list(rows.values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        deleted += rows.filter(pk__in=keys).delete()[0]
    return deleted


async def in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``function`` on a thread; not the shared one, so that nobody waits for another."""
    return await sync_to_async(_with_connections(function), thread_sensitive=False)(*args, **kwargs)


def _with_connections(function: Callable[P, T]) -> Callable[P, T]:
    """Outside of requests nobody else replaces a connection that the database has closed."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return wrapper


def is_transient(error: BaseException | None) -> bool:
    """Tell whether the database only lost a race that a second try may win."""
    while error is not None:
        if getattr(error, "sqlstate", None) in RETRIED_SQLSTATES:
            return True
        if "database is locked" in str(error) or "database table is locked" in str(error):
            return True
        error = error.__cause__
    return False
