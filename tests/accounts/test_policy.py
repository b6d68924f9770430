from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from accounts import policy
from errands.states import Kind


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(2007, 11, 23), date(2026, 11, 22), 18),
        (date(2007, 11, 23), date(2026, 11, 23), 19),
        (date(2008, 2, 29), date(2027, 2, 28), 18),
        (date(2008, 2, 29), date(2027, 3, 1), 19),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
    ],
)
def test_age_counts_full_years(born: date, today: date, age: int) -> None:
    assert policy.age_on(born, today) == age


def test_the_birthday_begins_at_midnight_in_korea() -> None:
    born = date(2007, 11, 23)
    assert not policy.may_run(born, datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC))
    assert policy.may_run(born, datetime(2026, 11, 22, 15, 0, tzinfo=UTC))


@pytest.mark.parametrize("nickname", ["둘리", "ab", "발로 뛰는 사람", "🐿 다람쥐", "가" * 30])
def test_a_nickname(nickname: str) -> None:
    assert policy.is_nickname(nickname)


@pytest.mark.parametrize(
    "nickname",
    ["", "a", "가" * 31, "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "a\u2028b", "a\ue000b"],
)
def test_not_a_nickname(nickname: str) -> None:
    assert not policy.is_nickname(nickname)


def test_a_nickname_is_composed_and_stripped() -> None:
    assert policy.tidy_nickname("  \u1103\u116e\u11af\u1105\u1175 ") == "둘리"


def test_friendly_nicknames_are_nicknames_and_differ() -> None:
    some = [policy.friendly_nickname() for _time in range(50)]
    assert all(policy.is_nickname(nickname) for nickname in some)
    assert len(set(some)) > 40


def test_runners_choose_from_the_kinds_that_errands_have() -> None:
    assert set(policy.KINDS) == {kind.value for kind in Kind}
