"""Money over REST: confirm an order, look at it, at a balance, at its statement."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.idempotency import KEPT_PAYMENTS, answer_once
from common.serializers import StrictCharField, StrictSerializer, WonField
from payments import escrow, ledger, selectors
from payments.models import Entry, Payment, PaymentState

TAGS = ["payments"]


class PaymentOut(serializers.ModelSerializer[Payment]):
    """An order. Times are RFC 3339, amounts won."""

    state = serializers.ChoiceField(choices=PaymentState.choices)

    class Meta:
        model = Payment
        fields = [
            "order_id", "reference", "amount", "refunded", "state", "expires_at", "paid_at",
            "deposit_to", "deposit_until",
        ]  # fmt: skip
        read_only_fields = fields


class BalanceOut(serializers.Serializer[Any]):
    balance = serializers.IntegerField()
    currency = serializers.CharField(default="KRW")


class StatementRow(serializers.Serializer[Entry]):
    """One gain or (negative) loss of the user's account, in won."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField(source="created_at")
    kind = serializers.CharField(source="transfer.kind")
    subject = serializers.CharField(source="transfer.subject")
    amount = serializers.IntegerField()
    note = serializers.SerializerMethodField()

    def get_note(self, entry: Entry) -> str:
        if entry.transfer.kind == ledger.REVERSAL:
            return _("Correction of an earlier entry")
        return _("Earned with an errand")


class OrderConfirm(APIView):
    throttle_scope = "post"

    class Input(StrictSerializer):
        payment_key = StrictCharField(max_length=200)
        amount = WonField(min_value=1)

    @extend_schema(
        operation_id="payment_confirm",
        request=Input,
        responses=PaymentOut,
        tags=TAGS,
    )
    def post(self, request: Request, order_id: str) -> Response:
        """The payment window said yes: take the money and hold it."""
        data = self.Input(data=request.data)
        data.is_valid(raise_exception=True)
        charge = escrow.Charge(
            order_id=order_id, payer=caller(request), now=clock.now(), **data.validated_data
        )
        # The payment company is asked before the unit of work that also stores the answer:
        # no transaction waits for it, and asking again is harmless.
        return answer_once(
            request,
            lambda: (200, PaymentOut(charge.hold()).data),
            before=charge.take,
            kept=KEPT_PAYMENTS,
        )


class OrderDetail(APIView):
    @extend_schema(operation_id="payment_detail", responses=PaymentOut, tags=TAGS)
    def get(self, request: Request, order_id: str) -> Response:
        """Look at an order of one's own."""
        return Response(
            PaymentOut(selectors.order_of(order_id=order_id, payer=caller(request))).data
        )


class Balance(APIView):
    @extend_schema(operation_id="balance", responses=BalanceOut, tags=TAGS)
    def get(self, request: Request) -> Response:
        """What one has earned and not been paid out."""
        return Response({"balance": selectors.balance_of_user(caller(request)), "currency": "KRW"})


class Statement(ListAPIView[Entry]):
    serializer_class = StatementRow
    queryset = Entry.objects.none()  # tells the schema; each user reads their own

    def get_queryset(self) -> Any:
        return selectors.statement(caller(self.request))

    @extend_schema(operation_id="statement", tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Every gain and loss of one's account, newest first."""
        return super().get(request, *args, **kwargs)
