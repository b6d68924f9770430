"""News that accounts can announce, always after the commit."""

from django.dispatch import Signal

user_banned = Signal()  # user_id: UUID
duty_changed = Signal()  # user_id: UUID, on_duty: bool
