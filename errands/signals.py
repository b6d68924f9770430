"""News that errands can announce, always after the commit."""

from django.dispatch import Signal

errand_changed = Signal()  # errand_id: UUID, sequence: int, move: Move, state: State, area: str
tip_given = Signal()  # errand_id: UUID
