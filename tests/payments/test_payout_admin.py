from __future__ import annotations

import csv
import datetime as dt
import io
import re
from html import unescape
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from payments import ledger, payouts
from payments.models import Payout, PayoutBatch
from payments.selectors import balance_of_user
from tests.errands.staff_pages import DIALOG, text_of
from tests.payments.paid import NUMBER, RESIDENT, make_checker, requested, with_account

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/payments/payoutbatch/"


@pytest.fixture
def waiting(bob: User, now: dt.datetime) -> Payout:
    with_account(bob, now)
    return requested(bob, 10_000, now)


@pytest.fixture
def dana_at(client: Client, dana: User) -> Client:
    client.force_login(dana)
    return client


@pytest.fixture
def erin_at(db: None) -> Client:
    client = Client()
    client.force_login(make_checker())
    return client


def press(client: Client, batch: PayoutBatch, name: str, **given: str) -> PayoutBatch:
    client.post(f"{LIST}{batch.pk}/{name}/", {**DIALOG, **given})
    return PayoutBatch.objects.get(pk=batch.pk)


def made(client: Client) -> PayoutBatch:
    answer = client.post(f"{LIST}make/", DIALOG)
    assert "HX-Redirect" in answer.headers
    return PayoutBatch.objects.get()


def bank_says(content: bytes, outcome: str) -> SimpleUploadedFile:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([[*rows[0], "처리결과"], *([*row, outcome] for row in rows[1:])])
    return SimpleUploadedFile("result.csv", stream.getvalue().encode("cp949"))


def bring(client: Client, batch: PayoutBatch, upload: SimpleUploadedFile) -> str:
    data = {"layout": "common", "file": upload}
    return text_of(client.post(f"{LIST}{batch.pk}/import/", data, follow=True))


def file_of(client: Client, page: str) -> str:
    """The address that the page with the bar fetches."""
    found = re.search(r'data-file="([^"]+)"', client.get(page).content.decode())
    assert found
    return unescape(found[1])


def exported(client: Client, batch: PayoutBatch) -> bytes:
    answer = client.post(f"{LIST}{batch.pk}/export/", {**DIALOG, "layout": "common", "kind": "csv"})
    file = client.get(file_of(client, answer["HX-Redirect"]))
    assert file.headers["Content-Disposition"].startswith("attachment")
    return file.content


def test_from_a_batch_to_the_banks_word(dana_at: Client, erin_at: Client, waiting: Payout) -> None:
    batch = made(dana_at)
    page = text_of(dana_at.get(f"{LIST}{batch.pk}/change/"))
    assert batch.digest in page
    assert press(dana_at, batch, "approve").state == "made"  # one's own
    assert press(erin_at, batch, "approve").state == "approved"
    upload = bank_says(exported(dana_at, batch), "정상")
    assert dana_at.get(f"{LIST}{batch.pk}/import/").status_code == 200
    bring(dana_at, batch, upload)
    waiting.refresh_from_db()
    assert waiting.state == "paid"
    assert press(erin_at, batch, "cancel").state == "settled"


def test_a_failure_returns_to_the_runner(
    dana_at: Client, erin_at: Client, waiting: Payout, bob: User
) -> None:
    batch = made(dana_at)
    press(erin_at, batch, "approve")
    bring(dana_at, batch, bank_says(exported(dana_at, batch), "오류"))
    assert balance_of_user(bob) == 10_000


def test_a_file_that_fits_nothing_names_its_line(
    dana_at: Client, erin_at: Client, waiting: Payout
) -> None:
    batch = made(dana_at)
    press(erin_at, batch, "approve")
    content = "거래번호,처리결과\r\npayout:unknown,정상\r\n".encode()
    assert "2: " in bring(dana_at, batch, SimpleUploadedFile("r.csv", content))
    assert "거래번호" not in bring(dana_at, batch, SimpleUploadedFile("r.csv", b"nonsense"))
    waiting.refresh_from_db()
    assert waiting.state == "batched"


def test_without_the_permission_nothing_is_done(
    client: Client, charlie: User, dana: User, waiting: Payout, now: dt.datetime
) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    charlie.user_permissions.add(Permission.objects.get(codename="view_payoutbatch"))
    client.force_login(charlie)
    batch = payouts.batch_make(by=dana, now=now)
    assert client.get(f"{LIST}{batch.pk}/change/").status_code == 200
    for name in ("approve", "cancel", "export", "import", "file"):
        assert client.post(f"{LIST}{batch.pk}/{name}/", DIALOG).status_code == 403
    assert client.post(f"{LIST}make/", DIALOG).status_code == 403
    assert client.get(f"{LIST}filing/file/?month=2026-11&kind=csv").status_code == 403
    batch.refresh_from_db()
    assert batch.state == "made"
    charlie.user_permissions.add(Permission.objects.get(codename="finance"))
    assert press(client, batch, "approve").state == "approved"


def test_nothing_waits(dana_at: Client) -> None:
    answer = dana_at.post(f"{LIST}make/", DIALOG)
    assert answer["HX-Redirect"] == reverse("admin:payments_payoutbatch_changelist")
    assert not PayoutBatch.objects.exists()


def test_a_link_alone_does_nothing(dana_at: Client, erin_at: Client, waiting: Payout) -> None:
    batch = made(dana_at)
    erin_at.get(f"{LIST}{batch.pk}/approve/", DIALOG)
    batch.refresh_from_db()
    assert batch.state == "made"
    refused = dana_at.get(f"{LIST}{batch.pk}/file/?layout=common&kind=csv")
    assert refused.status_code == 302  # not approved


def test_the_list_for_the_tax_office(dana_at: Client) -> None:
    answer = dana_at.post(f"{LIST}filing/", {**DIALOG, "month": "2026-11", "kind": "csv"})
    file = dana_at.get(file_of(dana_at, answer["HX-Redirect"]))
    assert "주민등록번호" in file.content.decode("utf-8-sig")
    assert dana_at.get(f"{LIST}filing/file/?month=x&kind=csv").status_code == 404
    wrong = dana_at.post(f"{LIST}filing/", {**DIALOG, "month": "2026-13", "kind": "csv"})
    assert "HX-Redirect" not in wrong.headers


@pytest.mark.parametrize("name", ["bankaccount", "payout", "payoutbatch"])
def test_no_page_shows_a_whole_number(dana_at: Client, waiting: Payout, name: str) -> None:
    made(dana_at)
    row = {
        "bankaccount": waiting.user.bank_account, "payout": waiting,
        "payoutbatch": PayoutBatch.objects.get(),
    }[name]  # fmt: skip
    shown = dana_at.get(reverse(f"admin:payments_{name}_changelist")).content.decode()
    shown += dana_at.get(reverse(f"admin:payments_{name}_change", args=[row.pk])).content.decode()
    digits = ("110123456789", NUMBER, RESIDENT, "9001011234568", waiting.number.token)
    assert not any(each in shown for each in digits)
    assert dana_at.post(reverse(f"admin:payments_{name}_add"), {}).status_code == 403


def test_the_bank_returns_a_paid_one(
    dana_at: Client, erin_at: Client, waiting: Payout, bob: User
) -> None:
    page = reverse("admin:payments_payout_change", args=[waiting.pk])
    give_back = page.replace("change/", "return/")
    assert give_back not in dana_at.get(page).content.decode()  # not paid yet
    batch = made(dana_at)
    press(erin_at, batch, "approve")
    bring(dana_at, batch, bank_says(exported(dana_at, batch), "정상"))
    assert give_back in dana_at.get(page).content.decode()
    dana_at.post(give_back, {**DIALOG, "reason": ""})
    assert balance_of_user(bob) == 0
    dana_at.post(give_back, {**DIALOG, "reason": "account closed"})
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("failed", "account closed")
    assert balance_of_user(bob) == 10_000
    assert LogEntry.objects.filter(object_id=str(waiting.pk)).count() == 1
    assert "account closed" in text_of(dana_at.get(page))


def test_only_finance_may_say_so(client: Client, charlie: User, waiting: Payout) -> None:
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    charlie.user_permissions.add(Permission.objects.get(codename="view_payout"))
    client.force_login(charlie)
    page = reverse("admin:payments_payout_change", args=[waiting.pk])
    assert client.get(page).status_code == 200
    answer = client.post(page.replace("change/", "return/"), {**DIALOG, "reason": "x"})
    assert answer.status_code == 403


def test_a_bar_hears_how_far_the_file_is(dana_at: Client, erin_at: Client, waiting: Payout) -> None:
    batch = made(dana_at)
    press(erin_at, batch, "approve")
    content = exported(dana_at, batch)
    token = uuid4()
    bar = f"{LIST}progress/{token}/"
    assert dana_at.get(bar).json() == {"percent": 0}
    page = dana_at.get(f"{LIST}{batch.pk}/import/").content.decode()
    assert re.search(r'name="token" value="[0-9a-f-]{36}"', page)
    data = {"layout": "common", "file": bank_says(content, "정상"), "token": str(token)}
    dana_at.post(f"{LIST}{batch.pk}/import/", data)
    assert dana_at.get(bar).json() == {"percent": 100}
    assert dana_at.get(f"{LIST}writing/?file=https://example.com/").status_code == 404


def test_staff_book_what_the_tax_office_got(
    dana_at: Client, erin_at: Client, waiting: Payout, client: Client, charlie: User
) -> None:
    batch = made(dana_at)
    press(erin_at, batch, "approve")
    bring(dana_at, batch, bank_says(exported(dana_at, batch), "정상"))
    paid = {**DIALOG, "month": "2026-11", "amount": "330"}
    assert "HX-Redirect" not in dana_at.post(f"{LIST}tax/", {**paid, "month": "11"}).headers
    assert dana_at.post(f"{LIST}tax/", paid)["HX-Redirect"] == LIST
    dana_at.post(f"{LIST}tax/", paid)
    assert ledger.balance_of("tax") == 0
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    client.force_login(charlie)
    assert client.post(f"{LIST}tax/", paid).status_code == 403
