"""``/ws/staff/map/``: everything that moves, every two seconds."""

from __future__ import annotations

from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from common import clock
from common.db import in_database
from common.errors import NotAllowed
from dispatch import live
from dispatch.consumers.base import Consumer
from dispatch.live.picture import snapshot
from dispatch.protocol import Decoder, MapHello, Snapshot, decode_map


class StaffMapConsumer(Consumer):
    """For staff only, asked again before every picture."""

    decode: ClassVar[Decoder] = decode_map
    tick_s: ClassVar[float] = 2.0

    async def opened(self) -> None:
        first = await in_database(self._picture)
        await self.say(MapHello(every_s=self.tick_s))
        await self.say(first)

    async def checked(self) -> None:
        await self.say(await in_database(self._picture))

    def _picture(self) -> Snapshot:
        if not live.present_user(self.user).is_staff:
            raise NotAllowed("not_staff", _("Only staff may see this."))
        return snapshot(now=clock.now())
