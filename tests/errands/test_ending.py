"""How errands end, and that every won finds its place."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.models import Strike, User
from errands import services
from errands.models import Errand, ErrandEvent, PhotoPurpose, ProofKind
from errands.policy import Reason
from errands.states import Kind, Move, State
from payments import escrow
from payments.models import Refund
from payments.selectors import balance_of_user, books_balance
from tests.conftest import make_errand, make_photo, pay_for, refused, walk


@pytest.fixture
def money(alice: User, bob: User) -> Any:
    """Return (runner's pay, sum sent back) and check that the books balance."""

    def found(errand: Errand) -> tuple[int, int]:
        assert escrow.escrow_held(errand.reference) == 0
        assert books_balance().total == 0
        back = sum(Refund.objects.values_list("amount", flat=True))
        return balance_of_user(bob), back

    return found


@pytest.fixture
def funded(alice: User) -> Errand:
    return pay_for(make_errand(alice, reward=10_000))


def test_confirming_pays_the_runner(alice: User, bob: User, funded: Errand, money: Any) -> None:
    errand = walk(funded, bob, State.DELIVERED)
    assert escrow.escrow_held(errand.reference) == 11_000
    for _twice in range(2):
        errand = services.errand_confirm(
            errand_id=errand.pk, requester=alice, now=errand.created_at
        )
    assert errand.state == State.COMPLETED
    assert money(errand) == (10_000, 0)


@pytest.mark.parametrize(
    ("state", "minutes", "pay"),
    [
        (None, 0, 0),
        (State.ASSIGNED, 4, 0),
        (State.ASSIGNED, 6, 3_000),
        (State.AT_PICKUP, 0, 5_000),
    ],
)
def test_cancelling(
    alice: User, bob: User, funded: Errand, money: Any, state: State | None, minutes: int, pay: int
) -> None:
    errand = walk(funded, bob, state) if state else funded
    later = (errand.accepted_at or errand.created_at) + dt.timedelta(minutes=minutes)
    errand = services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=later)
    assert errand.state == State.CANCELLED
    assert errand.ended_at == later
    assert money(errand) == (pay, 11_000 - pay - pay // 10)


def test_cancelling_before_paying_moves_no_money(alice: User, now: dt.datetime) -> None:
    errand = services.errand_cancel(
        errand_id=make_errand(alice).pk, requester=alice, note="", now=now
    )
    assert errand.state == State.CANCELLED
    assert books_balance().total == 0


def test_not_cancellable_after_the_pickup(
    alice: User, bob: User, funded: Errand, now: dt.datetime
) -> None:
    errand = walk(funded, bob, State.PICKED_UP)
    with refused("illegal_move"):
        services.errand_cancel(errand_id=errand.pk, requester=alice, note="", now=now)
    assert escrow.escrow_held(errand.reference) == 11_000


@pytest.mark.parametrize(
    ("reason", "evidence", "pay", "strikes"),
    [
        (Reason.SHOP_CLOSED, True, 5_000, 0),
        (Reason.SHOP_CLOSED, False, 0, 0),
        (Reason.RUNNER_SICK, True, 0, 1),
    ],
)
def test_failing(
    bob: User, funded: Errand, money: Any, now: dt.datetime,
    reason: Reason, evidence: bool, pay: int, strikes: int,
) -> None:  # fmt: skip
    errand = walk(funded, bob, State.AT_PICKUP)
    photo = make_photo(errand, bob, PhotoPurpose.INCIDENT) if evidence else None
    errand = services.errand_fail(
        errand_id=errand.pk, runner=bob, reason=reason, note="", now=now,
        photo_id=photo.pk if photo else None, position=errand.pickup if evidence else None,
    )  # fmt: skip
    assert errand.state == State.FAILED
    assert money(errand) == (pay, 11_000 - pay - pay // 10)
    assert Strike.objects.filter(runner=bob).count() == strikes


@pytest.mark.parametrize(("evidence", "pay"), [(True, 10_000), (False, 5_000)])
def test_goods_come_back(
    bob: User, funded: Errand, money: Any, now: dt.datetime, evidence: bool, pay: int
) -> None:
    errand = walk(funded, bob, State.AT_DROPOFF)
    photo = make_photo(errand, bob, PhotoPurpose.INCIDENT)
    errand = services.errand_return(
        errand_id=errand.pk, runner=bob, reason=Reason.RECIPIENT_UNREACHABLE, note="문이 잠김",
        photo_id=photo.pk if evidence else None, position=errand.dropoff, now=now,
    )  # fmt: skip
    assert errand.state == State.RETURNING
    errand = services.errand_hand_back(
        errand_id=errand.pk, runner=bob, photo_id=photo.pk, position=errand.pickup, now=now
    )
    assert errand.state == State.RETURNED
    assert money(errand) == (pay, 11_000 - pay - pay // 10)


def test_turning_round_sent_again_is_answered_as_the_first(
    bob: User, funded: Errand, now: dt.datetime
) -> None:
    errand = walk(funded, bob, State.AT_DROPOFF)
    photo = make_photo(errand, bob, PhotoPurpose.INCIDENT)
    for _twice in range(2):
        errand = services.errand_return(
            errand_id=errand.pk, runner=bob, reason=Reason.REFUSED, note="", photo_id=photo.pk,
            position=errand.dropoff, now=now,
        )  # fmt: skip
    assert errand.state == State.RETURNING
    assert ErrandEvent.objects.filter(errand=errand, move=Move.RETURN).count() == 1


@pytest.mark.parametrize("place", ["nowhere", "pickup"])
def test_an_excuse_counts_at_the_place_only(
    bob: User, funded: Errand, money: Any, now: dt.datetime, place: str
) -> None:
    """A photo of the destination, sent from home or from the shop, proves nothing."""
    errand = walk(funded, bob, State.AT_DROPOFF)
    photo = make_photo(errand, bob, PhotoPurpose.INCIDENT)
    errand = services.errand_return(
        errand_id=errand.pk, runner=bob, reason=Reason.REFUSED, note="", photo_id=photo.pk,
        position=errand.pickup if place == "pickup" else None, now=now,
    )  # fmt: skip
    services.errand_hand_back(
        errand_id=errand.pk, runner=bob, photo_id=photo.pk, position=None, now=now
    )
    assert money(errand) == (5_000, 5_500)
    assert not Strike.objects.exists()


def test_another_ones_photo_is_no_evidence(
    alice: User, bob: User, funded: Errand, money: Any, now: dt.datetime
) -> None:
    errand = walk(funded, bob, State.AT_PICKUP)
    others = make_photo(errand, alice, PhotoPurpose.INCIDENT)
    services.errand_fail(
        errand_id=errand.pk, runner=bob, reason=Reason.SOLD_OUT, note="", photo_id=others.pk,
        position=errand.pickup, now=now,
    )  # fmt: skip
    assert money(errand) == (0, 11_000)


def test_an_objection_has_24_hours_however_late_the_sweep(
    alice: User, bob: User, funded: Errand, money: Any
) -> None:
    errand = walk(funded, bob, State.DELIVERED)
    assert errand.due_at is not None
    said: dict[str, Any] = {"errand_id": errand.pk, "requester": alice, "note": "안 왔어요"}
    with refused("objection_too_late"):
        services.errand_object(**said, now=errand.due_at)
    assert services.confirm_overdue(now=errand.due_at) == 1
    assert money(errand) == (10_000, 0)


def test_an_objection_in_the_last_second_counts(alice: User, bob: User, funded: Errand) -> None:
    errand = walk(funded, bob, State.DELIVERED)
    assert errand.due_at is not None
    last = errand.due_at - dt.timedelta(seconds=1)
    found = services.errand_object(errand_id=errand.pk, requester=alice, note="안 왔어요", now=last)
    assert found.state == State.DISPUTED


@pytest.mark.parametrize(
    ("percent", "state"), [(100, State.COMPLETED), (40, State.COMPLETED), (0, State.REFUNDED)]
)
def test_a_dispute_is_resolved_by_staff(
    alice: User, bob: User, dana: User, funded: Errand, money: Any, now: dt.datetime,
    percent: int, state: State,
) -> None:  # fmt: skip
    errand = walk(funded, bob, State.DELIVERED)
    services.errand_object(errand_id=errand.pk, requester=alice, note="반만 왔어요", now=now)
    assert escrow.escrow_held(errand.reference) == 11_000
    resolve: dict[str, Any] = {"errand_id": errand.pk, "staff": dana, "now": now}
    with refused("reason_required"):
        services.errand_resolve(**resolve, runner_percent=percent, reason=" ")
    with refused("bad_share"):
        services.errand_resolve(**resolve, runner_percent=101, reason="사진 확인")
    errand = services.errand_resolve(**resolve, runner_percent=percent, reason="사진 확인")
    assert errand.state == state
    pay = 100 * percent
    assert money(errand) == (pay, 11_000 - pay - pay // 10)


def test_staff_stop_an_errand_with_a_reason(
    bob: User, dana: User, funded: Errand, money: Any, now: dt.datetime
) -> None:
    errand = walk(funded, bob, State.PICKED_UP)
    errand = services.errand_stop(errand_id=errand.pk, staff=dana, reason="금지 품목 신고", now=now)
    assert errand.state == State.CANCELLED
    assert money(errand) == (0, 11_000)


class TestClock:
    """Sweeps: what is due happens, what is not does not, and twice is as good as once."""

    def test_unpaid_lapses(self, alice: User, now: dt.datetime) -> None:
        errand = make_errand(alice, now=now)
        assert services.lapse_due(now=now + dt.timedelta(minutes=14)) == 0
        assert services.lapse_due(now=now + dt.timedelta(minutes=15)) == 1
        errand.refresh_from_db()
        assert errand.state == State.EXPIRED

    def test_unmatched_lapses_with_a_full_refund(self, funded: Errand, money: Any) -> None:
        assert funded.due_at is not None
        assert services.lapse_due(now=funded.due_at - dt.timedelta(seconds=1)) == 0
        assert services.lapse_due(now=funded.due_at) == 1
        assert services.lapse_due(now=funded.due_at) == 0
        assert money(funded) == (0, 11_000)

    def test_a_delivery_confirms_itself(self, bob: User, funded: Errand, money: Any) -> None:
        errand = walk(funded, bob, State.DELIVERED)
        assert errand.due_at is not None
        assert services.confirm_overdue(now=errand.due_at - dt.timedelta(seconds=1)) == 0
        assert services.confirm_overdue(now=errand.due_at) == 1
        assert money(errand) == (10_000, 0)

    def test_an_objection_stops_the_clock(self, alice: User, bob: User, funded: Errand) -> None:
        errand = walk(funded, bob, State.DELIVERED)
        assert errand.due_at is not None
        services.errand_object(
            errand_id=errand.pk, requester=alice, note="안 왔어요", now=errand.created_at
        )
        assert services.confirm_overdue(now=errand.due_at) == 0

    def test_a_deadline_comes_before_two_hours(self, alice: User, now: dt.datetime) -> None:
        deadline = now + dt.timedelta(minutes=40)
        quote = services.quote_create(
            requester=alice, kind=Kind.HELP, pickup=make_errand(alice).pickup, dropoff=None,
            pickup_address="망원시장", deadline_at=deadline, now=now,
        )  # fmt: skip
        errand = services.errand_post(
            requester=alice, quote_id=quote.pk, reward=quote.reward_floor, title="짐 들어주기",
            note="", proof=ProofKind.PHOTO, ask_pickup_pin=False, now=now,
        )  # fmt: skip
        assert pay_for(errand, now=now).due_at == deadline
