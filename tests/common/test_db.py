"""Units of work: all or nothing, retried on a passing conflict, news after the commit."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, OperationalError

from accounts.models import User
from common.db import delete_all, in_unit, is_transient, on_commit, run_in_unit, unit_of_work
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_passing_conflict_is_tried_again() -> None:
    tries: list[User] = []

    def work() -> str:
        tries.append(make_user(f"u{len(tries)}"))
        if len(tries) < 3:
            raise OperationalError("database is locked")
        return "done"

    assert run_in_unit(work) == "done"
    assert [user.nickname for user in User.objects.all()] == ["u2"]


def test_any_other_error_is_not() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise IntegrityError("no")

    with pytest.raises(IntegrityError):
        run_in_unit(work)
    assert len(tries) == 1


def test_an_inner_unit_joins_the_outer_one() -> None:
    def outer() -> None:
        run_in_unit(lambda: make_user("inner"))
        assert in_unit()
        raise LookupError

    with pytest.raises(LookupError):
        run_in_unit(outer)
    assert not User.objects.exists()
    assert not in_unit()


def test_an_action_that_fails_after_the_commit_harms_nobody() -> None:
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError

    with unit_of_work():
        make_user("kept")
        on_commit(fail)
        on_commit(lambda: done.append("second"))
    assert done == ["second"]
    assert User.objects.count() == 1


def test_what_counts_as_passing() -> None:
    class Postgres(Exception):
        sqlstate = "40001"

    wrapped = OperationalError("could not serialize")
    wrapped.__cause__ = Postgres()
    assert is_transient(wrapped)
    assert is_transient(OperationalError("database table is locked: x"))
    assert not is_transient(OperationalError("no such table"))
    assert not is_transient(None)


def test_deleting_goes_on_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.db.DELETED_AT_ONCE", 2)
    for number in range(5):
        make_user(f"old{number}")
    kept = make_user("kept")
    assert delete_all(User.objects.filter(nickname__startswith="old")) == 5
    assert list(User.objects.all()) == [kept]
