from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from payments import escrow
from payments.models import Account, Entry, Refund, Transfer
from tests.errands.staff_pages import text_of
from tests.payments.conftest import Pay
from tests.payments.gateway import MemoryGateway, is_silent

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = ["payment", "refund", "transfer", "account"]


@pytest.fixture
def staff(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def refund(paid: Pay, now: dt.datetime) -> Refund:
    return escrow.refund_order(order_id=paid().order_id, reason="over", now=now)


def newest(name: str) -> Model:
    found: Model = apps.get_model("payments", name)._default_manager.order_by("-id")[0]
    return found


@pytest.mark.usefixtures("refund")
@pytest.mark.parametrize("name", MODELS)
def test_staff_look_at_lists_and_details(staff: Client, name: str) -> None:
    row = newest(name)
    page = staff.get(reverse(f"admin:payments_{name}_changelist"))
    assert page.status_code == 200
    assert str(row) in page.content.decode()
    detail = staff.get(reverse(f"admin:payments_{name}_change", args=[row.pk]))
    assert detail.status_code == 200
    assert 'name="_save"' not in detail.content.decode()


@pytest.mark.usefixtures("refund")
@pytest.mark.parametrize("name", MODELS)
def test_nobody_edits_money_not_even_a_superuser(staff: Client, name: str) -> None:
    pk = newest(name).pk
    assert staff.get(reverse(f"admin:payments_{name}_add")).status_code == 403
    assert staff.post(reverse(f"admin:payments_{name}_add"), {}).status_code == 403
    change = reverse(f"admin:payments_{name}_change", args=[pk])
    assert staff.post(change, {"amount": 1}).status_code == 403
    delete = reverse(f"admin:payments_{name}_delete", args=[pk])
    assert staff.post(delete, {"post": "yes"}).status_code == 403
    assert newest(name).pk == pk


@pytest.mark.usefixtures("refund")
def test_nothing_is_deleted_in_bulk(staff: Client) -> None:
    data = {"action": "delete_selected", "_selected_action": [str(newest("transfer").pk)]}
    staff.post(reverse("admin:payments_transfer_changelist"), {**data, "post": "yes"})
    assert Transfer.objects.count() == 2
    assert Entry.objects.count() == 4


@pytest.mark.usefixtures("refund")
def test_a_transfer_shows_its_entries(staff: Client) -> None:
    page = staff.get(reverse("admin:payments_transfer_change", args=[newest("transfer").pk]))
    text = page.content.decode()
    assert "escrow:thing:1" in text
    assert "-11000" in text.replace(",", "")


@pytest.mark.usefixtures("refund")
@pytest.mark.parametrize(
    ("name", "holds"),
    [("gateway", "-₩11,000"), ("refunds", "₩11,000"), ("escrow:thing:1", "₩0")],
)
def test_accounts_show_what_they_hold(staff: Client, name: str, holds: str) -> None:
    account = Account.objects.get(name=name)
    page = staff.get(reverse("admin:payments_account_change", args=[account.pk]))
    assert f" {holds} " in text_of(page)


@pytest.mark.usefixtures("refund")
def test_a_list_of_accounts_adds_nothing_up(staff: Client) -> None:
    text = staff.get(reverse("admin:payments_account_changelist")).content.decode()
    assert "₩0" in text  # escrow stores what it holds
    assert "₩11,000" not in text  # the gateway's is the sum of all its entries


@pytest.mark.usefixtures("refund")
def test_transfers_are_chosen_by_what_they_do(staff: Client) -> None:
    page = reverse("admin:payments_transfer_changelist")
    for kind, expected in (("hold", {"hold"}), ("refund_order", {"refund_order"})):
        shown = staff.get(page, {"kind": kind}).context["cl"].result_list
        assert {transfer.kind for transfer in shown} == expected
    assert not staff.get(page, {"kind": "settlement"}).context["cl"].result_list


def send_again(client: Client, refund: Refund) -> str:
    data = {"action": "send_again", "_selected_action": [str(refund.pk)]}
    url = reverse("admin:payments_refund_changelist")
    return client.post(url, data, follow=True).content.decode()


def test_a_refund_can_be_sent_again(
    staff: Client, refund: Refund, company: type[MemoryGateway]
) -> None:
    company.before.append(is_silent)
    send_again(staff, refund)
    refund.refresh_from_db()
    assert (refund.state, refund.attempts) == ("requested", 1)
    send_again(staff, refund)
    refund.refresh_from_db()
    assert (refund.state, refund.attempts) == ("done", 2)
    assert company.holds() == 0


def test_sending_again_needs_the_permission(
    client: Client, charlie: User, refund: Refund, company: type[MemoryGateway]
) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    charlie.user_permissions.add(Permission.objects.get(codename="view_refund"))
    client.force_login(charlie)
    send_again(client, refund)
    assert company.sent == {}
    charlie.user_permissions.add(Permission.objects.get(codename="change_refund"))
    send_again(client, refund)
    assert company.sent == {refund.reference: 11_000}


@pytest.mark.usefixtures("refund")
@pytest.mark.parametrize("name", MODELS)
def test_staff_without_the_permission_see_no_money(
    client: Client, charlie: User, name: str
) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    client.force_login(charlie)
    pages = [
        reverse(f"admin:payments_{name}_changelist"),
        reverse(f"admin:payments_{name}_change", args=[newest(name).pk]),
    ]
    assert [client.get(page).status_code for page in pages] == [403, 403]
    charlie.user_permissions.add(Permission.objects.get(codename=f"view_{name}"))
    assert [client.get(page).status_code for page in pages] == [200, 200]


def test_a_look_at_the_list_sends_nothing(
    staff: Client, refund: Refund, company: type[MemoryGateway]
) -> None:
    staff.get(
        reverse("admin:payments_refund_changelist"),
        {"action": "send_again", "_selected_action": str(refund.pk)},
    )
    assert company.sent == {}
