"""Queries that are compiled once: building one takes Django as long as answering takes a database.

A selector is called with places where values will stand, and what it says is kept as SQL; from
then on only the database is asked. Values go to it beside the statement, never into it. MongoDB
has no SQL: there the selector is called each time, with the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import (
    BigIntegerField,
    DateTimeField,
    FloatField,
    Model,
    QuerySet,
    TextField,
    UUIDField,
)
from django.db.models.expressions import Expression
from psycopg.pq import Format
from psycopg.types.json import set_json_loads

Row = TypeVar("Row")
M = TypeVar("M", bound=Model)
Selector = Callable[..., QuerySet[Any]]
Convert = Callable[[Any], Any]
Field = Any  # of Django's, whose types cannot be asked for their parameters

# As what a value is given to the database.
GIVEN: dict[type, Field] = {
    UUID: UUIDField(),
    datetime: DateTimeField(),
    str: TextField(),
    int: BigIntegerField(),
    float: FloatField(),
}
# What Django's converters do for SQLite, without asking for each value how.
REMEMBERED_KEYS = 1_024  # who asks for or runs an errand stands in many rows
CONVERT: dict[str, Convert] = {
    "UUIDField": lru_cache(REMEMBERED_KEYS)(UUID),
    "DateTimeField": lambda value: value.replace(tzinfo=UTC),
    "JSONField": msgspec.json.decode,
    "BooleanField": bool,
}
# Of columns in PostgreSQL's binary form; the text form is read by Django.
set_json_loads(msgspec.json.decode)


class Cut(NamedTuple):
    """Which rows of all: at most so many, in an order, beyond the value named ``position``."""

    order: str = ""
    beyond: str = ""
    most: int | None = None


EVERYTHING = Cut()
WHOLE = -1
MOST_STATEMENTS = 64


class Slot(NamedTuple):
    """Where the value of a name goes in a statement; a list goes into ``many`` places, or, when
    that is ``WHOLE``, into one."""

    name: str
    field: Field
    many: int | None

    def filled(self, values: dict[str, Any]) -> list[Any]:
        value = values[self.name]
        if self.many is None:
            return [self._given(value)]
        given = [self._given(each) for each in value]
        # The last one fills what is left.
        return [given] if self.many == WHOLE else given + given[-1:] * (self.many - len(given))

    def _given(self, value: Any) -> Any:
        return self.field.get_db_prep_value(value, connection=connection)


class Shape(NamedTuple):
    """What is known of a value beforehand; ``many`` is how many places a list of them has."""

    name: str
    kind: type
    many: int | None


class Place(Expression):
    """Where a value will stand in a query, or the list behind ``IN``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(output_field=_field(shape.kind))
        self.shape = shape

    def as_sql(self, _compiler: Any, _connection: Any) -> tuple[str, Any]:
        name, kind, many = self.shape
        slot = Slot(name, _field(kind), many)
        if many is None:
            return "%s", [slot]
        return "(ANY(%s))" if many == WHOLE else f"({', '.join(['%s'] * many)})", [slot]


class Statement(NamedTuple):
    """SQL with what goes beside it, and what is made of the columns that it gives."""

    sql: str
    parameters: Sequence[Any]
    converters: Sequence[tuple[int, Convert]]

    def rows(self, values: dict[str, Any]) -> Iterable[Sequence[Any]]:
        given: list[Any] = []
        for each in self.parameters:
            given += each.filled(values) if type(each) is Slot else [each]
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.cursor.format = Format.BINARY  # what comes as text, Python has to read
            cursor.execute(self.sql, given)
            found: list[Sequence[Any]] = cursor.fetchall()
        return self._converted(found) if self.converters else found

    def _converted(self, rows: list[Sequence[Any]]) -> Iterable[Sequence[Any]]:
        """Column by column, which takes half as long as row by row."""
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for at, convert in self.converters if columns else ():
            columns[at] = [None if value is None else convert(value) for value in columns[at]]
        return zip(*columns, strict=True)


class Prepared(Generic[Row]):
    """A selector whose ``columns`` become rows by ``make``.

    It is compiled for each set of values that are given, and on SQLite for each length of a list
    among 1, 2, 4, 8 …: few statements, which PostgreSQL prepares in its turn.
    """

    def __init__(
        self, selector: Selector, make: Callable[..., Row], columns: Sequence[str]
    ) -> None:
        self._selector, self._make, self._columns = selector, make, columns
        # Page sizes and the lengths of lists are the callers' choice: not one statement for each.
        self._statement = lru_cache(MOST_STATEMENTS)(self._compiled)

    def rows(self, cut: Cut = EVERYTHING, **values: Any) -> list[Row]:
        """Return what the selector finds with these values; those that are None are not given.

        A list is for ``IN``: with an empty one nothing is found, and nobody is asked.
        """
        values = {name: value for name, value in values.items() if value is not None}
        if [] in values.values():
            return []
        if connection.vendor == "mongodb":
            found: Any = self._query(cut, values)
        else:
            shape = tuple(_shape(name, value) for name, value in values.items())
            found = self._statement(cut, shape).rows(values)
        return [self._make(*row) for row in found]

    def _query(self, cut: Cut, values: dict[str, Any]) -> QuerySet[Any, Any]:
        beyond = {cut.beyond: values["position"]} if cut.beyond else {}
        given = {name: value for name, value in values.items() if name != "position"}
        query = self._selector(**given).filter(**beyond)
        ordered = query.order_by(cut.order) if cut.order else query
        return ordered.prefetch_related(None).values_list(*self._columns)[: cut.most]

    def _compiled(self, cut: Cut, shape: Sequence[Shape]) -> Statement:
        query = self._query(cut, {each.name: Place(each) for each in shape}).query
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        sql = sql.replace(" IN (ANY(%s))", " = ANY(%s)")
        columns = [column for column, _sql, _alias in compiler.select]
        needed = compiler.get_converters(columns)
        kinds = {at: columns[at].output_field.get_internal_type() for at in needed}
        ready = connection.vendor == "postgresql"  # in its binary form everything is typed
        converters = () if ready else [(at, CONVERT[kind]) for at, kind in kinds.items()]
        return Statement(sql, parameters, converters)


def prepared_models(model: type[M], columns: Sequence[str], selector: Selector) -> Prepared[M]:
    """Have instances made that know these of their columns, as with ``only``."""
    known = [field.attname for field in model._meta.concrete_fields if field.attname in columns]
    return Prepared(selector, lambda *row: model.from_db(DEFAULT_DB_ALIAS, known, row), known)


class Listing(Generic[Row]):
    """A prepared query with its values, in the words in which a paginator asks any query."""

    def __init__(self, prepared: Prepared[Row], *, cut: Cut = EVERYTHING, **values: Any) -> None:
        self._prepared, self._cut, self._values = prepared, cut, values

    def order_by(self, order: str) -> Listing[Row]:
        return Listing(self._prepared, cut=self._cut._replace(order=order), **self._values)

    def filter(self, **beyond: str) -> Listing[Row]:
        """Go on behind a position, which is a key."""
        ((lookup, position),) = beyond.items()
        cut = self._cut._replace(beyond=lookup)
        return Listing(self._prepared, cut=cut, **self._values, position=UUID(position))

    def __getitem__(self, part: slice) -> list[Row]:
        return self._prepared.rows(self._cut._replace(most=part.stop), **self._values)[part.start :]


def _shape(name: str, value: Any) -> Shape:
    if isinstance(value, list):
        # PostgreSQL takes a list in one piece: it has one statement, short enough to be kept.
        whole = connection.vendor == "postgresql"
        return Shape(name, type(value[0]), WHOLE if whole else 1 << (len(value) - 1).bit_length())
    return Shape(name, type(value), None)


def _field(given: type) -> Field:
    return next(field for kind, field in GIVEN.items() if issubclass(given, kind))
