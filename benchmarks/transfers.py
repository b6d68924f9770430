"""Money that moves: transfers a second and payments confirmed, by 16 writers on each database.

Every transfer goes from an account of its writer's own to one of the platform's. The peer is the
same with such an account for each writer; ours is all of them on one. It keeps no balance, so that
nobody waits for another there; what a balance would cost is measured beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.engines import ENGINES, Engine, environment
from benchmarks.frame.program import main
from benchmarks.frame.rounds import turns
from benchmarks.frame.rows import Report, Row, at_least, figure, latency
from benchmarks.frame.written import short
from benchmarks.sides.product import Inside
from tests.services import RedisServer

HOT, SPREAD, BALANCE = "hot", "spread", "balance"


class Options(NamedTuple):
    """Writers at once, seconds of a measurement, payments that each writer confirms a round."""

    rounds: int = 3
    writers: int = 16
    seconds: float = 1.0
    confirms: int = 4


def measure(options: Options) -> Report:
    return Report([row for engine in ENGINES for row in _rows(engine, options)])


def _rows(engine: Engine, options: Options) -> Iterator[Row]:
    rates: dict[str, list[float]] = {name: [] for name in (HOT, SPREAD)}
    confirmed: list[list[float]] = []
    with ExitStack() as stack:
        url, redis = stack.enter_context(engine.serve()), stack.enter_context(RedisServer())
        inside = stack.enter_context(Inside(environment(url, redis)))
        _warm_up(inside, options)
        for name in turns((*rates, "confirm"), options.rounds):
            if name == "confirm":
                confirmed.append(inside.ask("paying.confirm", options.writers, options.confirms))
            else:
                rates[name].append(_rate(inside, name, options))
        balance = _rate(inside, BALANCE, options)
        inside.ask("paying.check")
    where = f"{options.writers} writers"
    yield Row(
        path=f"Transfers, {engine.name}, one hot account", unit="/s", peer_name="spread",
        ours=figure(rates[HOT]), peer=figure(rates[SPREAD]), mark=at_least(0.9),
        note=f"{where}; one hot balance: {short(balance)}/s",
    )  # fmt: skip
    yield Row(
        path=f"Payment confirmed, {engine.name}, p99", unit="ms", ours=latency(confirmed),
        note=f"{where}, each errand opened",
    )  # fmt: skip


def _warm_up(inside: Inside, options: Options) -> None:
    """The first of everything makes accounts and opens connections: it does not count."""
    for name in (HOT, SPREAD):
        _rate(inside, name, options._replace(seconds=options.seconds / 3))
    inside.ask("paying.confirm", options.writers, 1)


def _rate(inside: Inside, name: str, options: Options) -> float:
    rate: float = inside.ask("paying.transfers", name, options.writers, options.seconds)
    return rate


if __name__ == "__main__":
    main(Options, measure)
