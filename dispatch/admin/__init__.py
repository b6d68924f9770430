"""Staff screens for dispatch: who was asked and why, what was solved, the figures of today."""

from dispatch.admin.offers import OfferAdmin, SolveAdmin

__all__ = ["OfferAdmin", "SolveAdmin"]
