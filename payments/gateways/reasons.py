"""Why the payment company took nothing, in words for the payer."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OTHER_ORDER = "OTHER_ORDER"  # our own: the address names another order or amount
ANY = _("The payment did not work. Please try again or pay another way.")
_CANCELED = _("You cancelled the payment. Nothing was paid.")
_REFUSED = _("The card company refused the payment. Please ask there, or use another card.")
_CARD = _("Please check the card's number, its expiry date and what else you typed.")
_STOPPED = _("This card is suspended or reported lost. Please use another card.")
_TOO_MUCH = _("This is above what the card or account may pay. Please pay another way.")
_BALANCE = _("There is not enough money in the account.")
_INSTALMENTS = _("This card or amount can't be paid in instalments. Please pay at once.")
_BANK = _("The bank is closed for maintenance right now. Please try again later or use a card.")
_TOO_LATE = _("The payment window was open for too long. Please open it again.")

REASONS: dict[str, str | Promise] = {
    OTHER_ORDER: _("Order or amount differ from what we asked for. Nothing was paid."),
    "PAY_PROCESS_CANCELED": _CANCELED,
    "USER_CANCEL": _CANCELED,
    "PAY_PROCESS_ABORTED": _("The payment was broken off on the way. Nothing was paid."),
    "REJECT_CARD_COMPANY": _REFUSED,
    "REJECT_CARD_PAYMENT": _TOO_MUCH,
    "REJECT_ACCOUNT_PAYMENT": _BALANCE,
    "REJECT_TOSSPAY_INVALID_ACCOUNT": _BALANCE,
    "INVALID_REJECT_CARD": _REFUSED,
    "INVALID_CARD_NUMBER": _CARD,
    "INVALID_CARD_EXPIRATION": _CARD,
    "INVALID_CARD_IDENTITY": _CARD,
    "INVALID_CARD_PASSWORD": _CARD,
    "INVALID_PASSWORD": _CARD,
    "INVALID_STOPPED_CARD": _STOPPED,
    "INVALID_CARD_LOST_OR_STOLEN": _STOPPED,
    "EXCEED_MAX_AMOUNT": _TOO_MUCH,
    "EXCEED_MAX_PAYMENT_AMOUNT": _TOO_MUCH,
    "EXCEED_MAX_ONE_DAY_AMOUNT": _TOO_MUCH,
    "EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT": _TOO_MUCH,
    "EXCEED_MAX_DAILY_PAYMENT_COUNT": _TOO_MUCH,
    "NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT": _INSTALMENTS,
    "NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN_BELOW_AMOUNT": _INSTALMENTS,
    "INVALID_CARD_INSTALLMENT_PLAN": _INSTALMENTS,
    "NOT_AVAILABLE_BANK": _BANK,
    "NOT_AVAILABLE_PAYMENT": _BANK,
    "NOT_FOUND_PAYMENT_SESSION": _TOO_LATE,
}


def reason_of(code: str) -> str | Promise:
    """Return what the company's ``code`` means; the same sentence for all that we don't know."""
    return REASONS.get(code, ANY)
