"""What happens without anybody's doing: the worker, the sweeps, the public pages, the audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.test import Client as Browser

from common import clock
from common.geo import Point, area_of
from dispatch import tasks as dispatching
from dispatch.audit import audit
from dispatch.consumers.base import in_database
from errands import tasks as lives
from payments import tasks as money
from tests.conftest import PICKUP
from tests.dispatch.socket_client import Client as Socket
from tests.errands.staff_pages import text_of
from tests.journeys.people import Errand, Json

SWEEPS: tuple[Callable[[], None], ...] = (
    dispatching.sweep_offers, lives.sweep_funded, lives.sweep_expired, lives.sweep_unconfirmed,
    money.sweep_orders, money.sweep_refunds,
)  # fmt: skip


async def matching_runs(place: Point = PICKUP) -> None:
    """The worker takes up the hint that this area has something to match."""
    await in_database(dispatching.match_area, area=area_of(place))


async def sweeps_run() -> None:
    """Everything that beat starts, once each."""
    for sweep in SWEEPS:
        await in_database(sweep)


async def all_is_well() -> None:
    """Every story ends with books, events and winners that explain each other."""
    report = await in_database(audit, now=clock.now())
    assert report.findings == []
    assert report.errands > 0


class PublicLink:
    """Whoever got the tracking link, without any account."""

    def __init__(self, errand: Errand) -> None:
        self.path = urlsplit(errand["tracking_url"]).path
        self.token = self.path.rpartition("/")[2]

    async def page(self, *, status: int = 200) -> str:
        return text_of(await self._got(self.path, status))

    async def data(self, *, status: int = 200) -> Json:
        answer: Json = (await self._got(f"/api/v1/track/{self.token}", status)).json()
        return answer

    def socket(self) -> Socket:
        return Socket(f"/ws/track/{self.token}/")

    async def _got(self, path: str, status: int) -> Any:
        answer = await in_database(Browser(headers={"accept-language": "en"}).get, path)
        assert answer.status_code == status
        return answer
