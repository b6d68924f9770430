"""A queue: what is begun is paid, what is not goes back, and there is more of it for an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from common.geo import Point
from errands import services
from errands.models import Errand, ErrandEvent, Photo, PhotoPurpose
from errands.policy import Reason
from errands.states import Kind, Move, State
from payments import escrow
from payments.ledger import COMMISSION, balance_of
from payments.models import Payment, Refund
from payments.selectors import balance_of_user, books_balance
from tests.conftest import DROPOFF, PICKUP, make_errand, make_photo, pay_for, refused, walk

Client = Callable[[User | None], APIClient]
MINUTE = dt.timedelta(minutes=1)
BLOCK = 15 * MINUTE


def queue(alice: User, now: dt.datetime, minutes: int = 45) -> Errand:
    asked = {"expected_minutes": minutes}
    return make_errand(alice, kind=Kind.QUEUE, reward=20_000, now=now, asked=asked)


@pytest.fixture
def standing(alice: User, bob: User, now: dt.datetime) -> Errand:
    """Bob stands in a queue of three paid blocks since now; ₩22,000 are held."""
    return walk(pay_for(queue(alice, now), now=now), bob, State.PICKED_UP, now=now)


def check_in(errand: Errand, runner: User, now: dt.datetime, *, position: Point = PICKUP) -> Errand:
    photo = make_photo(errand, runner, PhotoPurpose.WAITING)
    return services.errand_check_in(
        errand_id=errand.pk, runner=runner, photo_id=photo.pk, position=position, now=now
    )


def ended(errand: Errand, runner: User, now: dt.datetime) -> tuple[int, int, int]:
    """Deliver and confirm; what the runner got, what we kept, what went back."""
    photo = make_photo(errand, runner, PhotoPurpose.DELIVERY)
    services.errand_deliver(
        errand_id=errand.pk, runner=runner, photo_id=photo.pk, pin="", position=None, now=now
    )
    services.errand_confirm(errand_id=errand.pk, requester=errand.requester, now=now)
    assert (books_balance().sound, books_balance().escrow) == (True, {})
    back = sum(Refund.objects.values_list("amount", flat=True))
    return balance_of_user(runner), balance_of(COMMISSION), back


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        (1, (14_600, 1_460, 5_940)),
        (2, (17_300, 1_730, 2_970)),
        (3, (20_000, 2_000, 0)),
    ],
)
def test_what_was_not_begun_goes_back(
    standing: Errand, bob: User, now: dt.datetime, begun: int, expected: tuple[int, int, int]
) -> None:
    for number in range(1, begun):
        check_in(standing, bob, now + number * BLOCK)
    assert ended(standing, bob, now + begun * BLOCK) == expected


def test_a_short_queue_needs_no_check_in(alice: User, bob: User, now: dt.datetime) -> None:
    errand = walk(pay_for(queue(alice, now, 15), now=now), bob, State.PICKED_UP, now=now)
    assert ended(errand, bob, now) == (20_000, 2_000, 0)


def test_a_block_begins_when_the_last_is_over(
    standing: Errand, bob: User, now: dt.datetime
) -> None:
    with refused("block_running"):
        check_in(standing, bob, now + BLOCK - dt.timedelta(milliseconds=1))
    check_in(standing, bob, now + BLOCK + 5 * MINUTE)
    with refused("block_running"):
        check_in(standing, bob, now + 2 * BLOCK)
    check_in(standing, bob, now + 2 * BLOCK + 5 * MINUTE)


def test_only_paid_blocks_begin(standing: Errand, bob: User, now: dt.datetime) -> None:
    for number in (1, 2):
        check_in(standing, bob, now + number * BLOCK)
    with refused("no_block_left"):
        check_in(standing, bob, now + 3 * BLOCK)


def test_each_block_is_shown_there_with_a_photo_of_its_own(
    standing: Errand, bob: User, now: dt.datetime
) -> None:
    with refused("outside_geofence"):
        check_in(standing, bob, now + BLOCK, position=DROPOFF)
    other = make_photo(standing, bob, PhotoPurpose.PICKUP)
    said: dict[str, Any] = {"errand_id": standing.pk, "runner": bob, "position": PICKUP}
    with refused("photo_required"):
        services.errand_check_in(**said, photo_id=other.pk, now=now + BLOCK)
    photo = make_photo(standing, bob, PhotoPurpose.WAITING)
    for at in (BLOCK, BLOCK, 2 * BLOCK):  # said twice, and tried again for the next
        services.errand_check_in(**said, photo_id=photo.pk, now=now + at)
    assert ErrandEvent.objects.filter(errand=standing, move=Move.CHECK_IN).count() == 1


def test_before_the_start_and_elsewhere_there_is_none(
    alice: User, bob: User, now: dt.datetime
) -> None:
    waiting = walk(pay_for(queue(alice, now), now=now), bob, State.AT_PICKUP, now=now)
    with refused("illegal_move"):
        check_in(waiting, bob, now)
    helping = pay_for(make_errand(alice, kind=Kind.HELP, now=now), now=now)
    helping = walk(helping, bob, State.PICKED_UP, now=now)
    with refused("illegal_move"):
        check_in(helping, bob, now + BLOCK)


def test_an_attempt_fee_is_of_what_was_begun(standing: Errand, bob: User, now: dt.datetime) -> None:
    photo = make_photo(standing, bob, PhotoPurpose.INCIDENT)
    services.errand_fail(
        errand_id=standing.pk, runner=bob, reason=Reason.SHOP_CLOSED, note="", photo_id=photo.pk,
        position=PICKUP, now=now,
    )  # fmt: skip
    assert balance_of_user(bob) == 7_300
    assert escrow.escrow_held(standing.reference) == 0


def test_a_cancellation_before_the_start_is_of_the_whole(
    alice: User, bob: User, now: dt.datetime
) -> None:
    errand = walk(pay_for(queue(alice, now), now=now), bob, State.AT_PICKUP, now=now)
    services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    assert balance_of_user(bob) == 10_000


def test_a_long_queue_has_room_for_its_photos(standing: Errand, bob: User) -> None:
    def pictures(many: int, purpose: PhotoPurpose) -> None:
        rows = [
            Photo(errand=standing, uploader=bob, purpose=purpose, width=64, height=64, image="x")
            for _each in range(many)
        ]
        Photo.objects.bulk_create(rows)

    pictures(20 - Photo.objects.count(), PhotoPurpose.PICKUP)
    pictures(39, PhotoPurpose.WAITING)
    make_photo(standing, bob, PhotoPurpose.WAITING)
    for purpose in (PhotoPurpose.WAITING, PhotoPurpose.DELIVERY):
        with refused("too_many_photos"):
            make_photo(standing, bob, purpose)


# --- More of it --------------------------------------------------------------------------


def more(errand: Errand, blocks: int, now: dt.datetime) -> Payment:
    return services.blocks_order_create(
        errand_id=errand.pk, requester=errand.requester, blocks=blocks, now=now
    )


def pay(order: Payment, now: dt.datetime) -> None:
    escrow.order_confirm(
        order_id=order.order_id, payer=order.payer, payment_key=f"sandbox_{order.pk}",
        amount=order.amount, now=now,
    )  # fmt: skip
    services.apply_paid(now=now)


def test_more_blocks_are_ordered_and_paid(standing: Errand, bob: User, now: dt.datetime) -> None:
    first, second = more(standing, 1, now), more(standing, 2, now)
    assert [first.amount, second.amount] == [2_970, 5_940]
    pay(second, now)
    pay(first, now)
    services.payment_apply(payment=Payment.objects.get(pk=first.pk), now=now)
    standing.refresh_from_db()
    assert (standing.expected_minutes, standing.reward) == (90, 28_100)
    assert escrow.escrow_held(standing.reference) == standing.total == 30_910
    assert not Refund.objects.exists()
    for number in range(1, 5):
        check_in(standing, bob, now + number * BLOCK)
    assert ended(standing, bob, now + 5 * BLOCK) == (25_400, 2_540, 2_970)


def test_what_is_paid_too_late_goes_back(standing: Errand, bob: User, now: dt.datetime) -> None:
    order = more(standing, 1, now)
    photo = make_photo(standing, bob, PhotoPurpose.DELIVERY)
    services.errand_deliver(
        errand_id=standing.pk, runner=bob, photo_id=photo.pk, pin="", position=None, now=now
    )
    pay(order, now)
    assert Refund.objects.get().payment == order
    assert escrow.escrow_held(standing.reference) == 22_000


@pytest.mark.parametrize("blocks", [0, -1, 30])
def test_a_queue_has_an_end(standing: Errand, now: dt.datetime, blocks: int) -> None:
    with refused("too_many_blocks"):
        more(standing, blocks, now)
    more(standing, 29, now)


def test_two_orders_together_pass_no_limit(standing: Errand, now: dt.datetime) -> None:
    first, second = more(standing, 20, now), more(standing, 15, now)
    pay(first, now)
    pay(second, now)
    assert Refund.objects.get().payment == second
    standing.refresh_from_db()
    assert escrow.escrow_held(standing.reference) == standing.total


@pytest.mark.parametrize("kind", [Kind.HELP, Kind.PURCHASE])
def test_other_kinds_have_no_blocks(alice: User, bob: User, now: dt.datetime, kind: Kind) -> None:
    errand = pay_for(make_errand(alice, kind=kind, now=now), now=now)
    walk(errand, bob, State.AT_PICKUP, now=now)
    with refused("illegal_move"):
        more(errand, 1, now)
    if kind == Kind.HELP:
        with refused("illegal_move"):
            services.budget_order_create(
                errand_id=errand.pk, requester=alice, budget=1_000, now=now
            )


# --- Over the API ------------------------------------------------------------------------


def test_the_api_counts_blocks(
    standing: Errand, alice: User, bob: User, api: Client, now: dt.datetime
) -> None:
    path = f"/api/v1/errands/{standing.pk}"
    shown = api(alice).get(path).json()["blocks"]
    assert (shown["paid"], shown["begun"]) == (3, 1)
    assert dt.datetime.fromisoformat(shown["next_at"]) == now + BLOCK
    orders = [
        api(alice).post(f"{path}/blocks", {"blocks": 2}, headers={"Idempotency-Key": "two"})
        for _twice in range(2)
    ]
    assert [order.status_code for order in orders] == [201, 201]
    assert orders[0].json() == orders[1].json()
    assert orders[0].json()["amount"] == 5_940
    photo = make_photo(standing, bob, PhotoPurpose.WAITING)
    body = {"photo_id": str(photo.pk), "position": PICKUP._asdict()}
    early = api(bob).post(f"{path}/check-in", body)
    assert (early.status_code, early.json()["code"]) == (409, "block_running")
    ErrandEvent.objects.filter(errand=standing, move=Move.PICK_UP).update(created_at=now - BLOCK)
    assert api(bob).post(f"{path}/check-in", body).json()["blocks"]["begun"] == 2
    delivery = pay_for(make_errand(alice, now=now), now=now)
    assert api(alice).get(f"/api/v1/errands/{delivery.pk}").json()["blocks"] is None


@pytest.mark.parametrize(
    ("move", "whose", "body"),
    [
        ("check-in", "bob", {"photo_id": "0" * 32, "position": PICKUP._asdict()}),
        ("blocks", "alice", {"blocks": 1}),
    ],
)
def test_nobody_else_may(
    standing: Errand, alice: User, bob: User, charlie: User, api: Client,
    move: str, whose: str, body: dict[str, object],
) -> None:  # fmt: skip
    path = f"/api/v1/errands/{standing.pk}/{move}"
    for other in (charlie, alice if whose == "bob" else bob):
        answer = api(other).post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert api(None).post(path, body).status_code == 401
    assert Errand.objects.get(pk=standing.pk).version == standing.version
    assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("move", "whose", "body"),
    [
        ("check-in", "bob", {}), ("check-in", "bob", {"photo_id": "0" * 32}),
        ("blocks", "alice", {}), ("blocks", "alice", {"blocks": 0}),
        ("blocks", "alice", {"blocks": 33}), ("blocks", "alice", {"blocks": "1"}),
    ],
)  # fmt: skip
def test_bad_input_stores_nothing(
    standing: Errand, alice: User, bob: User, api: Client,
    move: str, whose: str, body: dict[str, object],
) -> None:  # fmt: skip
    path = f"/api/v1/errands/{standing.pk}/{move}"
    answer = api(alice if whose == "alice" else bob).post(path, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert Errand.objects.get(pk=standing.pk).version == standing.version
    assert Payment.objects.count() == 1
