"""Where deposits go back to. A card is paid back by itself; who transferred money has to say where.

An account stays until the company refuses it: with another one meanwhile, a refund whose answer
was lost could be sent twice.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from common.db import in_one_unit, on_commit
from common.errors import Conflict
from common.sealed import Secret
from payments.gateways import Receiver
from payments.models import BankAccount, Payment, Refund, RefundAccount, RefundState
from payments.signals import refund_requested


@in_one_unit
def refund_account_keep(
    *, payment: Payment, bank: str, number: str, holder: str, now: datetime
) -> RefundAccount:
    """Store where the payer's deposit goes back to, and send what waits for that.

    The holder was checked. The same account again changes nothing.

    Raises:
        Conflict: ``refund_account_unneeded``; ``refund_account_kept`` while another one is.
    """
    waiting = Refund.objects.filter(payment=payment, state=RefundState.NO_ACCOUNT)
    if not payment.deposit_to and not waiting.exists():
        raise Conflict("refund_account_unneeded", _("This payment goes back where it came from."))
    given = {"bank": bank, "holder": holder, "number": Secret(number), "last4": number[-4:]}
    refused = RefundAccount.objects.filter(payment=payment, refused_at__isnull=False)
    refused.update(**given, refused_at=None)
    account, _made = RefundAccount.objects.get_or_create(payment=payment, defaults=given)
    if _receiver(account) != Receiver(bank=bank, number=number, holder=holder):
        raise Conflict("refund_account_kept", _("We have an account for this refund already."))
    for refund_id in list(waiting.values_list("pk", flat=True)):
        _send_soon(refund_id, now)
    return account


def account_ready(payment: Payment) -> bool:
    """Whether there is an account to send to, within the caller's unit.

    If none was given, the one where the payer is paid out becomes it: its holder was checked too.
    """
    kept = RefundAccount.objects.filter(payment=payment).first()
    if kept is None:
        kept = _from_payouts(payment)
    return kept is not None and kept.refused_at is None


def account_refused(*, refund: Refund, now: datetime) -> None:
    """The company will not send to this account: the payer has to give another, within a unit."""
    RefundAccount.objects.filter(payment=refund.payment, refused_at=None).update(refused_at=now)
    sent = Refund.objects.filter(pk=refund.pk, state=RefundState.REQUESTED)
    sent.update(state=RefundState.NO_ACCOUNT)


def receiver_of(payment: Payment) -> Receiver | None:
    """Return the account to send the payer's money to; None for what goes back by itself."""
    account = RefundAccount.objects.filter(payment=payment).first()
    return None if account is None else _receiver(account)


def _receiver(account: RefundAccount) -> Receiver:
    return Receiver(bank=account.bank, number=account.number.reveal(), holder=account.holder)


def _from_payouts(payment: Payment) -> RefundAccount | None:
    known = BankAccount.objects.filter(user=payment.payer_id).first()
    if known is None:
        return None
    copied = {name: getattr(known, name) for name in ("bank", "holder", "number", "last4")}
    account, _made = RefundAccount.objects.get_or_create(payment=payment, defaults=copied)
    return account


def _send_soon(refund_id: UUID, now: datetime) -> None:
    waiting = Refund.objects.filter(pk=refund_id, state=RefundState.NO_ACCOUNT)
    if waiting.update(state=RefundState.REQUESTED, try_at=now):
        on_commit(lambda: refund_requested.send_robust(sender=Refund, refund_id=refund_id))
