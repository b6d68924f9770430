"""News that dispatch can announce, always after the commit."""

from django.dispatch import Signal

offers_made = Signal()  # expires_at: datetime, the same for all of a run
matching_wanted = Signal()  # area: str
