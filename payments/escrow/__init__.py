"""Every write of money: orders in, what is held split once, refunds out."""

from payments.escrow.checkout import Checkout, checkout, checkout_of, order_behind
from payments.escrow.hooks import (
    webhook_process,
    webhook_store,
    webhooks_forget,
    webhooks_process,
)
from payments.escrow.orders import (
    Charge,
    order_confirm,
    order_create,
    orders_expire,
)
from payments.escrow.reading import order_read, orders_reconcile
from payments.escrow.receiving import refund_account_keep
from payments.escrow.refunds import (
    refund_order,
    refund_part,
    refund_send,
    refunds_due,
    refunds_send,
)
from payments.escrow.settling import escrow_held, is_settled, settle

__all__ = [
    "Charge",
    "Checkout",
    "checkout",
    "checkout_of",
    "escrow_held",
    "is_settled",
    "order_behind",
    "order_confirm",
    "order_create",
    "order_read",
    "orders_expire",
    "orders_reconcile",
    "refund_account_keep",
    "refund_order",
    "refund_part",
    "refund_send",
    "refunds_due",
    "refunds_send",
    "settle",
    "webhook_process",
    "webhook_store",
    "webhooks_forget",
    "webhooks_process",
]
