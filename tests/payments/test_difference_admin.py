from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from payments import ledger
from payments.models import Difference
from payments.services import reconcile
from tests.errands.staff_pages import DIALOG, text_of
from tests.payments.gateway import MemoryGateway, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/payments/difference/"


@pytest.fixture
def unclaimed() -> None:
    moves = [(ledger.GATEWAY, -1_000), (ledger.escrow_account("thing:1"), 1_000)]
    ledger.post(reference="hold:x", kind="hold", subject="thing:1", moves=moves)


@pytest.fixture
def difference(unclaimed: None, now: dt.datetime) -> Difference:
    reconcile(now=now)
    return Difference.objects.get()


@pytest.fixture
def dana_at(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


def press(client: Client, row: Difference, name: str, reason: str = "because") -> Difference:
    client.post(f"{LIST}{row.pk}/{name}/", {**DIALOG, "reason": reason})
    return Difference.objects.get(pk=row.pk)


def test_staff_compare_by_hand(dana_at: Client, unclaimed: None) -> None:
    assert dana_at.post(f"{LIST}compare/", DIALOG)["HX-Redirect"] == LIST
    row = Difference.objects.get()
    assert "₩1,000" in text_of(dana_at.get(LIST))
    page = text_of(dana_at.get(f"{LIST}{row.pk}/change/"))
    assert "-1,000" in page
    assert "+1,000" in page
    dana_at.get(f"{LIST}compare/")  # a link alone does nothing
    assert Difference.objects.count() == 1


def test_a_silent_company_is_told(dana_at: Client, unclaimed: None) -> None:
    MemoryGateway.before.append(is_silent)
    dana_at.post(f"{LIST}compare/", DIALOG)
    assert "결제" in text_of(dana_at.get(LIST))
    assert Difference.objects.count() == 1


def test_who_posts_the_entry_is_logged(dana_at: Client, difference: Difference, dana: User) -> None:
    done = press(dana_at, difference, "settle", "a double")
    assert (done.state, done.closed_by, done.reason) == ("settled", dana, "a double")
    log = LogEntry.objects.get(object_id=str(done.pk))
    assert log.user_id == dana.pk
    assert "a double" in log.change_message
    assert "a double" in text_of(dana_at.get(f"{LIST}{done.pk}/change/"))
    assert ledger.balance_of(ledger.SUSPENSE) == 1_000
    press(dana_at, difference, "dismiss")
    assert Difference.objects.get().state == "settled"


def test_without_a_reason_nothing_is_posted(dana_at: Client, difference: Difference) -> None:
    assert press(dana_at, difference, "settle", "").state == "open"
    assert ledger.balance_of(ledger.SUSPENSE) == 0


def test_only_finance_sees_it(client: Client, difference: Difference, charlie: User) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    charlie.user_permissions.add(Permission.objects.get(codename="view_difference"))
    client.force_login(charlie)
    for path in (LIST, f"{LIST}{difference.pk}/change/"):
        assert client.get(path).status_code == 403
    for path in (f"{LIST}compare/", f"{LIST}{difference.pk}/settle/"):
        assert client.post(path, {**DIALOG, "reason": "x"}).status_code == 403
    difference.refresh_from_db()
    assert difference.state == "open"
    charlie.user_permissions.add(Permission.objects.get(codename="finance"))
    assert press(client, difference, "dismiss").state == "dismissed"
