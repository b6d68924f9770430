"""One address per move; each parses its input, calls one service, and answers the errand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.selectors import caller
from common import clock
from common.idempotency import KEPT_PAYMENTS, answer_once
from common.serializers import (
    PointSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    WonField,
    parsed,
)
from errands import services
from errands.api.shapes import ErrandDetailShape, PaymentShape
from errands.models import Errand
from errands.policy import LEAST_TIP, MOST_BUDGET, MOST_TIP, Reason
from errands.services import MOST_BLOCKS
from errands.states import Role
from payments.models import Payment

Service = Callable[..., Errand]
REASONS = [(reason.value, reason.value) for reason in Reason]


class Nothing(StrictSerializer):
    pass


class ArriveInput(StrictSerializer):
    position = PointSerializer()
    reason = StrictCharField(max_length=200, allow_blank=True, default="")


class ProofInput(StrictSerializer):
    photo_id = serializers.UUIDField(allow_null=True, default=None)
    pin = serializers.RegexField(r"^\d{4}$", allow_blank=True, default="")


class DeliverInput(ProofInput):
    position = PointSerializer(allow_null=True, default=None)


class FailInput(StrictSerializer):
    reason = serializers.ChoiceField(choices=REASONS)
    note = StrictCharField(max_length=200, allow_blank=True, default="")
    photo_id = serializers.UUIDField(allow_null=True, default=None)
    position = PointSerializer(allow_null=True, default=None)

    def validate_reason(self, value: str) -> Reason:
        return Reason(value)


class HandBackInput(StrictSerializer):
    photo_id = serializers.UUIDField()
    position = PointSerializer(allow_null=True, default=None)


class ObjectInput(StrictSerializer):
    note = StrictCharField(min_length=5, max_length=300)


class CancelInput(StrictSerializer):
    note = StrictCharField(max_length=300, allow_blank=True, default="")


class MoveView(APIView):
    """A move of one of the two parties."""

    role: ClassVar[Role]
    input_class: ClassVar[type[StrictSerializer]] = Nothing
    service: ClassVar[Service]

    def post(self, request: Request, errand_id: UUID) -> Response:
        given = parsed(self.input_class, request.data)

        def work() -> tuple[int, object]:
            errand = type(self).service(
                errand_id=errand_id,
                now=clock.now(),
                **{self.role.value: caller(request)},
                **given,
            )
            return 200, ErrandDetailShape(errand, context={"request": request}).data

        return answer_once(request, work)


def _move(
    name: str, role: Role, service: Service, input_class: type[StrictSerializer] = Nothing
) -> type[MoveView]:
    """Make the view of one move, documented by the service that carries it out."""
    members: dict[str, Any] = {
        "role": role,
        "service": staticmethod(service),
        "input_class": input_class,
    }
    view = type(f"{name}View", (MoveView,), members)
    schema = extend_schema(
        operation_id=f"errand_{name.lower()}",
        description=(service.__doc__ or "").partition("\n\n")[0],
        request=input_class,
        responses=ErrandDetailShape,
        tags=["moves"],
    )
    return extend_schema_view(post=schema)(view)


ArriveView = _move("Arrive", Role.RUNNER, services.errand_arrive, ArriveInput)
PickUpView = _move("PickUp", Role.RUNNER, services.errand_pick_up, ProofInput)
DeliverView = _move("Deliver", Role.RUNNER, services.errand_deliver, DeliverInput)
FailView = _move("Fail", Role.RUNNER, services.errand_fail, FailInput)
ReturnView = _move("Return", Role.RUNNER, services.errand_return, FailInput)
HandBackView = _move("HandBack", Role.RUNNER, services.errand_hand_back, HandBackInput)
ConfirmView = _move("Confirm", Role.REQUESTER, services.errand_confirm)
ObjectView = _move("Object", Role.REQUESTER, services.errand_object, ObjectInput)
CancelView = _move("Cancel", Role.REQUESTER, services.errand_cancel, CancelInput)


class ReceiptInput(StrictSerializer):
    photo_id = serializers.UUIDField()
    amount = WonField(min_value=1)


class AskInput(StrictSerializer):
    text = StrictCharField(min_length=2, max_length=200)


class AnswerInput(StrictSerializer):
    sequence = serializers.IntegerField(min_value=1)
    approved = StrictBooleanField()


class CheckInInput(StrictSerializer):
    photo_id = serializers.UUIDField()
    position = PointSerializer()


CheckInView = _move("CheckIn", Role.RUNNER, services.errand_check_in, CheckInInput)
ReceiptView = _move("Receipt", Role.RUNNER, services.errand_buy, ReceiptInput)
AskView = _move("Ask", Role.RUNNER, services.errand_ask, AskInput)
AnswerView = _move("Answer", Role.REQUESTER, services.errand_answer, AnswerInput)


# --- Orders for more ---------------------------------------------------------------------


class RaiseInput(StrictSerializer):
    reward = WonField(min_value=1)


class BudgetInput(StrictSerializer):
    budget = WonField(min_value=1, max_value=MOST_BUDGET)


class BlocksInput(StrictSerializer):
    blocks = StrictIntegerField(min_value=1, max_value=MOST_BLOCKS)


class TipInput(StrictSerializer):
    amount = WonField(min_value=LEAST_TIP, max_value=MOST_TIP)


class OrderView(APIView):
    """The requester orders something more, which counts once it is paid."""

    throttle_scope = "post"
    input_class: ClassVar[type[StrictSerializer]]
    service: ClassVar[Callable[..., Payment]]

    def post(self, request: Request, errand_id: UUID) -> Response:
        given = parsed(self.input_class, request.data)

        def work() -> tuple[int, object]:
            payment = type(self).service(
                errand_id=errand_id, requester=caller(request), now=clock.now(), **given
            )
            return 201, PaymentShape(payment).data

        return answer_once(request, work, kept=KEPT_PAYMENTS)


def _order(
    name: str, service: Callable[..., Payment], input_class: type[StrictSerializer]
) -> type[OrderView]:
    """Make the view of one such order, documented by its service."""
    members = {"service": staticmethod(service), "input_class": input_class}
    view = type(f"{name}View", (OrderView,), members)
    schema = extend_schema(
        description=(service.__doc__ or "").partition("\n\n")[0],
        request=input_class,
        responses={201: PaymentShape},
        tags=["moves"],
    )
    return extend_schema_view(post=schema)(view)


RaiseView = _order("Raise", services.raise_order_create, RaiseInput)
BudgetView = _order("Budget", services.budget_order_create, BudgetInput)
BlocksView = _order("Blocks", services.blocks_order_create, BlocksInput)
TipView = _order("Tip", services.tip_order_create, TipInput)
