"""Every write to an errand. One module per chapter of its life; callers import from here."""

from errands.services.adding import (
    MOST_BLOCKS,
    blocks_order_create,
    budget_order_create,
    errand_add,
    raise_order_create,
)
from errands.services.buying import errand_answer, errand_ask, errand_buy
from errands.services.clock import (
    apply_paid,
    confirm_overdue,
    is_ours,
    lapse_due,
    payment_apply,
)
from errands.services.conditions import area_condition_set
from errands.services.ending import (
    errand_cancel,
    errand_confirm,
    errand_confirm_overdue,
    errand_fail,
    errand_hand_back,
    errand_lapse,
    errand_object,
    errand_resolve,
    errand_return,
    errand_stop,
    split_of,
)
from errands.services.photos import PhotoUpload, photo_add
from errands.services.posting import (
    errand_fund,
    errand_post,
    quote_create,
)
from errands.services.reviews import review_give
from errands.services.running import (
    errand_accept,
    errand_arrive,
    errand_deliver,
    errand_drop,
    errand_pick_up,
    place_ahead,
)
from errands.services.terms import MOST_COMMISSION, NOTICE, term_set, terms_withdraw, terms_write
from errands.services.tips import tip_apply, tip_order_create
from errands.services.waiting import errand_check_in

__all__ = [
    "MOST_BLOCKS",
    "MOST_COMMISSION",
    "NOTICE",
    "PhotoUpload",
    "apply_paid",
    "area_condition_set",
    "blocks_order_create",
    "budget_order_create",
    "confirm_overdue",
    "errand_accept",
    "errand_add",
    "errand_answer",
    "errand_arrive",
    "errand_ask",
    "errand_buy",
    "errand_cancel",
    "errand_check_in",
    "errand_confirm",
    "errand_confirm_overdue",
    "errand_deliver",
    "errand_drop",
    "errand_fail",
    "errand_fund",
    "errand_hand_back",
    "errand_lapse",
    "errand_object",
    "errand_pick_up",
    "errand_post",
    "errand_resolve",
    "errand_return",
    "errand_stop",
    "is_ours",
    "lapse_due",
    "payment_apply",
    "photo_add",
    "place_ahead",
    "quote_create",
    "raise_order_create",
    "review_give",
    "split_of",
    "term_set",
    "terms_withdraw",
    "terms_write",
    "tip_apply",
    "tip_order_create",
]
