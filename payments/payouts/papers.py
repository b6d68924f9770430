"""Papers: a payout's statement and a year's as PDF, and the month's list for the tax office."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from accounts.models import User
from common.errors import Conflict, Invalid
from common.money import won
from common.progress import Told, untold
from payments.models import BankAccount, Payout, PayoutState
from payments.payouts.batches import check_finance
from payments.payouts.files import File, written
from payments.policy import BANKS
from payments.selectors import Year, paid_in_month
from payments.tax import RATES, rate_of

# One of the fonts for Korean that every PDF reader has or fetches: nothing is shipped with us.
FONT = "HYGothic-Medium"
PDF = "application/pdf"
MARGIN = 20 * mm
registerFont(UnicodeCIDFont(FONT))

TITLE = ParagraphStyle("title", fontName=FONT, fontSize=18, leading=26)
TEXT = ParagraphStyle("text", fontName=FONT, fontSize=10, leading=15)
LINES = TableStyle(
    [
        ("FONT", (0, 0), (-1, -1), FONT, 10),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.lightgrey),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black),
        ("LINEABOVE", (0, -1), (-1, -1), 0.8, colors.black),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
)
# The papers are Korean whoever reads them: they are for Korean authorities.
NOTE = "위와 같이 지급하고, 소득세와 지방소득세는 소득세법에 따라 원천징수하였습니다. 발로뛰어"
UNTAXED = "위와 같이 지급하였습니다. 원천징수한 세액이 없습니다. 발로뛰어"


def payout_statement(payout: Payout) -> File:
    """Return the statement (지급명세서) of one paid payout; Conflict ``not_paid_out`` before."""
    if payout.state != PayoutState.PAID or payout.done_at is None:
        raise Conflict("not_paid_out", _("This payout is not paid yet."))
    day = f"{timezone.localtime(payout.done_at):%Y-%m-%d}"
    rows = [
        ["항목", "금액"],
        ["지급총액", won(payout.gross)],
        ["소득세", won(-payout.income_tax)],
        ["지방소득세", won(-payout.local_tax)],
        *([["대납 상환 (비과세)", won(payout.untaxed)]] if payout.untaxed else []),
        ["실지급액", won(payout.net)],
    ]
    about = [
        f"성명  {payout.holder}",
        f"지급일  {day}",
        f"입금계좌  {BANKS[payout.bank]} ••••{payout.last4}",
        f"거래번호  {payout.reference}",
    ]
    return _pdf(f"statement-{day}", "정산 지급명세서", about, _table(rows, (95, 70)), _note(payout))


def year_statement(*, holder: str, year: Year) -> File:
    """Return the statement of a year (연간 지급명세서): every payout, and their sums."""
    rows = [["지급일", "지급총액", "소득세", "지방소득세", "대납 상환", "실지급액"]]
    rows += [
        [f"{timezone.localtime(row.done_at):%Y-%m-%d}", *_amounts(row)] for row in year.payouts
    ]
    rows.append(["합계", *_amounts(year)])
    about = [f"성명  {holder}", f"귀속연도  {year.year}년", f"지급건수  {len(year.payouts)}건"]
    table = _table(rows, (28,) * 6)
    return _pdf(f"statement-{year.year}", "연간 정산 지급명세서", about, table, _note(year))


def _amounts(row: Payout | Year) -> list[str]:
    amounts = (row.gross, row.income_tax, row.local_tax, row.untaxed, row.net)
    return [won(amount) for amount in amounts]


def _note(row: Payout | Year) -> str:
    return NOTE if row.income_tax or row.local_tax else UNTAXED


def _table(rows: list[list[str]], widths_mm: Sequence[int]) -> Table:
    widths = [width * mm for width in widths_mm]
    return Table(rows, colWidths=widths, repeatRows=1, style=LINES, hAlign="LEFT")


def _pdf(name: str, title: str, about: Sequence[str], table: Table, note: str) -> File:
    stream = io.BytesIO()
    paper = SimpleDocTemplate(
        stream, pagesize=A4, title=title, author="발로뛰어", leftMargin=MARGIN, rightMargin=MARGIN
    )
    body: list[Flowable] = [Paragraph(title, TITLE), Spacer(1, 4 * mm)]
    body += [Paragraph(_escaped(line), TEXT) for line in about]
    body += [Spacer(1, 6 * mm), table, Spacer(1, 6 * mm), Paragraph(note, TEXT)]
    paper.build(body)
    return File(f"{name}.pdf", PDF, stream.getvalue())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- For the tax office ------------------------------------------------------------------


def filing_export(*, year: int, month: int, by: User, kind: str, told: Told = untold) -> File:
    """Write the month's 간이지급명세서: one row a person, whose columns are ``FILING_COLUMNS``.

    Raises:
        NotAllowed: ``finance_only``; Invalid: ``month_wrong``.
    """
    check_finance(by)
    if not (1 <= month <= 12 and (2024, 7) <= (year, month) <= (2100, 12)):
        raise Invalid("month_wrong", _("There is no such month."), field="month")
    people: defaultdict[object, list[Payout]] = defaultdict(list)
    for payout in paid_in_month(year=year, month=month):
        if payout.withheld:
            people[payout.user_id].append(payout)
    heads = [head for head, _name in settings.FILING_COLUMNS]
    names = [name for _head, name in settings.FILING_COLUMNS]
    rows = [_filed(payouts, year, month) for payouts in people.values()]
    table = [heads, *([row[name] for name in names] for row in rows)]
    return written(f"filing-{year}-{month:02}", table, kind=kind, encoding="utf-8-sig", told=told)


def _filed(payouts: list[Payout], year: int, month: int) -> dict[str, str]:
    account: BankAccount = payouts[0].user.bank_account
    secret = account.resident_number
    resident = secret.reveal() if secret is not None else ""
    return {
        "year": str(year),
        "month": f"{month:02}",
        "trade": settings.FILING_TRADE,
        "name": account.holder,
        "resident_number": resident,
        "foreigner": "9" if resident[6:7] in tuple("5678") else "1",
        "count": str(len(payouts)),
        "gross": str(sum(payout.gross for payout in payouts)),
        "rate": str(rate_of(date(year, month, 1), RATES).income_percent),
        "income_tax": str(sum(payout.income_tax for payout in payouts)),
        "local_tax": str(sum(payout.local_tax for payout in payouts)),
    }
