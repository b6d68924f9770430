"""Money for staff: everything can be looked at; what moves it are actions that call services."""

from payments.admin.batches import PayoutBatchAdmin
from payments.admin.books import KINDS, AccountAdmin, PaymentAdmin, RefundAdmin, TransferAdmin
from payments.admin.differences import DifferenceAdmin
from payments.admin.giving import StaffRefundAdmin
from payments.admin.payouts import BankAccountAdmin, PayoutAdmin

__all__ = [
    "KINDS",
    "AccountAdmin",
    "BankAccountAdmin",
    "DifferenceAdmin",
    "PaymentAdmin",
    "PayoutAdmin",
    "PayoutBatchAdmin",
    "RefundAdmin",
    "StaffRefundAdmin",
    "TransferAdmin",
]
