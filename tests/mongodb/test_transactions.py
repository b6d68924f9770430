"""Units of work when MongoDB does not play along: conflicts, lost answers, lost servers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, OperationalError, connection, connections
from django.db.models import F

from accounts.models import User
from balrottuieo.databases import database
from common.db import in_unit, on_commit, run_in_unit, unit_of_work
from common.mongodb.base import DatabaseWrapper
from common.mongodb.errors import WriteConflict
from tests.conftest import make_user
from tests.races.crowd import MANY, at_once
from tests.services.mongo import LonelyMongoServer, MongoServer

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def failing(command: str, *, times: int, **how: Any) -> Iterator[None]:
    """Have the server fail the next ``times`` calls of ``command``."""
    mongodb: Any = connection
    mongodb.ensure_connection()
    point = {"configureFailPoint": "failCommand"}
    data = {"failCommands": [command], **how}
    admin = mongodb.connection.admin
    admin.command({**point, "mode": {"times": times}, "data": data})
    try:
        yield
    finally:
        admin.command({**point, "mode": "off"})


def test_counting_up_at_once_loses_nothing(alice: User) -> None:
    me = User.objects.filter(pk=alice.pk)

    def count(_number: int) -> int:
        return run_in_unit(lambda: me.update(session_epoch=F("session_epoch") + 1))

    assert at_once(count) == [1] * MANY
    assert User.objects.get(pk=alice.pk).session_epoch == MANY


def test_control_without_another_try_some_are_lost(alice: User) -> None:
    me = User.objects.filter(pk=alice.pk)
    begun = Barrier(MANY)

    def count(_number: int) -> bool:
        try:
            with unit_of_work():
                assert me.exists()
                begun.wait(20)
                me.update(session_epoch=F("session_epoch") + 1)
        except WriteConflict:
            return False
        return True

    counted = sum(at_once(count))
    assert 0 < counted < MANY
    assert User.objects.get(pk=alice.pk).session_epoch == counted


@pytest.mark.parametrize(
    "how", [{"errorCode": 64, "errorLabels": ["UnknownTransactionCommitResult"]},
            {"closeConnection": True}],
)  # fmt: skip
def test_a_commit_whose_answer_is_lost_is_asked_for_again(how: dict[str, Any]) -> None:
    told: list[str] = []

    def work() -> None:
        make_user("kept")
        on_commit(lambda: told.append("committed"))

    with failing("commitTransaction", times=2, **how):
        run_in_unit(work)
    assert told == ["committed"]
    assert User.objects.count() == 1


def test_a_commit_that_loses_starts_again_from_the_beginning() -> None:
    tries: list[int] = []
    lost = {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}

    def work() -> None:
        tries.append(len(tries))
        make_user(f"try{len(tries)}")

    with failing("commitTransaction", times=2, **lost):
        run_in_unit(work)
    assert [user.nickname for user in User.objects.all()] == [f"try{len(tries)}"]
    assert len(tries) > 1


def test_a_commit_that_is_refused_leaves_the_connection_usable() -> None:
    with (
        failing("commitTransaction", times=1, errorCode=8000, errorLabels=[]),
        pytest.raises(DatabaseError, match="failCommand"),
        unit_of_work(),
    ):
        make_user("refused")
    assert not in_unit()
    with unit_of_work():
        make_user("next")
    assert [user.nickname for user in User.objects.all()] == ["next"]


def test_a_time_reads_back_as_it_was_written(alice: User, now: dt.datetime) -> None:
    User.objects.filter(pk=alice.pk).update(banned_at=now)
    assert User.objects.get(pk=alice.pk).banned_at == now


@contextmanager
def wrapper_of(server: MongoServer) -> Iterator[Any]:
    settings = {**connection.settings_dict, **database(f"{server.url}", pool_size=5)}
    settings["OPTIONS"] = {**settings["OPTIONS"], "serverSelectionTimeoutMS": 500}
    wrapper: Any = DatabaseWrapper(settings, alias="another")
    yield wrapper
    wrapper.close_pool()


def test_a_lost_server_is_an_operational_error_at_once() -> None:
    with MongoServer() as server, wrapper_of(server) as wrapper:
        assert wrapper.knows_transactions()
        server.kill()
        with pytest.raises(OperationalError):
            wrapper.knows_transactions()


def test_a_server_on_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        LonelyMongoServer() as server,
        wrapper_of(server) as wrapper,
        monkeypatch.context() as patch,
    ):
        patch.setattr(connections, "_connections", SimpleNamespace(default=wrapper))
        found = run_checks(databases=["default"], tags=["database"])
    assert [error.id for error in found] == ["common.E003"]
    assert not run_checks(databases=["default"], tags=["database"])
