"""Files for a bank and from it: XLSX or CSV, whose columns are data (``BANK_LAYOUTS``).

Every cell is a text: a spreadsheet that takes an account number for a number drops its zeros.
"""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from accounts.models import User
from common.errors import Conflict, Invalid
from common.progress import Told, steps, untold
from payments.models import BatchState, Payout, PayoutBatch
from payments.payouts.batches import batch_of, check_finance, rows_of
from payments.payouts.results import BadFile, Line, Result
from payments.policy import BANKS, harmless

MEMO = "발로뛰어"  # what stands on the runner's bank statement
XLSX, CSV = "xlsx", "csv"
KINDS = {
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    CSV: "text/csv",
}
Rows = Iterable[Sequence[str]]
MOST_LINES = 10_000  # of a result: far more than a batch has, and a small file may unfold to many
# What reading a file raises that is none, or is broken; ParseError is of the XML inside.
NO_TABLE = (
    BadZipFile, InvalidFileException, ParseError, csv.Error, zlib.error, EOFError, IndexError,
    KeyError, ValueError,
)  # fmt: skip


class File(NamedTuple):
    """Something to download."""

    name: str
    content_type: str
    content: bytes


def batch_export(
    *,
    batch_id: UUID,
    by: User,
    layout: str,
    kind: str,
    now: datetime,
    told: Told = untold,
) -> File:
    """Write the file by which a bank pays the batch. Nothing is paid by that.

    Raises:
        NotFound; NotAllowed: ``finance_only``; Invalid: ``layout_unknown``.
        Conflict: ``batch_not_approved``, ``batch_changed``.
    """
    check_finance(by)
    shape, batch = _layout(layout), batch_of(batch_id)
    if batch.state != BatchState.APPROVED:
        raise Conflict("batch_not_approved", _("This batch is not approved."))
    rows = [[_cells(payout)[name] for _head, name in shape["columns"]] for payout in rows_of(batch)]
    file = written(
        f"payouts-{batch.digest[:12]}",
        [[head for head, _name in shape["columns"]], *rows],
        kind=kind,
        encoding=shape["encoding"],
        told=told,
    )
    PayoutBatch.objects.filter(pk=batch.pk).update(exported_at=now)
    return file


def _cells(payout: Payout) -> dict[str, str]:
    return {
        "bank": payout.bank,
        "bank_name": BANKS[payout.bank],
        "number": payout.number.reveal(),
        "holder": payout.holder,
        "net": str(payout.net),
        "memo": MEMO,
        "reference": payout.reference,
    }


def written(
    name: str, rows: Sequence[Sequence[str]], *, kind: str, encoding: str, told: Told = untold
) -> File:
    """Return a file of text cells; a character that CP949 lacks becomes a question mark.

    Raises:
        Invalid: ``kind_unknown``.
    """
    if kind not in KINDS:
        raise Invalid("kind_unknown", _("There is no such kind of file."), field="kind")
    safe = ([harmless(cell) for cell in row] for row in steps(rows, told))
    content = _workbook(safe) if kind == XLSX else _csv(safe, encoding)
    return File(f"{name}.{kind}", KINDS[kind], content)


def _workbook(rows: Rows) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(list(row))  # a str is written as a text; only one that begins with = is not
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _csv(rows: Rows, encoding: str) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode(encoding, errors="replace")


# --- Back from the bank ------------------------------------------------------------------


def results_read(content: bytes, *, layout: str) -> list[Result]:
    """Read a bank's result file, XLSX or CSV, whichever it is.

    Raises:
        Invalid: ``layout_unknown``; ``unreadable_file`` lacks columns, or is no such file.
        BadFile: names the lines whose outcome is not one of the layout's words.
    """
    shape = _layout(layout)
    lines = _lines(content, shape["encoding"])
    heads = [cell.strip() for cell in lines[0]] if lines else []
    wanted = shape["result"]
    if not {wanted["reference"], wanted["outcome"]} <= set(heads):
        raise _unreadable()
    words = dict.fromkeys(shape["paid"], True) | dict.fromkeys(shape["failed"], False)
    results, wrong = [], []
    for number, cells in enumerate(lines[1:], start=2):
        row = dict(zip(heads, (cell.strip() for cell in cells), strict=False))
        if not any(row.values()):
            continue
        paid = words.get(row.get(wanted["outcome"], ""))
        if paid is None:
            wrong.append(Line(number, _("the outcome is not understood")))
        else:
            reason = row.get(wanted["reason"], "")
            amount = row.get(wanted.get("amount", ""), "")
            results.append(Result(number, row.get(wanted["reference"], ""), paid, reason, amount))
    if wrong:
        raise BadFile(wrong)
    return results


def _lines(content: bytes, encoding: str) -> list[list[str]]:
    try:
        lines = list(islice(_table(content, encoding), MOST_LINES + 1))
    except NO_TABLE as error:
        raise _unreadable() from error
    if len(lines) > MOST_LINES:
        raise _unreadable()
    return lines


def _table(content: bytes, encoding: str) -> Iterator[list[str]]:
    if content.startswith(b"PK"):
        return _sheet(content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp949" if encoding.startswith("utf") else encoding)
    return csv.reader(io.StringIO(text, newline=""))


def _sheet(content: bytes) -> Iterator[list[str]]:
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    for row in book.worksheets[0].iter_rows(values_only=True):
        yield ["" if cell is None else str(cell) for cell in row]


def _layout(name: str) -> dict[str, Any]:
    found: dict[str, Any] | None = settings.BANK_LAYOUTS.get(name)
    if found is None:
        raise Invalid("layout_unknown", _("There is no such layout."), field="layout")
    return found


def _unreadable() -> Invalid:
    message = _("This is not a result file of this bank.")
    return Invalid("unreadable_file", message, field="file")
