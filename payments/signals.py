"""News that payments can announce, always after the commit, and what they ask whoever knows."""

from django.dispatch import Signal

escrow_funded = Signal()  # reference: str, order_id: str
refund_requested = Signal()  # refund_id: UUID
# Asked in the asker's unit of work, for one moment. Each receiver answers with a dict: its subjects
# and what escrow has to hold for them. Asked about one, it also says what is only expected there.
escrow_asked = Signal()  # subject: str | None
