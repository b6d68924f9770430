"""Numbered messages to one runner, and the row that orders everything done to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import DatabaseError, IntegrityError
from django.db.models import F

from common.db import in_one_unit, on_commit
from dispatch import live
from dispatch.models import RunnerMessage, RunnerStream


class MadeTogether(DatabaseError):
    """Two units made a runner's row at once; run again, this one finds it there."""

    sqlstate = "40001"


@in_one_unit
def turn_take(*, runner_id: UUID) -> None:
    """Let one unit at a time act for a runner; the next one waits until this one ends.

    Without it two claims at once could each see a hand still free.
    """
    if RunnerStream.objects.filter(pk=runner_id).update(turns=F("turns") + 1):
        return
    try:
        RunnerStream.objects.create(pk=runner_id)
    except IntegrityError as error:
        raise MadeTogether from error


@in_one_unit
def message_send(*, runner_id: UUID, kind: str, payload: dict[str, Any]) -> RunnerMessage:
    """Give a runner's next message its number, without gaps, and push it after the commit."""
    turn_take(runner_id=runner_id)
    RunnerStream.objects.filter(pk=runner_id).update(last=F("last") + 1)
    sequence = RunnerStream.objects.values_list("last", flat=True).get(pk=runner_id)
    row = RunnerMessage.objects.create(
        runner_id=runner_id, sequence=sequence, type=kind, payload=payload
    )
    on_commit(lambda: live.push_runner(runner_id, live.runner_message(row)))
    return row
