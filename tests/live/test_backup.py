"""The product's own data: backed up while people pay, restored on a fresh server, audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from accounts.models import User
from common import clock
from deploy.backups.archive import unpack
from dispatch.models import Offer, OfferState
from errands import services
from errands.models import Errand
from errands.states import State
from tests.conftest import make_errand, make_runner, pay_for, walk
from tests.live.background import Background
from tests.live.backups import RESTORE, done, engine_of, manage, refused, run, take
from tests.services import wait_for

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

TAKE_AN_ADDRESS_TWICE = """
from django.db import IntegrityError
from accounts.models import User
try:
    User.objects.create(email=User.objects.get().email)
except IntegrityError:
    print("refused")
"""


class Customers(Background):
    """Someone posts and pays, and calls every other errand off, until the ``with`` block ends."""

    def __init__(self, requester: User) -> None:
        super().__init__()
        self.paid = 0
        self._requester = requester

    def more(self, number: int) -> None:
        """Wait until so many more are paid."""
        until = self.paid + number
        wait_for(lambda: self.paid >= until or not self.alive, what="paying")
        assert self.paid >= until, "the customers gave up"

    def work(self) -> None:
        try:
            while not self.over.is_set():
                self._pay()
        finally:
            connections.close_all()

    def _pay(self) -> None:
        errand = pay_for(make_errand(self._requester))
        self.paid += 1
        if self.paid % 2:
            services.errand_cancel(
                errand_id=errand.pk, requester=self._requester, note="", now=clock.now()
            )


@pytest.fixture
def lives(alice: User) -> list[Errand]:
    """Errands not paid, open, on their way and done, with the money where it belongs."""
    found = [make_errand(alice), pay_for(make_errand(alice))]
    for number, state in enumerate((State.ASSIGNED, State.PICKED_UP, State.DELIVERED)):
        errand, runner = pay_for(make_errand(alice)), make_runner(f"runner{number}")
        Offer.objects.create(
            errand=errand, runner=runner, state=OfferState.ACCEPTED, pay=errand.reward,
            added_minutes=3.0, expires_at=clock.now(),
        )  # fmt: skip
        found.append(walk(errand, runner, state))
    services.errand_confirm(errand_id=found[-1].pk, requester=alice, now=clock.now())
    return found


def audited(url: str, *options: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(manage("audit", "--json", *options, url=url).stdout)
    return report


@pytest.mark.usefixtures("lives")
def test_what_was_taken_while_people_pay_restores_to_books_that_balance(
    alice: User, shelf: Path, fresh_database: str, tmp_path: Path
) -> None:
    with Customers(alice) as customers:
        customers.more(5)
        packed = take(shelf)
        customers.more(5)
    manifest = unpack(packed, into=tmp_path / "unpacked")
    assert 10 <= manifest.counts["errands_errand"] < Errand.objects.count()

    done(run(RESTORE, packed, url=fresh_database))

    assert engine_of(fresh_database).counts() == manifest.counts
    done(manage("migrate", "--check", url=fresh_database))
    report = audited(fresh_database, "--at", manifest.taken_at.isoformat())
    assert report["findings"] == []
    assert report["errands"] == manifest.counts["errands_errand"]
    assert report["transfers"] == manifest.counts["payments_transfer"] > 10


@pytest.mark.usefixtures("lives")
def test_control_a_copy_table_by_table_is_torn(
    alice: User, fresh_database: str, tmp_path: Path
) -> None:
    """The same customers between its first table and its last: the audit sees it."""
    money, errands = tmp_path / "money.json", tmp_path / "errands.json"
    call_command("dumpdata", "accounts", "payments", output=str(money))
    with Customers(alice) as customers:
        customers.more(2)
    call_command("dumpdata", "errands", "dispatch", output=str(errands))
    done(manage("migrate", "--no-input", url=fresh_database))
    done(manage("loaddata", money, errands, url=fresh_database))
    assert "escrow_wrong" in {finding["code"] for finding in audited(fresh_database)["findings"]}


@pytest.mark.usefixtures("alice")
def test_uniqueness_comes_along_and_what_is_there_is_not_overwritten(
    shelf: Path, fresh_database: str
) -> None:
    packed = take(shelf)
    done(run(RESTORE, packed, url=fresh_database))
    again = done(manage("shell", "-v0", "-c", TAKE_AN_ADDRESS_TWICE, url=fresh_database))
    assert again.strip() == "refused"

    done(manage("shell", "-v0", "-c", "User.objects.all().delete()", url=fresh_database))
    assert "is not empty" in refused(run(RESTORE, packed, url=fresh_database))
    assert engine_of(fresh_database).counts()["accounts_user"] == 0
    done(run(RESTORE, "--replace", packed, url=fresh_database))
    assert engine_of(fresh_database).counts()["accounts_user"] == 1
