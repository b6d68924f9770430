"""What admin pages of every app share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator

MOST_COUNTED = 1_000  # whoever looks for something older uses the filters and the search
MOST_FOUND = 200


class ReadOnly:
    """Nobody adds, changes or deletes with a form; whoever may view, views."""

    readonly_fields: Sequence[str] = ("created_at",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class FirstPages(BasePaginator):
    """Leafs through the first 1,000 rows: to count all of a large table is to read all of it."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows[:MOST_COUNTED].count()
        return counted


class TwoQueries(ChangeList):
    """Fetches what a list shows of other tables by their keys: joins are slow on MongoDB."""

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        return qs.prefetch_related(*(self.list_select_related or ()))


class LargeTable:
    """A list of very many rows, without a join and without reading them all.

    ``search_fields`` name their lookup. One that leads to another table is looked up there first.
    ``icontains`` can use no index: it reads the texts of a whole table, which is for staff alone
    and bearable for one table; across a join it would not be.
    """

    model: type[Model]
    search_fields: Sequence[str] = ()
    show_full_result_count = False
    paginator = FirstPages

    def get_changelist(self, _request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        return TwoQueries

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        matching = Q()
        for field in self.search_fields:
            matching |= _matching(self.model, field, term)
        return queryset.filter(matching), False


def _matching(model: type[Model], field: str, term: str) -> Q:
    name, _separator, lookup = field.partition("__")
    other = model._meta.get_field(name).related_model
    if "email" in field:
        term = term.lower()  # as it is stored
    if not isinstance(other, type):
        return Q(**{field: term})
    found: QuerySet[Any] = QuerySet(other).filter(**{lookup: term})
    return Q(**{f"{name}__in": list(found.values_list("pk", flat=True)[:MOST_FOUND])})
