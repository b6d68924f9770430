"""Quotes, errands, everything that happened to them, their photos, reviews, terms and extras."""

from errands.models.errands import (
    KINDS,
    MOVES,
    ROLES,
    STATES,
    AreaCondition,
    Asked,
    Errand,
    ErrandEvent,
    Photo,
    PhotoPurpose,
    ProofKind,
    Quote,
    Review,
    label_of,
    new_token,
)
from errands.models.extras import Tip
from errands.models.terms import Terms, term_rows

__all__ = [
    "KINDS",
    "MOVES",
    "ROLES",
    "STATES",
    "AreaCondition",
    "Asked",
    "Errand",
    "ErrandEvent",
    "Photo",
    "PhotoPurpose",
    "ProofKind",
    "Quote",
    "Review",
    "Terms",
    "Tip",
    "label_of",
    "new_token",
    "term_rows",
]
