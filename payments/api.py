"""Money over REST: confirm an order, look at it, at a balance, at its statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.idempotency import KEPT_PAYMENTS, answer_once
from common.serializers import (
    StrictBooleanField,
    StrictCharField,
    StrictSerializer,
    WonField,
    parsed,
)
from payments import escrow, ledger, payouts, selectors
from payments.models import BankAccount, Entry, Payment, PaymentState, Payout, PayoutState

TAGS = ["payments"]


class PaymentOut(serializers.ModelSerializer[Payment]):
    """An order. Times are RFC 3339, amounts won."""

    state = serializers.ChoiceField(choices=PaymentState.choices)
    refund_account_missing = serializers.SerializerMethodField(
        help_text="Money waits to go back: say where with PUT …/refund-account"
    )

    class Meta:
        model = Payment
        fields = [
            "order_id", "reference", "amount", "refunded", "state", "expires_at", "paid_at",
            "deposit_to", "deposit_until", "refund_account_missing",
        ]  # fmt: skip
        read_only_fields = fields

    def get_refund_account_missing(self, payment: Payment) -> bool:
        return selectors.refund_account_missing(payment)


class BalanceOut(serializers.Serializer[Any]):
    balance = serializers.IntegerField(help_text="won earned")
    expenses = serializers.IntegerField(help_text="won laid out for others, paid out untaxed")
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
        if entry.transfer.kind == "payout":
            return _("Payout to the bank account")
        if entry.transfer.kind == "tip":
            return _("Tip")
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


class RefundAccountInput(StrictSerializer):
    bank = StrictCharField(max_length=3, help_text="Three digits of the bank's code, as 088")
    account_number = StrictCharField(max_length=30)
    holder = StrictCharField(max_length=40)


class RefundAccountView(APIView):
    throttle_scope = "post"

    @extend_schema(
        operation_id="refund_account_keep",
        request=RefundAccountInput,
        responses=PaymentOut,
        tags=TAGS,
    )
    def put(self, request: Request, order_id: str) -> Response:
        """Say where a deposit goes back to; the bank is asked whose account it is."""
        payment = selectors.order_of(order_id=order_id, payer=caller(request))
        data = parsed(RefundAccountInput, request.data)
        found = payouts.checked(payouts.Details(number=data.pop("account_number"), **data))
        escrow.refund_account_keep(
            payment=payment,
            bank=found.bank,
            number=found.number,
            holder=found.holder,
            now=clock.now(),
        )
        return Response(PaymentOut(payment).data)


class CheckoutAmount(serializers.Serializer[Payment]):
    value = serializers.IntegerField(source="amount")
    currency = serializers.CharField(default="KRW")


class CheckoutOut(serializers.Serializer[escrow.Checkout]):
    """What the payment window wants to know; the names are those of its parameters."""

    gateway = serializers.ChoiceField(choices=["toss", "sandbox"], source="window.company")
    client_key = serializers.CharField(source="window.client_key")
    customer_key = serializers.CharField()
    order_id = serializers.CharField(source="payment.order_id")
    order_name = serializers.CharField()
    amount = CheckoutAmount(source="payment")
    success_url = serializers.SerializerMethodField()
    fail_url = serializers.SerializerMethodField()
    page_url = serializers.SerializerMethodField(help_text="Our own page, for apps without window")
    sandbox_key = serializers.CharField(help_text="Confirm with it where no window opens")
    expires_at = serializers.DateTimeField(source="payment.expires_at")

    def get_success_url(self, found: escrow.Checkout) -> str:
        return found.address("pay-success")

    def get_fail_url(self, found: escrow.Checkout) -> str:
        return found.address("pay-fail")

    def get_page_url(self, found: escrow.Checkout) -> str:
        return found.address()


class OrderCheckout(APIView):
    @extend_schema(operation_id="payment_checkout", responses=CheckoutOut, tags=TAGS)
    def get(self, request: Request, order_id: str) -> Response:
        """What the payment window needs for an order of one's own, while it can be paid."""
        found = escrow.checkout_of(order_id=order_id, payer=caller(request), now=clock.now())
        return Response(CheckoutOut(found).data)


class Balance(APIView):
    @extend_schema(operation_id="balance", responses=BalanceOut, tags=TAGS)
    def get(self, request: Request) -> Response:
        """What one has earned, or laid out for others, and not been paid out."""
        user = caller(request)
        held = {
            "balance": selectors.balance_of_user(user),
            "expenses": selectors.expenses_of_user(user),
        }
        return Response({**held, "currency": "KRW"})


class Statement(ListAPIView[Entry]):
    serializer_class = StatementRow
    queryset = Entry.objects.none()  # tells the schema; each user reads their own

    def get_queryset(self) -> Any:
        return selectors.statement(caller(self.request))

    @extend_schema(operation_id="statement", tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Every gain and loss of one's account, newest first."""
        return super().get(request, *args, **kwargs)


# --- Payouts -----------------------------------------------------------------------------


class BankAccountOut(serializers.ModelSerializer[BankAccount]):
    """Where one is paid out. The whole numbers are never shown again."""

    resident_number_kept = serializers.SerializerMethodField()
    weekly = serializers.SerializerMethodField()

    class Meta:
        model = BankAccount
        fields = [
            "bank", "last4", "holder", "resident_number_kept", "weekly", "payout_at", "checked_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_resident_number_kept(self, account: BankAccount) -> bool:
        return account.resident_number is not None

    def get_weekly(self, account: BankAccount) -> bool:
        return account.payout_at is not None


class BankAccountInput(RefundAccountInput):
    resident_number = StrictCharField(
        max_length=14, required=False, help_text="Left out, the one that is kept stays"
    )
    weekly = StrictBooleanField(default=False)


class BankAccountView(APIView):
    throttle_scope = "post"

    @extend_schema(operation_id="bank_account_read", responses=BankAccountOut, tags=TAGS)
    def get(self, request: Request) -> Response:
        """Where I am paid out."""
        return Response(BankAccountOut(selectors.bank_account_of(caller(request))).data)

    @extend_schema(
        operation_id="bank_account_keep",
        request=BankAccountInput,
        responses=BankAccountOut,
        tags=TAGS,
    )
    def put(self, request: Request) -> Response:
        """Say where to be paid out; the bank is asked whose account it is."""
        data = parsed(BankAccountInput, request.data)
        details = payouts.checked(payouts.Details(number=data.pop("account_number"), **data))
        account = payouts.bank_account_keep(user=caller(request), details=details, now=clock.now())
        return Response(BankAccountOut(account).data)


class PayoutOut(serializers.ModelSerializer[Payout]):
    """Earned money on its way to a bank account; amounts in won."""

    state = serializers.ChoiceField(choices=PayoutState.choices)
    net = serializers.IntegerField()

    class Meta:
        model = Payout
        fields = [
            "id", "state", "gross", "income_tax", "local_tax", "untaxed", "net", "bank", "last4",
            "holder", "reason", "created_at", "done_at",
        ]  # fmt: skip
        read_only_fields = fields


class PayoutInput(StrictSerializer):
    amount = WonField(min_value=1, required=False, help_text="Left out: all there is")


class Payouts(ListAPIView[Payout]):
    serializer_class = PayoutOut
    queryset = Payout.objects.none()  # tells the schema; each user reads their own
    throttle_scope = "post"

    def get_queryset(self) -> Any:
        return selectors.payouts_of(caller(self.request))

    @extend_schema(operation_id="payouts", tags=TAGS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """My payouts, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="payout_request",
        request=PayoutInput,
        responses={201: PayoutOut},
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        """Ask for a payout: the money leaves the balance at once, and comes back if it fails."""
        data = parsed(PayoutInput, request.data)

        def work() -> tuple[int, object]:
            payout = payouts.payout_request(user=caller(request), now=clock.now(), **data)
            return 201, PayoutOut(payout).data

        return answer_once(request, work, kept=KEPT_PAYMENTS)


class PayoutDetail(APIView):
    @extend_schema(operation_id="payout_detail", responses=PayoutOut, tags=TAGS)
    def get(self, request: Request, payout_id: UUID) -> Response:
        """Look at a payout of one's own."""
        payout = selectors.payout_of(payout_id=payout_id, user=caller(request))
        return Response(PayoutOut(payout).data)


PAPER = {(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY)}


class Paper(APIView):
    """Answers a PDF to whoever asks for one, and a problem in JSON even so."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    def sent(self, file: payouts.File) -> HttpResponse:
        headers = {
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(file.content, content_type=file.content_type, headers=headers)


class PayoutStatement(Paper):
    @extend_schema(operation_id="payout_statement", responses=PAPER, tags=TAGS)
    def get(self, request: Request, payout_id: UUID) -> HttpResponse:
        """The statement of a paid payout, in Korean."""
        payout = selectors.payout_of(payout_id=payout_id, user=caller(request))
        return self.sent(payouts.payout_statement(payout))


class YearStatement(Paper):
    @extend_schema(operation_id="year_statement", responses=PAPER, tags=TAGS)
    def get(self, request: Request, year: int) -> HttpResponse:
        """What was paid out in a year, in Korean."""
        user = caller(request)
        holder = selectors.bank_account_of(user).holder
        found = selectors.year_of(user=user, year=year)
        return self.sent(payouts.year_statement(holder=holder, year=found))
