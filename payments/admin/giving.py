"""Money back by the hand of staff: asked for on the page of an order, decided on here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from accounts.admin import ReadOnlyAdmin, ReasonForm, dialog, staff_of
from common import clock
from common.money import won
from payments import services
from payments.models import AccountKind, Payment, StaffRefund, StaffRefundState
from payments.payouts import FINANCE


class GiveForm(ReasonForm):
    """How much, and why. ``seen`` is what was refunded when the dialog opened."""

    amount = forms.IntegerField(
        label=_("Amount, in won"), min_value=1, widget=UnfoldAdminIntegerFieldWidget()
    )
    seen = forms.IntegerField(widget=forms.HiddenInput)
    field_order = ["_form_submitted", "seen", "amount", "reason"]

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kw: Any) -> None:
        super().__init__(request, object_id, *args, **kw)
        payment = Payment.objects.filter(pk=object_id).first()
        if payment is None:
            raise Http404
        left = payment.amount - payment.refunded
        limit = won(services.limit_of(staff_of(request)))
        self.fields["seen"].initial = payment.refunded
        self.fields["amount"].widget.attrs["max"] = left
        self.fields["amount"].help_text = gettext(
            "%(left)s are left of it. Alone you may give back %(limit)s a day."
        ) % {"left": won(left), "limit": limit}


@admin.register(StaffRefund)
class StaffRefundAdmin(ReadOnlyAdmin):
    """What passed somebody's limit waits here for a second person."""

    list_display = ("created_at", "order", "amount_won", "asked_by", "state_label", "decided_by")
    list_filter = ("state",)
    list_select_related = ("payment", "asked_by", "decided_by")
    search_fields = ("key__startswith",)
    ordering = ("-id",)
    actions_detail = ("grant", "refuse")
    fields = (
        "payment", "amount_won", "reason", "state", "paid_by", "asked_by", "created_at",
        "decided_by", "decided_at",
    )  # fmt: skip
    readonly_fields = fields

    @display(description=_("order"))
    def order(self, refund: StaffRefund) -> str:
        return refund.payment.order_id

    @display(description=_("amount"), ordering="amount")
    def amount_won(self, refund: StaffRefund) -> str:
        return won(refund.amount)

    @display(description=_("paid by"))
    def paid_by(self, refund: StaffRefund) -> str | Promise:
        kind = refund.source.partition(":")[0]
        return AccountKind(kind).label if kind else "–"

    @display(
        description=_("state"),
        ordering="state",
        label={
            StaffRefundState.WAITING: "warning",
            StaffRefundState.GIVEN: "success",
            StaffRefundState.REFUSED: "danger",
        },
    )
    def state_label(self, refund: StaffRefund) -> tuple[str, str | Promise]:
        return refund.state, refund.get_state_display()

    def fitting_actions(self, row: StaffRefund) -> set[str]:
        return {"grant", "refuse"} if row.state == StaffRefundState.WAITING else set()

    def has_finance_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return staff_of(request).has_perm(FINANCE)

    @action(
        description=_("Give it back"),
        permissions=["finance"],
        url_path="grant",
        variant=ActionVariant.PRIMARY,
        dialog=dialog(_("Give this money back")),
    )
    def grant(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.decided(request, object_id, grant=True)

    @action(
        description=_("Refuse"),
        permissions=["finance"],
        url_path="refuse",
        variant=ActionVariant.DANGER,
        dialog=dialog(_("Refuse this refund")),
    )
    def refuse(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self.decided(request, object_id, grant=False)

    def decided(self, request: HttpRequest, object_id: str, *, grant: bool) -> HttpResponse:
        refund = self.get_object(request, object_id)
        if not isinstance(refund, StaffRefund):
            raise Http404
        by = staff_of(request)

        def work() -> object:
            return services.staff_refund_decide(
                refund_id=refund.pk, grant=grant, by=by, now=clock.now()
            )

        return self.act(request, refund, work, gettext("Decided."))
