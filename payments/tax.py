"""Withholding from business income (사업소득, 3.3 %) and the numbers people file it under."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

CUT = 10  # what is below ₩10 is not collected (Management of the National Treasury Funds Act, 47)
BIRTH_DIGITS = 6


class TaxMode(StrEnum):
    """Who pays the runner, before the law: only the platform withholds, a requester does not."""

    PLATFORM_PAYS = "platform_pays"
    REQUESTER_PAYS = "requester_pays"


class Rate(NamedTuple):
    """Percent of the gross, and local tax in percent of that, valid from a day on."""

    since: date
    income_percent: int
    local_percent: int


# Income Tax Act 129 ①3 and Local Tax Act 103-13. Since this day no amount is too small to withhold.
RATES = (Rate(since=date(2024, 7, 1), income_percent=3, local_percent=10),)


class Withholding(NamedTuple):
    """What is kept of a payout, in won."""

    income: int
    local: int

    @property
    def total(self) -> int:
        return self.income + self.local


NOTHING = Withholding(0, 0)


def withholding(
    gross: int, *, on: date, mode: TaxMode, rates: Sequence[Rate] = RATES
) -> Withholding:
    """Return what is withheld from a payout of ``gross`` won made on that day.

    Raises:
        ValueError: a negative amount, or a day before the first rate.
    """
    if gross < 0:
        raise ValueError(f"A payout of {gross} won has no tax.")
    if mode is TaxMode.REQUESTER_PAYS:
        return NOTHING
    rate = rate_of(on, rates)
    income = _cut(gross * rate.income_percent // 100)
    return Withholding(income, _cut(income * rate.local_percent // 100))


def rate_of(on: date, rates: Sequence[Rate]) -> Rate:
    """Return the rate of a day; ValueError before the first."""
    valid = [rate for rate in rates if rate.since <= on]
    if not valid:
        raise ValueError(f"No rate is known for {on}.")
    return max(valid, key=lambda rate: rate.since)


def _cut(amount: int) -> int:
    return amount - amount % CUT


# --- Resident registration numbers -------------------------------------------------------

WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
CENTURIES = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900} | dict.fromkeys(
    "3478", 2000
)
# Since then the last six digits are drawn, and the thirteenth checks nothing any more.
DRAWN_SINCE = date(2020, 10, 1)


def resident_digits(text: str) -> str | None:
    """Return the 13 digits of a resident (or foreigner's) number, or None if it can't be one.

    A born-before-October-2020 number keeps the checksum; a later one has none.
    """
    digits = text.strip().replace("-", "", 1)
    if len(digits) != len(WEIGHTS) + 1 or not (digits.isascii() and digits.isdecimal()):
        return None
    born = _born(digits)
    if born is None or (born < DRAWN_SINCE and not _sums_up(digits)):
        return None
    return digits


def _born(digits: str) -> date | None:
    year = CENTURIES[digits[BIRTH_DIGITS]] + int(digits[:2])
    try:
        return date(year, int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return None


def _sums_up(digits: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, digits, strict=False))
    expected = (11 - total % 11) % 10
    foreigner = digits[BIRTH_DIGITS] in "5678"
    return int(digits[-1]) == ((expected + 2) % 10 if foreigner else expected)
