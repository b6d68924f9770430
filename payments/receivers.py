"""What payments do when they have news themselves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from common.broker.hints import hint
from payments.signals import refund_requested
from payments.tasks import send_refund


def connect() -> None:
    refund_requested.connect(on_refund_requested, dispatch_uid="payments")


def on_refund_requested(*, refund_id: UUID, **_news: Any) -> None:
    """Send the refund soon. Should this be lost, ``sweep_refunds`` sends it."""
    hint(send_refund, refund_id=str(refund_id))
