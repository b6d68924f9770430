"""A queue may deliver anything twice, late, and in any order: the end is always the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from balrottuieo.celery import app
from common import clock
from common.models import AnsweredRequest
from common.redis import client as redis_client
from dispatch.audit import audit
from dispatch.models import Offer, OfferState
from errands.models import Errand
from errands.services import errand_cancel
from errands.states import State
from payments import escrow
from payments.models import Payment, Refund, RefundState, Webhook
from payments.selectors import balance_of_user
from tests.conftest import make_errand, make_runner, make_user, pay_for, walk
from tests.dispatch.scene import offered, opened
from tests.undo import undone

pytestmark = pytest.mark.django_db

OURS = ("accounts.", "common.", "dispatch.", "errands.", "payments.")
app.loader.import_default_modules()  # as a worker does
NAMES = sorted(name for name in app.tasks if name.startswith(OURS))
Arguments = dict[str, dict[str, str]]


def pay_unheard(errand: Errand, now: dt.datetime) -> Payment:
    """Pay for an errand in a way that it hears nothing of."""
    order = Payment.objects.get(reference=errand.reference)
    return escrow.order_confirm(
        order_id=order.order_id, payer=errand.requester, payment_key="sandbox_unheard",
        amount=order.amount, now=now,
    )  # fmt: skip


class Evening:
    """Something for each task to do: what was paid, ran out, waits, or is owed."""

    def __init__(self) -> None:
        now = clock.now()
        yesterday, lately = now - dt.timedelta(hours=25), now - dt.timedelta(seconds=50)
        self.alice, self.bob = make_user("alice"), make_runner("bob")
        self.delivered = walk(
            opened(self.alice, now=yesterday), self.bob, State.DELIVERED, now=yesterday
        )
        Offer.objects.create(
            errand=self.delivered, runner=self.bob, state=OfferState.ACCEPTED, pay=1,
            added_minutes=1, expires_at=yesterday, answered_at=yesterday, created_at=yesterday,
        )  # fmt: skip
        self.offer = offered(opened(self.alice, now=lately), self.bob, now=lately)
        self.unpaid = make_errand(self.alice, now=now - dt.timedelta(minutes=20))
        self.unheard = make_errand(self.alice, now=lately)
        order = pay_unheard(self.unheard, lately)
        self.webhook_id = escrow.webhook_store(
            key="x", kind="PAYMENT_STATUS_CHANGED", order_id=order.order_id, body="{}", now=lately
        )
        called_off = pay_for(make_errand(self.alice, now=lately), now=lately)
        errand_cancel(errand_id=called_off.pk, requester=self.alice, note="", now=lately)
        self.refund = Refund.objects.get()
        Session.objects.create(session_key="over", session_data="", expire_date=yesterday)
        AnsweredRequest.objects.create(owner="x", key="x", fingerprint="x", expires_at=yesterday)

    def arguments(self) -> Arguments:
        return {
            "dispatch.tasks.match_area": {"area": self.unheard.area},
            "payments.tasks.process_webhook": {"webhook_id": str(self.webhook_id)},
            "payments.tasks.send_refund": {"refund_id": str(self.refund.pk)},
        }

    def outcome(self) -> dict[str, Any]:
        """What must be the same whatever the order."""
        errands = (self.delivered, self.unpaid, self.unheard)
        return {
            "states": [Errand.objects.get(pk=errand.pk).state for errand in errands],
            "earned": balance_of_user(self.bob),
            "refund": Refund.objects.get().state,
            "webhooks left": Webhook.objects.filter(done_at=None).count(),
            "first offer": Offer.objects.get(pk=self.offer.pk).state,
            # About one errand or, if both were open by then, about two as one bundle.
            "asked now": set(
                Offer.objects.filter(state=OfferState.OFFERED).values_list("runner_id", flat=True)
            ),
            "left over": (Session.objects.count(), AnsweredRequest.objects.count()),
        }


def run(names: Sequence[str], arguments: Arguments) -> None:
    for name in names:
        app.tasks[name](**arguments.get(name, {}), unknown="ignored")


@given(order=st.permutations([*NAMES, *NAMES]))
@settings(
    max_examples=10, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_every_task_twice_in_any_order(order: list[str]) -> None:
    with undone():
        redis_client().flushdb()
        evening = Evening()
        run(order, evening.arguments())
        run(NAMES, evening.arguments())
        assert evening.outcome() == {
            "states": [State.COMPLETED, State.EXPIRED, State.OPEN],
            "earned": evening.delivered.reward,
            "refund": RefundState.DONE,
            "webhooks left": 0,
            "first offer": OfferState.EXPIRED,
            "asked now": {evening.bob.pk},
            "left over": (0, 0),
        }
        assert audit(now=clock.now()).findings == []


def test_there_is_work_for_every_task_that_asks_for_something() -> None:
    asking = {name for name in NAMES if not name.rpartition(".")[2].startswith("sweep_")}
    assert asking == set(Evening().arguments())
