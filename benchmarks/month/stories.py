"""What becomes of an errand, from the order to whoever gets the money in the end."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from benchmarks.month.world import Waits, World
from common.errors import Unavailable
from common.geo import Point
from errands import services
from errands.models import Errand, PhotoPurpose, ProofKind
from errands.policy import Reason
from errands.states import Kind
from payments import escrow
from payments.models import Payment
from tests.toss.server import BROKEN, DROP

HONGDAE = Point(37.5563, 126.9236)
TROUBLES = [("before", DROP), ("after", DROP), ("before", BROKEN), ("after", BROKEN)]
IN_TROUBLE, SENT_TWICE = 0.02, 0.02  # of the payments
CLOCK_CONFIRMS = 0.5  # of what is delivered
Move = Callable[..., object]


class Story:
    """One errand; a name of ``TALES`` is the method that tells it once it is paid for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requester = world.random.choice(world.requesters)
        self.runner = world.random.choice(world.runners)
        self.errand: Errand

    def told(self) -> Waits:
        names, weights = zip(*TALES.items(), strict=True)
        (name,) = self.world.random.choices(names, weights)
        self._post()
        yield self._minutes(1, 10)
        if name != "unpaid":
            self._pay(Payment.objects.get(reference=self.errand.reference))
            yield self._minutes(1, 40)
            yield from getattr(self, name)()

    # --- Tales -----------------------------------------------------------------------------

    def done(self) -> Waits:
        yield from self._delivered()
        yield self._minutes(1, 60)
        if self.world.random.random() > CLOCK_CONFIRMS:
            self._ask(services.errand_confirm)

    def raised(self) -> Waits:
        reward = Errand.objects.get(pk=self.errand.pk).reward
        more = self.world.random.randrange(500, 5_000, 10)
        self._pay(self._ask(services.raise_order_create, reward=reward + more))
        yield self._minutes(1, 30)
        yield from self.done()

    def unmatched(self) -> Waits:
        yield self._minutes(1, 2)

    def called_off(self) -> Waits:
        self._ask(services.errand_cancel, note="")
        yield self._minutes(1, 2)

    def called_off_late(self) -> Waits:
        self._run(services.errand_accept)
        yield self._minutes(1, 15)
        if self.world.random.random() > 0.5:
            self._arrive()
        yield from self.called_off()

    def dropped(self) -> Waits:
        self._run(services.errand_accept)
        yield self._minutes(1, 9)
        self._run(services.errand_drop, reason="")
        self.runner = self.world.random.choice(self.world.runners)
        yield from self.done()

    def failed(self) -> Waits:
        self._run(services.errand_accept)
        yield self._minutes(5, 20)
        self._arrive()
        reason = self.world.random.choice(list(Reason))
        self._run(
            services.errand_fail, reason=reason, note="", photo_id=self._photo(), position=HONGDAE
        )

    def disputed(self) -> Waits:
        yield from self._delivered()
        yield self._minutes(10, 600)
        self._ask(services.errand_object, note="반만 왔어요")
        yield self._minutes(60, 3_000)
        services.errand_resolve(
            errand_id=self.errand.pk, staff=self.world.staff[0], reason="사진을 보았음",
            runner_percent=self.world.random.randrange(101), now=self.world.now,
        )  # fmt: skip

    def stopped(self) -> Waits:
        self._run(services.errand_accept)
        yield self._minutes(1, 30)
        services.errand_stop(
            errand_id=self.errand.pk, staff=self.world.staff[0], reason="신고", now=self.world.now
        )

    # --- Steps -----------------------------------------------------------------------------

    def _post(self) -> None:
        now = self.world.now
        quote = services.quote_create(
            requester=self.requester, kind=Kind.HELP, pickup=HONGDAE, pickup_address="1번 출구",
            dropoff=None, now=now,
        )  # fmt: skip
        reward = quote.reward_floor + self.world.random.randrange(0, 20_000)
        self.errand = services.errand_post(
            requester=self.requester, quote_id=quote.pk, reward=reward, title="조립 도와주세요",
            note="", proof=ProofKind.PIN, ask_pickup_pin=True, now=now,
        )  # fmt: skip

    def _pay(self, order: Payment) -> None:
        """Some answers are lost, and some apps ask twice."""
        chance = self.world.random
        key = self.world.company.company.agree(order.order_id, order.amount)
        if chance.random() < IN_TROUBLE:
            self.world.company.troubles.append(chance.choice(TROUBLES))
        for _time in range(2 if chance.random() < SENT_TWICE else 1):
            try:
                escrow.order_confirm(
                    order_id=order.order_id, payer=self.requester, payment_key=key,
                    amount=order.amount, now=self.world.now,
                )  # fmt: skip
            except Unavailable:
                continue  # the sweep finds out

    def _delivered(self) -> Waits:
        self._run(services.errand_accept)
        yield self._minutes(5, 20)
        self._arrive()
        self._run(services.errand_pick_up, photo_id=None, pin=self.errand.pickup_pin)
        yield self._minutes(10, 60)
        self._run(
            services.errand_deliver, photo_id=None, pin=self.errand.dropoff_pin, position=None
        )

    def _arrive(self) -> None:
        self._run(services.errand_arrive, position=HONGDAE, reason="")

    def _photo(self) -> Any:
        content = io.BytesIO()
        Image.new("RGB", (64, 64), "tomato").save(content, "JPEG")
        upload = SimpleUploadedFile("shut.jpg", content.getvalue(), "image/jpeg")
        return services.photo_add(
            errand_id=self.errand.pk, uploader=self.runner, upload=upload,
            purpose=PhotoPurpose.INCIDENT,
        ).pk  # fmt: skip

    def _ask(self, service: Callable[..., Any], **given: Any) -> Any:
        return self._made(service, requester=self.requester, **given)

    def _run(self, service: Move, **given: Any) -> None:
        self._made(service, runner=self.runner, **given)

    def _made(self, service: Callable[..., Any], **given: Any) -> Any:
        return service(errand_id=self.errand.pk, now=self.world.now, **given)

    def _minutes(self, least: int, most: int) -> dt.timedelta:
        return dt.timedelta(minutes=self.world.random.randint(least, most))


# How many of a hundred.
TALES = {
    "done": 58, "raised": 8, "unpaid": 4, "unmatched": 4, "called_off": 6, "called_off_late": 6,
    "dropped": 4, "failed": 4, "disputed": 4, "stopped": 2,
}  # fmt: skip
