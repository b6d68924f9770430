from __future__ import annotations

from uuid import uuid4

from common.progress import Progress, steps


def test_each_row_is_told_after_it_is_done() -> None:
    told: list[tuple[int, int]] = []
    rows = steps("abc", lambda *how_far: told.append(how_far))
    assert [(row, len(told)) for row in rows] == [("a", 0), ("b", 1), ("c", 2)]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_whoever_has_the_token_hears_the_percentage() -> None:
    token = uuid4()
    telling, listening = Progress(token), Progress(token)
    assert listening.percent() == 0
    for done, percent in ((1, 0), (250, 25), (999, 99), (1000, 100)):
        telling(done, 1000)
        assert listening.percent() == percent
    assert Progress(uuid4()).percent() == 0
