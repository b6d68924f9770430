from __future__ import annotations

import pytest

from common.money import share, won


@pytest.mark.parametrize(("amount", "text"), [(12_300, "₩12,300"), (0, "₩0"), (-500, "-₩500")])
def test_won_for_people(amount: int, text: str) -> None:
    assert won(amount) == text


@pytest.mark.parametrize(("amount", "percent", "part"), [(999, 10, 99), (10_000, 30, 3_000)])
def test_shares_are_rounded_down(amount: int, percent: int, part: int) -> None:
    assert share(amount, percent) == part
