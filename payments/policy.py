"""Pure rules of payouts: which banks there are, and what an account number looks like."""

from __future__ import annotations

# Codes of the Korea Financial Telecommunications and Clearings Institute
BANKS = {
    "002": "산업은행", "003": "기업은행", "004": "국민은행", "007": "수협은행",
    "011": "농협은행", "012": "농축협", "020": "우리은행", "023": "SC제일은행",
    "027": "한국씨티은행", "031": "iM뱅크", "032": "부산은행", "034": "광주은행",
    "035": "제주은행", "037": "전북은행", "039": "경남은행", "045": "새마을금고",
    "048": "신협", "050": "저축은행", "064": "산림조합", "071": "우체국",
    "081": "하나은행", "088": "신한은행", "089": "케이뱅크", "090": "카카오뱅크",
    "092": "토스뱅크",
}  # fmt: skip
SHORTEST, LONGEST = 8, 16
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def account_digits(text: str) -> str | None:
    """Return the digits of an account number written with hyphens or spaces, else None."""
    digits = text.replace("-", "").replace(" ", "")
    fits = digits.isascii() and digits.isdecimal() and SHORTEST <= len(digits) <= LONGEST
    return digits if fits else None


def harmless(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
