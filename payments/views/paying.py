"""Pages for payers: what is to be paid, and how it ended. Whoever holds the link may open them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from common import clock
from common.errors import Conflict, NotFound, Unavailable
from common.money import won
from payments import escrow
from payments.gateways.reasons import OTHER_ORDER, reason_of
from payments.models import Payment

Page = Callable[[HttpRequest, str, Payment], HttpResponse]
KEY = re.compile(r"[!-~]{1,200}")  # what the company calls a payment: to be seen, and no spaces


def behind_link(page: Page) -> Callable[[HttpRequest, str], HttpResponse]:
    """Give a page the order of its link; a forged and an old link look the same."""

    @wraps(page)
    def view(request: HttpRequest, token: str) -> HttpResponse:
        try:
            payment = escrow.order_behind(token)
        except NotFound:
            return _page(request, "pages/no_pay.html", {}, status=404)
        return page(request, token, payment)

    return require_GET(never_cache(view))


@behind_link
def pay(request: HttpRequest, _token: str, payment: Payment) -> HttpResponse:
    """What is to be paid, with a button; or how far the payment is."""
    try:
        found = escrow.checkout(payment=payment, now=clock.now())
    except Conflict as refusal:
        about = _about(payment) | {"code": refusal.code}
        return _page(request, "pages/pay_state.html", about)
    nonce, window = secrets.token_urlsafe(16), found.window
    context = _about(payment) | {"found": found, "nonce": nonce, "page": _for_script(found)}
    response = _page(request, "pages/pay.html", context)
    if window.script:
        response["Content-Security-Policy"] = _policy(nonce=nonce, origins=window.origins)
        # The company's windows, and those of the banks that they open, answer to their opener.
        response["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
    return response


@behind_link
def success(request: HttpRequest, token: str, payment: Payment) -> HttpResponse:
    """The payer agreed: take the money, then show the order; opened again, it does no more.

    What the address says is compared with our own order before anybody is asked for money.
    """
    said, ours = request.GET, (payment.order_id, str(payment.amount))
    key = said.get("paymentKey", "")
    if (said.get("orderId"), said.get("amount")) != ours or not KEY.fullmatch(key):
        return _failed(token, OTHER_ORDER)
    try:
        escrow.order_confirm(
            order_id=payment.order_id,
            payer=payment.payer,
            payment_key=key,
            amount=payment.amount,
            now=clock.now(),
        )
    except Conflict as refusal:
        if refusal.code in {"payment_declined", "payment_key_unknown"}:
            return _failed(token, str(refusal.extra.get("company_code", "")))
    except Unavailable:
        pass  # nobody knows yet, and the order says so
    return redirect("pay", token)


@behind_link
def fail(request: HttpRequest, token: str, payment: Payment) -> HttpResponse:
    """Why nothing was paid, in our words: those in the address may be anybody's."""
    reason = reason_of(request.GET.get("code", ""))
    context = _about(payment) | {"reason": reason, "again": reverse("pay", args=[token])}
    return _page(request, "pages/pay_failed.html", context)


def _failed(token: str, code: str) -> HttpResponseRedirect:
    query = urlencode({"code": code})
    return HttpResponseRedirect(f"{reverse('pay-fail', args=[token])}?{query}")


def _about(payment: Payment) -> dict[str, Any]:
    return {"payment": payment, "name": payment.name or _("Errand"), "amount": won(payment.amount)}


def _for_script(found: escrow.Checkout) -> dict[str, Any]:
    """What the page's script hands to the window, by the names that it knows."""
    return {
        "clientKey": found.window.client_key,
        "customerKey": found.customer_key,
        "order": {
            "amount": {"currency": "KRW", "value": found.payment.amount},
            "orderId": found.payment.order_id,
            "orderName": found.order_name,
            "successUrl": found.address("pay-success"),
            "failUrl": found.address("pay-fail"),
        },
        "strings": {
            "failed": _("The payment window did not open. Please try again."),
            "canceled": _("You closed the payment window. Nothing was paid."),
        },
    }


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Content-Security-Policy"] = _policy()
    return response


def _policy(*, nonce: str = "", origins: tuple[str, ...] = ()) -> str:
    """Ours alone; with ``nonce`` the scripts that bear it, and what the company's one loads."""
    company = " ".join(origins)
    scripts = f"'nonce-{nonce}' {company}" if nonce else "'none'"
    return (
        f"default-src 'self' {company}; script-src {scripts}; style-src 'self'; "
        f"img-src 'self' data: {company}; form-action 'self' {company}; object-src 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
