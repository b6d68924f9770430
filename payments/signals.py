"""News that payments can announce, always after the commit."""

from django.dispatch import Signal

escrow_funded = Signal()  # reference: str, order_id: str
refund_requested = Signal()  # refund_id: UUID
