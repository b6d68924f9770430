"""Numbered messages to runners, and the row that orders everything done to one of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, IntegrityError
from django.db.models import F

from common.db import in_one_unit, on_commit
from dispatch import live
from dispatch.models import RunnerMessage, RunnerStream


class MadeTogether(DatabaseError):
    """Two units made a runner's row at once; run again, this one finds it there."""

    sqlstate = "40001"


class News(NamedTuple):
    """What a runner is to be told."""

    runner_id: UUID
    kind: str
    payload: dict[str, Any]


@in_one_unit
def turns_take(*, runner_ids: Iterable[UUID]) -> None:
    """Let one unit at a time act for these runners; the next one waits until this one ends.

    Without it two claims at once could each see a hand still free.
    """
    ids = sorted(set(runner_ids))
    streams = RunnerStream.objects.filter(pk__in=ids)
    if streams.update(turns=F("turns") + 1) == len(ids):
        return
    missing = set(ids).difference(streams.values_list("pk", flat=True))
    try:
        RunnerStream.objects.bulk_create(RunnerStream(pk=pk) for pk in sorted(missing))
    except IntegrityError as error:
        raise MadeTogether from error


def turn_take(*, runner_id: UUID) -> None:
    """As :func:`turns_take`, for one runner."""
    turns_take(runner_ids=[runner_id])


@in_one_unit
def messages_send(news: Sequence[News]) -> list[RunnerMessage]:
    """Give each message its runner's next number, without gaps, and push all after the commit.

    The caller has the runners' turns.
    """
    numbers = _next_numbers(Counter(each.runner_id for each in news))
    rows = [
        RunnerMessage(
            runner_id=each.runner_id, sequence=next(numbers[each.runner_id]), type=each.kind,
            payload=each.payload,
        )
        for each in news
    ]  # fmt: skip
    RunnerMessage.objects.bulk_create(rows)
    on_commit(lambda: live.push_runners((row.runner_id, live.runner_message(row)) for row in rows))
    return rows


def _next_numbers(counts: Counter[UUID]) -> dict[UUID, Iterator[int]]:
    """Count each runner's stream up by so many; return its new numbers, to be taken in turn."""
    same: defaultdict[int, list[UUID]] = defaultdict(list)
    for runner_id, count in counts.items():
        same[count].append(runner_id)
    for count, ids in same.items():
        RunnerStream.objects.filter(pk__in=ids).update(last=F("last") + count)
    last = dict(RunnerStream.objects.filter(pk__in=list(counts)).values_list("pk", "last"))
    return {pk: iter(range(last[pk] - count + 1, last[pk] + 1)) for pk, count in counts.items()}


@in_one_unit
def message_send(*, runner_id: UUID, kind: str, payload: dict[str, Any]) -> RunnerMessage:
    """Give a runner's next message its number and push it after the commit."""
    turn_take(runner_id=runner_id)
    (row,) = messages_send([News(runner_id, kind, payload)])
    return row
