"""One errand with many rows of everything that hangs on it."""

from __future__ import annotations

from itertools import permutations

from accounts.models import Strike
from dispatch.models import NoOffer, Offer, OfferState, Reason, Solve, TrailPoint
from errands.models import Errand, ErrandEvent, Photo, PhotoPurpose, Review
from errands.states import Move, Role
from payments.models import Account, Entry, Payment, Refund, Transfer
from tests.scale.town.cart import Cart
from tests.scale.town.stories import dead_letter


def swell(errand: Errand, rows: int) -> None:
    """Add ``rows`` of each to the errand, to its newest order and transfer, to its runner."""
    cart = Cart()
    _live(cart, errand, rows)
    _pay(cart, errand, rows)
    cart.put(*(dead_letter(f"{errand.pk}:{number}", errand.created_at) for number in range(rows)))
    cart.unload()
    for author, subject in permutations((errand.requester, errand.runner)):
        given = {"subject": subject, "stars": 5}
        Review.objects.get_or_create(errand=errand, author=author, defaults=given)


def _live(cart: Cart, errand: Errand, rows: int) -> None:
    solve = Solve.objects.latest("id")
    for number in range(rows):
        cart.put(
            ErrandEvent(
                errand=errand, sequence=errand.version + 1 + number, move=Move.RAISE,
                from_state=errand.state, to_state=errand.state, role=Role.REQUESTER,
                actor=errand.requester,
            ),
            Photo(
                errand=errand, uploader=errand.runner, purpose=PhotoPurpose.INCIDENT,
                image=f"proof/{number}.jpg", width=640, height=480,
            ),
            TrailPoint(
                errand=errand, runner=errand.runner, lat=errand.pickup_lat, lng=errand.pickup_lng,
                accuracy=8.0, recorded_at=errand.created_at,
            ),
            Offer(
                errand=errand, runner=errand.runner, state=OfferState.EXPIRED, pay=errand.reward,
                added_minutes=5.0, expires_at=errand.created_at,
            ),
            NoOffer(
                errand=errand, solve=solve, reason=Reason.OUTBID, near=3, allowed=2, able=1,
                timely=1,
            ),
            Strike(runner=errand.runner, reference=f"{errand.pk}:{number}", reason="drop"),
        )  # fmt: skip


def _pay(cart: Cart, errand: Errand, rows: int) -> None:
    orders = [_order(errand, number) for number in range(rows)]
    name = errand.reference
    transfers = [
        Transfer(reference=f"{name}:{number}", kind="hold", subject=name) for number in range(rows)
    ]
    cart.put(*orders, *transfers)
    for number, account in enumerate(Account.objects.all()[:rows]):
        cart.put(
            Refund(
                payment=orders[-1], reference=f"refund:{name}:{number}", amount=1,
                try_at=errand.created_at,
            ),
            Entry(transfer=transfers[-1], account=account, amount=0),
        )  # fmt: skip


def _order(errand: Errand, number: int) -> Payment:
    return Payment(
        order_id=f"order-{errand.pk.hex}-{number}", reference=f"{errand.reference}:raise:{number}",
        subject=errand.reference, payer=errand.requester, amount=1_000,
        expires_at=errand.created_at,
    )  # fmt: skip
