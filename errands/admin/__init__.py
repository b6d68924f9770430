"""Staff screens for errands: one page that tells the whole story, and the few things to do."""

from errands.admin.errands import STATE_COLOURS, ErrandAdmin
from errands.admin.page import Part
from errands.admin.rest import AreaConditionAdmin, QuoteAdmin, ReviewAdmin
from errands.admin.terms import TermsAdmin

__all__ = [
    "STATE_COLOURS",
    "AreaConditionAdmin",
    "ErrandAdmin",
    "Part",
    "QuoteAdmin",
    "ReviewAdmin",
    "TermsAdmin",
]
