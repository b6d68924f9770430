"""What is added to a posted errand once its order is paid: reward, budget, waiting."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.db import in_one_unit
from common.errors import Invalid
from errands import pricing
from errands.models import Errand, ErrandEvent
from errands.services.moving import By, errand_move, errand_of, illegal_move
from errands.services.posting import MAX_REWARD, check_budget, check_reward, fee_of, send_back
from errands.states import ANY_KIND, PURCHASE, QUEUE, Kind, Move, Role, State, target_of
from payments import escrow
from payments.models import Payment

# The word in an order's reference: errand:<id>:<word>:<value>
MOVES = {"raise": Move.RAISE, "budget": Move.EXTEND, "blocks": Move.EXTEND}
KINDS = {"raise": ANY_KIND, "budget": PURCHASE, "blocks": QUEUE}
MOST_BLOCKS = 32
NAMES = {
    "raise": _("Higher reward for an errand"),
    "budget": _("Larger budget for a purchase"),
    "blocks": _("More waiting in a queue"),
}
COSTS = ("reward", "service_fee", "budget")


@in_one_unit
def raise_order_create(*, errand_id: UUID, requester: User, reward: int, now: datetime) -> Payment:
    """Order the difference to a higher reward; it counts once it is paid.

    Raises:
        Conflict: the errand is not open.
        Invalid: ``reward_not_higher``, ``reward_too_high``.
    """
    errand = _extendable(errand_id, requester, "raise")
    if reward <= errand.reward:
        message = _("A reward can only be raised.")
        raise Invalid("reward_not_higher", message, field="reward")
    check_reward(reward, least=errand.reward)
    return _order(errand, "raise", reward, now)


@in_one_unit
def budget_order_create(*, errand_id: UUID, requester: User, budget: int, now: datetime) -> Payment:
    """Order the difference to a larger purchase budget; it counts once it is paid.

    Raises:
        NotFound; Conflict: no purchase, or the goods are picked up.
        Invalid: ``budget_not_higher``, ``budget_too_high``.
    """
    errand = _extendable(errand_id, requester, "budget")
    if budget <= errand.budget:
        message = _("A budget can only be raised.")
        raise Invalid("budget_not_higher", message, field="budget")
    check_budget(budget)
    return _order(errand, "budget", budget, now)


@in_one_unit
def blocks_order_create(*, errand_id: UUID, requester: User, blocks: int, now: datetime) -> Payment:
    """Order so many more blocks of 15 minutes in the queue; they count once they are paid.

    Raises:
        NotFound; Conflict: no queue, or nobody stands in it.
        Invalid: ``too_many_blocks``, ``reward_too_high``.
    """
    errand = _extendable(errand_id, requester, "blocks")
    if not 1 <= blocks <= MOST_BLOCKS - pricing.queue_blocks(errand.expected_minutes):
        message = _("Nobody waits in a queue for more than 8 hours.")
        raise Invalid("too_many_blocks", message, field="blocks")
    check_reward(_changes(errand, "blocks", blocks)["reward"], least=errand.reward)
    return _order(errand, "blocks", blocks, now)


def _extendable(errand_id: UUID, requester: User, word: str) -> Errand:
    errand = errand_of(errand_id=errand_id, user=requester, role=Role.REQUESTER)
    if not _fits(errand, word):
        raise illegal_move(errand)
    return errand


def _fits(errand: Errand, word: str) -> bool:
    kind, state = Kind(errand.kind), State(errand.state)
    target = target_of(MOVES[word], state, kind=kind, role=Role.PAYMENTS)
    return kind in KINDS[word] and target is not None


def _order(errand: Errand, word: str, value: int, now: datetime) -> Payment:
    return escrow.order_create(
        reference=f"{errand.reference}:{word}:{value}",
        subject=errand.reference,
        payer=errand.requester,
        amount=_cost(errand, _changes(errand, word, value)),
        name=str(NAMES[word]),
        now=now,
    )


def _changes(errand: Errand, word: str, value: int) -> dict[str, Any]:
    if word == "budget":
        return {"budget": value}
    if word == "raise":
        return {"reward": value, "service_fee": fee_of(value, errand.created_at)}
    # Whole blocks, so that what was begun on the last one stays begun.
    minutes = (pricing.queue_blocks(errand.expected_minutes) + value) * pricing.QUEUE_BLOCK_MINUTES
    reward = errand.reward + value * pricing.PER_QUEUE_BLOCK
    fee = fee_of(reward, errand.created_at)
    return {"expected_minutes": minutes, "reward": reward, "service_fee": fee}


def _cost(errand: Errand, changes: dict[str, Any]) -> int:
    return sum(changes[name] - getattr(errand, name) for name in COSTS if name in changes)


def _too_much(changes: dict[str, Any]) -> bool:
    """Tell whether orders that were each within the limits, paid one after the other, pass them."""
    minutes, reward = changes.get("expected_minutes", 0), changes.get("reward", 0)
    return pricing.queue_blocks(minutes) > MOST_BLOCKS or reward > MAX_REWARD


@in_one_unit
def errand_add(
    *, errand_id: UUID, word: str, value: int, order_id: str, amount: int, now: datetime
) -> Errand:
    """Apply what was paid for; send the money back where it no longer fits (over, or overtaken)."""
    errand = Errand.objects.get(pk=errand_id)
    # The news and the sweep may both bring the same order, and an order that counted must not
    # look like one that was overtaken. The errand is read first: were it applied in between,
    # either the event is seen here or the update below finds another version.
    applied = ErrandEvent.objects.filter(errand=errand, move=MOVES[word], note=order_id)
    if applied.exists():
        return errand
    changes = _changes(errand, word, value)
    if not _fits(errand, word) or _cost(errand, changes) != amount or _too_much(changes):
        send_back(errand, order_id, now)
        return errand
    by = By(Role.PAYMENTS, note=order_id)
    return errand_move(errand, MOVES[word], by, now=now, **changes)[0]
