"""Lists as DRF's own serializers and renderer would have them, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.test import APIClient, APIRequestFactory

from accounts.models import User
from common.pagination import NewestFirst


def by_serializer(
    url: str,
    found: QuerySet[Any],
    shape: type[Serializer[Any]],
    *,
    user: User,
    pages: type[NewestFirst] = NewestFirst,
) -> bytes:
    """Return the page of ``found`` that ``url`` asks for."""
    request = Request(APIRequestFactory().get(url))
    request.user = user
    paginator = pages()
    page = paginator.paginate_queryset(found, request)
    data = shape(page, many=True, context={"request": request}).data
    return JSONRenderer().render(paginator.get_paginated_response(data).data)


def there_and_back(client: APIClient, url: str) -> Iterator[tuple[str, bytes]]:
    """Follow ``next`` from ``url`` to the last page, and ``previous`` back to the first."""
    for link in ("next", "previous"):
        while True:
            answer = client.get(url)
            assert answer.status_code == 200, answer.content
            yield url, answer.content
            if answer.json()[link] is None:
                break
            url = answer.json()[link]
