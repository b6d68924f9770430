"""Queries, where the backend's own would be wrong or slow. Django finds these classes by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import NotSupportedError
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
        pipeline: list[dict[str, Any]] = super().get_pipeline()
        return pipeline


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
