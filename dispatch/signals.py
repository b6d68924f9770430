"""News that dispatch can announce, always after the commit."""

from django.dispatch import Signal

offer_made = Signal()  # offer_id: UUID, expires_at: datetime
matching_wanted = Signal()  # area: str
