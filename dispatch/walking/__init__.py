"""How long walks take: the one place that knows the foot router.

Without ``WALKING_ROUTER_URL`` everything is estimated. With it, what the router does not answer
is, and said: a matching run never waits for it long, and never fails by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from dispatch.walking.router import Estimated, Router
from dispatch.walking.tables import service_at

__all__ = ["Estimated", "Router", "service_at", "walk"]


@contextmanager
def walk() -> Iterator[Estimated]:
    """Give one matching run its walk; ``estimated`` counts what the router could not say."""
    if not settings.WALKING_ROUTER_URL:
        yield Estimated()
        return
    with Router(service_at(settings.WALKING_ROUTER_URL)) as router:
        yield router
