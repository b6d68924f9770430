"""Keyset pages ordered by the time-ordered key."""

from __future__ import annotations

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """``?cursor=&page_size=`` newest first, with links to ``next`` and ``previous``."""

    ordering = "-id"  # by time; a page is found through the key's own index, however far back
    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"


class OldestFirst(NewestFirst):
    ordering = "id"
