"""Money: the books, and what was found when they were compared."""

from payments.models.books import (
    Account,
    AccountKind,
    BankAccount,
    BatchState,
    Entry,
    LedgerRow,
    Payment,
    PaymentState,
    Payout,
    PayoutBatch,
    PayoutState,
    Refund,
    RefundState,
    Transfer,
    Unchangeable,
    Webhook,
)
from payments.models.differences import Difference, DifferenceKind, DifferenceState
from payments.models.refunding import RefundDay, StaffRefund, StaffRefundState

__all__ = [
    "Account",
    "AccountKind",
    "BankAccount",
    "BatchState",
    "Difference",
    "DifferenceKind",
    "DifferenceState",
    "Entry",
    "LedgerRow",
    "Payment",
    "PaymentState",
    "Payout",
    "PayoutBatch",
    "PayoutState",
    "Refund",
    "RefundDay",
    "RefundState",
    "StaffRefund",
    "StaffRefundState",
    "Transfer",
    "Unchangeable",
    "Webhook",
]
