"""Errand decisions a second: matching runs that write their offers, against BullMQ's empty jobs.

Ours read errands and runners, solve, write an offer with its message for each errand and tell
the runner's sockets; the peer's jobs do nothing. One process of each, and a Redis.
"""

from __future__ import annotations

from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.engines import environment
from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_least, figure
from benchmarks.sides.peers import answer_of
from benchmarks.sides.product import Inside
from tests.services import RedisServer

HALF_M = 4_000.0


class Options(NamedTuple):
    """Open errands and runners on duty of ours, jobs of the peer."""

    rounds: int = 3
    errands: int = 1_000
    runners: int = 3_000
    jobs: int = 10_000


def measure(options: Options) -> Report:
    with ExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory(prefix="benchmark-"))
        ours, theirs = (stack.enter_context(RedisServer()) for _each in range(2))
        known = environment(f"sqlite:///{directory}/db.sqlite3", ours)
        inside = stack.enter_context(Inside(known))
        _set_the_stage(inside, options)
        decided, done = [], []
        for name in turns(("ours", "BullMQ"), options.rounds):
            if name == "ours":
                decided.append(_decide(inside, options.errands))
            else:
                done.append(_jobs(theirs, options.jobs))
    return Report(
        [
            Row(
                path="Errand decisions, each with its offer", unit="/s", peer_name="BullMQ",
                ours=figure(decided), peer=figure(done), mark=at_least(3.0),
                note=f"{options.errands:,} errands, {options.runners:,} runners, SQLite",
            )
        ]
    )  # fmt: skip


def _set_the_stage(inside: Inside, options: Options) -> None:
    inside.ask("city.hire", options.runners, "runner", HALF_M)
    (requester,) = inside.ask("city.requesters", 1)
    inside.ask("city.post", options.errands, requester, HALF_M)


def _decide(inside: Inside, errands: int) -> float:
    """Raises AssertionError unless every errand has been offered, and its runner told."""
    inside.ask("runs.forget")
    offers, messages, seconds = inside.ask("runs.decide")
    assert (offers, messages) == (errands, errands), f"{offers} offers, {messages} messages"
    return float(errands / seconds)


def _jobs(server: RedisServer, jobs: int) -> float:
    answer = answer_of("jobs.js", REDIS_URL=server.url, JOBS=str(jobs))
    assert answer["jobs"] == jobs, answer
    return float(answer["jobs"] / answer["seconds"])


if __name__ == "__main__":
    main(Options, measure)
