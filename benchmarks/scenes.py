"""What one person does at a time, and what has to be true after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rest_framework.test import APIClient

from accounts.models import User
from benchmarks.stage import GANGNAM, LISTED, Stage, claim, finish, pay, post
from benchmarks.timing import Sample, milliseconds
from common import clock
from common.geo import area_of
from common.pagination import NewestFirst
from dispatch.selectors import visible_errands
from errands.models import Errand
from errands.states import State

Work = Callable[[], object]
# Prepares, yields the part that is measured, and then looks at what that did.
Scene = Callable[[Stage], AbstractContextManager[Work]]


def one_by_one(scene: Scene, on_stage: Stage, times: int) -> Sample:
    taken = [_once(scene, on_stage) for _number in range(times)]
    return Sample(taken, sum(taken) / 1_000)


def _once(scene: Scene, on_stage: Stage) -> float:
    with scene(on_stage) as work:
        return milliseconds(work)


@contextmanager
def posting(on_stage: Stage) -> Iterator[Work]:
    yield lambda: post(on_stage.requester)


@contextmanager
def paying(on_stage: Stage) -> Iterator[Work]:
    errand = post(on_stage.requester)
    yield lambda: pay(errand, on_stage.requester)
    check(errand, State.OPEN)


@contextmanager
def accepting(on_stage: Stage) -> Iterator[Work]:
    errand, runner = opened(on_stage.requester), on_stage.runners[0]
    yield lambda: claim(errand.pk, runner)
    check(errand, State.ASSIGNED, runner)
    finish(errand, on_stage.requester, runner)


@contextmanager
def living(on_stage: Stage) -> Iterator[Work]:
    runner = on_stage.runners[0]
    lived: list[Errand] = []

    def live() -> None:
        errand = opened(on_stage.requester)
        claim(errand.pk, runner)
        finish(errand, on_stage.requester, runner)
        lived.append(errand)

    yield live
    check(lived[0], State.COMPLETED, runner)


@contextmanager
def listing(on_stage: Stage) -> Iterator[Work]:
    client = _client(on_stage.requester)
    yield lambda: _full_page(client, "/api/v1/errands?role=requester")


@contextmanager
def looking(on_stage: Stage) -> Iterator[Work]:
    client = _client(on_stage.requester)
    yield lambda: _found(client, f"/api/v1/errands/{on_stage.listed[0].pk}")


@contextmanager
def reading_an_area(_on_stage: Stage) -> Iterator[Work]:
    open_there = visible_errands(clock.now()).filter(area=area_of(GANGNAM)).order_by("id")
    found: list[Errand] = []
    yield lambda: found.extend(open_there)
    assert len(found) == LISTED


@contextmanager
def reading_a_statement(on_stage: Stage) -> Iterator[Work]:
    client = _client(on_stage.people[0])
    yield lambda: _full_page(client, "/api/v1/statement")


def opened(requester: User) -> Errand:
    errand = post(requester)
    pay(errand, requester)
    return errand


def check(errand: Errand, state: State, runner: User | None = None) -> None:
    found = Errand.objects.get(pk=errand.pk)
    assert (found.state, found.runner_id) == (state, runner and runner.pk)


def _client(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def _found(client: APIClient, address: str) -> dict[str, object]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    data: dict[str, object] = answer.json()
    return data


def _full_page(client: APIClient, address: str) -> None:
    rows = _found(client, address)["results"]
    assert isinstance(rows, list)
    assert len(rows) == NewestFirst.page_size
