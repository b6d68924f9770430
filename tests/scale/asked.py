"""What the database is really asked: statements of SQL, operations of MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from django.db import connection

ABOUT_DATA = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


class Statement(NamedTuple):
    """``text`` is SQL with places for ``values``, or the name of a collection's operation.

    ``table`` is told by MongoDB alone.
    """

    text: str
    values: Any
    table: str = ""


@contextmanager
def asked() -> Iterator[list[Statement]]:
    """Collect what this thread asks; the marks of transactions are left out."""
    statements: list[Statement] = []
    listen = _operations if connection.vendor == "mongodb" else _sql
    with listen(statements):
        yield statements


@contextmanager
def _sql(statements: list[Statement]) -> Iterator[None]:
    def note(execute: Callable[..., Any], sql: str, values: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("( ").startswith(ABOUT_DATA):
            statements.append(Statement(sql, values))
        return execute(sql, values, many, context)

    with connection.execute_wrapper(note):
        yield


@contextmanager
def _operations(statements: list[Statement]) -> Iterator[None]:
    # Its log keeps texts only; a plan needs the operation itself.
    from django_mongodb_backend.utils import OperationDebugWrapper

    def note(wrapper: Any, operation: str, _took: float, values: Any, _named: Any = None) -> None:
        statements.append(Statement(operation, values, wrapper.collection.name))

    debugged = mock.patch.object(connection, "force_debug_cursor", new=True)
    with debugged, mock.patch.object(OperationDebugWrapper, "log", note):
        yield
