"""Queries, where the backend's own would be wrong or slow. Django finds these classes by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from django.db import NotSupportedError
from django.db.models.expressions import ColPairs
from django_mongodb_backend import compiler
from django_mongodb_backend.query import MongoQuery as BaseQuery

from common.mongodb.errors import translated


class MongoQuery(BaseQuery):
    extra_fields: dict[str, Any] | None

    def get_pipeline(self) -> list[dict[str, Any]]:
        """Leave out ``$addFields {x: "$x"}``: before a ``$sort`` it hides the index from it."""
        if self.extra_fields:
            self.extra_fields = {
                name: value for name, value in self.extra_fields.items() if value != f"${name}"
            }
        return _sorted_first(super().get_pipeline())


def _sorted_first(pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort before fields are left out: afterwards no index is of use, and everything is read."""
    for at, (chosen, sort) in enumerate(pairwise(pipeline)):
        kept = chosen.get("$project", {}).values()
        if "$sort" in sort and kept and all(value == 1 for value in kept):
            pipeline[at : at + 2] = [sort, chosen]
    return pipeline


# ``prefetch_related`` asks for pairs of columns, here of one. The backend would not see the column
# that it is and ask by an expression, for which the whole collection is read.
_pairs: Any = ColPairs
_pairs.is_simple_column = property(lambda columns: len(columns) == 1)


class SQLCompiler(compiler.SQLCompiler):
    query_class = MongoQuery

    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        with translated():
            return super().execute_sql(*args, **kwargs)

    def cursor_iter(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with translated():
            yield from super().cursor_iter(*args, **kwargs)


class SQLAggregateCompiler(SQLCompiler, compiler.SQLAggregateCompiler):
    pass


class SQLInsertCompiler(SQLCompiler, compiler.SQLInsertCompiler):
    pass


class SQLDeleteCompiler(SQLCompiler, compiler.SQLDeleteCompiler):
    pass


class SQLUpdateCompiler(SQLCompiler, compiler.SQLUpdateCompiler):
    def update(self, criteria: Any, pipeline: Any) -> int:
        """Refuse a subquery: the backend would write NULL, or match nothing, without a word."""
        if self.subqueries:
            raise NotSupportedError("update() can't use a subquery on MongoDB: fetch the keys.")
        updated: int = super().update(criteria, pipeline)
        return updated
