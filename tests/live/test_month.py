"""A small month plays to its end, its books agree, and one that is tampered with is told."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from benchmarks.month.books import differences, trial_balance
from benchmarks.month.play import played
from benchmarks.month.world import World
from payments import ledger
from payments.models import AccountKind, Payout, PayoutState
from tests.toss.company import SECRET_KEY
from tests.toss.server import TossServer, toss_server

pytestmark = [pytest.mark.live, pytest.mark.once]
ROOT = Path(__file__).resolve().parents[2]
MONDAY = dt.datetime(2026, 3, 1, 15, tzinfo=dt.UTC)


@pytest.mark.timeout(300)
def test_two_hundred_errands_end_without_a_difference() -> None:
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.month", "--errands", "200", "--days", "6"),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *_rest, total, verdict = done.stdout.strip().splitlines()
    assert verdict == "0 differences"
    debit, credit = re.findall(r"[\d,]+", total)
    assert debit == credit != "0"
    assert re.search(r"completed: .* purchase\b", done.stdout)
    assert re.search(r"transfers: .* tip\b", done.stdout)
    kinds = [line.split(" ")[0] for line in done.stdout.splitlines()]
    assert {kind.value for kind in AccountKind} <= set(kinds)


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """A short month of this process' own, on the test's database."""
    with toss_server() as company:
        settings.PAYMENT_GATEWAY = "payments.gateways.toss.TossGateway"
        settings.TOSS_URL, settings.TOSS_SECRET_KEY = company.url, SECRET_KEY
        settings.TOSS_CLIENT_KEY = "test_ck"
        yield played(company, begins=MONDAY, days=2, errands=30, seed=1)


@pytest.mark.django_db(transaction=True)
def test_what_does_not_agree_is_named(world: World) -> None:
    """The control: a won more here or there, and a payout that the bank never made."""
    assert differences(world) == []
    assert sum(line.credit for line in trial_balance()) > 0
    company: TossServer = world.company
    next(iter(company.company.payments.values()))["balanceAmount"] += 1
    order, custody = differences(world)
    assert order.startswith("order ")
    assert custody.startswith("custody: ")
    ledger.post(
        reference="slip", kind="slip", subject="slip",
        moves=[(ledger.GATEWAY, -1), (ledger.TAX, 1)],
    )  # fmt: skip
    assert [each.split(":")[0].split(" ")[0] for each in differences(world)] == ["order", "tax"]
    paid = Payout.objects.filter(state=PayoutState.PAID)[:1].get()
    del world.bank.said[paid.reference]
    assert any(each.startswith(paid.reference) for each in differences(world))
