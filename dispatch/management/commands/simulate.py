"""``manage.py simulate``: robots do errands on a running server, then everything is audited."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from common.geo import WALKING_MPS
from dispatch.audit import audit
from dispatch.sandbox.simulation import Plan, simulate
from dispatch.sandbox.summary import in_words, summarise
from dispatch.sandbox.wire import Trouble

STAFF_EMAIL = "staff@example.com"


class Command(BaseCommand):
    help = (
        "Let robots post, walk, prove and get paid through the public interfaces of a running "
        "server (make run), then print a summary and audit the database of this checkout."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--runners", type=int, default=12)
        parser.add_argument("--errands", type=int, default=30, help="0: post without end")
        parser.add_argument("--speed", type=float, default=20.0, help="times walking pace")
        parser.add_argument("--seed", type=int, default=1, help="chooses the town and the robots")
        parser.add_argument("--minutes", type=float, default=30.0, help="0: no limit")
        parser.add_argument(
            "--clock-skew", type=float, default=0.0, metavar="MINUTES",
            help="half of the runners' phones are so far ahead, half behind",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")
        parser.add_argument("--base-url", "--url", default=settings.PUBLIC_URL)
        parser.add_argument("--staff-email", default=STAFF_EMAIL)

    def handle(self, *args: Any, **options: Any) -> None:
        plan = _plan(options)
        try:
            tally = simulate(plan)
        except Trouble as error:
            hint = "is the server running with DEBUG and SANDBOX, and was `demo` run?"
            raise CommandError(f"{error}: {hint}") from error
        summary = summarise(plan, tally, audit(now=clock.now()).as_data())
        if options["json"]:
            self.stdout.write(json.dumps(summary, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(in_words(summary))
        if summary["failed"]:
            raise CommandError("; ".join(summary["failed"]))


def _plan(options: dict[str, Any]) -> Plan:
    fastest = settings.RUNNER_MAX_SPEED_MPS / WALKING_MPS
    if not 0 < options["speed"] <= fastest:
        raise CommandError(f"--speed is above 0 and at most {fastest:.0f} (RUNNER_MAX_SPEED_MPS)")
    if options["runners"] < 1 or options["errands"] < 0 or options["minutes"] < 0:
        raise CommandError("--runners is at least 1, --errands and --minutes at least 0")
    if not settings.DEMO_STAFF_PASSWORD:
        raise CommandError("DEMO_STAFF_PASSWORD is not set: robots need a staff member")
    return Plan(
        base_url=options["base_url"],
        runners=options["runners"],
        errands=options["errands"],
        speed=options["speed"],
        seed=options["seed"],
        minutes=options["minutes"],
        staff_email=options["staff_email"],
        staff_password=settings.DEMO_STAFF_PASSWORD,
        clock_skew=options["clock_skew"],
    )
