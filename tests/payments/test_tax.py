from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.tax import RATES, Rate, TaxMode, resident_digits, withholding

DAY = date(2026, 11, 28)
PLATFORM, REQUESTER = TaxMode.PLATFORM_PAYS, TaxMode.REQUESTER_PAYS


@pytest.mark.parametrize(
    ("gross", "income", "local"),
    [
        (0, 0, 0),
        (333, 0, 0),
        (334, 10, 0),
        (3_500, 100, 10),
        (5_000, 150, 10),
        (10_000, 300, 30),
        (18_500, 550, 50),
        (33_333, 990, 90),
        (33_334, 1_000, 100),
        (1_234_560, 37_030, 3_700),
    ],
)
def test_the_figures_that_must_hold(gross: int, income: int, local: int) -> None:
    assert withholding(gross, on=DAY, mode=PLATFORM) == (income, local)


@given(gross=st.integers(0, 10**10), more=st.integers(0, 10**6))
def test_any_amount(gross: int, more: int) -> None:
    income, local = found = withholding(gross, on=DAY, mode=PLATFORM)
    assert income % 10 == local % 10 == 0
    assert 0 <= gross * 3 - income * 100 < 1_000  # below the exact tax by less than ₩10
    assert 0 <= income - local * 10 < 100
    assert found.total <= gross
    assert withholding(gross + more, on=DAY, mode=PLATFORM) >= found


@given(gross=st.integers(0, 10**10))
def test_a_requester_withholds_nothing(gross: int) -> None:
    assert withholding(gross, on=DAY, mode=REQUESTER).total == 0


@given(days=st.integers(0, 5_000))
def test_the_rate_is_that_of_the_day(days: int) -> None:
    change = DAY + timedelta(days=1_000)
    rates = (Rate(change, 5, 20), *RATES)
    on = RATES[0].since + timedelta(days=days)
    expected = (500, 100) if on >= change else (300, 30)
    assert withholding(10_000, on=on, mode=PLATFORM, rates=rates) == expected


@pytest.mark.parametrize(("gross", "on"), [(-1, DAY), (1, date(2024, 6, 30))])
def test_what_has_no_tax_is_refused(gross: int, on: date) -> None:
    with pytest.raises(ValueError, match=r"payout of -1 won|No rate"):
        withholding(gross, on=on, mode=PLATFORM)


# --- Resident numbers --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["900101-1234568", "9001011234568", " 900101-1234568 "])
def test_a_number_that_sums_up(text: str) -> None:
    assert resident_digits(text) == "9001011234568"


@pytest.mark.parametrize(
    "text",
    [
        "", "900101-123456", "900101-12345689", "900101--1234568", "900101-123456８",
        "900101-1234567", "901301-1234568", "900230-1234568", "90010a-1234568",
    ],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    assert resident_digits(text) is None


def test_a_number_drawn_since_october_2020_has_no_checksum() -> None:
    accepted = [digit for digit in "0123456789" if resident_digits(f"201001-312345{digit}")]
    assert len(accepted) == 10
    before = [digit for digit in "0123456789" if resident_digits(f"200930-312345{digit}")]
    assert len(before) == 1


def test_a_foreigners_number_sums_up_by_two_more() -> None:
    own = [digit for digit in "0123456789" if resident_digits(f"900101-123456{digit}")]
    theirs = [digit for digit in "0123456789" if resident_digits(f"900101-523456{digit}")]
    assert (len(own), len(theirs)) == (1, 1)
