"""What the files for banks and for the tax office look like, as data.

A column is its heading and what stands in it, one of the names in ``payments.payouts.files``.
"""

from __future__ import annotations

from typing import Any

_UTF8 = "utf-8-sig"  # with the mark by which spreadsheets know it

LAYOUTS: dict[str, dict[str, Any]] = {
    "common": {
        "title": "일반 양식 (UTF-8)",
        "encoding": _UTF8,
        "columns": [
            ("은행코드", "bank"), ("계좌번호", "number"), ("예금주", "holder"),
            ("이체금액", "net"), ("받는분 표시", "memo"), ("거래번호", "reference"),
        ],
        "result": {
            "reference": "거래번호", "outcome": "처리결과", "reason": "오류내용",
            "amount": "이체금액",  # compared where the bank repeats it
        },
        "paid": ["정상", "완료", "성공", "paid"],
        "failed": ["오류", "실패", "failed"],
    },
    "legacy": {
        "title": "구형 양식 (CP949)",
        "encoding": "cp949",
        "columns": [
            ("입금은행", "bank_name"), ("입금계좌번호", "number"), ("입금액", "net"),
            ("예상예금주", "holder"), ("입금통장표시", "memo"), ("메모", "reference"),
        ],
        "result": {
            "reference": "메모", "outcome": "이체결과", "reason": "실패사유", "amount": "입금액",
        },
        "paid": ["정상"],
        "failed": ["오류"],
    },
}  # fmt: skip

FILING_TRADE = "940917"  # 업종코드 of 심부름용역원, by the list of the National Tax Service

# 간이지급명세서(거주자의 사업소득), one row a person and month
FILING_COLUMNS = [
    ("귀속연도", "year"), ("귀속월", "month"), ("업종코드", "trade"), ("성명", "name"),
    ("주민등록번호", "resident_number"), ("내외국인", "foreigner"), ("지급건수", "count"),
    ("지급총액", "gross"), ("세율(%)", "rate"), ("소득세", "income_tax"),
    ("지방소득세", "local_tax"),
]  # fmt: skip
