from __future__ import annotations

import csv
import datetime as dt
import io
from zipfile import ZipFile

import pypdfium2
import pytest
from openpyxl import Workbook, load_workbook

from accounts.models import User
from payments import payouts
from payments.models import Payout, PayoutBatch, PayoutState
from payments.payouts import papers
from payments.payouts.files import written
from payments.payouts.results import BadFile
from payments.policy import harmless
from payments.selectors import year_of
from payments.tax import RATES, Rate
from tests.conftest import refused
from tests.payments.paid import approved, make_checker, requested, settled, with_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def batch(bob: User, dana: User, now: dt.datetime) -> PayoutBatch:
    with_account(bob, now, number="012-345-678901", holder="=김밥")
    for amount in (5_000, 10_000):
        requested(bob, amount, now)
    return approved(dana, make_checker(), now)


def exported(batch: PayoutBatch, by: User, layout: str, kind: str, now: dt.datetime) -> bytes:
    return payouts.batch_export(batch_id=batch.pk, by=by, layout=layout, kind=kind, now=now).content


@pytest.mark.parametrize(
    ("layout", "encoding", "start"),
    [("common", "utf-8-sig", b"\xef\xbb\xbf"), ("legacy", "cp949", "입금".encode("cp949"))],
)
def test_a_csv_for_each_bank(
    batch: PayoutBatch, dana: User, now: dt.datetime, layout: str, encoding: str, start: bytes
) -> None:
    content = exported(batch, dana, layout, "csv", now)
    assert content.startswith(start)
    rows = list(csv.DictReader(io.StringIO(content.decode(encoding))))
    assert [row[{"common": "이체금액", "legacy": "입금액"}[layout]] for row in rows] == [
        "4840", "9670",
    ]  # fmt: skip
    assert "012345678901" in rows[0].values()
    assert "'=김밥" in rows[0].values()


def test_a_workbook_holds_texts_and_no_formula(
    batch: PayoutBatch, dana: User, now: dt.datetime
) -> None:
    book = load_workbook(io.BytesIO(exported(batch, dana, "common", "xlsx", now)))
    cells = [cell for row in book.worksheets[0].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [row[1].value for row in book.worksheets[0].iter_rows(min_row=2)] == ["012345678901"] * 2


def test_an_export_is_no_payment(batch: PayoutBatch, dana: User, now: dt.datetime) -> None:
    for _twice in range(2):
        exported(batch, dana, "common", "xlsx", now)
    batch.refresh_from_db()
    assert (batch.state, batch.exported_at) == ("approved", now)
    assert {row.state for row in Payout.objects.all()} == {PayoutState.BATCHED}


def test_only_what_was_approved_is_exported(bob: User, dana: User, now: dt.datetime) -> None:
    with_account(bob, now)
    requested(bob, 5_000, now)
    made = payouts.batch_make(by=dana, now=now)
    with refused("batch_not_approved"):
        exported(made, dana, "common", "csv", now)
    with refused("layout_unknown"):
        exported(made, dana, "nobank", "csv", now)


@pytest.mark.parametrize("text", ["=1+1", "+82", "-1", "@a", "\tx", "\r=1"])
def test_formulas_are_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless("김=밥") == "김=밥"


def test_a_character_that_cp949_lacks_does_not_stop_the_file() -> None:
    assert (
        written("x", [["김😀"]], kind="csv", encoding="cp949").content.decode("cp949") == "김?\r\n"
    )


# --- Results -----------------------------------------------------------------------------

HEADS = ["거래번호", "처리결과", "오류내용"]
GOOD = [["payout:1", "정상", ""], ["payout:2", "오류", "해지계좌"], ["", "", ""]]
READ = [payouts.Result(2, "payout:1", True), payouts.Result(3, "payout:2", False, "해지계좌")]


def as_csv(rows: list[list[str]], encoding: str) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode(encoding)


def as_xlsx(rows: list[list[str]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_broken_sheet(content: bytes) -> bytes:
    stream = io.BytesIO()
    with ZipFile(io.BytesIO(content)) as whole, ZipFile(stream, "w") as broken:
        for name in whole.namelist():
            text = whole.read(name)
            broken.writestr(name, text[:-40] if "sheet1" in name else text)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        as_csv([HEADS, *GOOD], "utf-8"),
        as_csv([HEADS, *GOOD], "utf-8-sig"),
        as_csv([HEADS, *GOOD], "cp949"),
        as_xlsx([HEADS, *GOOD]),
        as_csv([[*HEADS, "수수료"], *([*row, "1"] for row in GOOD[:2])], "cp949"),
    ],
    ids=["utf-8", "utf-8-sig", "cp949", "xlsx", "more columns"],
)
def test_results_are_read(content: bytes) -> None:
    assert payouts.results_read(content, layout="common") == READ


def test_a_bank_that_paid_another_amount_is_noticed(
    batch: PayoutBatch, dana: User, now: dt.datetime
) -> None:
    def book(amounts: list[str]) -> None:
        rows = Payout.objects.filter(batch=batch).order_by("id")
        said = [[row.reference, "정상", sum_] for row, sum_ in zip(rows, amounts, strict=True)]
        content = as_csv([["거래번호", "처리결과", "이체금액"], *said], "cp949")
        results = payouts.results_read(content, layout="common")
        payouts.results_book(batch_id=batch.pk, results=results, by=dana, now=now)

    with pytest.raises(BadFile) as refusal:
        book(["4840", "9760"])
    assert [each["line"] for each in refusal.value.extra["lines"]] == [3]
    assert not Payout.objects.filter(state=PayoutState.PAID).exists()
    book(["4,840", "9670"])
    assert Payout.objects.filter(state=PayoutState.PAID).count() == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not a zip",
        b"\xff\xfe\xfd",
        as_csv([["거래번호"], ["x"]], "utf-8"),
        b"\x00",
        b"x" * 200_000,
        with_broken_sheet(as_xlsx([HEADS, *GOOD])),
        as_csv([HEADS, *GOOD[:1] * 10_001], "utf-8"),
    ],
    ids=["empty", "no zip", "no text", "a column too few", "zero", "endless", "no XML", "too long"],
)
def test_what_is_no_result_file(content: bytes) -> None:
    with refused("unreadable_file"):
        payouts.results_read(content, layout="common")


def test_outcomes_that_are_not_understood_are_named() -> None:
    rows = [HEADS, GOOD[0], ["payout:2", "보류", ""], ["payout:3", "", ""]]
    with pytest.raises(BadFile) as refusal:
        payouts.results_read(as_csv(rows, "utf-8"), layout="common")
    assert [each["line"] for each in refusal.value.extra["lines"]] == [3, 4]


def test_there_and_back_again(batch: PayoutBatch, dana: User, now: dt.datetime) -> None:
    """The reference goes through the bank's file unchanged."""
    content = exported(batch, dana, "legacy", "csv", now)
    rows = list(csv.reader(io.StringIO(content.decode("cp949"))))
    answered = [[*rows[0], "이체결과"], *([*row, "정상"] for row in rows[1:])]
    results = payouts.results_read(as_csv(answered, "cp949"), layout="legacy")
    found = payouts.results_book(batch_id=batch.pk, results=results, by=dana, now=now)
    assert found == (2, 0, 0)


# --- Papers ------------------------------------------------------------------------------


def text_of(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def test_a_statement_is_korean(batch: PayoutBatch, dana: User, now: dt.datetime) -> None:
    payout = Payout.objects.order_by("id")[1]
    with refused("not_paid_out"):
        payouts.payout_statement(payout)
    settled(batch, dana, now)
    payout.refresh_from_db()
    text = text_of(payouts.payout_statement(payout).content)
    for expected in ("정산 지급명세서", "소득세", "₩10,000", "-₩300", "-₩30", "₩9,670", "신한은행"):
        assert expected in text
    assert "012345678901" not in text


def test_a_year_adds_up(batch: PayoutBatch, bob: User, dana: User) -> None:
    seoul = dt.timezone(dt.timedelta(hours=9))
    settled(batch, dana, dt.datetime(2027, 1, 1, 0, 0, tzinfo=seoul))
    Payout.objects.filter(pk=Payout.objects.order_by("id")[0].pk).update(
        done_at=dt.datetime(2026, 12, 31, 23, 59, tzinfo=seoul)
    )
    year = year_of(user=bob, year=2026)
    assert (year.gross, year.net) == (5_000, 4_840)
    assert year_of(user=bob, year=2027).gross == 10_000
    assert "2026년" in text_of(payouts.year_statement(holder="김밥", year=year).content)


def test_a_long_year_is_several_pages(batch: PayoutBatch, bob: User, dana: User) -> None:
    settled(batch, dana, dt.datetime(2026, 5, 1, tzinfo=dt.UTC))
    year = year_of(user=bob, year=2026)
    content = payouts.year_statement(
        holder="김<밥>&", year=year._replace(payouts=year.payouts * 60)
    ).content
    assert len(pypdfium2.PdfDocument(content)) > 2
    assert "김<밥>&" in text_of(content)


def test_the_filing_has_one_row_a_person(batch: PayoutBatch, dana: User) -> None:
    settled(batch, dana, dt.datetime(2026, 12, 31, 14, 59, tzinfo=dt.UTC))
    content = payouts.filing_export(year=2026, month=12, by=dana, kind="csv").content
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["주민등록번호"] == "9001011234568"
    assert (row["지급건수"], row["지급총액"], row["소득세"], row["지방소득세"]) == (
        "2", "15000", "450", "40",
    )  # fmt: skip
    empty = payouts.filing_export(year=2027, month=1, by=dana, kind="csv").content
    assert len(empty.decode().splitlines()) == 1
    with refused("month_wrong"):
        payouts.filing_export(year=2026, month=13, by=dana, kind="csv")


def test_the_filing_tells_the_rate_of_its_month(
    batch: PayoutBatch, dana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(batch, dana, dt.datetime(2026, 12, 15, tzinfo=dt.UTC))
    later = Rate(dt.date(2026, 12, 1), 5, 10)
    monkeypatch.setattr(papers, "RATES", (*RATES, later))
    content = payouts.filing_export(year=2026, month=12, by=dana, kind="csv").content
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["세율(%)"] == "5"
