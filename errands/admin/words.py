"""What staff read for the codes in the tables."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from errands.policy import Fault, Reason
from errands.states import Move, Role
from payments.admin import KINDS

Words = dict[str, str | Promise]

MOVES: Words = {
    Move.POST: _("Posted"),
    Move.FUND: _("Paid"),
    Move.LAPSE: _("Time ran out"),
    Move.RAISE: _("Reward raised"),
    Move.EXTEND: _("More was paid for"),
    Move.ACCEPT: _("Accepted"),
    Move.DROP: _("Given back"),
    Move.ARRIVE: _("Arrived"),
    Move.ASK: _("Asked for something else"),
    Move.ANSWER: _("Answered"),
    Move.BUY: _("Bought"),
    Move.PICK_UP: _("Picked up"),
    Move.CHECK_IN: _("Waits on"),
    Move.DELIVER: _("Delivered"),
    Move.CONFIRM: _("Confirmed"),
    Move.OBJECT: _("Objected"),
    Move.RESOLVE: _("Dispute decided"),
    Move.CANCEL: _("Cancelled"),
    Move.FAIL: _("Given up"),
    Move.RETURN: _("Turned back"),
    Move.HAND_BACK: _("Goods handed back"),
    Move.STOP: _("Stopped by staff"),
}
ROLES: Words = {
    Role.REQUESTER: _("Requester"),
    Role.RUNNER: _("Runner"),
    Role.STAFF: _("Staff"),
    Role.CLOCK: _("The clock"),
    Role.PAYMENTS: _("Payments"),
}
REASONS: Words = {
    Reason.SHOP_CLOSED: _("The shop was closed"),
    Reason.SOLD_OUT: _("Sold out"),
    Reason.REQUESTER_UNREACHABLE: _("The requester could not be reached"),
    Reason.RECIPIENT_UNREACHABLE: _("The recipient could not be reached"),
    Reason.WRONG_ADDRESS: _("Wrong address"),
    Reason.REFUSED: _("The recipient refused it"),
    Reason.PROHIBITED_ITEM: _("A prohibited item"),
    Reason.TOO_HEAVY: _("Too heavy"),
    Reason.UNSAFE: _("Unsafe"),
    Reason.RUNNER_SICK: _("The runner fell ill"),
    Reason.OTHER: _("Other"),
}
ANSWERS: Words = {"approved": _("Approved"), "refused": _("Refused")}
FAULTS: Words = {
    Fault.NONE: "",
    Fault.EXCUSED: _("Not the runner's fault, shown by a photo at the place"),
    Fault.UNPROVEN: _("Said not to be the runner's fault, without evidence"),
    Fault.RUNNER: _("The runner's own doing"),
}
# The ledger's other kinds of transfer are named after the move that settled the errand.
TRANSFERS: Words = {**MOVES, **dict(KINDS), "tip": _("Tip")}
