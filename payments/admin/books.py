"""The books for staff: everything can be looked at, nothing can be edited."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from accounts.admin import ReadOnlyAdmin, dialog, staff_of
from common import clock
from common.admin import LargeTable, ReadOnly
from common.money import won
from payments import escrow, ledger, services
from payments.admin.giving import GiveForm
from payments.models import (
    Account,
    Entry,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Transfer,
    Webhook,
)


class RefundLines(ReadOnly, TabularInline):
    """Each line is headed by its reference."""

    model = Refund
    fields = readonly_fields = ("won", "state", "attempts", "try_at", "done_at")
    extra = 0

    @display(description=_("amount"))
    def won(self, refund: Refund) -> str:
        return won(refund.amount)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ("order_id", "payer", "won", "refunded_won", "state_label", "created_at")
    list_filter = ("state",)
    list_select_related = ("payer",)
    search_fields = ("order_id__exact", "reference__startswith", "payer__email__startswith")
    ordering = ("-id",)
    inlines = (RefundLines,)
    fields = readonly_fields = (
        "order_id", "reference", "subject", "name", "payer", "won", "state", "payment_key",
        "deposit_to", "deposit_until", "expires_at", "paid_at", "refunded_won", "created_at",
    )  # fmt: skip
    actions_detail = ("give",)

    def fitting_actions(self, row: Payment) -> set[str]:
        left = row.amount - row.refunded
        return {"give"} if row.state == PaymentState.DONE and left else set()

    def has_give_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm(services.GIVE)

    @action(
        description=_("Give money back"),
        permissions=["give"],
        url_path="give",
        dialog=dialog(_("Give money back"), GiveForm),
    )
    def give(self, request: HttpRequest, form: GiveForm, object_id: str) -> HttpResponse:
        payment = self.get_object(request, object_id)
        if not isinstance(payment, Payment):
            raise Http404
        by, given = staff_of(request), form.cleaned_data
        asked = {name: given[name] for name in ("amount", "seen", "reason")}

        def work() -> object:
            return services.staff_refund_ask(
                order_id=payment.order_id, by=by, now=clock.now(), **asked
            )

        done = gettext("Asked for: %(amount)s back, %(reason)s")
        text = {"amount": won(given["amount"]), "reason": given["reason"]}
        return self.act(request, payment, work, done % text)

    @display(description=_("amount"), ordering="amount")
    def won(self, payment: Payment) -> str:
        return won(payment.amount)

    @display(description=_("refunded"), ordering="refunded")
    def refunded_won(self, payment: Payment) -> str:
        return won(payment.refunded)

    @display(
        description=_("state"),
        ordering="state",
        label={
            PaymentState.READY: "info",
            PaymentState.UNKNOWN: "danger",
            PaymentState.WAITING: "info",
            PaymentState.DONE: "success",
            PaymentState.EXPIRED: "warning",
        },
    )
    def state_label(self, payment: Payment) -> tuple[str, str | Promise]:
        return payment.state, payment.get_state_display()


@admin.register(Refund)
class RefundAdmin(ReadOnly, LargeTable, ModelAdmin):
    list_display = ("reference", "won", "state_label", "attempts", "try_at", "done_at")
    list_filter = ("state",)
    search_fields = ("reference__startswith",)
    ordering = ("-id",)
    actions = ("send_again",)

    @display(description=_("amount"), ordering="amount")
    def won(self, refund: Refund) -> str:
        return won(refund.amount)

    @display(
        description=_("state"),
        ordering="state",
        label={
            RefundState.REQUESTED: "warning",
            RefundState.NO_ACCOUNT: "danger",
            RefundState.DONE: "success",
        },
    )
    def state_label(self, refund: Refund) -> tuple[str, str | Promise]:
        return refund.state, refund.get_state_display()

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.change_refund")

    @admin.action(description=_("Send again"), permissions=["send"])
    def send_again(self, request: HttpRequest, refunds: QuerySet[Refund]) -> None:
        chosen: list[UUID] = list(refunds.values_list("pk", flat=True))
        now = clock.now()
        sent = sum(escrow.refund_send(refund_id=refund_id, now=now) for refund_id in chosen)
        text = ngettext("%(count)d refund was sent.", "%(count)d refunds were sent.", sent)
        level = messages.SUCCESS if sent == len(chosen) else messages.WARNING
        self.message_user(request, text % {"count": sent}, level)


@admin.register(Webhook)
class WebhookAdmin(ReadOnly, LargeTable, ModelAdmin):
    """Not its body: whole account numbers may stand there."""

    list_display = ("order_id", "kind", "attempts", "created_at", "done_at")
    fields = readonly_fields = ("order_id", "kind", "attempts", "created_at", "try_at", "done_at")
    search_fields = ("order_id__exact",)
    ordering = ("-id",)


KINDS: list[tuple[str, str | Promise]] = [
    ("hold", _("Held in escrow")),
    ("refund_order", _("Order sent back")),
    ("refund_staff", _("Given back by staff")),
    ("refund_sent", _("Refund sent by the gateway")),
    ("payout", _("Payout asked for")),
    ("payout_paid", _("Paid out")),
    ("tax_paid", _("Paid to the tax office")),
    ("adjust", _("Difference settled")),
    (ledger.REVERSAL, _("Reversed")),
]


class KindFilter(admin.SimpleListFilter):
    """What money does; the kinds of a settlement are the names of its reasons, and many."""

    title = _("kind")
    parameter_name = "kind"
    OTHERS = "settlement"

    def lookups(self, _request: HttpRequest, _admin: Any) -> list[tuple[str, Any]]:
        return [*KINDS, (self.OTHERS, _("Settlement"))]

    def queryset(self, _request: HttpRequest, transfers: QuerySet[Transfer]) -> QuerySet[Transfer]:
        chosen = self.value()
        if chosen == self.OTHERS:
            return transfers.exclude(kind__in=[kind for kind, _label in KINDS])
        return transfers.filter(kind=chosen) if chosen else transfers


class EntryLines(ReadOnly, TabularInline):
    model = Entry
    fields = readonly_fields = ("account_name", "won", "created_at")
    extra = 0

    @display(description=_("account"))
    def account_name(self, entry: Entry) -> str:
        return entry.account.name

    @display(description=_("amount"))
    def won(self, entry: Entry) -> str:
        return won(entry.amount)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        entries: QuerySet[Entry] = super().get_queryset(request)
        return entries.prefetch_related("account")


@admin.register(Transfer)
class TransferAdmin(ReadOnly, LargeTable, ModelAdmin):
    list_display = ("reference", "kind_label", "subject", "created_at")
    list_filter = (KindFilter,)
    search_fields = ("reference__startswith", "subject__exact")
    ordering = ("-id",)
    inlines = (EntryLines,)
    fields = readonly_fields = ("reference", "kind_label", "subject", "reversal", "created_at")

    @display(description=_("kind"), ordering="kind")
    def kind_label(self, transfer: Transfer) -> str | Promise:
        return dict(KINDS).get(transfer.kind, _("Settlement"))

    @display(description=_("reverses"))
    def reversal(self, transfer: Transfer) -> Transfer | None:
        return transfer.reverses


@admin.register(Account)
class AccountAdmin(ReadOnly, LargeTable, ModelAdmin):
    list_display = ("name", "kind", "owner", "stored")
    list_filter = ("kind",)
    list_select_related = ("owner",)
    search_fields = ("name__startswith", "owner__email__startswith")
    ordering = ("kind", "name")
    fields = ("name", "kind", "owner", "holds", "created_at")
    readonly_fields = ("holds", "created_at")

    @display(description=_("balance"), ordering="balance")
    def stored(self, account: Account) -> str:
        """Not the sum of a platform account's entries: a page of its own adds those up."""
        return "–" if account.balance is None else won(account.balance)

    @display(description=_("balance"))
    def holds(self, account: Account) -> str:
        stored = account.balance
        return won(ledger.balance_of(account.name) if stored is None else stored)
