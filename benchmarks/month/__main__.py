"""``python -m benchmarks.month``: 10,000 errands in a month, then the trial balance.

By the product's own services on SQLite, with a Toss-compatible server that sometimes loses an
answer, and a bank that cannot pay everybody. Ends with 1 when anything does not agree.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from django.core.management import call_command

from benchmarks.engines import environment
from benchmarks.machine import description
from benchmarks.table import plain
from tests.services import RedisServer
from tests.toss.company import SECRET_KEY
from tests.toss.server import TossServer, toss_server

BEGINS = dt.datetime(2026, 3, 1, 15, tzinfo=dt.UTC)  # Monday begins in Seoul
SHOWN = 20


def main() -> int:
    """Return the exit code: 0 when all books agree."""
    options = _options()
    print(f"{description()}.", flush=True)
    with ExitStack() as stack:
        company = stack.enter_context(toss_server())
        _set_up(company, stack)
        from benchmarks.month.play import played

        world = played(
            company, begins=BEGINS, days=options.days, errands=options.errands, seed=options.seed
        )
        from benchmarks.month.books import differences, trial_balance
        from benchmarks.month.play import summary

        balance, found = trial_balance(), differences(world)
    print(summary())
    rows = [(line.kind, f"{line.debit:,}", f"{line.credit:,}") for line in balance]
    debit, credit = sum(line.debit for line in balance), sum(line.credit for line in balance)
    print(plain([("account", "debit", "credit"), *rows, ("total", f"{debit:,}", f"{credit:,}")]))
    print(f"{len(found)} differences", *found[:SHOWN], sep="\n")
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.month")
    parser.add_argument("--errands", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _set_up(company: TossServer, stack: ExitStack) -> None:
    directory = Path(stack.enter_context(TemporaryDirectory(prefix="month-")))
    redis = stack.enter_context(RedisServer())
    known = environment(
        f"sqlite:///{directory}/db.sqlite3", redis, MEDIA_ROOT=str(directory / "media"),
        PAYMENT_GATEWAY="payments.gateways.toss.TossGateway", TOSS_URL=company.url,
        TOSS_SECRET_KEY=SECRET_KEY, TOSS_CLIENT_KEY="test_ck", LOG_LEVEL="CRITICAL",
    )  # fmt: skip
    os.environ.update(known)
    django.setup()
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
