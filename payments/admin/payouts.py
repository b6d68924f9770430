"""Payouts and bank accounts for staff: only the last digits of any number."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.admin import ReadOnlyAdmin, ReasonForm, dialog, staff_of
from common import clock
from common.admin import LargeTable, ReadOnly
from common.money import won
from payments import payouts
from payments.models import BankAccount, Payout, PayoutState
from payments.policy import BANKS


@admin.register(BankAccount)
class BankAccountAdmin(ReadOnly, LargeTable, ModelAdmin):
    """Only the last digits: nobody needs the whole numbers but the bank and the tax office."""

    list_display = ("user", "bank_name", "masked", "holder", "checked_at")
    list_select_related = ("user",)
    search_fields = ("user__email__startswith",)
    ordering = ("-id",)
    fields = (
        "user", "bank_name", "masked", "holder", "kept", "payout_at", "checked_at", "created_at"
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("bank"))
    def bank_name(self, account: BankAccount) -> str:
        return BANKS.get(account.bank, account.bank)

    @display(description=_("account number"))
    def masked(self, account: BankAccount) -> str:
        return f"••••{account.last4}"

    @display(description=_("resident number"), boolean=True)
    def kept(self, account: BankAccount) -> bool:
        return account.resident_number is not None


class PayoutWords:
    """What a payout says, on a page of its own and in a line of its batch."""

    @display(description=_("gross"), ordering="gross")
    def gross_won(self, payout: Payout) -> str:
        return won(payout.gross)

    @display(description=_("withheld"))
    def withheld_won(self, payout: Payout) -> str:
        return won(payout.withheld)

    @display(description=_("expenses paid back"))
    def untaxed_won(self, payout: Payout) -> str:
        return won(payout.untaxed)

    @display(description=_("net"))
    def net_won(self, payout: Payout) -> str:
        return won(payout.net)

    @display(description=_("bank"))
    def bank_name(self, payout: Payout) -> str:
        return BANKS.get(payout.bank, payout.bank)


@admin.register(Payout)
class PayoutAdmin(PayoutWords, ReadOnlyAdmin):
    list_display = (
        "user", "gross_won", "withheld_won", "untaxed_won", "net_won", "state_label", "created_at"
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("user",)
    search_fields = ("reference__exact", "user__email__startswith")
    ordering = ("-id",)
    fields = (
        "reference", "user", "state", "gross_won", "withheld_won", "untaxed_won", "net_won",
        "bank_name", "masked", "holder", "batch", "created_at", "done_at", "reason",
    )  # fmt: skip
    readonly_fields = fields
    actions_detail = ("send_back",)

    def fitting_actions(self, row: Payout) -> set[str]:
        return {"return"} if row.state == PayoutState.PAID else set()

    def has_finance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm(payouts.FINANCE)

    @action(
        description=_("Returned by the bank"),
        permissions=["finance"],
        url_path="return",
        variant=ActionVariant.DANGER,
        dialog=dialog(_("The bank sent this money back"), ReasonForm),
    )
    def send_back(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        payout = self.get_object(request, object_id)
        if not isinstance(payout, Payout):
            raise Http404
        by, reason = staff_of(request), form.cleaned_data["reason"]

        def work() -> object:
            return payouts.payout_return(payout_id=payout.pk, by=by, reason=reason, now=clock.now())

        return self.act(request, payout, work, gettext("Returned by the bank: %s") % reason)

    @display(description=_("account number"))
    def masked(self, payout: Payout) -> str:
        return f"••••{payout.last4}"

    @display(
        description=_("state"),
        ordering="state",
        label={
            PayoutState.REQUESTED: "info",
            PayoutState.BATCHED: "warning",
            PayoutState.PAID: "success",
            PayoutState.FAILED: "danger",
        },
    )
    def state_label(self, payout: Payout) -> tuple[str, str | Promise]:
        return payout.state, payout.get_state_display()


class PayoutLines(PayoutWords, ReadOnly, TabularInline):
    """Each line is headed by its reference."""

    model = Payout
    fields = (
        "bank_name", "last4", "holder", "gross_won", "withheld_won", "untaxed_won", "net_won",
        "state", "reason",
    )  # fmt: skip
    readonly_fields = fields
    ordering = ("id",)
    extra = 0
