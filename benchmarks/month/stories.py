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
from errands.policy import LEAST_TIP, Reason
from errands.states import Kind
from payments import escrow
from payments.models import Payment
from tests.toss.server import BROKEN, DROP

HONGDAE, YEONNAM = Point(37.5563, 126.9236), Point(37.5602, 126.9251)
BUDGET = 20_000  # won, for goods
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
        self._post(Kind.PURCHASE if name == "shopped" else Kind.HELP)
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

    def tipped(self) -> Waits:
        yield from self._delivered()
        self._ask(services.errand_confirm)
        yield self._minutes(1, 3_000)
        amount = self.world.random.randrange(LEAST_TIP, 5_000)
        self._pay(self._ask(services.tip_order_create, amount=amount))

    def shopped(self) -> Waits:
        """One in ten asks for a larger budget in the shop."""
        budget = BUDGET
        self._run(services.errand_accept)
        yield self._minutes(5, 20)
        self._arrive()
        if self.world.random.random() < 0.1:
            budget += 5_000
            self._pay(self._ask(services.budget_order_create, budget=budget))
            yield self._minutes(1, 10)
        spent = self.world.random.randrange(1_000, budget)
        receipt = self._photo(PhotoPurpose.RECEIPT)
        self._run(services.errand_buy, photo_id=receipt, amount=spent)
        self._run(services.errand_pick_up, photo_id=None, pin=self.errand.pickup_pin)
        yield self._minutes(5, 30)
        self._run(services.errand_arrive, position=YEONNAM, reason="")
        self._deliver()
        yield self._minutes(1, 60)
        self._ask(services.errand_confirm)

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
        photo = self._photo(PhotoPurpose.INCIDENT)
        self._run(services.errand_fail, reason=reason, note="", photo_id=photo, position=HONGDAE)

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

    def _post(self, kind: Kind) -> None:
        now, shops = self.world.now, kind == Kind.PURCHASE
        quote = services.quote_create(
            requester=self.requester, kind=kind, pickup=HONGDAE, pickup_address="1번 출구",
            dropoff=YEONNAM if shops else None, budget=BUDGET if shops else 0, now=now,
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
        self._deliver()

    def _deliver(self) -> None:
        self._run(
            services.errand_deliver, photo_id=None, pin=self.errand.dropoff_pin, position=None
        )

    def _arrive(self) -> None:
        self._run(services.errand_arrive, position=HONGDAE, reason="")

    def _photo(self, purpose: PhotoPurpose) -> Any:
        content = io.BytesIO()
        Image.new("RGB", (64, 64), "tomato").save(content, "JPEG")
        upload = SimpleUploadedFile("shut.jpg", content.getvalue(), "image/jpeg")
        return services.photo_add(
            errand_id=self.errand.pk, uploader=self.runner, upload=upload, purpose=purpose
        ).pk

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
    "done": 44, "shopped": 8, "tipped": 6, "raised": 8, "unpaid": 4, "unmatched": 4,
    "called_off": 6, "called_off_late": 6, "dropped": 4, "failed": 4, "disputed": 4, "stopped": 2,
}  # fmt: skip
