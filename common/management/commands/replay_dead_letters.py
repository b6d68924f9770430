"""``manage.py replay_dead_letters``: run again what failed for good, once its cause is mended."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from common.broker import letters
from common.errors import DomainError
from common.models import Cause, DeadLetter

# The others would only die again, or kill again.
HOPEFUL = (Cause.FAILED, Cause.UNKNOWN, Cause.REJECTED)


class Command(BaseCommand):
    help = (
        "Put dead letters back into their queues, the oldest first: all but those that killed "
        "their workers or cannot be read, which need --cause."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", help="only those that died in this queue")
        parser.add_argument(
            "--cause", action="append", choices=Cause.values,
            help="only those of this cause, or of these when it is given more than once",
        )  # fmt: skip
        parser.add_argument("--limit", type=int, default=1_000, help="so many at most")
        parser.add_argument("--list", action="store_true", help="only show them, of every cause")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            while letters.collect() == letters.BATCH:
                pass
            self._handle(**options)
        except DomainError as error:
            raise CommandError(
                "the broker does not answer; every letter is where it was"
            ) from error

    def _handle(self, *, queue: str | None, limit: int, **options: Any) -> None:
        causes = options["cause"] or (Cause.values if options["list"] else HOPEFUL)
        chosen = DeadLetter.objects.filter(replayed_at=None, cause__in=causes)
        chosen = chosen.order_by("died_at")
        if queue:
            chosen = chosen.filter(queue=queue)
        found = list(chosen[:limit])
        if options["list"]:
            self.stdout.writelines(map(_line, found))
        else:
            replayed = letters.replay(found, now=clock.now())
            self.stdout.write(f"{replayed} dead letters were replayed")


def _line(letter: DeadLetter) -> str:
    when = letter.died_at.isoformat(timespec="seconds")
    return "  ".join((when, letter.queue, letter.cause, letter.task, letter.arguments))
