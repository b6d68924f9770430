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
    offer_list,
    offer_view,
    offered_with,
    offers_of,
    own_offers,
)
from dispatch.selectors.waiting import (
    areas_waiting,
    errands_near,
    visible_errands,
)
from dispatch.selectors.watching import (
    pulse,
    tracking,
)

__all__ = [
    "added_minutes",
    "areas_waiting",
    "carried_by",
    "corridor_on_duty",
    "corridor_view",
    "corridors_of",
    "duty_standing",
    "errands_near",
    "load_of",
    "offer_list",
    "offer_view",
    "offered_with",
    "offers_of",
    "own_offers",
    "pulse",
    "tracking",
    "visible_errands",
]
