"""Every read of dispatch worth a name. One module per chapter; callers import from here."""

from dispatch.selectors.carrying import (
    added_minutes,
    carried_by,
    corridor_on_duty,
    corridor_view,
    corridors_of,
    duty_standing,
    load_of,
)
from dispatch.selectors.offers import (
    NEVER_AGAIN,
    answers_about,
    errands_asked,
    offer_list,
    offer_view,
    offered_with,
    offers_of,
    own_offers,
    runners_asked,
)
from dispatch.selectors.waiting import (
    areas_waiting,
    errands_near,
    visible_errands,
    visible_until,
)
from dispatch.selectors.watching import (
    pulse,
    tracking,
)

__all__ = [
    "NEVER_AGAIN",
    "added_minutes",
    "answers_about",
    "areas_waiting",
    "carried_by",
    "corridor_on_duty",
    "corridor_view",
    "corridors_of",
    "duty_standing",
    "errands_asked",
    "errands_near",
    "load_of",
    "offer_list",
    "offer_view",
    "offered_with",
    "offers_of",
    "own_offers",
    "pulse",
    "runners_asked",
    "tracking",
    "visible_errands",
    "visible_until",
]
