"""Every write of dispatch. One module per chapter; callers import from here."""

from dispatch.services.answers import (
    Accepted,
    errand_claim,
    errand_give_back,
    offer_accept,
    offer_decline,
)
from dispatch.services.areas import areas_to_queue
from dispatch.services.closing import (
    expiry_is_new,
    offers_expire,
    offers_settle_drop,
    offers_withdraw,
    offers_withdraw_from,
)
from dispatch.services.corridors import corridor_declare, corridor_end
from dispatch.services.duty import duty_off, duty_on
from dispatch.services.known import Known, Report
from dispatch.services.messages import message_send
from dispatch.services.reports import Track, positions_report
from dispatch.services.runs import match_area
from dispatch.services.upkeep import forget_old

__all__ = [
    "Accepted",
    "Known",
    "Report",
    "Track",
    "areas_to_queue",
    "corridor_declare",
    "corridor_end",
    "duty_off",
    "duty_on",
    "errand_claim",
    "errand_give_back",
    "expiry_is_new",
    "forget_old",
    "match_area",
    "message_send",
    "offer_accept",
    "offer_decline",
    "offers_expire",
    "offers_settle_drop",
    "offers_withdraw",
    "offers_withdraw_from",
    "positions_report",
]
