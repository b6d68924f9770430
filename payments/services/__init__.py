"""What the books lack, and what staff give back: with a reason, and within limits."""

from payments.services.reconciling import (
    Reconciled,
    difference_dismiss,
    difference_settle,
    reconcile,
)
from payments.services.refunding import GIVE, limit_of, staff_refund_ask, staff_refund_decide
from payments.services.roles import ROLES, role_set

__all__ = [
    "GIVE",
    "ROLES",
    "Reconciled",
    "difference_dismiss",
    "difference_settle",
    "limit_of",
    "reconcile",
    "role_set",
    "staff_refund_ask",
    "staff_refund_decide",
]
