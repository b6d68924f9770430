"""Keyset pages ordered by the time-ordered key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from common.prepared import Listing

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView  # imports this module, by the settings

Row = TypeVar("Row")


class NewestFirst(CursorPagination):
    """``?cursor=&page_size=`` newest first, with links to ``next`` and ``previous``."""

    ordering = "-id"  # by time; a page is found through the key's own index, however far back
    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                UUID(str(cursor.position))
            except ValueError as error:
                raise NotFound(self.invalid_cursor_message) from error
        return cursor


class OldestFirst(NewestFirst):
    ordering = "id"


def page_of(
    listing: Listing[Row], view: GenericAPIView[Any], write: Callable[[list[Row]], Any]
) -> Response:
    """Answer the page that the request of ``view`` asks for, as ``write`` puts it."""
    paginator: Any = view.paginator  # of a list, which a Listing only looks like
    page: list[Row] = paginator.paginate_queryset(listing, view.request, view=view)
    answer: Response = paginator.get_paginated_response(write(page))
    return answer
