from __future__ import annotations

import pytest

from payments import ledger
from payments.models import Account, Entry, Payment, Refund, Transfer, Unchangeable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def transfer() -> Transfer:
    return ledger.post(
        reference="t1", kind="hold", subject="s", moves=[("gateway", -5), ("escrow:s", 5)]
    )


def test_a_posted_row_is_not_saved_again(transfer: Transfer) -> None:
    entry = transfer.entries.first()
    assert entry is not None
    entry.amount = 6
    for row in (transfer, entry):
        with pytest.raises(Unchangeable):
            row.save()
    assert set(Entry.objects.values_list("amount", flat=True)) == {5, -5}


def test_a_posted_row_is_not_deleted(transfer: Transfer) -> None:
    for row in (transfer, *transfer.entries.all()):
        with pytest.raises(Unchangeable):
            row.delete()
    assert Transfer.objects.count() == 1
    assert Entry.objects.count() == 2


def test_rows_are_not_changed_in_bulk(transfer: Transfer) -> None:
    entries = list(transfer.entries.all())
    with pytest.raises(Unchangeable):
        Transfer.objects.filter(pk=transfer.pk).update(kind="tip")
    with pytest.raises(Unchangeable):
        transfer.entries.update(amount=0)
    with pytest.raises(Unchangeable):
        Entry.objects.bulk_update(entries, ["amount"])
    assert Transfer.objects.get().kind == "hold"
    assert set(Entry.objects.values_list("amount", flat=True)) == {5, -5}


def test_rows_are_not_deleted_in_bulk(transfer: Transfer) -> None:
    for rows in (Transfer.objects.all(), Entry.objects.all(), transfer.entries.all()):
        with pytest.raises(Unchangeable):
            rows.delete()
    assert Entry.objects.count() == 2


def test_rows_are_named_by_what_people_look_for(transfer: Transfer) -> None:
    assert str(transfer) == "t1"
    assert str(Account(name="gateway")) == "gateway"
    assert str(Payment(order_id="order-1")) == "order-1"
    assert str(Refund(reference="refund:order-1")) == "refund:order-1"
    assert sorted(str(entry)[-2:] for entry in transfer.entries.all()) == ["+5", "-5"]
