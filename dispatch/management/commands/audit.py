"""``manage.py audit``: does everything in the database explain itself?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from dispatch.audit import audit


class Command(BaseCommand):
    help = "Check errands against their events, and money against errands. Reads only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--at", type=moment, metavar="TIME", help="judge what is late as of then (ISO 8601)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        report = audit(now=options["at"] or clock.now())
        data = report.as_data()
        if options["json"]:
            self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2))
        else:
            looked = f"{report.errands} errands, {report.events} events"
            self.stdout.write(f"{looked}, {report.transfers} transfers looked at")
            for finding in data["findings"]:
                self.stdout.write("{code}  {subject}  {detail}".format(**finding))
        if not report.clean:
            raise CommandError(f"{len(report.findings)} findings")


def moment(text: str) -> datetime:
    """Read a time that says where on Earth it is meant.

    Raises:
        ValueError: it is none, or has no offset.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found
