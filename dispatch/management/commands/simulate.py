"""``manage.py simulate``: robots do errands on a running server, then everything is audited;
with ``--in-process`` a day of a whole city without server and database, policy by policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from common.geo import WALKING_MPS
from dispatch.audit import audit
from dispatch.sandbox.city.play import City, in_words, played, title
from dispatch.sandbox.city.plot import NoPlots, draw, matplotlib_needed
from dispatch.sandbox.city.policies import POLICIES
from dispatch.sandbox.simulation import Plan, simulate
from dispatch.sandbox.summary import in_words as summary_in_words
from dispatch.sandbox.summary import summarise
from dispatch.sandbox.wire import Trouble

STAFF_EMAIL = "staff@example.com"
ROBOTS = {"runners": 12, "errands": 30}
CITY = City()
ALL_POLICIES = [policy.name for policy in POLICIES]


class Command(BaseCommand):
    help = (
        "Let robots post, walk, prove and get paid through the public interfaces of a running "
        "server (make run), then print a summary and audit the database of this checkout. With "
        "--in-process: play a day of a city under several policies, without server and database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--runners", type=int, help="12, or 10000 in process")
        parser.add_argument("--errands", type=int, help="30 (0: post without end), or 60000")
        parser.add_argument("--seed", type=int, default=1, help="chooses the town and the robots")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")
        self._add_robots(parser)
        self._add_city(parser)

    def _add_robots(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("robots on a running server")
        group.add_argument("--speed", type=float, default=20.0, help="times walking pace")
        group.add_argument("--minutes", type=float, default=30.0, help="0: no limit")
        group.add_argument(
            "--clock-skew", type=float, default=0.0, metavar="MINUTES",
            help="half of the runners' phones are so far ahead, half behind",
        )  # fmt: skip
        group.add_argument("--base-url", "--url", default=settings.PUBLIC_URL)
        group.add_argument("--staff-email", default=STAFF_EMAIL)

    def _add_city(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("a city in process")
        group.add_argument("--in-process", action="store_true", help="no server, no database")
        group.add_argument("--passers", type=int, help="people who pass by; half the runners")
        group.add_argument("--hours", type=float, default=CITY.hours, help="from six o'clock on")
        group.add_argument("--tick", type=float, default=CITY.tick_s, help="seconds between runs")
        group.add_argument(
            "--policy", action="append", choices=ALL_POLICIES, help="one or more; default: all"
        )
        group.add_argument("--plot", type=Path, metavar="PNG", help="draw what came of it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["in_process"]:
            self._play_city(options)
        else:
            self._run_robots(options)

    def _play_city(self, options: dict[str, Any]) -> None:
        city = _city(options)
        try:
            if options["plot"]:
                matplotlib_needed()  # before minutes are spent
            names = options["policy"] or ALL_POLICIES
            chosen = [policy for policy in POLICIES if policy.name in names]
            found = played(city, chosen, tell=lambda line: self.stderr.write(line))
            if options["plot"]:
                draw(found, options["plot"], title(city))
        except NoPlots as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            data = {"city": city.as_data(), "policies": [each.as_data() for each in found]}
            self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(in_words(city, found))

    def _run_robots(self, options: dict[str, Any]) -> None:
        plan = _plan(ROBOTS | {name: value for name, value in options.items() if value is not None})
        try:
            tally = simulate(plan)
        except Trouble as error:
            hint = "is the server running with DEBUG and SANDBOX, and was `demo` run?"
            raise CommandError(f"{error}: {hint}") from error
        summary = summarise(plan, tally, audit(now=clock.now()).as_data())
        if options["json"]:
            self.stdout.write(json.dumps(summary, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(summary_in_words(summary))
        if summary["failed"]:
            raise CommandError("; ".join(summary["failed"]))


def _city(options: dict[str, Any]) -> City:
    runners = CITY.runners if options["runners"] is None else options["runners"]
    city = City(
        runners=runners,
        errands=CITY.errands if options["errands"] is None else options["errands"],
        passers=runners // 2 if options["passers"] is None else options["passers"],
        hours=options["hours"], tick_s=options["tick"], seed=options["seed"],
    )  # fmt: skip
    if min(city.runners, city.errands) < 1 or min(city.passers, city.seed) < 0:
        raise CommandError("--runners and --errands are at least 1, --passers and --seed 0")
    if not (0 < city.hours <= 24 and 0 < city.tick_s <= 600):
        raise CommandError("--hours is above 0 and at most 24, --tick above 0 and at most 600")
    return city


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
