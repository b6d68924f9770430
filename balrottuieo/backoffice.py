"""How the admin looks and what its menu holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _


def _style(_request: HttpRequest) -> str:
    return static("css/admin.css")


def _favicon(_request: HttpRequest) -> str:
    return static("img/favicon.svg")


def _anybody(_request: HttpRequest) -> bool:
    return True


def _finance(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("payments.finance"))


def _item(
    title: Promise, icon: str, page: str, shown: Callable[[HttpRequest], bool] = _anybody
) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{page}")
    return {"title": title, "icon": icon, "link": link, "permission": shown}


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "발로뛰어",
    "SITE_HEADER": "발로뛰어",
    "SITE_SYMBOL": "directions_walk",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "SHOW_LANGUAGES": False,
    "SHOW_HISTORY": False,
    "STYLES": [_style],
    "DASHBOARD_CALLBACK": "dispatch.admin.dashboard.figures",
    "SIDEBAR": {
        "show_search": True,
        "navigation": [
            {
                "title": _("Operations"),
                "items": [
                    _item(_("Live map"), "map", "live_map"),
                    _item(_("Errands"), "package_2", "errands_errand_changelist"),
                    _item(_("Offers"), "send_time_extension", "dispatch_offer_changelist"),
                    _item(_("matching runs"), "hub", "dispatch_solve_changelist"),
                    _item(_("corridors"), "turn_right", "dispatch_corridor_changelist"),
                    _item(_("area conditions"), "rainy", "errands_areacondition_changelist"),
                    _item(_("Dead letters"), "mail_off", "common_deadletter_changelist"),
                ],
            },
            {
                "title": _("People"),
                "items": [
                    _item(_("Users"), "group", "accounts_user_changelist"),
                    _item(_("Runner applications"), "badge", "accounts_runnerprofile_changelist"),
                ],
            },
            {
                "title": _("Money"),
                "items": [
                    _item(_("Finance"), "monitoring", "finance", _finance),
                    _item(
                        _("Differences"), "difference", "payments_difference_changelist", _finance
                    ),
                    _item(_("Payments"), "credit_card", "payments_payment_changelist"),
                    _item(_("Ledger"), "account_balance", "payments_transfer_changelist"),
                    _item(_("Refunds"), "undo", "payments_refund_changelist"),
                    {
                        "title": _("Refunds without account"),
                        "icon": "contact_support",
                        "link": format_lazy(
                            "{}?state__exact=no_account",
                            reverse_lazy("admin:payments_refund_changelist"),
                        ),
                    },
                    _item(
                        _("Staff refunds"), "volunteer_activism", "payments_staffrefund_changelist"
                    ),
                    _item(_("Payouts"), "payments", "payments_payout_changelist"),
                    _item(_("Payout batches"), "inventory", "payments_payoutbatch_changelist"),
                    _item(_("terms"), "gavel", "errands_terms_changelist"),
                    _item(_("Bank accounts"), "account_box", "payments_bankaccount_changelist"),
                ],
            },
        ],
    },
}
